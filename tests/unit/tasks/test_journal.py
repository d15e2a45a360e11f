"""Outcomes kept in a file that survives the process."""

import errno
import json
import os
import random
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from chainhub import errors
from chainhub._download import filelock as _filelock
from chainhub._tasks import journal as _journal
from chainhub._tasks.journal import LONGEST_LINE, Journal, JournalError
from chainhub._tasks.outcome import Outcome, fault_of
from chainhub._tasks.status import State
from chainhub_api.models import VideoTask

URL = "https://cdn.example/v/1.mp4"


def task(status="completed", url=URL, **more):
    """Return a task as the service gives it."""
    fields = {"id": "veo:1", "status": status, "status_update_time": 1750323167}
    return VideoTask.from_dict({**fields, "video_url": url, "enhanced_prompt": None, **more})


def outcome(task_id="veo:1", found=None, state=State.SUCCEEDED):
    """Return the outcome of a task that came to its end."""
    found = found or task()
    return Outcome(task_id, found, fault_of(task_id, found, state, 9.5), 3, 9.5)


@pytest.fixture
def path(tmp_path):
    """Return where a journal may be."""
    return tmp_path / "journal.jsonl"


def kept(path):
    """Return the ids kept in a journal, in order."""
    return [json.loads(line)["id"] for line in path.read_bytes().splitlines()]


@pytest.mark.parametrize(
    ("found", "state", "kind"),
    [
        (task(), State.SUCCEEDED, None),
        (task("fertig"), State.SUCCEEDED, None),
        (
            task(detail={"video_url": "ü \ud800", "n": [1, None, 0.5]}, url=None),
            State.SUCCEEDED,
            None,
        ),
        (task(url=None), State.SUCCEEDED, errors.ResultMissing),
        (task("failed", error={"message": "no", "code": 7}), State.FAILED, errors.TaskFailed),
        (task("canceled"), State.CANCELLED, errors.TaskCancelled),
        (task("expired"), State.EXPIRED, errors.TaskExpired),
    ],
)
def test_an_outcome_comes_back_as_it_was(path, found, state, kind):
    """Task, error, polls and seconds are the same after a restart, marked as replayed."""
    told = outcome("veo:1", found, state)
    with Journal(path) as journal:
        journal.record(told)
    with Journal(path) as journal:
        again = journal.replay("veo:1")
    assert again.task == found
    assert (again.id, again.polls, again.elapsed, again.replayed) == ("veo:1", 3, 9.5, True)
    assert type(again.error) is (kind or type(None))
    assert str(again.error) == str(told.error)
    assert getattr(again.error, "reason", None) == getattr(told.error, "reason", None)


def test_only_outcomes_of_earlier_runs_are_given_back(path):
    """What this run has told is not told again as something old."""
    with Journal(path) as journal:
        journal.record(outcome("a"))
        journal.record(outcome("b", task(url="second")))
        assert journal.replay("a") is None
        assert "a" not in journal
        assert len(journal) == 2
    with Journal(path) as journal:
        journal.record(outcome("c"))
        assert journal.replay("b").task.video_url == "second"
        assert journal.replay("a").task.video_url == URL
        assert journal.replay("other") is None
        assert ("a" in journal, "c" in journal, len(journal)) == (True, False, 3)
    assert kept(path) == ["a", "b", "c"]


@pytest.mark.parametrize(
    "error",
    [
        errors.WaitTimeout("late"),
        errors.ConnectionFailedError("reset"),
        errors.AuthenticationError("no", status=401),
        errors.TaskNotFoundError("no", status=404),
        errors.CredentialsError("no key"),
    ],
)
def test_only_final_states_are_kept(path, error):
    """What may turn out well next time is asked about again."""
    with Journal(path) as journal:
        journal.record(Outcome("veo:1", task("pending", None), error, 3, 9.5))
        journal.record(Outcome("veo:2", None, None, 0, 0.0))
        assert len(journal) == 0
    assert path.read_bytes() == b""


def test_there_is_one_line_per_task(path):
    """A second outcome of the same task changes nothing, in this run or the next."""
    for _ in range(2):
        with Journal(path) as journal:
            journal.record(outcome())
            journal.record(outcome(found=task("failed"), state=State.FAILED))
    assert kept(path) == ["veo:1"]


def test_of_two_lines_for_a_task_the_first_counts(path):
    """A file put together by hand gives one outcome per task."""
    with Journal(path) as journal:
        journal.record(outcome())
    line = path.read_bytes()
    path.write_bytes(line + line.replace(b"completed", b"whatever"))
    with Journal(path) as journal:
        assert journal.replay("veo:1").task.status == "completed"
        assert len(journal) == 1


def test_only_the_owner_can_read_it(path):
    """Signed addresses stand in the file: it is private, also if it was not before."""
    with Journal(path):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.chmod(0o664)
    with Journal(path):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_mode_that_cannot_be_changed_does_not_stop_the_work(path, monkeypatch):
    """A journal on a disk without modes, or of another owner, is used as it is."""
    path.touch(0o664)
    path.chmod(0o664)

    def refuse(*_):
        raise PermissionError(errno.EPERM, "not owner")

    monkeypatch.setattr(os, "chmod", refuse)
    with Journal(path) as journal:
        journal.record(outcome())
    assert kept(path) == ["veo:1"]


def test_one_journal_serves_one_process(path):
    """A second user of the file is refused with a clear error, and welcome afterwards."""
    with Journal(path) as journal:
        with pytest.raises(JournalError, match="is in use by another process") as caught:
            Journal(path)
        assert str(path) in str(caught.value)
        journal.record(outcome())
    Journal(path).close()


def test_a_file_system_without_locks_is_told(path, monkeypatch):
    """Without a lock two processes could mix their lines: the journal is refused."""

    def refuse(_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(_journal, "lock_file", refuse)
    with pytest.raises(JournalError, match="cannot be locked: No locks available"):
        Journal(path)


def test_a_lock_is_taken_once(path):
    """A file that is locked cannot be locked again through another opening."""
    with path.open("w") as first, path.open("w") as second:
        assert _filelock.lock_file(first.fileno())
        assert not _filelock.lock_file(second.fileno())


def test_closing_twice_is_closing_once(path):
    """A closed journal may be closed again."""
    journal = Journal(path)
    journal.close()
    journal.close()


LINES = b"".join(
    b'{"v":1,"id":"%s","state":"succeeded","polls":3,"elapsed":9.5,"task":{"id":"x",'
    b'"status":"completed","status_update_time":1,"video_url":"u"}}\n' % name
    for name in (b"a", b"b")
)
FIRST = LINES.index(b"\n") + 1


@pytest.mark.parametrize("length", range(len(LINES) + 1))
def test_a_journal_torn_at_any_byte_is_healed(path, length):
    """Whole lines stay, a torn last one is cut off, and the file goes on."""
    path.write_bytes(LINES[:length])
    with Journal(path) as journal:
        whole = [name for name, end in (("a", FIRST), ("b", len(LINES))) if length >= end - 1]
        assert [name for name in ("a", "b") if name in journal] == whole
        journal.record(outcome("c"))
    assert kept(path) == [*whole, "c"]
    with Journal(path) as journal:
        assert journal.replay("c").task.video_url == URL


def test_zeros_left_by_a_power_failure_are_cut_off(path):
    """A crash may leave zeros where the last line should be."""
    for tail in (b"\0" * 700, b'{"v":1,"id' + b"\0" * 50, LINES[:FIRST][:-1] + b"\0" * 9):
        path.write_bytes(LINES + tail)
        with Journal(path) as journal:
            assert len(journal) == 2
        Journal(path).close()
        assert path.read_bytes().startswith(LINES)
        assert b"\0" not in path.read_bytes()


NEWER = LINES[:FIRST].replace(b'"v":1', b'"v":2')


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"an essay", "in line 1"),
        (b"an essay\n", "in line 1"),
        (LINES + b"an essay", "in line 3"),
        (LINES + b"\n", "in line 3"),
        (LINES[:FIRST] + b"{}\n" + LINES, "in line 2"),
        (LINES + b"[1]\n", "in line 3"),
        (LINES + b"[" * 100_000 + b"\n", "in line 3"),
        (LINES + b"\xff\xfe\n", "in line 3"),
        (LINES + LINES[:40] + b"\n" + LINES, "in line 3"),
        (LINES + b"x" * (LONGEST_LINE + 5) + b"\n", "in line 3"),
        (b'{"v":1,"id":"' + b"x" * (LONGEST_LINE + 5), "in line 1"),
        (LINES + NEWER, r"newer version \(2\), line 3"),
        (LINES.replace(b'"v":1', b'"v":"1"'), "in line 1"),
        (LINES.replace(b'"succeeded"', b'"running"'), "in line 1"),
        (LINES.replace(b'"succeeded"', b'["succeeded"]'), "in line 1"),
        (LINES.replace(b'"id":"b"', b'"id":7'), "in line 2"),
        (LINES.replace(b'"polls":3', b'"polls":true'), "in line 1"),
        (LINES.replace(b"9.5", b'"long"'), "in line 1"),
        (LINES.replace(b'"task":{', b'"task":7,"t":{'), "in line 1"),
        (b"\x00\x00sk-test-not-a-journal", "in line 1"),
    ],
)
def test_a_file_that_is_no_journal_is_refused_and_left_alone(path, content, problem):
    """One clear error names file and line; not a byte is changed, the lock is given back."""
    path.write_bytes(content)
    for _ in range(2):
        with pytest.raises(JournalError, match=problem) as caught:
            Journal(path)
    assert str(path) in str(caught.value)
    assert isinstance(caught.value, errors.ConfigurationError)
    assert path.read_bytes() == content


def test_a_task_that_does_not_parse_is_told_with_its_line(path):
    """A line whose task lacks what the contract requires is damaged."""
    path.write_bytes(LINES.replace(b'"status":"completed",', b"", 1))
    with Journal(path) as journal:
        with pytest.raises(JournalError, match="in line 1"):
            journal.replay("a")
        assert journal.replay("b").result().video_url == "u"


@pytest.mark.parametrize("kind", ["folder", "fifo", "nowhere"])
def test_a_path_that_cannot_be_a_journal_is_refused(tmp_path, kind):
    """A folder, a pipe, a missing folder: a clear error, and no waiting."""
    path = tmp_path / "place"
    if kind == "folder":
        path.mkdir()
    elif kind == "fifo":
        os.mkfifo(path)
    else:
        path = path / "journal"
    with pytest.raises(JournalError, match=r"cannot be opened|is not a regular file"):
        Journal(path)


@pytest.mark.parametrize("written", [None, 10])
def test_a_full_disk_leaves_no_half_line(path, monkeypatch, written):
    """If a line cannot be written as a whole, the file stays as it was and an error says so."""
    with Journal(path) as journal:
        journal.record(outcome("a"))
        write = os.write

        def fail(descriptor, data):
            if written is None:
                raise OSError(errno.ENOSPC, "No space left on device")
            return write(descriptor, data[:written])

        with monkeypatch.context() as patch:
            patch.setattr(os, "write", fail)
            with pytest.raises(JournalError, match=r"cannot be written: [Nn]o space left"):
                journal.record(outcome("b"))
        journal.record(outcome("c"))
        assert kept(path) == ["a", "c"]
        journal.record(outcome("b"))
    assert kept(path) == ["a", "c", "b"]


def test_a_disk_that_fails_at_the_end_is_told_and_the_file_is_let_go(path, monkeypatch):
    """What could not be brought to the disk is an error, also at close; the lock ends."""

    def fail(_):
        raise OSError(errno.EIO, "Input/output error")

    journal = Journal(path)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fail)
        with pytest.raises(JournalError, match="cannot be written: Input/output error"):
            journal.close()
    Journal(path).close()


def test_the_file_is_synced_once_a_second_and_at_the_end(path, monkeypatch):
    """Thousands of outcomes a second do not cost thousands of fsyncs."""
    now, synced = [0.0], []
    monkeypatch.setattr(os, "fsync", lambda descriptor: synced.append(now[0]))
    with Journal(path, clock=lambda: now[0]) as journal:
        synced.clear()
        for number in range(88):
            journal.record(outcome(f"veo:{number}"))
            now[0] += 0.0625
    assert synced == [1.0, 2.0, 3.0, 4.0, 5.0, 5.5]


def test_a_new_journal_is_known_to_its_folder(path, monkeypatch):
    """The name of a new file is synced too; where folders cannot be opened, it is not."""
    synced = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: synced.append(os.fstat(descriptor)))
    with Journal(path) as journal:
        assert [stat.S_ISDIR(each.st_mode) for each in synced] == [True]
        journal.record(outcome())
    with Journal(path):
        assert len(synced) == 2
    monkeypatch.chdir(path.parent)
    Journal("another").close()
    assert [stat.S_ISDIR(each.st_mode) for each in synced] == [True, False, False, True, False]


# Only Linux lists the open files of a process in a folder.
@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs /proc")
def test_no_file_stays_open(path):
    """Opened or refused, new or healed: afterwards as many files are open as before."""
    before = len(os.listdir("/proc/self/fd"))
    Journal(path).close()
    path.write_bytes(LINES[:-1])
    Journal(path).close()
    path.write_bytes(b"an essay\n")
    with pytest.raises(JournalError):
        Journal(path)
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_torn_line_that_cannot_be_completed_is_not_lost(path, monkeypatch):
    """With a full disk the last line stays as it is, for the next opening to complete."""
    path.write_bytes(LINES[:-1])

    def fail(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", fail)
        with pytest.raises(JournalError, match="cannot be written: No space left"):
            Journal(path)
    assert path.read_bytes() == LINES[:-1]


def test_a_very_long_answer_is_kept_in_short(path):
    """A line has a bound; of a longer answer the address, reason and code are kept."""
    long = task("failed", None, error="why", detail={"video_url": URL, "text": "x" * LONGEST_LINE})
    with Journal(path) as journal:
        journal.record(outcome("veo:1", long, State.FAILED))
    with Journal(path) as journal:
        again = journal.replay("veo:1")
    assert path.stat().st_size < 1000
    assert again.task.video_url == URL
    assert again.error.reason == "why"


def test_an_address_too_long_for_a_line_is_an_error(path):
    """An answer that cannot even be kept in short is refused, not cut."""
    with Journal(path) as journal, pytest.raises(JournalError, match="this long"):
        journal.record(outcome("veo:1", task(url="u" * LONGEST_LINE)))
    assert path.read_bytes() == b""


def test_texts_of_any_kind_stay_on_their_line(path):
    """Line breaks and other separators in an id or text do not break the file."""
    name = "veo:\n\r\u2028\x85\x1c\ud800é"
    with Journal(path) as journal:
        journal.record(outcome(name, task(url="a\u2028b\nc")))
        journal.record(outcome("next"))
    assert path.read_bytes().count(b"\n") == 2
    with Journal(path) as journal:
        assert journal.replay(name).task.video_url == "a\u2028b\nc"


CHILD = """
import os, sys
from chainhub._tasks.journal import Journal
from chainhub._tasks.outcome import Outcome
from chainhub_api.models import VideoTask

whole = os.write
def in_pieces(descriptor, data):
    half = len(data) // 2
    return whole(descriptor, data[:half]) + whole(descriptor, data[half:])
os.write = in_pieces

done = VideoTask.from_dict(
    {"id": "x", "status": "completed", "status_update_time": 1, "video_url": "u" * 600}
)
with Journal(sys.argv[1]) as journal:
    for number in range(len(journal), len(journal) + 100_000):
        journal.record(Outcome(str(number), done, None, 1, 1.0))
        whole(1, b"%d\\n" % number)
"""


def killed(path, pause):
    """Return what a child told before it was killed in the middle of its work."""
    # Without a buffer, for what a buffer holds would not be among the rest.
    child = subprocess.Popen([sys.executable, "-c", CHILD, path], stdout=subprocess.PIPE, bufsize=0)
    try:
        first = child.stdout.readline()
        time.sleep(pause)
    finally:
        child.send_signal(signal.SIGKILL)
        told, _ = child.communicate(timeout=30)
    return [int(number) for number in (first + told).split(b"\n")[:-1]]


def kill_repeatedly(path, times, seed):
    """Kill a child again and again, and look whether anything was lost or doubled."""
    chance, torn = random.Random(seed), 0
    for _ in range(times):
        told = killed(path, chance.uniform(0.0, 0.01))
        torn += not path.read_bytes().endswith(b"\n")
        with Journal(path) as journal:
            assert all(str(number) in journal for number in told)
            count = len(journal)
        assert told
        assert kept(path) == [str(number) for number in range(count)]
        path.write_bytes(path.read_bytes()[: -chance.randrange(1, 600)])
        if count > 2000:
            path.unlink()
    return torn


def test_a_process_killed_at_any_moment_loses_and_doubles_nothing(path):
    """Twenty kills in the middle of writing: all that was told is kept, exactly once."""
    kill_repeatedly(path, 20, seed=1)


@pytest.mark.slow
def test_two_hundred_kills_lose_and_double_nothing(path):
    """The same two hundred times; some of the kills tear a line."""
    assert kill_repeatedly(path, 200, seed=2) > 0


def test_the_journal_has_a_line_format_of_its_own(path):
    """The format is what other tools may rely on."""
    with Journal(path) as journal:
        journal.record(outcome())
    assert Path(path).read_bytes().startswith(_journal._BEGINNING)
    assert json.loads(path.read_bytes()) == {
        "v": 1,
        "id": "veo:1",
        "state": "succeeded",
        "polls": 3,
        "elapsed": 9.5,
        "task": task().to_dict(),
    }
