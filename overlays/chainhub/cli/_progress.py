"""The progress of a command: rows that change in place, a line for each change, or nothing."""

import math
import threading
from collections.abc import Callable, Iterable, Sequence
from itertools import groupby, islice, zip_longest
from operator import itemgetter
from typing import NamedTuple, Self

import attrs

from chainhub import _clock
from chainhub._download import Progress
from chainhub._redaction import one_line
from chainhub._session import RetryEvent
from chainhub._tasks import progress_of, task_of, values_at
from chainhub.cli._records import clock, failed_poll, percent, plain, status_word
from chainhub.cli._terminal import Terminal, write_line

_MAX_ROWS = 12
_MAX_WORD = 32
_MAX_FAILURE = 60
_MIN_ID = 4
_COMFORTABLE_ID = 24  # less important facts are dropped for it
_SPEED_SPAN = 3.0  # seconds: long enough to be steady, short enough to show a change
_REPEATED_AFTER = 60.0  # seconds; a service that fails now and then must not fill a log
# Each frame costs some milliseconds, for any number of tasks that change.
_FRAME_SECONDS = 0.2


class Signs(NamedTuple):
    good: str
    bad: str
    note: str
    spinner: str
    ellipsis: str


UNICODE = Signs("✓", "✗", "!", "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏", "…")
ASCII = Signs("+", "x", "!", "-\\|/", "~")


def signs_for(stream: object) -> Signs:
    try:
        "".join(UNICODE).encode(getattr(stream, "encoding", None) or "ascii")
    except (LookupError, UnicodeEncodeError):
        return ASCII
    return UNICODE


@attrs.define
class Row:
    """The status of one task; instants and durations are in seconds, progress is a fraction."""

    id: str
    began: float
    word: str = "connecting"  # the status value of the service, or ours before there is one
    progress: float | None = None
    expected_duration: float | None = None  # in all, learned from earlier tasks
    bytes: tuple[int, int | None] | None = None  # downloaded, and of the whole file
    samples: list[tuple[float, int]] = attrs.field(factory=list)  # for the speed: instant, bytes
    failure: str | None = None  # why the last poll failed

    def add_sample(self, done: int, total: int | None, now: float) -> None:
        """Store the progress of a download; less than before means that it starts again."""
        if self.samples and done < self.samples[-1][1]:
            self.samples.clear()
        self.bytes = done, total
        self.samples.append((now, done))
        while len(self.samples) > 2 and now - self.samples[0][0] > _SPEED_SPAN:
            del self.samples[0]

    @property
    def speed(self) -> float | None:
        """Bytes per second over the last seconds, None while that is unknown."""
        if len(self.samples) < 2 or self.samples[-1][0] <= self.samples[0][0]:
            return None
        (first, before), (last, after) = self.samples[0], self.samples[-1]
        return (after - before) / (last - first)

    def remainder(self, now: float) -> float | None:
        """Return the seconds that are expected to remain, 0.0 if it is late, None if unknown."""
        if self.expected_duration is None or self.bytes is not None:
            return None
        return max(self.expected_duration - (now - self.began), 0.0)


def facts(row: Row, now: float) -> list[str]:
    """Return the texts about a task, the most important first."""
    elapsed = clock(now - row.began)
    if row.bytes is None:
        texts = [row.failure or one_line(row.word, _MAX_WORD), elapsed]
        if row.progress is not None:
            texts.append(percent(row.progress))
        if (remainder := row.remainder(now)) is not None:
            texts.append(f"about {clock(remainder)} left" if remainder > 0 else "longer than usual")
        return texts
    from rich.filesize import decimal

    done, total = row.bytes
    texts = [decimal(done) if total is None else f"{decimal(done)} of {decimal(total)}"]
    if (speed := row.speed) is not None:
        texts.append(f"{decimal(int(speed))}/s")
        if total is not None and speed > 0:
            texts.append(f"{clock((total - done) / speed)} left")
    return [*texts, elapsed]


def layout(rows: Sequence[Row], now: float, width: int, signs: Signs) -> list[str]:
    """Return a line for each row, in common columns: as many texts as leave space for the id."""
    table = [facts(row, now) for row in rows]
    max_id = max((len(one_line(row.id, 80)) for row in rows), default=0)
    for count in (4, 3, 2, 1):
        columns = [
            max(map(len, column))
            for column in zip_longest(*(texts[:count] for texts in table), fillvalue="")
        ]
        room = width - sum(column + 2 for column in columns)
        if room >= min(max_id, _COMFORTABLE_ID):
            break
    id_width = min(max_id, max(room, _MIN_ID))
    widths = (id_width, *columns)
    ids = (shortened(row.id, id_width, signs) for row in rows)
    lines = ((task_id, *texts) for task_id, texts in zip(ids, table, strict=True))
    return [
        "  ".join(cell.ljust(size) for cell, size in zip(line, widths, strict=False)).rstrip()[
            : max(width, 1)
        ]
        for line in lines
    ]


def shortened(text: str, width: int, signs: Signs) -> str:
    """Return text of at most `width` characters, cut in the middle: ids differ at their ends."""
    line = one_line(text, 80)
    if len(line) <= width:
        return line
    tail = (width - 1) * 2 // 3
    return line[: width - 1 - tail] + signs.ellipsis + (line[-tail:] if tail else "")


class TaskProgress:
    """The tasks of one command and their state, collected from any thread.

    Prints a line for each change, if a person reads them on a terminal that cannot do more.
    """

    duration_of: Callable[[str, float], float | None] | None = None
    """Returns the seconds a task is expected to take in all, or None if unknown."""

    def __init__(self, ids: Iterable[str], terminal: Terminal) -> None:
        self._lock = threading.RLock()
        self._terminal = terminal
        self._began = _clock.monotonic()
        self._rows = {task_id: Row(task_id, self._began) for task_id in ids}
        self._total = len(self._rows)
        self._done = self._failed = 0
        self._reports: dict[str, float] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *details: object) -> None:
        """Leave the terminal as it was."""

    @property
    def pending(self) -> list[str]:
        """The ids of the tasks that have not ended."""
        with self._lock:
            return list(self._rows)

    def on_update(self, task: object) -> None:
        """Show an answer about a task, whose id may differ from that of the query."""
        with self._lock:
            task_id = next(values_at(task, task_of(task).id), None)
            row = self._rows.get(str(task_id))
            if row is None and self._total == 1:
                row = next(iter(self._rows.values()), None)
            if row is not None:
                row.word, row.progress, row.failure = status_word(task), progress_of(task), None
                self._on_change(row)

    def on_retry(self, event: RetryEvent) -> None:
        """Show that a poll failed and that another one follows."""
        description, reason = failed_poll(event.error)
        text = f"{description} ({event.attempt} of {event.max_attempts}){reason}"
        with self._lock:
            row = self._rows.get(event.task_id or "")
            if row is not None:
                row.failure = one_line(text, _MAX_FAILURE)
                self._on_change(row)
            # If no row shows it, each kind of failure is printed once a minute.
            now, previous = _clock.monotonic(), self._reports.get(description + reason, -math.inf)
            if not self._terminal.stderr_is_terminal and now - previous >= _REPEATED_AFTER:
                self._reports[description + reason] = now
                self._terminal.say(plain(f"chainhub: {text}; trying again in {event.delay:.0f} s"))

    def on_download(self, task_id: str) -> None:
        with self._lock:
            if task_id in self._rows:
                row = Row(task_id, _clock.monotonic(), "downloading", bytes=(0, None))
                self._rows[task_id] = row

    def on_progress(self, progress: Progress) -> None:
        with self._lock:
            if row := self._rows.get(progress.id):
                row.add_sample(progress.done, progress.total, _clock.monotonic())

    def on_end(self, task_id: str, *, good: bool) -> None:
        with self._lock:
            if self._rows.pop(task_id, None) is not None:
                self._done += good
                self._failed += not good

    def _on_change(self, row: Row) -> None:
        if self._terminal.stderr_is_terminal:
            elapsed = clock(_clock.monotonic() - row.began)
            self._terminal.say(f"{elapsed}  {plain(row.id)}  {plain(row.failure or row.word)}")


class LiveProgress(TaskProgress):
    """Shows rows that change in place, and erases them when it ends.

    One thread writes: it erases the rows, prints the lines that were buffered, and paints the rows
    again. So the number of frames depends on time only, and Ctrl-C, which is raised in the main
    thread, never interrupts a frame. The cursor stays visible: Ctrl-Z and SIGKILL come at any
    moment, and nothing could show it again.
    """

    def __init__(self, ids: Iterable[str], terminal: Terminal) -> None:
        super().__init__(ids, terminal)
        self._signs = signs_for(terminal.stderr)
        self._stop = threading.Event()
        self._painter = threading.Thread(target=self._paint, name="chainhub-progress", daemon=True)

    def _on_change(self, row: Row) -> None:
        """Do nothing: the next frame shows it."""

    def __enter__(self) -> Self:
        self._terminal.take_buffer()  # from now on lines are buffered
        self._painter.start()
        return self

    def __exit__(self, *details: object) -> None:
        self._stop.set()
        try:
            self._painter.join()
        except KeyboardInterrupt:
            self._painter.join()
            raise

    def _paint(self) -> None:
        from rich.console import Console
        from rich.text import Text

        console = Console(file=self._terminal.stderr, highlight=False)
        if console.width < 1:  # COLUMNS=0, which is no width
            console.width = 80
        height, stopped = 0, False
        try:
            while not stopped:
                lines, width = self._terminal.take_buffer(), console.width - 1
                view = self.view(width, console.height)
                text = Text("\n").join(Text.assemble((sign, "cyan"), text) for sign, text in view)
                with console.capture() as capture:
                    if text:
                        console.print(text, width=width, no_wrap=True, overflow="crop")
                frame = capture.get()
                if lines:
                    self._write(_erase(height))
                    height = 0
                for stream, group in groupby(lines, key=itemgetter(0)):
                    write_line(stream, "\n".join(line for _, line in group))
                # In one write with what erases the last frame, or rows would flicker.
                self._write(_erase(height) + frame)
                height = frame.count("\n")
                stopped = self._stop.wait(_FRAME_SECONDS)
            self._write(_erase(height))
        except OSError:
            # The terminal is closed: the next result fails where it is printed.
            return
        finally:
            self._terminal.release()

    def _write(self, text: str) -> None:
        assert self._terminal.stderr is not None  # it can move the cursor
        self._terminal.stderr.write(text)
        self._terminal.stderr.flush()

    def view(self, width: int, height: int) -> list[tuple[str, str]]:
        """Return the lines for a terminal of this size, each as its first sign and its text."""
        with self._lock:
            now = _clock.monotonic()
            rows = list(islice(self._rows.values(), max(min(_MAX_ROWS, height - 3), 1)))
            for row in rows:
                row.expected_duration = self.duration_of and self.duration_of(row.id, now)
            hidden = len(self._rows) - len(rows)
            counts = [f"{self._done} of {self._total} done"]
            counts += [f"{self._failed} failed"] if self._failed else []
            counts += [f"{len(self._rows)} to go", clock(now - self._began)]
            if remainder := max((row.remainder(now) or 0.0 for row in rows), default=0.0):
                counts.append(f"about {clock(remainder)} left")
            texts = layout(rows, now, width - 2, self._signs)
        busy = self._signs.spinner[int(now * 8) % len(self._signs.spinner)]
        header = [] if self._total == 1 else [("", "  ".join(counts))]
        footer = [(self._signs.ellipsis, f" and {hidden} more")] if hidden else []
        return [*header, *((busy, f" {text}") for text in texts), *footer]


def _erase(height: int) -> str:
    """Return what erases a frame, and what was typed below it, such as ^C."""
    return "\r\x1b[2K" + "\x1b[1A\x1b[2K" * height if height else ""


def progress_for(ids: Iterable[str], terminal: Terminal) -> TaskProgress:
    return (LiveProgress if terminal.moves_cursor else TaskProgress)(ids, terminal)
