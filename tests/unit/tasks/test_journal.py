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
from contextlib import suppress
from pathlib import Path

import pytest

import chainhub
from chainhub import errors
from chainhub._download import disk as _filelock
from chainhub._tasks import JournalError, Outcome, State, fault_of, task_named
from chainhub._tasks import journal as _journal
from chainhub._tasks import record_file as _record_file
from chainhub._tasks.record_file import LONGEST_LINE
from chainhub._tasks.table import TaskId
from chainhub_api.models import VideoTask

URL = "https://cdn.example/v/1.mp4"
BASE = "https://api.example"
HEADER = b'{"v":1,"kind":"journal","base_url":"https://api.example","account":"of-a-test"}\n'


class Journal(_journal.Journal):
    """A journal of an operation that requires nothing but an id."""

    def __enter__(self):
        return self

    def __exit__(self, *details):
        self.close()

    def __len__(self):
        """Return how many outcomes are stored, of earlier runs and of this one."""
        return len(self._entries)

    def __contains__(self, task_id):
        """Return whether the outcome of this task was stored by an earlier run."""
        return self._entries.get(TaskId(task_id)) is not None

    def replay(self, task_id):
        """Return the outcome that an earlier run stored for this task."""
        return super().replay(TaskId(task_id))

    def keep(self, outcome):
        """Store an outcome."""
        super().keep(outcome, TaskId(outcome.id))


def opened(path, base=BASE, account="of-a-test", **more):
    """Open a journal of one service and account."""
    return Journal(path, base, account, task_named("video.query"), **more)


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
    lines = [json.loads(line) for line in path.read_bytes().splitlines()]
    return [line["id"] for line in lines if "id" in line]


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
    with opened(path) as journal:
        journal.keep(told)
    with opened(path) as journal:
        again = journal.replay("veo:1")
    assert again.task == found
    assert (again.id, again.polls, again.elapsed, again.replayed) == ("veo:1", 3, 9.5, True)
    assert type(again.error) is (kind or type(None))
    assert str(again.error) == str(told.error)
    assert getattr(again.error, "reason", None) == getattr(told.error, "reason", None)


def test_only_outcomes_of_earlier_runs_are_given_back(path):
    """What this run has told is not told again as something old."""
    with opened(path) as journal:
        journal.keep(outcome("a"))
        journal.keep(outcome("b", task(url="second")))
        assert journal.replay("a") is None
        assert "a" not in journal
        assert len(journal) == 2
    with opened(path) as journal:
        journal.keep(outcome("c"))
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
    with opened(path) as journal:
        journal.keep(Outcome("veo:1", task("pending", None), error, 3, 9.5))
        journal.keep(Outcome("veo:2", None, None, 0, 0.0))
        assert len(journal) == 0
    assert path.read_bytes() == HEADER


def test_there_is_one_line_per_task(path):
    """A second outcome of the same task changes nothing, in this run or the next."""
    for _ in range(2):
        with opened(path) as journal:
            journal.keep(outcome())
            journal.keep(outcome(found=task("failed"), state=State.FAILED))
    assert kept(path) == ["veo:1"]


def test_of_two_lines_for_a_task_the_first_counts(path):
    """A file put together by hand gives one outcome per task."""
    with opened(path) as journal:
        journal.keep(outcome())
    header, line = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(header + line + line.replace(b"completed", b"whatever"))
    with opened(path) as journal:
        assert journal.replay("veo:1").task.status == "completed"
        assert len(journal) == 1


def test_only_the_owner_can_read_it(path):
    """Signed addresses stand in the file: it is private, also if it was not before."""
    with opened(path):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.chmod(0o664)
    with opened(path):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_mode_that_cannot_be_changed_does_not_stop_the_work(path, monkeypatch):
    """A journal on a disk without modes, or of another owner, is used as it is."""
    path.touch(0o664)
    path.chmod(0o664)

    def refuse(*_):
        raise PermissionError(errno.EPERM, "not owner")

    monkeypatch.setattr(os, "chmod", refuse)
    with opened(path) as journal:
        journal.keep(outcome())
    assert kept(path) == ["veo:1"]


def test_one_journal_serves_one_process(path):
    """A second user of the file is refused with a clear error, and welcome afterwards."""
    with opened(path) as journal:
        with pytest.raises(JournalError, match="is in use by another process") as caught:
            opened(path)
        assert str(path) in str(caught.value)
        journal.keep(outcome())
    opened(path).close()


UNSUPPORTED = [errno.ENOSYS, errno.ENOLCK, errno.ENOTSUP]


@pytest.mark.parametrize("number", UNSUPPORTED)
def test_file_system_without_locks_works_with_a_warning(path, monkeypatch, caplog, number):
    """As drives of networks and clusters; another failure is an error."""
    monkeypatch.setattr(_record_file, "lock_file", failing(number))
    with opened(path) as journal:
        journal.keep(outcome())
    assert kept(path) == ["veo:1"]
    assert f"nothing keeps other processes away from {path}" in caplog.text
    monkeypatch.setattr(_record_file, "lock_file", failing(errno.EIO))
    with pytest.raises(JournalError, match="cannot be locked: "):
        opened(path)


@pytest.mark.parametrize("number", UNSUPPORTED)
def test_file_system_that_cannot_sync_works_with_one_warning(path, monkeypatch, caplog, number):
    """Every outcome is written; only a power failure may lose some."""
    monkeypatch.setattr(os, "fsync", failing(number))
    with opened(path, clock=iter(range(0, 90, 3)).__next__) as journal:
        journal.keep(outcome("a"))
        journal.keep(outcome("b"))
    assert kept(path) == ["a", "b"]
    assert caplog.text.count("may be lost in a power failure") == 1


def failing(number):
    """Return a function of the system that always fails."""

    def fail(*_):
        raise OSError(number, os.strerror(number))

    return fail


def test_a_lock_is_taken_once(path):
    """A file that is locked cannot be locked again through another opening."""
    with path.open("w") as first, path.open("w") as second:
        assert _filelock.lock_file(first.fileno())
        assert not _filelock.lock_file(second.fileno())


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
    with opened(path) as journal:
        whole = [name for name, end in (("a", FIRST), ("b", len(LINES))) if length >= end - 1]
        assert [name for name in ("a", "b") if name in journal] == whole
        journal.keep(outcome("c"))
    assert kept(path) == [*whole, "c"]
    with opened(path) as journal:
        assert journal.replay("c").task.video_url == URL


def test_a_torn_line_that_cannot_be_cut_off_is_closed_and_skipped(path, monkeypatch, caplog):
    """Where the file system cannot truncate; another failure is an error."""
    path.write_bytes(LINES[: FIRST + 40])
    with monkeypatch.context() as patch:
        patch.setattr(os, "truncate", failing(errno.EIO))
        with pytest.raises(JournalError, match="cannot be written: "):
            opened(path)
        patch.setattr(os, "truncate", failing(errno.ENOTSUP))
        with opened(path) as journal:
            journal.keep(outcome("c"))
    assert "in line 2; it is skipped" in caplog.text
    with opened(path) as journal:
        assert [each for each in "abc" if each in journal] == ["a", "c"]


def test_zeros_left_by_a_power_failure_are_cut_off(path):
    """A crash may leave zeros where the last line should be."""
    for tail in (b"\0" * 700, b'{"v":1,"id' + b"\0" * 50, LINES[:FIRST][:-1] + b"\0" * 9):
        path.write_bytes(LINES + tail)
        with opened(path) as journal:
            assert len(journal) == 2
        opened(path).close()
        assert path.read_bytes().startswith(LINES)
        assert b"\0" not in path.read_bytes()


NEWER = LINES[:FIRST].replace(b'"v":1', b'"v":2')


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"an essay", "in line 1"),
        (b"an essay\n", "in line 1"),
        (b"an essay\n" + LINES[:40], "in line 1, 2"),
        (b"an essay\n{}\n", "in line 1, 2"),
        (b'{"v":1,"id":"' + b"x" * (LONGEST_LINE + 5), "in line 1"),
        (LINES + NEWER, r"newer version \(2\), line 3"),
        (LINES.replace(b'"v":1', b'"v":"1"'), "in line 1"),
        (LINES.replace(b'"succeeded"', b'"running"'), "in line 1"),
        (LINES.replace(b'"succeeded"', b'["succeeded"]'), "in line 1"),
        (LINES.replace(b'"polls":3', b'"polls":true'), "in line 1"),
        (LINES.replace(b"9.5", b'"long"'), "in line 1"),
        (LINES.replace(b'"task":{', b'"task":7,"t":{'), "in line 1"),
        (LINES.replace(b'"task":{', b'"task":{},"t":{'), "in line 1"),
        (LINES.replace(b'"state"', b'"parameters":7,"state"'), "in line 1"),
        (LINES.replace(b'"polls"', b'"pools"'), "in line 1"),
        (b"\x00\x00sk-test-not-a-journal", "in line 1"),
    ],
)
def test_a_file_that_is_no_journal_is_refused_and_left_alone(path, content, problem):
    """One clear error names file and line; not a byte is changed, the lock is given back."""
    path.write_bytes(content)
    for _ in range(2):
        with pytest.raises(JournalError, match=problem) as caught:
            opened(path)
    assert str(path) in str(caught.value)
    assert isinstance(caught.value, errors.ConfigurationError)
    assert path.read_bytes() == content


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (LINES + b"an essay", 3),
        (LINES + b"\n", 3),
        (b"an essay\n" + LINES, 1),
        (LINES[:FIRST] + b"{}\n" + LINES[FIRST:], 2),
        (LINES + b"[1]\n", 3),
        (LINES + b"[" * 100_000 + b"\n", 3),
        (LINES + b"\xff\xfe\n", 3),
        (LINES[:FIRST] + LINES[:40] + b"\n" + LINES[FIRST:], 2),
        (LINES[:FIRST] + b"x" * (2 * LONGEST_LINE + 5) + b"\n" + LINES[FIRST:], 2),
        (LINES + b"x" * (LONGEST_LINE + 5), 3),
        (LINES + LINES.replace(b'"id":"b"', b'"id":7')[FIRST:], 3),
        (LINES + LINES[:FIRST].replace(b'"id":"a"', b'"id":"c","v":null'), 3),
    ],
)
def test_a_foreign_or_too_long_line_is_skipped_with_a_warning(path, caplog, content, line):
    """It ends nobody's wait: all outcomes around it count, and the file goes on."""
    path.write_bytes(content)
    for new in ("c", "d"):
        with opened(path) as journal:
            assert [journal.replay(each).task.video_url for each in "ab"] == ["u", "u"]
            journal.keep(outcome(new))
        assert f"something other than an outcome in line {line}; it is skipped" in caplog.text
        caplog.clear()
    assert path.read_bytes().startswith(content)
    with opened(path) as journal:
        assert [each for each in "abcd" if each in journal] == ["a", "b", "c", "d"]


def test_a_task_that_does_not_parse_is_asked_about_again(path, caplog):
    """A line whose task lacks what the contract requires is no outcome."""
    path.write_bytes(LINES.replace(b'"status":"completed",', b"", 1))
    with opened(path) as journal:
        assert "a" not in journal
        assert journal.replay("b").result().video_url == "u"
        journal.keep(outcome("a"))
    assert "in line 1; it is skipped" in caplog.text
    with opened(path) as journal:
        assert journal.replay("a").result().video_url == URL


def test_a_line_that_changes_while_the_journal_is_open_is_told(path):
    """Another program may write where there are no locks."""
    path.write_bytes(LINES)
    with opened(path) as journal:
        path.write_bytes(LINES.replace(b'"polls":3', b'"polls":x'))
        with pytest.raises(JournalError, match="was changed by others"):
            journal.replay("a")


def test_a_journal_is_for_one_service_and_account(path):
    """Another's is refused, and not a byte is changed; who may change keys fits any account."""
    with opened(path) as journal:
        journal.keep(outcome())
    content = path.read_bytes()
    assert content.startswith(HEADER)
    with pytest.raises(
        JournalError, match=r"made for 'https://api.example', not for https://other"
    ):
        opened(path, "https://other")
    with pytest.raises(JournalError, match=r"made with another key: .* or remove line 1 if"):
        opened(path, account="another")
    assert path.read_bytes() == content
    for account in ("of-a-test", None):
        with opened(path, account=account) as journal:
            assert "veo:1" in journal
    path.unlink()
    opened(path, account=None).close()
    opened(path).close()


OLD_HEADER = {"v": 1, "base_url": BASE, "account": "of-a-test"}
ORDERED = {"v": 1, "key": "1", "operation": "video.create", "arguments": "", "at": 1.0}


@pytest.mark.parametrize(
    ("lines", "kind"),
    [
        ([{**OLD_HEADER, "kind": "submissions"}], "file of submissions"),
        ([{**OLD_HEADER, "kind": "album"}], "file of another kind"),
        ([OLD_HEADER, ORDERED], "file of submissions"),  # of an older version
        ([ORDERED], "file of submissions"),
    ],
)
def test_a_file_of_another_kind_is_refused(path, lines, kind):
    """By its header, or by a line: of an older version the header says no kind."""
    content = b"".join(json.dumps(line).replace(" ", "").encode() + b"\n" for line in lines)
    path.write_bytes(content + b'{"v":1,"torn')
    with pytest.raises(JournalError, match=f"the journal .* is a {kind}: use another file"):
        opened(path)
    assert path.read_bytes() == content + b'{"v":1,"torn'


def test_a_journal_of_an_older_version_gains_the_header(path, caplog):
    """It has none: it is taken for that of the caller, with a warning, once."""
    path.write_bytes(LINES)
    opened(path).close()
    assert path.read_bytes() == LINES + HEADER
    assert "does not say for which account it was made" in caplog.text
    caplog.clear()
    with opened(path) as journal:
        assert len(journal) == 2
    assert caplog.text == ""
    with pytest.raises(JournalError, match="remove line 3"):
        opened(path, account="another")


def test_the_account_is_known_by_a_key_that_stays():
    """The key itself is in no file; of one that a function returns nothing is known."""
    found = {}
    for name, key in {"a": "sk-test-1", "b": "sk-test-2", "c": lambda: "sk-test-1"}.items():
        with chainhub.Client(key, base_url=BASE) as client:
            found[name] = _record_file.account_of(client.video._transport.session)
    assert len(found["a"]) == len(found["b"]) == 12
    assert found["a"] != found["b"]
    assert found["c"] is None


def test_a_symbolic_link_is_refused(path, tmp_path):
    """It may lead to a file of somebody else."""
    (tmp_path / "secret").write_bytes(LINES)
    path.symlink_to(tmp_path / "secret")
    with pytest.raises(JournalError, match="is a symbolic link"):
        opened(path)
    assert (tmp_path / "secret").read_bytes() == LINES


# Without root a file of another user cannot be made here; CI runs as root.
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_file_of_another_user_is_refused(path):
    """Its owner could write outcomes into it."""
    path.write_bytes(LINES)
    os.chown(path, 12345, 12345)
    with pytest.raises(JournalError, match="belongs to another user"):
        opened(path)
    assert path.read_bytes() == LINES


def test_a_drive_that_shows_every_file_under_another_owner_works(path, monkeypatch):
    """As NFS squash and CIFS uid= do."""
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    with opened(path) as journal:
        journal.keep(outcome())
    opened(path).close()


@pytest.mark.parametrize("name", ["a\0b", "a\ud800"])
def test_a_name_that_no_file_can_have_is_told(name):
    """In one sentence, which can be printed."""
    with pytest.raises(JournalError, match="cannot be opened: it is not a path") as caught:
        opened(name)
    assert str(caught.value).isprintable()


def test_a_journal_that_was_left_to_the_parent_is_closed(path):
    """What a child is told applies to every journal that is open, and to none twice."""
    with opened(path) as journal:
        _record_file._abandon_all()
        _record_file._abandon_all()
        with pytest.raises(JournalError, match="only the parent"):
            journal.keep(outcome("child"))
    assert kept(path) == []


def test_after_a_fork_the_journal_is_that_of_the_parent(path):
    """The child can neither use nor free it, and does not hold it once the parent is gone."""
    journal = opened(path)
    done, go = os.pipe(), os.pipe()
    child = os.fork()
    if not child:
        with suppress(BaseException):
            os.close(go[1])
            journal.close()
            with pytest.raises(JournalError, match="only the parent"):
                journal.keep(outcome("child"))
            with pytest.raises(JournalError, match="is in use"):
                opened(path)
            os.write(done[1], b"done")
            os.read(go[0], 1)
        os._exit(0)
    try:
        os.close(done[1])
        assert os.read(done[0], 4) == b"done"
        journal.keep(outcome("parent"))
        # As if the parent was killed: nobody unlocks.
        journal._release(unlock=False)
        opened(path).close()
    finally:
        os.close(go[1])
        os.waitpid(child, 0)
        os.close(done[0])
        os.close(go[0])
    assert kept(path) == ["parent"]


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
        opened(path)


@pytest.mark.parametrize("written", [None, 10])
def test_a_full_disk_leaves_no_half_line(path, monkeypatch, written):
    """If a line cannot be written as a whole, the file stays as it was and an error says so."""
    with opened(path) as journal:
        journal.keep(outcome("a"))
        write = os.write

        def fail(descriptor, data):
            if written is None:
                raise OSError(errno.ENOSPC, "No space left on device")
            return write(descriptor, data[:written])

        with monkeypatch.context() as patch:
            patch.setattr(os, "write", fail)
            with pytest.raises(JournalError, match=r"cannot be written: [Nn]o space left"):
                journal.keep(outcome("b"))
        journal.keep(outcome("c"))
        assert kept(path) == ["a", "c"]
        journal.keep(outcome("b"))
    assert kept(path) == ["a", "c", "b"]


def test_a_disk_that_fails_at_the_end_is_told_and_the_file_is_closed(path, monkeypatch):
    """What could not be brought to the disk is an error, also at close; the lock ends."""

    def fail(_):
        raise OSError(errno.EIO, "Input/output error")

    journal = opened(path)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fail)
        with pytest.raises(JournalError, match="cannot be written: Input/output error"):
            journal.close()
    opened(path).close()


def test_the_file_is_synced_once_a_second_and_at_the_end(path, monkeypatch):
    """Thousands of outcomes a second do not cost thousands of fsyncs."""
    now, synced = [0.0], []
    monkeypatch.setattr(os, "fsync", lambda descriptor: synced.append(now[0]))
    with opened(path, clock=lambda: now[0]) as journal:
        synced.clear()
        for number in range(88):
            journal.keep(outcome(f"veo:{number}"))
            now[0] += 0.0625
    assert synced == [1.0, 2.0, 3.0, 4.0, 5.0, 5.5]


def test_a_new_journal_is_known_to_its_folder(path, monkeypatch):
    """The name of a new file is synced too; where folders cannot be opened, it is not."""
    synced = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: synced.append(os.fstat(descriptor)))
    with opened(path) as journal:
        assert [stat.S_ISDIR(each.st_mode) for each in synced] == [True]
        journal.keep(outcome())
    with opened(path):
        assert len(synced) == 2
    monkeypatch.chdir(path.parent)
    opened("another").close()
    assert [stat.S_ISDIR(each.st_mode) for each in synced] == [True, False, False, True, False]


# Only Linux lists the open files of a process in a folder.
@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs /proc")
def test_no_file_stays_open(path, monkeypatch):
    """Opened or refused, new or healed: afterwards as many files are open as before."""
    before = len(os.listdir("/proc/self/fd"))
    opened(path).close()
    path.write_bytes(LINES[:-1])
    opened(path).close()
    path.write_bytes(b"an essay\n")
    with pytest.raises(JournalError):
        opened(path)
    path.unlink()
    monkeypatch.setattr(os, "write", failing(errno.ENOSPC))
    with pytest.raises(JournalError, match="cannot be written"):  # not even its header
        opened(path)
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_torn_line_that_cannot_be_completed_is_not_lost(path, monkeypatch):
    """With a full disk the last line stays as it is, for the next opening to complete."""
    path.write_bytes(LINES[:-1])

    def fail(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", fail)
        with pytest.raises(JournalError, match="cannot be written: No space left"):
            opened(path)
    assert path.read_bytes() == LINES[:-1]


def test_a_very_long_answer_is_kept_in_short(path):
    """A line has a bound; of a longer answer the address, reason and code are kept."""
    detail = {"video_url": URL, "text": "x" * LONGEST_LINE, "frames": [1] * LONGEST_LINE}
    long = task("failed", None, error="why", detail=detail)
    with opened(path) as journal:
        journal.keep(outcome("veo:1", long, State.FAILED))
    with opened(path) as journal:
        again = journal.replay("veo:1")
    assert path.stat().st_size < 4000
    assert chainhub.video_url_of(again.task) == URL
    assert again.error.reason == "why"


def test_an_address_too_long_for_a_line_is_not_stored(path, caplog):
    """The outcomes of others are; this task is asked about again by the next run."""
    with opened(path) as journal:
        journal.keep(outcome("veo:1", task(url="u" * LONGEST_LINE)))
        journal.keep(outcome("veo:2"))
    assert kept(path) == ["veo:2"]
    assert "does not store task veo:1: its id or URL is too long" in caplog.text


def test_texts_of_any_kind_stay_on_their_line(path):
    """Line breaks and other separators in an id or text do not break the file."""
    name = "veo:\n\r\u2028\x85\x1c\ud800é"
    with opened(path) as journal:
        journal.keep(outcome(name, task(url="a\u2028b\nc")))
        journal.keep(outcome("next"))
    assert path.read_bytes().count(b"\n") == 3
    with opened(path) as journal:
        assert journal.replay(name).task.video_url == "a\u2028b\nc"


CHILD = """
import os, sys
from contextlib import closing
from chainhub._tasks.journal import Journal
from chainhub._tasks.outcome import Outcome
from chainhub._tasks.table import TaskId, task_named
from chainhub_api.models import VideoTask

whole = os.write
def in_pieces(descriptor, data):
    half = len(data) // 2
    return whole(descriptor, data[:half]) + whole(descriptor, data[half:])
os.write = in_pieces

done = VideoTask.from_dict(
    {"id": "x", "status": "completed", "status_update_time": 1, "video_url": "u" * 600}
)
whose = 'https://api.example', 'of-a-test', task_named('video.query')
with closing(Journal(sys.argv[1], *whose)) as journal:
    for number in range(kept := len(journal._entries), kept + 100_000):
        journal.keep(Outcome(str(number), done, None, 1, 1.0), TaskId(str(number)))
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
        with opened(path) as journal:
            assert all(str(number) in journal for number in told)
            count = len(journal)
        assert told
        assert kept(path) == [str(number) for number in range(count)]
        path.write_bytes(path.read_bytes()[: -chance.randrange(1, 600)])
        if count > 2000:
            path.unlink()
    return torn


@pytest.mark.unmeasured
def test_a_process_killed_at_any_moment_loses_and_doubles_nothing(path):
    """Eight kills in the middle of writing: all that was told is kept, exactly once."""
    kill_repeatedly(path, 8, seed=1)


@pytest.mark.slow
def test_two_hundred_kills_lose_and_double_nothing(path):
    """The same two hundred times; some of the kills tear a line."""
    assert kill_repeatedly(path, 200, seed=2) > 0


def test_the_journal_has_a_line_format_of_its_own(path):
    """The format is what other tools may rely on."""
    with opened(path) as journal:
        journal.keep(outcome())
    header, line = path.read_bytes().splitlines()
    assert line.startswith(b'{"v":1,"id":"')
    assert json.loads(header) == {
        "v": 1,
        "kind": "journal",
        "base_url": BASE,
        "account": "of-a-test",
    }
    assert json.loads(line) == {
        "v": 1,
        "id": "veo:1",
        "operation": "video.query",
        "state": "succeeded",
        "polls": 3,
        "elapsed": 9.5,
        "task": task().to_dict(),
    }


def test_a_journal_that_is_dropped_is_free(tmp_path):
    """What a signal handler raises can come between opening it and whatever would close it."""
    opened(tmp_path / "journal.jsonl")
    opened(tmp_path / "journal.jsonl").close()
