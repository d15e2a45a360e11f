"""Downloads to file systems that fail, or beside other programs.

Every row has the difference from a usual disk and the outcome: the whole file, or one typed error.
Whatever happens, the target is the right file or is not there.
"""

import errno
import fcntl
import hashlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import attrs
import pytest

import chainhub
from tests.client.video import TASK_ID, SampleVideo, end, header_of, task
from tests.faults import identities
from tests.loopback import until

SAMPLE = SampleVideo(300_000)
HALF = 150_000
STATE = {"id": TASK_ID, "etag": '"v1"', "length": len(SAMPLE.data)}
NAMES = {"v.mp4"}


@attrs.define
class World:
    """The state that a row may change.

    Attributes:
        folder: Where the video is to be written.
        patch: Changes functions of the operating system.
        send: The behaviour of the video server.
        cleanup: Called at the end.
    """

    folder: Path
    patch: pytest.MonkeyPatch
    send: Callable[[Any, bytes], None] = SAMPLE.send
    cleanup: list[Callable[[], object]] = attrs.field(factory=list)

    @property
    def target(self) -> Path:
        """Return the file to write."""
        return self.folder / "v.mp4"

    @property
    def part(self) -> Path:
        """Return the unfinished file."""
        return self.folder / "v.mp4.part"

    @property
    def state(self) -> Path:
        """Return the state of the unfinished file."""
        return self.folder / "v.mp4.part.json"

    def keep(self, size: int = HALF, **changes: object) -> None:
        """Write the files that a failed call of the first version leaves."""
        self.part.write_bytes(SAMPLE.data[:size])
        self.state.write_text(json.dumps(STATE | changes))


Harm = Callable[[World], object]


@attrs.frozen(kw_only=True)
class Row:
    """One kind of disk, or of other program.

    Attributes:
        name: Its name.
        change: Changes the world.
        error: The class of the error, None for the whole file.
        says: A part of the error message, or of the log.
        files: The names in the folder afterwards.
    """

    name: str
    change: Callable[[World], object]
    error: type[Exception] | None = None
    says: str = ""
    files: set[str] | None = None


def failing_call(place: object, name: str, number: int) -> Callable[[World], None]:
    """Return a change: a function of the operating system fails."""

    def change(world: World) -> None:
        def refuse(*_: object, **__: object) -> None:
            raise OSError(number, os.strerror(number))

        world.patch.setattr(place, name, refuse)

    return change


def fails_late(call: str, number: int) -> Callable[[World], None]:
    """Return a change: a call on a network drive succeeds, is repeated, and then fails."""

    def change(world: World) -> None:
        function = getattr(os, call)

        def succeed_then_fail(*arguments: object) -> None:
            function(*arguments)
            raise OSError(number, os.strerror(number))

        if call != "link":
            failing_call(os, "link", errno.ENOTSUP)(world)
        world.patch.setattr(os, call, succeed_then_fail)

    return change


def unsupported() -> Iterator[Row]:
    """File systems that do not know locks, syncing, truncating or links."""
    unknown = (errno.ENOSYS, errno.ENOTSUP, errno.EINVAL)
    for number in (*unknown, errno.ENOLCK):
        name = errno.errorcode[number]
        says = "its file system has no locks"
        yield Row(name=f"flock {name}", change=failing_call(fcntl, "flock", number), says=says)
    for number in unknown:
        name = errno.errorcode[number]
        says = "its file system cannot sync"
        yield Row(name=f"fsync {name}", change=failing_call(os, "fsync", number), says=says)

        def with_a_part(world: World, number: int = number) -> None:
            world.keep(etag='"of another"')
            failing_call(os, "ftruncate", number)(world)

        yield Row(name=f"ftruncate {name} over an old part", change=with_a_part)
        yield Row(name=f"link {name}", change=failing_call(os, "link", number))
    yield Row(name="link EPERM", change=failing_call(os, "link", errno.EPERM))
    yield Row(name="link EMLINK", change=failing_call(os, "link", errno.EMLINK))

    yield Row(name="link EEXIST of a link just made", change=fails_late("link", errno.EEXIST))
    yield Row(name="rename ENOENT after it was done", change=fails_late("rename", errno.ENOENT))

    def nothing(world: World) -> None:
        for place, name in ((fcntl, "flock"), (os, "fsync"), (os, "ftruncate"), (os, "link")):
            failing_call(place, name, errno.ENOTSUP)(world)

    yield Row(name="nothing of all this", change=nothing)

    def resumed(world: World) -> None:
        world.keep()
        nothing(world)

    yield Row(name="nothing of all this, and a part to resume", change=resumed)


def broken() -> Iterator[Row]:
    """Disks that are full or broken: an error, and nothing is left."""

    def failing(name: str, change: Harm, says: str) -> Row:
        return Row(name=name, change=change, error=chainhub.DiskError, says=says, files=set())

    for call, place, number in (
        ("write", os, errno.ENOSPC),
        ("write", os, errno.EDQUOT),
        ("write", os, errno.EFBIG),
        ("write", os, errno.EROFS),
        ("fsync", os, errno.EIO),
        ("fsync", os, errno.ENOSPC),
        ("fsync", os, errno.EDQUOT),
        ("flock", fcntl, errno.EIO),
    ):
        change, name = failing_call(place, call, number), f"{call} {errno.errorcode[number]}"
        yield failing(name, change, os.strerror(number))

    def closing(world: World) -> None:
        failing_call(os, "fsync", errno.ENOTSUP)(world)
        close = os.close

        def close_at_quota(descriptor: int) -> None:
            of_part = world.part.exists() and world.part.samefile(f"/proc/self/fd/{descriptor}")
            close(descriptor)
            if of_part:
                raise OSError(errno.EDQUOT, os.strerror(errno.EDQUOT))

        world.patch.setattr(os, "close", close_at_quota)

    says = os.strerror(errno.EDQUOT)
    yield failing("close EDQUOT where nothing can be synced", closing, says)

    def taking_nothing(world: World) -> None:
        world.patch.setattr(os, "write", lambda *_: 0)

    yield failing("write takes nothing", taking_nothing, "nothing more can be written")

    def truncating(world: World) -> None:
        world.keep(etag='"of another"')
        failing_call(os, "ftruncate", errno.EIO)(world)

    yield failing("ftruncate EIO over an old part", truncating, "Input/output error")


def set_owner(world: World, owner: int) -> None:
    """Let every file appear to belong to another user."""
    fstat = os.fstat

    def fstat_of_squash(descriptor: int) -> os.stat_result:
        fields = list(fstat(descriptor))
        fields[4] = owner
        # The result is compared with that of a path, so it needs all fields.
        return os.stat_result(fields)

    world.patch.setattr(os, "fstat", fstat_of_squash)


def owners() -> Iterator[Row]:
    """Owners of the files, real and apparent ones."""

    def squash(world: World) -> None:
        set_owner(world, 65534)

    def squash_with_a_part(world: World) -> None:
        world.keep()
        set_owner(world, 65534)

    yield Row(name="all files seem to be nobody's", change=squash)
    yield Row(name="all files seem to be nobody's, with a part", change=squash_with_a_part)

    def given_away(name: str, beginning: bytes) -> Callable[[World], None]:
        def change(world: World) -> None:
            if os.geteuid() != 0:
                pytest.skip("only root can give files to others")
            world.keep()
            world.part.write_bytes(beginning)
            os.chown(world.folder / name, 12345, -1)

        return change

    yield Row(
        name="a part of another user",
        change=given_away("v.mp4.part", SAMPLE.data[:HALF]),
        error=chainhub.DiskError,
        says="belongs to another user",
        files={"v.mp4.part", "v.mp4.part.json"},
    )
    yield Row(name="a state of another user", change=given_away("v.mp4.part.json", b"x" * HALF))

    def linked_part(world: World) -> None:
        (world.folder / "victim").write_bytes(b"victim")
        world.part.symlink_to("victim")

    yield Row(
        name="a part that is a link",
        change=linked_part,
        error=chainhub.DiskError,
        says="not a partial download",
        files={"victim", "v.mp4.part"},
    )

    def linked_state(world: World) -> None:
        world.keep()
        world.part.write_bytes(b"x" * HALF)
        world.state.rename(world.folder / "planted")
        world.state.symlink_to("planted")

    yield Row(name="a state that is a link", change=linked_state, files={"v.mp4", "planted"})


def send_half(world: World, connection: Any, head: bytes, harm: Harm) -> None:
    """Send the first half of the video; when it is on disk, another program does something."""
    start = SAMPLE.start_of(head) or 0
    connection.sendall(SAMPLE.head_for(head) + SAMPLE.data[start:HALF])
    until(lambda: world.part.exists() and world.part.stat().st_size >= HALF)
    harm(world)


def on_half(harm: Harm, *, times: int = 1, between: bool = False) -> Callable[[World], None]:
    """Return a change: another program does something when half of the file has arrived.

    Then the transfer continues, unless the harm is done `between` two attempts.
    """

    def change(world: World) -> None:
        calls: list[bytes] = []

        def send(connection: Any, head: bytes) -> None:
            calls.append(head)
            if len(calls) > times:
                SAMPLE.send(connection, head)
            elif between:
                SAMPLE.until(HALF, end)(connection, head)
                until(lambda: world.part.stat().st_size >= HALF)
                harm(world)
            else:
                send_half(world, connection, head, harm)
                with suppress(OSError):
                    connection.sendall(SAMPLE.data[HALF:])

        world.send = send

    return change


def replace_part(world: World) -> None:
    """Put another file there, as `curl -o` to another name and `mv` do."""
    replacement = world.folder / "other"
    replacement.write_bytes(b"NOT THE VIDEO" * 9999)
    replacement.replace(world.part)


def overwrite_part(world: World) -> None:
    """Write into the same file from its beginning, as `curl -o` does."""
    world.part.write_bytes(b"NOT THE VIDEO" * 9)


def append_to_part(world: World) -> None:
    """Append to the file."""
    with world.part.open("ab") as file:
        file.write(b"more")


def remove_remotely(world: World) -> None:
    """Remove the file from another computer, on a drive of the network."""
    fstat = os.fstat

    def fstat_of_nfs(descriptor: int) -> os.stat_result:
        status = fstat(descriptor)
        if status.st_nlink == 0:
            raise OSError(errno.ESTALE, "Stale file handle")
        return status

    world.patch.setattr(os, "fstat", fstat_of_nfs)
    world.part.unlink()


HARMS: tuple[tuple[str, Harm], ...] = (
    ("replaced", replace_part),
    ("overwritten", overwrite_part),
    ("truncated", lambda world: os.truncate(world.part, 0)),
    ("truncated to a half", lambda world: os.truncate(world.part, HALF // 2)),
    ("made longer", lambda world: os.truncate(world.part, 2 * HALF)),
    ("appended to", append_to_part),
    ("removed", lambda world: world.part.unlink()),
    ("removed elsewhere", remove_remotely),
    ("renamed", lambda world: world.part.rename(world.folder / "mine")),
)


def changes_by_others() -> Iterator[Row]:
    """Other programs that change the file during the download: the right bytes, or an error."""
    for name, harm in HARMS:
        files = {"v.mp4", "mine"} if name == "renamed" else None
        yield Row(name=f"the part is {name}", change=on_half(harm), files=files)
        text = f"the part is {name} between two attempts"
        yield Row(name=text, change=on_half(harm, between=True), files=files)
        if name in ("replaced", "truncated", "removed"):
            yield Row(
                name=f"the part is {name} each time",
                change=on_half(harm, times=99),
                error=chainhub.DownloadError,
                says="another program has changed the partial file",
            )

    def linked(world: World) -> None:
        world.part.unlink()
        world.part.symlink_to("victim")

    yield Row(
        name="the part becomes a link",
        change=on_half(linked),
        error=chainhub.DiskError,
        says="not a partial download",
        files={"v.mp4.part"},
    )

    def at_the_end(world: World) -> None:
        fsync = os.fsync

        def replaced_first(descriptor: int) -> None:
            world.patch.setattr(os, "fsync", fsync)
            replace_part(world)
            fsync(descriptor)

        world.patch.setattr(os, "fsync", replaced_first)

    yield Row(name="the part is replaced after the last byte", change=at_the_end)


def mounts() -> Iterator[Row]:
    """Real mounts, where this user may make them."""

    def mounted(*arguments: str) -> Callable[[World], None]:
        def change(world: World) -> None:
            command = ["mount", *arguments, str(world.folder)]
            if subprocess.run(command, capture_output=True).returncode:
                pytest.skip("this user may not mount")
            world.cleanup.append(
                lambda: subprocess.run(["umount", "-l", str(world.folder)], check=True)
            )

        return change

    full = mounted("-t", "tmpfs", "-o", "size=128k", "tmpfs")
    yield Row(
        name="a small disk", change=full, error=chainhub.DiskError, says="No space", files=set()
    )
    yield Row(name="a disk of its own", change=mounted("-t", "tmpfs", "tmpfs"))

    def read_only(world: World) -> None:
        mounted("--bind", str(world.folder))(world)
        command = ["mount", "-o", "remount,ro,bind", str(world.folder)]
        subprocess.run(command, check=True)

    yield Row(
        name="a bind mount to read from",
        change=read_only,
        error=chainhub.DiskError,
        says="Read-only file system",
        files=set(),
    )


def slices() -> Iterator[Row]:
    """Servers that send less than was requested, after a transfer that broke."""
    for size in (1_000, 20_000, 100_000):

        def change(world: World, size: int = size) -> None:
            world.keep(HALF if size > 1_000 else len(SAMPLE.data) - 30_000)

            def send(connection: Any, head: bytes) -> None:
                start, total = SAMPLE.start_of(head) or 0, len(SAMPLE.data)
                stop = min(start + size, total)
                part = f"Content-Range: bytes {start}-{stop - 1}/{total}"
                connection.sendall(SAMPLE.head(stop - start, part, status=206))
                connection.sendall(SAMPLE.data[start:stop])

            world.send = send

        yield Row(name=f"slices of {size} bytes", change=change)


def old_parts() -> Iterator[Row]:
    """Files that an earlier version has left."""

    def usual(world: World) -> None:
        world.keep()

        def send(connection: Any, head: bytes) -> None:
            assert header_of(head, "range") == f"bytes={HALF}-"
            SAMPLE.send(connection, head)

        world.send = send

    yield Row(name="a part of the first version is resumed", change=usual)
    yield Row(name="a part without a state", change=lambda world: world.part.write_bytes(b"x" * 9))


def interruptions() -> Iterator[Row]:
    """Yield rows in which a signal handler raises inside a call of the system."""

    def inside(place: object, name: str) -> Callable[[World], None]:
        def alarm(_number: int, _frame: object) -> None:
            raise TimeoutError("alarm")

        def step(*_: object, **__: object) -> None:
            alarm(signal.SIGALRM, sys._getframe())  # as Python calls a handler

        return lambda world: world.patch.setattr(place, name, step)

    for place, name in (
        (os, "fstat"),
        (os, "link"),
        (os, "lseek"),
        (os, "write"),
        (fcntl, "flock"),
    ):
        text = f"an alarm inside {name} is no fault of the disk"
        yield Row(name=text, change=inside(place, name), error=TimeoutError, says="^alarm$")


ROWS = [
    *interruptions(),
    *unsupported(),
    *broken(),
    *owners(),
    *changes_by_others(),
    *mounts(),
    *slices(),
    *old_parts(),
]


def test_the_table_is_broad() -> None:
    """There are many rows, each with a name of its own."""
    assert len({row.name for row in ROWS}) == len(ROWS) >= 50


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_disk_has_its_outcome(
    row: Row,
    mode: Any,
    server: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The whole file or one typed error, and nothing that does not belong there."""
    folder = tmp_path / "disk"
    folder.mkdir()
    quick = chainhub.RetryPolicy(base=0.001)
    client = mode.client(base_url=server.url, retry=quick)
    world = World(folder, monkeypatch)
    try:
        row.change(world)

        def play(connection: Any, head: bytes) -> None:
            if b"/video/query" in head:
                connection.sendall(task(f"{server.url}/content"))
            else:
                world.send(connection, head)

        server.answers = [play]
        if row.error is None:
            mode(client.video.download(TASK_ID, world.target))
            assert world.target.read_bytes() == SAMPLE.data
            assert row.says in caplog.text
        else:
            with pytest.raises(row.error, match=row.says):
                mode(client.video.download(TASK_ID, world.target))
            assert not world.target.exists()
        monkeypatch.undo()
        files = {path.name for path in folder.iterdir()}
        expected = NAMES if row.files is None and row.error is None else row.files
        assert expected in (files, None)
    finally:
        monkeypatch.undo()
        for step in world.cleanup:
            step()


@pytest.mark.parametrize("checked", [True, False])
def test_bytes_overwritten_in_place_are_found_by_the_checksum(
    checked: bool, mode: Any, server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And only by it: that is what docs/security.md does not promise."""

    def patched(world: World) -> None:
        with world.part.open("r+b") as file:
            file.write(b"NOT THE VIDEO")

    world = World(tmp_path, monkeypatch)
    on_half(patched)(world)
    server.answers = [task(f"{server.url}/v"), world.send]
    client = mode.client(base_url=server.url)
    if checked:
        right = hashlib.sha256(SAMPLE.data).hexdigest()
        with pytest.raises(chainhub.IntegrityError):
            mode(client.video.download(TASK_ID, world.target, sha256=right))
        assert list(tmp_path.iterdir()) == []
    else:
        mode(client.video.download(TASK_ID, world.target))
        assert world.target.read_bytes()[13:] == SAMPLE.data[13:]


@pytest.mark.parametrize("announced", [True, False])
def test_a_body_without_a_length_must_end_with_a_notice(
    announced: bool, mode: Any, server: Any, secure: Any, tmp_path: Path
) -> None:
    """An encrypted connection that is cut is not the end of the file: nobody says where that is."""
    video = b"\x1aE\xdf\xa3" + SAMPLE.data

    def send(connection: Any, head: bytes) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + video)
        if announced:
            connection.unwrap()
        connection.shutdown(2)

    server.answers, secure.answers = [task(f"{secure.url}/v")], [send]
    client = mode.client(
        base_url=server.url,
        verify_ssl=str(identities.AUTHORITY),
        retry=chainhub.RetryPolicy(base=0.001),
    )

    def download() -> Any:
        return mode(client.video.download(TASK_ID, tmp_path / "v", allow_hosts=["127.0.0.1"]))

    if announced:
        assert download().read_bytes() == video
        return
    with pytest.raises(chainhub.ConnectionFailedError, match="ended without notice"):
        download()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("etag", ['"strong"', 'W/"weak"', None])
def test_progress_says_whether_it_can_be_resumed(
    etag: str | None, mode: Any, server: Any, tmp_path: Path
) -> None:
    """So does the error, if nothing is kept for that reason."""
    sample, steps = SampleVideo(etag=etag), []
    broken = sample.until(50_000, end)
    server.answers = [task(f"{server.url}/v"), broken, broken, broken, broken]
    client = mode.client(base_url=server.url, retry=chainhub.RetryPolicy(base=0.001))
    with pytest.raises(chainhub.ConnectionFailedError) as caught:
        mode(client.video.download(TASK_ID, tmp_path / "v", progress=steps.append))
    strong = etag == '"strong"'
    assert {step.resumable for step in steps} == {strong}
    assert ("the same call resumes it" if strong else "no strong ETag") in str(caught.value)
    assert {path.name for path in tmp_path.iterdir()} == (
        {"v.part", "v.part.json"} if strong else set()
    )


@pytest.mark.parametrize("into", [True, False])
def test_a_place_that_has_no_name_here(into: bool, mode: Any, server: Any, tmp_path: Path) -> None:
    """A lone surrogate is in no encoding; the error is ours."""
    client = mode.client(base_url=server.url)
    place = f"{tmp_path}/\ud800"
    with pytest.raises(chainhub.ConfigurationError, match="encoding"):
        mode(client.video.download("a", **{"into" if into else "dest": place}))
    assert server.requests == []


def test_a_current_folder_that_is_gone(
    mode: Any, server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing can be seen from there."""
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    client = mode.client(base_url=server.url)
    with pytest.raises(chainhub.DiskError, match="current folder"):
        mode(client.video.download("a", "v.mp4"))
    assert server.requests == []


@pytest.mark.parametrize("harm", HARMS, ids=lambda harm: harm[0])
def test_the_next_call_resumes_nothing_of_others(
    harm: tuple[str, Harm],
    mode: Any,
    server: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What a call that failed leaves is the beginning of the file, or is not resumed."""
    world = World(tmp_path, monkeypatch)

    def send(connection: Any, head: bytes) -> None:
        send_half(world, connection, head, harm[1])
        end(connection)

    server.answers = [task(f"{server.url}/v"), send, task(f"{server.url}/v"), SAMPLE.send]
    client = mode.client(base_url=server.url, retry=chainhub.RetryPolicy.off())
    with pytest.raises(chainhub.ChainhubError):
        mode(client.video.download(TASK_ID, world.target))
    monkeypatch.undo()
    assert mode(client.video.download(TASK_ID, world.target)).read_bytes() == SAMPLE.data
    assert header_of(server.requests[3], "range") is None
