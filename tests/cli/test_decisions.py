"""The pure parts: exit codes, spans, ids, rows, records, sentences, findings."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainhub import errors
from chainhub._download.download import Progress
from chainhub._tasks.journal import JournalError
from chainhub._tasks.status import State
from chainhub.cli._checks import Finding, Level, conclusion, diagnosis, fault, told, worst
from chainhub.cli._durations import amount, clock, limit, parse_span
from chainhub.cli._exit_codes import Exit, exit_code_of, verdict
from chainhub.cli._failures import failure
from chainhub.cli._ids import chosen, ids_in, ids_of_file
from chainhub.cli._lines import change_sentence, columns, sentence
from chainhub.cli._messages import again, complaint, plain, spoken
from chainhub.cli._progress import LiveProgress
from chainhub.cli._rows import (
    ASCII,
    UNICODE,
    Row,
    Totals,
    fitted,
    header,
    shortened,
    signs_for,
)
from chainhub_api.models import VideoTask


def task(**fields) -> VideoTask:
    """Return a task as the service gives it."""
    given = {"id": "x", "status": "pending", "status_update_time": 1750323167, "video_url": None}
    return VideoTask.from_dict({**given, "enhanced_prompt": None, **fields})


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (errors.CredentialsError, 3),
        (errors.ConfigurationError, 2),
        (errors.ClientClosedError, 2),
        (JournalError, 2),
        (errors.AuthenticationError, 3),
        (errors.PermissionDeniedError, 3),
        (errors.QuotaExceededError, 3),
        (errors.NotFoundError, 4),
        (errors.TaskNotFoundError, 4),
        (errors.LinkExpiredError, 4),
        (errors.TaskFailed, 5),
        (errors.TaskCancelled, 5),
        (errors.TaskExpired, 5),
        (errors.ResultMissing, 5),
        (errors.WaitTimeout, 6),
        (errors.DeadlineError, 6),
        (errors.RequestTimeoutError, 7),
        (errors.ConnectionFailedError, 7),
        (errors.TLSError, 7),
        (errors.ProxyError, 7),
        (errors.BadRequestError, 7),
        (errors.ConflictError, 7),
        (errors.UnprocessableError, 7),
        (errors.RateLimitError, 7),
        (errors.RedirectError, 7),
        (errors.ServerError, 7),
        (errors.StatusError, 7),
        (errors.ResponseError, 7),
        (errors.AmbiguousOutcome, 7),
        (errors.ContentRefusedError, 7),
        (errors.IntegrityError, 7),
        (errors.DownloadError, 7),
        (errors.DestinationExistsError, 2),
        (errors.AddressRefusedError, 2),
        (errors.DiskError, 1),
        (errors.CancelledByUser, 130),
        (errors.TransportError, 7),
        (errors.TaskError, 5),
        (errors.ChainhubError, 7),
    ],
)
def test_every_error_has_an_exit_code(kind, code) -> None:
    """A script tells apart what a person would treat differently."""
    assert exit_code_of(kind("m")) == code


def test_the_table_above_is_complete() -> None:
    """A new error must be given its place."""
    marks = test_every_error_has_an_exit_code.pytestmark
    listed = {row[0] for row in marks[0].args[1]}
    there = {one for one in vars(errors).values() if isinstance(one, type)}
    assert {one for one in there if issubclass(one, errors.ChainhubError)} <= listed


def test_no_error_and_foreign_errors_have_codes_too() -> None:
    """Nothing is left to chance."""
    assert (exit_code_of(None), exit_code_of(MemoryError())) == (0, 1)


@pytest.mark.parametrize(
    ("codes", "expected"),
    [([], 0), ([0, 0], 0), ([5], 5), ([5, 5], 5), ([0, 5], 8), ([4, 5], 8), ([0, 4, 5], 8)],
)
def test_a_verdict_over_several(codes, expected) -> None:
    """Theirs if they agree, else partial."""
    assert verdict(map(Exit, codes)) == expected


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90", 90), ("1.5", 1.5), ("90s", 90), ("15m", 900), ("2h", 7200), ("1h30m", 5400),
        ("1d", 86400), (" 2H ", 7200), ("0.5s", 0.5), ("none", math.inf),
    ],
)  # fmt: skip
def test_spans_are_read(text, seconds) -> None:
    """Seconds, or with units."""
    assert parse_span(text) == seconds
    assert limit(seconds) == (None if math.isinf(seconds) else seconds)


@pytest.mark.parametrize("text", ["", "0", "0s", "-1", "5x", "m", "1e3", "nan", "inf", "1 2", "٣"])
def test_what_is_no_span_is_refused(text) -> None:
    """With what would be one."""
    with pytest.raises(ValueError, match="90s, 15m, 2h"):
        parse_span(text)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0:00"), (7.9, "0:07"), (750, "12:30"), (3723, "1:02:03"), (-1, "0:00")],
)
def test_clock(seconds, text) -> None:
    """As a clock shows it."""
    assert clock(seconds) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1500, "1.5 kB"),
        (2.5e6, "2.5 MB"),
        (3e9, "3.0 GB"),
        (4e12, "4000.0 GB"),
    ],
)
def test_amount(count, text) -> None:
    """With a unit that fits."""
    assert amount(count) == text


def test_ids_are_one_per_line() -> None:
    """Blank lines and comments are none; what looks like a comment inside an id is not."""
    assert ids_in("# c\n\n a \r\nb#1\n   # d\n") == ["a", "b#1"]


def test_a_dash_stands_for_standard_input() -> None:
    """Between other ids too; each id counts once."""
    assert chosen(["b", "-", "a", "b"], lambda: "\ufeffa\nc\n".encode()) == ["b", "a", "c"]


@pytest.mark.parametrize(("given", "data"), [(["-"], b""), ([" "], b""), (["-"], b"\xff")])
def test_no_id_is_a_mistake(given, data) -> None:
    """Also an empty one, which is mostly a variable that is not set."""
    with pytest.raises(errors.ConfigurationError):
        chosen(given, lambda: data)


def test_a_name_that_no_file_can_have() -> None:
    """Is told without being shown raw."""
    with pytest.raises(errors.ConfigurationError, match="its name is not usable") as caught:
        ids_of_file("a\0b\x1b", lambda: b"")
    assert str(caught.value).isprintable()


ROW = Row("veo3.1-fast:1760545785-euexscdeL8", 0.0, "video_generating", 0.4, 60.0)


@pytest.mark.parametrize(
    ("width", "text"),
    [
        (100, "veo3.1-fast:1760545785-euexscdeL8  video_generating  0:20  40 %  about 0:40 left"),
        (70, "veo3.1-fast:1760545785-euexscdeL8  video_generating  0:20  40 %"),
        (53, "veo3.1-fa…545785-euexscdeL8  video_generating  0:20"),
        (40, "veo3.1-…5-euexscdeL8  video_generating"),
    ],
)
def test_a_row_fits_its_width(width, text) -> None:
    """What matters less goes first, then the middle of the id."""
    (line,) = fitted([ROW], 20.0, width, UNICODE)
    assert line.text == text
    assert len(line.text) <= width - 2


@given(
    width=st.integers(4, 200),
    names=st.lists(st.text(max_size=60), max_size=5),
    word=st.text(max_size=60),
    now=st.floats(0, 1e6),
)
def test_no_row_is_ever_too_wide_or_moves_the_cursor(width, names, word, now) -> None:
    """Whatever ids and words are."""
    rows = [Row(name, 0.0, word, 0.5, 10.0) for name in names]
    for line in fitted(rows, now, width, UNICODE):
        assert len(line.sign) + 1 + len(line.text) <= max(width, 3)
        assert line.text.isprintable()


def test_rows_share_their_columns() -> None:
    """So that the eye can run down."""
    rows = [Row("a", 0.0, "queued"), Row("long-id", 0.0, "video_generating", 0.5)]
    first, second = (line.text for line in fitted(rows, 5.0, 80, ASCII))
    assert first == "a        queued            0:05"
    assert second == "long-id  video_generating  0:05  50 %"


def test_a_late_task_is_longer_than_usual() -> None:
    """A remainder is never below zero."""
    (line,) = fitted([ROW], 90.0, 100, UNICODE)
    assert line.text.endswith("longer than usual")


def test_a_download_shows_bytes_speed_and_remainder() -> None:
    """Speed is that of the last seconds; a start over begins to measure anew."""
    row = Row("x", 0.0)
    row.got(1_000_000, None, 1.0)
    assert fitted([row], 1.0, 80, ASCII)[0].text == "x  1.0 MB  0:01"
    for second in range(2, 12):
        row.got(1_000_000 * second, 20_000_000, float(second))
    text = fitted([row], 11.0, 80, ASCII)[0].text
    assert text == "x  11.0 MB of 20.0 MB  1.0 MB/s  0:09 left  0:11"
    assert len(row.marks) <= 5
    row.got(0, 20_000_000, 12.0)
    assert row.speed is None
    row.got(0, 20_000_000, 13.0)
    assert fitted([row], 13.0, 80, ASCII)[0].text == "x  0 B of 20.0 MB  0 B/s  0:13"


def test_the_line_above_many_rows() -> None:
    """Counts, time, and the remainder if it is known."""
    assert header(Totals(3, 1, 8), 65.0, 30.0, 80) == (
        "3 of 8 done  1 failed  4 to go  1:05  about 0:30 left"
    )
    assert header(Totals(0, 0, 2), 0.0, None, 15) == "0 of 2 done  2 "


@pytest.mark.parametrize(
    ("encoding", "signs"),
    [("utf-8", UNICODE), ("ascii", ASCII), (None, ASCII), ("nonsense", ASCII)],
)
def test_signs_fit_the_encoding(encoding, signs) -> None:
    """A terminal without them gets letters."""
    assert signs_for(encoding) == signs


@pytest.mark.parametrize(("width", "text"), [(3, "a…d"), (1, "…"), (4, "abcd")])
def test_shortened(width, text) -> None:
    """Ids differ at their ends."""
    assert shortened("abcd", width, UNICODE) == text


class Ticks:
    """A clock that is set by hand."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_board_counts_what_ends() -> None:
    """And shows what runs, with the remainder that was learned."""
    ticks = Ticks()
    board = LiveProgress(
        ["a", "b", "c"], ticks, lambda task_id, now: 60.0 if task_id == "b" else None
    )
    board.told(task(id="a", status="queued"))
    assert board.told(task(id="stranger")) is None
    board.ended("c", good=True)
    board.ended("c", good=True)
    ticks.now = 10.0
    texts = [line.text for line in board.view(80, 24, ASCII)]
    assert texts == [
        "1 of 3 done  2 to go  0:10  about 0:50 left",
        "a  queued      0:10",
        "b  connecting  0:10  about 0:50 left",
    ]
    board.ended("b", good=False)
    assert board.view(80, 24, ASCII)[0].text == "1 of 3 done  1 failed  1 to go  0:10"
    assert board.pending == ["a"]


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (
            errors.ConnectionFailedError("could not connect: Connection refused"),
            ("no response", ": connection refused"),
        ),
        (errors.RequestTimeoutError("timed out"), ("no response", ": timed out")),
        (errors.ServerError("busy", status=503), ("503 Service Unavailable", "")),
        (errors.ResponseError("a page", status=200), ("unusable answer", "")),
        (errors.ConnectionFailedError(""), ("no response", ": ")),
    ],
)
def test_a_failed_poll_in_a_few_words(error, expected) -> None:
    """What failed, and why if that says it not yet."""
    assert failure(error) == expected


def test_a_board_shows_failing_polls_until_one_is_good() -> None:
    """In the place of the status."""
    board = LiveProgress(["a"], Ticks())
    assert board.failing("stranger", "no response") is None
    assert board.failing("a", "no response (1 of 4)").word == "connecting"
    assert board.view(80, 24, ASCII)[0].text == "a  no response (1 of 4)  0:00"
    board.told(task(id="a", status="queued"))
    assert board.view(80, 24, ASCII)[0].text == "a  queued  0:00"


def test_a_board_of_one_needs_no_counts() -> None:
    """And takes every answer as its own, whatever id the service writes into it."""
    board = LiveProgress(["a"], Ticks())
    board.told(task(id="other", status="queued"))
    assert [line.text for line in board.view(80, 24, ASCII)] == ["a  queued  0:00"]
    board.downloading("a")
    board.progressed(Progress("a", 500, None))
    assert [line.text for line in board.view(80, 24, ASCII)] == ["a  500 B  0:00"]
    board.ended("a", good=True)
    board.downloading("a")
    board.progressed(Progress("a", 500, None))
    assert board.told(task(id="a")) is None
    assert board.view(80, 24, ASCII) == []


def test_a_board_shows_what_fits() -> None:
    """And says how many more there are."""
    board = LiveProgress([f"task-{n}" for n in range(100)], Ticks())
    lines = board.view(80, 8, ASCII)
    assert len(lines) == 7
    assert lines[-1].text == "and 95 more"


def test_lines_for_people_and_programs() -> None:
    """What is absent is a dash for the one and nothing for the other."""
    running = task(status="video_generating", progress=61)
    assert columns("x", running) == "x\trunning\tvideo_generating\t61%\t-"
    assert sentence("x", running) == "x  video_generating  61 %  (updated 2025-06-19 08:52:47 UTC)"
    bad = task(status="failed", error={"message": "unsafe"}, status_update_time="never")
    assert sentence("x", bad) == "x  failed\n  unsafe"
    assert (
        change_sentence(7.0, task(status="", video_url="http://h/v"))
        == "0:07  no status\n  http://h/v"
    )
    assert columns("x", task(status="")) == "x\trunning\t-\t-\t-"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("no API key: pass api_key=…, set CHAINHUB_API_KEY", "no API key: set CHAINHUB_API_KEY"),
        ("allow it with allow_hosts= if", "allow it with --allow-host if"),
        ("base_url=: leave out the /v1", "--base-url: leave out the /v1"),
        (
            "pass either dest=, a file, or into=, a folder",
            "pass either --output, a file, or --into, a folder",
        ),
        ("https://h/v?deadline=1&into=2", "https://h/v?deadline=1&into=2"),
        (
            "proxy. To use no proxy of the environment: trust_env=False.",
            "proxy. Or unset the variable.",
        ),
    ],
)
def test_sentences_speak_of_options(text, expected) -> None:
    """Not of the arguments of the Python interface."""
    assert spoken(text) == expected


def test_a_complaint_names_the_task() -> None:
    """Unless the sentence does already, and within one bounded line."""
    error = errors.ServerError("m", status=500)
    assert complaint(error, "x").startswith("chainhub: x: 500 Internal Server Error: m")
    assert complaint(errors.TaskFailed("task x failed"), "x") == "chainhub: task x failed"
    assert len(complaint(error, "x" * 5000)) <= 700


def test_the_way_on_can_be_copied() -> None:
    """Quoted for a shell; very many ids are left to standard input."""
    assert again("wait", ["a b", "c"], ["--download", "."]) == "chainhub wait 'a b' c --download ."
    assert again("wait", map(str, range(30))) == "chainhub wait -"
    assert plain("a\x1b[2J\u202e b") == "a\\x1b[2J\\u202e b"


@pytest.mark.parametrize(
    ("error", "level", "code", "words"),
    [
        (None, "note", 0, "cannot exist"),
        (errors.TaskNotFoundError("m"), "ok", 0, "(250 ms)"),
        (errors.AuthenticationError("m"), "fault", 3, "rejects the key"),
        (errors.QuotaExceededError("m"), "fault", 3, "quota"),
        (errors.PermissionDeniedError("m"), "fault", 3, "refuses"),
        (errors.RateLimitError("m"), "note", 0, "rate limit"),
        (errors.BadRequestError("m"), "note", 0, "test id"),
        (errors.NotFoundError("m"), "fault", 4, "has no endpoint for tasks"),
        (errors.RedirectError("m"), "fault", 7, "redirects"),
        (errors.ServerError("m"), "fault", 7, "server error"),
        (errors.ResponseError("m"), "fault", 7, "not as the service"),
        (errors.TLSError("m"), "fault", 7, "secure"),
        (errors.ProxyError("m"), "fault", 7, "proxy"),
        (errors.ConnectionFailedError("m"), "fault", 7, "nothing responds"),
        (errors.RequestTimeoutError("m"), "fault", 7, "in time"),
        (errors.DeadlineError("m"), "fault", 7, "in time"),
        (errors.CredentialsError("m"), "fault", 3, "m"),
    ],
)
def test_the_probe_is_diagnosed(error, level, code, words) -> None:
    """Whatever the question ended with, it says what to do."""
    findings = diagnosis("Network", error, 0.25)
    assert (findings[0].level, findings[0].code) == (level, code)
    assert words in findings[0].message
    assert findings[0].advice or level == "ok" or isinstance(error, errors.CredentialsError)


def test_findings_are_told_by_section() -> None:
    """With a sign each, the advice below, and a conclusion."""
    findings = [
        Finding("One", "a", Level.OK, "good"),
        Finding("Two", "b", Level.NOTE, "look\x1b", "do"),
        fault("Two", "c", errors.CredentialsError("no key", advice="pass base_url=")),
    ]
    assert list(told(findings, UNICODE)) == [
        "One", "  ✓ good", "", "Two", "  ! look\\x1b", "    → do",
        "  ✗ no key", "    → give --base-url",
    ]  # fmt: skip
    assert list(told(findings, ASCII))[5] == "    > do"
    assert worst(findings) == 3
    assert worst(findings[:2]) == 0
    assert conclusion(findings[:2]) == "No problems found."
    assert conclusion(findings) == "1 problem found."
    assert conclusion(findings * 2) == "2 problems found."
    assert State.RUNNING == "running"
