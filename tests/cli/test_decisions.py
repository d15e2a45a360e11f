"""The pure parts: exit codes, spans, ids, rows, records, sentences, findings."""

import math
import sys
import types

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st

from chainhub import RetryEvent, errors
from chainhub._download import Progress
from chainhub._tasks import JournalError
from chainhub.cli._app import parse_duration
from chainhub.cli._doctor import Finding, diagnosis, fault, lines
from chainhub.cli._progress import (
    ASCII,
    UNICODE,
    LiveProgress,
    Row,
    TaskProgress,
    layout,
    shortened,
    signs_for,
)
from chainhub.cli._records import (
    Exit,
    clock,
    columns,
    combined_code,
    error_line,
    exit_code_of,
    failed_poll,
    limit,
    plain,
    resume_command,
    sentence,
    translated,
)
from chainhub.cli._terminal import Terminal, ids_of_file, read_ids
from chainhub.testing import virtual_time
from chainhub_api.models import VideoTask


def task(**fields) -> VideoTask:
    """Return a task as the service gives it."""
    given = {"id": "x", "status": "pending", "status_update_time": 1750323167, "video_url": None}
    return VideoTask.from_dict({**given, "enhanced_prompt": None, **fields})


CODES = {
    1: "DiskError",
    2: "ConfigurationError ClientClosedError DestinationExistsError AddressRefusedError",
    3: "CredentialsError AuthenticationError PermissionDeniedError QuotaExceededError",
    4: "NotFoundError TaskNotFoundError LinkExpiredError",
    5: "TaskError TaskFailed TaskCancelled TaskExpired ResultMissing",
    6: "WaitTimeout DeadlineError",
    7: "ChainhubError TransportError RequestTimeoutError ConnectionFailedError TLSError ProxyError "
    "StatusError BadRequestError ConflictError UnprocessableError RateLimitError RedirectError "
    "ServerError ResponseError AmbiguousOutcome SubmissionInDoubt DownloadError "
    "ContentRefusedError IntegrityError",
    130: "CancelledByUser",
}


def test_every_error_has_an_exit_code() -> None:
    """A script tells apart what a person would treat differently; a new error needs its place."""
    codes = {getattr(errors, name): code for code in CODES for name in CODES[code].split()}
    there = {one for one in vars(errors).values() if isinstance(one, type)}
    assert {one for one in there if issubclass(one, errors.ChainhubError)} == set(codes)
    assert {kind: exit_code_of(kind("m")) for kind in codes} == codes
    assert [exit_code_of(one) for one in (JournalError("m"), None, MemoryError())] == [2, 0, 1]


@pytest.mark.parametrize(
    ("codes", "expected"),
    [([], 0), ([0, 0], 0), ([5], 5), ([5, 5], 5), ([0, 5], 8), ([4, 5], 8), ([0, 4, 5], 8)],
)
def test_an_exit_code_for_several(codes, expected) -> None:
    """Theirs if they agree, else partial."""
    assert combined_code(map(Exit, codes)) == expected


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90", 90), ("1.5", 1.5), ("90s", 90), ("15m", 900), ("2h", 7200), ("1h30m", 5400),
        ("1d", 86400), (" 2H ", 7200), ("0.5s", 0.5), ("none", math.inf),
    ],
)  # fmt: skip
def test_spans_are_read(text, seconds) -> None:
    """Seconds, or with units."""
    assert parse_duration(text) == seconds
    assert limit(seconds) == (None if math.isinf(seconds) else seconds)


@pytest.mark.parametrize("text", ["", "0", "0s", "-1", "5x", "m", "1e3", "nan", "inf", "1 2", "٣"])
def test_what_is_no_span_is_refused(text) -> None:
    """With what would be one."""
    with pytest.raises(typer.BadParameter, match="90s, 15m, 2h"):
        parse_duration(text)


def test_words_for_people() -> None:
    """Spans as a clock shows them; ids shortened in the middle, for they differ at their ends."""
    assert [clock(n) for n in (0, 7.9, 750, 3723, -1)] == [
        "0:00", "0:07", "12:30", "1:02:03", "0:00",
    ]  # fmt: skip
    assert [shortened("abcd", width, UNICODE) for width in (3, 1, 4)] == ["a…d", "…", "abcd"]
    for encoding, signs in (("utf-8", UNICODE), ("ascii", ASCII), (None, ASCII), ("?", ASCII)):
        assert signs_for(types.SimpleNamespace(encoding=encoding)) == signs


def test_ids_of_arguments_and_standard_input() -> None:
    """One per line, between other ids too; each counts once; an empty one is a mistake."""
    assert read_ids("-", lambda: b"# c\n\n a \r\nb#1\n   # d\n") == ["a", "b#1"]
    assert read_ids(["b", "-", "a", "b"], lambda: "\ufeffa\nc\n".encode()) == ["b", "a", "c"]
    assert read_ids(["b", "-"], lambda: b"") == ["b"]
    assert read_ids("-", lambda: "\ufeffa\r\ufeffb\rc".encode()) == ["a", "b", "c"]
    for words, data in ((["-"], b""), ([" "], b""), (["-"], b"\xff")):
        with pytest.raises(errors.ConfigurationError):
            read_ids(words, lambda data=data: data)
    with pytest.raises(errors.ConfigurationError, match="its name is not usable") as caught:
        ids_of_file("a\0b\x1b", lambda: b"")
    assert str(caught.value).isprintable()


ROW = Row("veo3.1-fast:1760545785-euexscdeL8", 0.0, "video_generating", 0.4, 60.0)


@pytest.mark.parametrize(
    ("width", "text"),
    [
        (98, "veo3.1-fast:1760545785-euexscdeL8  video_generating  0:20  40 %  about 0:40 left"),
        (68, "veo3.1-fast:1760545785-euexscdeL8  video_generating  0:20  40 %"),
        (51, "veo3.1-fa…545785-euexscdeL8  video_generating  0:20"),
        (38, "veo3.1-…5-euexscdeL8  video_generating"),
    ],
)
def test_a_row_fits_its_width(width, text) -> None:
    """What matters less goes first, then the middle of the id."""
    assert layout([ROW], 20.0, width, UNICODE) == [text]


@pytest.mark.unmeasured
@given(
    width=st.integers(0, 200),
    names=st.lists(st.text(max_size=60), max_size=5),
    word=st.text(max_size=60),
    now=st.floats(0, 1e6),
)
def test_no_row_is_ever_too_wide_or_moves_the_cursor(width, names, word, now) -> None:
    """Whatever ids and words are."""
    rows = [Row(name, 0.0, word, 0.5, 10.0) for name in names]
    for line in layout(rows, now, width, UNICODE):
        assert len(line) <= max(width, 1)
        assert line.isprintable()


def test_rows_share_their_columns() -> None:
    """So that the eye can run down; a remainder is never below zero."""
    rows = [Row("a", 0.0, "queued"), Row("long-id", 0.0, "video_generating", 0.5)]
    assert layout(rows, 5.0, 78, ASCII) == [
        "a        queued            0:05",
        "long-id  video_generating  0:05  50 %",
    ]
    assert layout([ROW], 90.0, 98, UNICODE)[0].endswith("longer than usual")


def test_a_download_shows_bytes_speed_and_remainder() -> None:
    """Speed is that of the last seconds; a start over begins to measure again."""
    row = Row("x", 0.0)
    row.add_sample(1_000_000, None, 1.0)
    assert layout([row], 1.0, 78, ASCII) == ["x  1.0 MB  0:01"]
    for second in range(2, 12):
        row.add_sample(1_000_000 * second, 20_000_000, float(second))
    assert layout([row], 11.0, 78, ASCII) == ["x  11.0 MB of 20.0 MB  1.0 MB/s  0:09 left  0:11"]
    assert len(row.samples) <= 5
    row.add_sample(0, 20_000_000, 12.0)
    assert row.speed is None
    row.add_sample(0, 20_000_000, 13.0)
    assert layout([row], 13.0, 78, ASCII) == ["x  0 bytes of 20.0 MB  0 bytes/s  0:13"]


def progress_of_tasks(*ids: str) -> LiveProgress:
    """Return the progress of some tasks, on no terminal; it paints nothing unless it is entered."""
    return LiveProgress(ids, Terminal(stdin=None, stdout=None, stderr=None, environ={}))


def failed_attempt(task_id: str) -> RetryEvent:
    """Return the event of a poll that had no response."""
    error = errors.ConnectionFailedError("could not connect: refused")
    return RetryEvent(
        method="GET", url="", attempt=1, max_attempts=4, delay=1.0, error=error, task_id=task_id
    )


def texts(progress: LiveProgress, height: int = 24) -> list[str]:
    """Return the lines that are shown, without the sign of a row."""
    return [text.removeprefix(" ") for _, text in progress.view(80, height)]


def test_what_ends_is_counted() -> None:
    """And what runs is shown, with the remainder that was learned."""
    with virtual_time() as clock:
        progress = progress_of_tasks("a", "b", "c")
        progress.duration_of = lambda task_id, now: 60.0 if task_id == "b" else None
        progress.on_update(task(id="a", status="queued"))
        progress.on_update(task(id="stranger"))
        progress.on_end("c", good=True)
        progress.on_end("c", good=True)
        clock.skip(10.5)
        assert texts(progress) == [
            "1 of 3 done  2 to go  0:10  about 0:49 left",
            "a  queued      0:10",
            "b  connecting  0:10  about 0:49 left",
        ]
        progress.on_end("b", good=False)
        assert texts(progress)[0] == "1 of 3 done  1 failed  1 to go  0:10"
        assert progress.pending == ["a"]


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
    assert failed_poll(error) == expected


def test_failing_polls_are_shown_until_one_is_good(capsys, monkeypatch) -> None:
    """In the place of the status; those of nobody known change no line."""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    plain = TaskProgress(["a"], Terminal(stdin=None, stdout=None, environ={}))
    plain.on_retry(failed_attempt("stranger"))
    plain.on_retry(failed_attempt("a"))
    assert capsys.readouterr().err == "0:00  a  no response (1 of 4): refused\n"
    progress = progress_of_tasks("a")
    progress.on_retry(failed_attempt("stranger"))
    assert texts(progress) == ["a  connecting  0:00"]
    progress.on_retry(failed_attempt("a"))
    assert texts(progress) == ["a  no response (1 of 4): refused  0:00"]
    progress.on_update(task(id="a", status="queued"))
    assert texts(progress) == ["a  queued  0:00"]


def test_one_task_needs_no_counts() -> None:
    """And takes every answer as its own, whatever id the service writes into it."""
    progress = progress_of_tasks("a")
    progress.on_update(task(id="other", status="queued"))
    assert texts(progress) == ["a  queued  0:00"]
    progress.on_download("a")
    progress.on_progress(Progress("a", 500, None))
    assert texts(progress) == ["a  500 bytes  0:00"]
    progress.on_end("a", good=True)
    progress.on_download("a")
    progress.on_progress(Progress("a", 500, None))
    progress.on_update(task(id="a"))
    assert texts(progress) == []
    shown = texts(progress_of_tasks(*(f"task-{n}" for n in range(100))), height=8)
    assert (len(shown), shown[-1]) == (7, "and 95 more")


def test_lines_for_people_and_programs() -> None:
    """What is absent is a dash for the one and nothing for the other."""
    running = task(status="video_generating", progress=61)
    assert columns("x", running) == "x\trunning\tvideo_generating\t61%\t-"
    assert (
        sentence("x", running, dated=True)
        == "x  video_generating  61 %  (updated 2025-06-19 08:52:47 UTC)"
    )
    bad = task(status="failed", error={"message": "unsafe"}, status_update_time="never")
    assert sentence("x", bad) == "x  failed\n  unsafe"
    wordless = task(status="", video_url="http://h/v")
    assert sentence("0:07", wordless) == "0:07  no status\n  http://h/v"
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
    assert translated(text) == expected


def test_sentences_are_bounded_and_can_be_copied() -> None:
    """An error line names its task; ids are quoted for a shell, too many are replaced by -."""
    error = errors.ServerError("m", status=500)
    assert error_line(error, "x").startswith("chainhub: x: 500 Internal Server Error: m")
    assert error_line(errors.TaskFailed("task x failed"), "x") == "chainhub: task x failed"
    assert len(error_line(error, "x" * 5000)) <= 700
    assert (
        resume_command("wait", ["a b", "c"], [("--download", "."), ("--task", None)])
        == "chainhub wait 'a b' c --download ."
    )
    assert resume_command("wait", map(str, range(30))) == "chainhub wait -"
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
    """Whatever the request ended with, it says what to do."""
    findings = diagnosis(error, 0.25)
    assert (findings[0].level, findings[0].exit_code) == (level, code)
    assert words in findings[0].message
    assert findings[0].advice or level == "ok" or isinstance(error, errors.CredentialsError)


def test_findings_are_told_by_section() -> None:
    """With a sign each, the advice below, and a conclusion."""
    findings = [
        Finding("python", "ok", "good"),
        Finding("base_url", "note", "look\x1b", "do"),
        fault("tls", errors.CredentialsError("no key", advice="pass base_url=")),
    ]
    pairs = list(zip(findings, [None, *findings], strict=False))
    shown = [line for one, before in pairs for line in lines(one, before, UNICODE)]
    assert shown == [
        "This machine", "  ✓ good", "", "Address", "  ! look\\x1b", "    → do",
        "  ✗ no key", "    → give --base-url",
    ]  # fmt: skip
    assert list(lines(findings[1], findings[1], ASCII))[1] == "    > do"
