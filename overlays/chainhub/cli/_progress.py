"""What is shown while a command works: rows that change in place, a line per change, or nothing."""

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

_MOST_ROWS = 12
_LONGEST_WORD = 32
_LONGEST_FAILURE = 60
_SHORTEST_ID = 4
_COMFORTABLE_ID = 24  # for it the less important facts go first
_SPEED_SPAN = 3.0  # seconds: long enough to be steady, short enough to show a change
_REPEATED_AFTER = 60.0  # seconds; a service that fails now and then must not fill a log
# Seconds between two pictures. Each costs some milliseconds, whatever number of tasks changes.
_PAUSE = 0.2


class Signs(NamedTuple):
    good: str
    bad: str
    note: str
    busy: str
    cut: str


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
    """The status of one task; instants and spans are in seconds, progress is a fraction."""

    id: str
    began: float
    word: str = "connecting"  # the service's, or ours before there is one
    progress: float | None = None
    expected: float | None = None  # such a task takes in all, as far as was learned
    bytes: tuple[int, int | None] | None = None  # there and of the whole, in a download
    marks: list[tuple[float, int]] = attrs.field(factory=list)  # for the speed: when, how many
    failing: str | None = None  # why the last poll failed

    def got(self, done: int, total: int | None, now: float) -> None:
        """Note how far a download is; less than before means that it starts over."""
        if self.marks and done < self.marks[-1][1]:
            self.marks.clear()
        self.bytes = done, total
        self.marks.append((now, done))
        while len(self.marks) > 2 and now - self.marks[0][0] > _SPEED_SPAN:
            del self.marks[0]

    @property
    def speed(self) -> float | None:
        """Bytes per second over the last seconds, None while that is unknown."""
        if len(self.marks) < 2 or self.marks[-1][0] <= self.marks[0][0]:
            return None
        (first, before), (last, after) = self.marks[0], self.marks[-1]
        return (after - before) / (last - first)

    def remainder(self, now: float) -> float | None:
        """Return the seconds that are expected to remain, 0.0 if it is late, None if unknown."""
        if self.expected is None or self.bytes is not None:
            return None
        return max(self.expected - (now - self.began), 0.0)


def facts(row: Row, now: float) -> list[str]:
    """Return what is shown of a task, the most important first."""
    elapsed = clock(now - row.began)
    if row.bytes is None:
        shown = [row.failing or one_line(row.word, _LONGEST_WORD), elapsed]
        if row.progress is not None:
            shown.append(percent(row.progress))
        if (rest := row.remainder(now)) is not None:
            shown.append(f"about {clock(rest)} left" if rest > 0 else "longer than usual")
        return shown
    from rich.filesize import decimal

    done, total = row.bytes
    shown = [decimal(done) if total is None else f"{decimal(done)} of {decimal(total)}"]
    if (speed := row.speed) is not None:
        shown.append(f"{decimal(int(speed))}/s")
        if total is not None and speed > 0:
            shown.append(f"{clock((total - done) / speed)} left")
    return [*shown, elapsed]


def fitted(rows: Sequence[Row], now: float, width: int, signs: Signs) -> list[str]:
    """Return a line for each row, all with the same columns: as many facts as leave the id room."""
    told = [facts(row, now) for row in rows]
    longest = max((len(one_line(row.id, 80)) for row in rows), default=0)
    for count in (4, 3, 2, 1):
        columns = [
            max(map(len, column))
            for column in zip_longest(*(fact[:count] for fact in told), fillvalue="")
        ]
        room = width - sum(column + 2 for column in columns)
        if room >= min(longest, _COMFORTABLE_ID):
            break
    space = min(longest, max(room, _SHORTEST_ID))
    widths = (space, *columns)
    lines = ((shortened(row.id, space, signs), *fact) for row, fact in zip(rows, told, strict=True))
    return [
        "  ".join(cell.ljust(size) for cell, size in zip(line, widths, strict=False)).rstrip()[
            : max(width, 1)
        ]
        for line in lines
    ]


def shortened(text: str, width: int, signs: Signs) -> str:
    """Return text of at most `width` characters; the middle goes first, ids differ at the ends."""
    line = one_line(text, 80)
    if len(line) <= width:
        return line
    tail = (width - 1) * 2 // 3
    return line[: width - 1 - tail] + signs.cut + (line[-tail:] if tail else "")


class TaskProgress:
    """The tasks of one command and their state, collected from any thread.

    Prints a line for each change, if a person reads them on a terminal that cannot do more.
    """

    expected: Callable[[str, float], float | None] | None = None
    """Returns the seconds a task is expected to take in all, or None."""

    def __init__(self, ids: Iterable[str], terminal: Terminal) -> None:
        self._lock = threading.RLock()
        self._terminal = terminal
        self._began = _clock.monotonic()
        self._rows = {task_id: Row(task_id, self._began) for task_id in ids}
        self._known = len(self._rows)
        self._done = self._failed = 0
        self._reported: dict[str, float] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *details: object) -> None:
        """Leave the terminal as it was."""

    @property
    def pending(self) -> list[str]:
        """The tasks that have not ended."""
        with self._lock:
            return list(self._rows)

    def updated(self, task: object) -> None:
        """Take an answer about a task, whose id may not be the one that was asked for."""
        with self._lock:
            task_id = next(values_at(task, task_of(task).id), None)
            row = self._rows.get(str(task_id))
            if row is None and self._known == 1:
                row = next(iter(self._rows.values()), None)
            if row is not None:
                row.word, row.progress, row.failing = status_word(task), progress_of(task), None
                self._changed(row)

    def failing(self, event: RetryEvent) -> None:
        """Take that a poll failed and that another one follows: the observer `on_retry`."""
        what, why = failed_poll(event.error)
        text = f"{what} ({event.attempt} of {event.max_attempts}){why}"
        with self._lock:
            row = self._rows.get(event.task_id or "")
            if row is not None:
                row.failing = one_line(text, _LONGEST_FAILURE)
                self._changed(row)
            # Where no row shows it, each kind of failure is told once a minute.
            now, before = _clock.monotonic(), self._reported.get(what + why, -math.inf)
            if not self._terminal.words_are_read and now - before >= _REPEATED_AFTER:
                self._reported[what + why] = now
                self._terminal.say(plain(f"chainhub: {text}; trying again in {event.delay:.0f} s"))

    def downloading(self, task_id: str) -> None:
        with self._lock:
            if task_id in self._rows:
                row = Row(task_id, _clock.monotonic(), "downloading", bytes=(0, None))
                self._rows[task_id] = row

    def progressed(self, progress: Progress) -> None:
        with self._lock:
            if row := self._rows.get(progress.id):
                row.got(progress.done, progress.total, _clock.monotonic())

    def ended(self, task_id: str, *, good: bool) -> None:
        with self._lock:
            if self._rows.pop(task_id, None) is not None:
                self._done += good
                self._failed += not good

    def _changed(self, row: Row) -> None:
        if self._terminal.words_are_read:
            elapsed = clock(_clock.monotonic() - row.began)
            self._terminal.say(f"{elapsed}  {plain(row.id)}  {plain(row.failing or row.word)}")


class LiveProgress(TaskProgress):
    """Shows rows in place, gone when it ends.

    One thread writes: it takes the rows away, prints the lines that have come meanwhile, and paints
    the rows again. So the number of pictures depends on time only, and Ctrl-C, which comes in the
    main thread, never interrupts a picture. The cursor stays visible: Ctrl-Z and SIGKILL come at
    any moment, and nobody could show it again.
    """

    def __init__(self, ids: Iterable[str], terminal: Terminal) -> None:
        super().__init__(ids, terminal)
        self._signs = signs_for(terminal.stderr)
        self._ended = threading.Event()
        self._painter = threading.Thread(target=self._paint, name="chainhub-progress", daemon=True)

    def _changed(self, row: Row) -> None:
        """Leave it to the next picture."""

    def __enter__(self) -> Self:
        self._terminal.held()  # and keep what comes
        self._painter.start()
        return self

    def __exit__(self, *details: object) -> None:
        self._ended.set()
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
        height, ended = 0, False
        try:
            while not ended:
                lines, width = self._terminal.held(), console.width - 1
                view = self.view(width, console.height)
                text = Text("\n").join(Text.assemble((sign, "cyan"), text) for sign, text in view)
                with console.capture() as capture:
                    if text:
                        console.print(text, width=width, no_wrap=True, overflow="crop")
                picture = capture.get()
                if lines:
                    self._write(_erase(height))
                    height = 0
                for stream, group in groupby(lines, key=itemgetter(0)):
                    write_line(stream, "\n".join(line for _, line in group))
                # In one piece with what takes the last picture away, or rows would flicker.
                self._write(_erase(height) + picture)
                height = picture.count("\n")
                ended = self._ended.wait(_PAUSE)
            self._write(_erase(height))
        except OSError:
            # The terminal is gone: the next result fails where it is printed.
            return
        finally:
            self._terminal.release()

    def _write(self, text: str) -> None:
        assert self._terminal.stderr is not None  # it can move the cursor
        self._terminal.stderr.write(text)
        self._terminal.stderr.flush()

    def view(self, width: int, height: int) -> list[tuple[str, str]]:
        """Return the lines for a terminal of this size, each as its first sign and the rest."""
        with self._lock:
            now = _clock.monotonic()
            rows = list(islice(self._rows.values(), max(min(_MOST_ROWS, height - 3), 1)))
            for row in rows:
                row.expected = self.expected and self.expected(row.id, now)
            hidden = len(self._rows) - len(rows)
            counts = [f"{self._done} of {self._known} done"]
            counts += [f"{self._failed} failed"] if self._failed else []
            counts += [f"{len(self._rows)} to go", clock(now - self._began)]
            if rest := max((row.remainder(now) or 0.0 for row in rows), default=0.0):
                counts.append(f"about {clock(rest)} left")
            texts = fitted(rows, now, width - 2, self._signs)
        busy = self._signs.busy[int(now * 8) % len(self._signs.busy)]
        head = [] if self._known == 1 else [("", "  ".join(counts))]
        more = [(self._signs.cut, f" and {hidden} more")] if hidden else []
        return [*head, *((busy, f" {text}") for text in texts), *more]


def _erase(height: int) -> str:
    """Return what takes a picture away, and what was typed below it, such as ^C."""
    return "\r\x1b[2K" + "\x1b[1A\x1b[2K" * height if height else ""


def progress_for(ids: Iterable[str], terminal: Terminal) -> TaskProgress:
    return (LiveProgress if terminal.moves_cursor else TaskProgress)(ids, terminal)
