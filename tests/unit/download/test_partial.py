"""The unfinished file beside its target."""

import errno
import gzip
import os

import pytest

from chainhub._download import disk
from chainhub._download.media import BodyRange
from chainhub._download.partial import BodyEnd, Partial, PartWriter
from chainhub._transport import Failure
from chainhub.errors import ContentRefusedError, DiskError, DownloadError


@pytest.fixture
def target(tmp_path):
    """Give a target."""
    return tmp_path / "v.mp4"


@pytest.fixture
def part(target):
    """Give its unfinished file."""
    made = Partial(target, "a")
    yield made
    made.close()


def part_of(target):
    """Return the path of the unfinished file."""
    return target.with_name("v.mp4.part")


def test_old_bytes_do_not_outlive_a_shorter_end(part, target):
    """What stood behind the position is cut off."""
    part.start('"v1"', 9)
    part.write(b"123456789")
    part.resume(2)
    part.write(b"x")
    part.publish(target, "error")
    assert target.read_bytes() == b"12x"


@pytest.mark.parametrize(
    ("etag", "length", "size", "worthless"),
    [
        (None, 10, 5, False),
        ('"v1"', None, 5, False),
        (None, None, 5, False),
        ('"v1"', 10, 0, False),
        ('"v1"', 10, 11, False),
        ('"v1"', 10, 5, True),
    ],
)
def test_what_cannot_be_resumed_goes(part, target, etag, length, size, worthless):
    """At the end, not before; so does a size that makes no sense."""
    part.start(etag, length)
    part.write(b"x" * size)
    if worthless:
        part.forget()
    assert part.resume_point is None
    assert part_of(target).exists()
    part.close()
    assert os.listdir(target.parent) == []


def test_a_short_write_goes_on(part, monkeypatch):
    """The system may take less than it was given."""
    original = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: original(fd, data[:3]))
    part.start(None, None)
    part.write(b"1234567890")
    assert part.position == 10
    assert part.read(0, 20) == b"1234567890"


def test_a_disk_that_cannot_be_read(part, target, monkeypatch):
    """It is told, and nothing is kept."""
    part.start('"v1"', 10)
    part.write(b"12345")

    def read(*_):
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(os, "read", read)
        with pytest.raises(DiskError, match="cannot read"):
            part.digest(lambda: False)
    part.close()
    assert os.listdir(target.parent) == []


def test_a_digest_is_of_the_whole_file(part):
    """Unless it is stopped."""
    part.start(None, None)
    part.write(b"abc")
    expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert part.digest(lambda: False) == expected
    assert part.digest(lambda: True) is None


@pytest.mark.parametrize("probed", [True, False])
def test_a_part_of_another_user(target, monkeypatch, probed):
    """Its owner could write into it."""
    part_of(target).touch()
    owners = iter([os.geteuid() + 1, os.geteuid()])
    fstat = os.fstat

    def shown(descriptor):
        found = list(fstat(descriptor))
        found[4] = next(owners)
        return os.stat_result(found)

    monkeypatch.setattr(os, "fstat", shown)
    if not probed:

        def full(**_):
            raise OSError(errno.ENOSPC, "full")

        monkeypatch.setattr(disk, "TemporaryFile", full)
    with pytest.raises(DiskError, match="belongs to another user"):
        Partial(target, "a")
    monkeypatch.undo()
    assert part_of(target).exists()


def test_a_part_that_is_renamed_meanwhile_is_not_taken(target, monkeypatch):
    """What was opened may be the finished file by the time it is locked."""
    part_of(target).write_bytes(b"complete")
    original = disk.lock_file
    turns = []

    def lock_file(descriptor):
        if not turns:
            part_of(target).rename(target)
        turns.append(descriptor)
        return original(descriptor)

    monkeypatch.setattr(disk, "lock_file", lock_file)
    part = Partial(target, "a")
    part.start(None, None)
    part.write(b"other")
    assert target.read_bytes() == b"complete"
    assert len(turns) == 2
    part.close()


@pytest.mark.parametrize(
    ("failures", "says"),
    [
        ([FileExistsError(), FileNotFoundError()], None),
        ([FileExistsError(), FileNotFoundError()] * 20, "keeps being changed by other processes"),
        ([FileExistsError(), PermissionError(errno.EACCES, "Denied")], "cannot open .*: Denied"),
    ],
)
def test_a_part_that_comes_and_goes_before_it_is_opened(target, monkeypatch, failures, says):
    """Then it is made, within bounds; the operating system's reason is told."""
    original, left = os.open, list(failures)

    def opening(path, *rest, **more):
        if left:
            raise left.pop(0)
        return original(path, *rest, **more)

    monkeypatch.setattr(os, "open", opening)
    if says is None:
        Partial(target, "a").close()
    else:
        with pytest.raises(DownloadError, match=says):
            Partial(target, "a")
    assert not left


def test_a_part_that_cannot_be_removed_hides_nothing(part, target, monkeypatch):
    """What happened before is what counts."""

    def unlink(*_, **__):
        raise PermissionError

    monkeypatch.setattr(os, "unlink", unlink)
    part.close()
    assert part_of(target).exists()


def test_a_part_that_somebody_removed_is_not_missed(part, target):
    """Closing removes only what is ours."""
    part_of(target).unlink()
    part_of(target).write_bytes(b"other")
    part.close()
    assert part_of(target).read_bytes() == b"other"


VIDEO = b"\x00\x00\x00\x18ftypmp42" + bytes(1000)
PACKED = BodyRange(packed=True)


def test_a_bomb_is_refused_before_the_disk_is_full(part):
    """A video hardly shrinks."""
    with pytest.raises(ContentRefusedError, match="decompresses without end"):
        PartWriter(part, PACKED, float("inf"), "", "video").feed(
            gzip.compress(VIDEO + bytes(40_000_000))
        )


def test_what_is_not_gzip_is_refused(part):
    """In the words of whoever has looked."""
    with pytest.raises(ContentRefusedError, match="declared as gzip but is not gzip"):
        PartWriter(part, PACKED, float("inf"), "", "video").feed(b"no gzip at all")


@pytest.mark.parametrize("in_time", [True, False])
def test_a_slice_is_progress_if_it_came_in_time(part, in_time):
    """A server that sends a byte now and then would keep a caller for ever."""
    part.start('"v1"', 1000)
    part.write(bytes(400))
    body = BodyRange(400, 1000, '"v1"', announced=100, end=500)
    writer = PartWriter(part, body, 1e9, "", "video")
    writer.feed(bytes(100))
    found = writer.finish(in_time=in_time)
    assert found is BodyEnd.SLICE if in_time else isinstance(found, Failure)


def test_an_interrupt_while_the_state_is_read_keeps_no_lock(target, monkeypatch):
    """A later download to the same file would be told that this one is in progress."""

    def interrupted(part):
        raise KeyboardInterrupt

    part_of(target).write_bytes(b"x")
    with monkeypatch.context() as patch:
        patch.setattr(Partial, "_read_state", interrupted)
        with pytest.raises(KeyboardInterrupt):
            Partial(target, "a")
    Partial(target, "a").close()
