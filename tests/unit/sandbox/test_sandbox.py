"""Starting and stopping a sandbox."""

import asyncio
import errno
import logging
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import httpx
import pytest

from chainhub.sandbox import (
    MissingExtraError,
    Sandbox,
    SandboxError,
    completed,
    pending,
    reset,
    slow,
)
from chainhub.sandbox import _server as server
from tests.unit.sandbox.conftest import PLAIN, QUERY, get


def test_a_sandbox_makes_up_what_it_is_not_given() -> None:
    """Key, port and ids need not be given; two sandboxes do not get in each other's way."""
    with Sandbox() as one, Sandbox() as two:
        assert one.key.startswith("sk-sandbox-")
        assert one.key != two.key
        assert one.base_url != two.base_url
        assert one.add() != one.add()
        assert one.environment == {"CHAINHUB_BASE_URL": one.base_url, "CHAINHUB_API_KEY": one.key}
        assert get(one, one.add()).json()["status"] == "pending"


def test_a_task_may_be_written_out_step_by_step() -> None:
    """Steps and words one after the other are a script too, with an id and faults of the video."""
    with Sandbox() as sandbox:
        task_id = sandbox.task(pending, "completed", id="mine", media=[reset])
        answers = [get(sandbox, task_id).json() for _ in range(2)]
        assert task_id == "mine"
        assert [answer["status"] for answer in answers] == ["pending", "completed"]
        with pytest.raises(httpx.ReadError):
            PLAIN.get(answers[1]["video_url"])


def test_a_sandbox_starts_once_at_a_time() -> None:
    """A second start is refused, a second close does nothing, and starting again works."""
    sandbox = Sandbox(key="sk-test-hidden")
    assert repr(sandbox) == "<Sandbox not started, 0 tasks>"
    with pytest.raises(SandboxError, match="with Sandbox"):
        _ = sandbox.base_url
    with sandbox, pytest.raises(SandboxError, match="already running"):
        sandbox.start()
    sandbox.close()
    task_id = sandbox.add(completed)
    with sandbox:
        assert get(sandbox, task_id).json()["status"] == "completed"
        assert repr(sandbox) == f"<Sandbox {sandbox.base_url}, 1 tasks>"


def test_a_port_in_use_leaves_nothing_behind() -> None:
    """A sandbox that cannot have its port starts no thread, and says what to do."""
    with Sandbox() as first:
        port = int(first.base_url.rpartition(":")[2])
        before = threading.active_count()
        with pytest.raises(SandboxError) as caught, Sandbox(port=port):
            pass
        assert threading.active_count() == before
    assert str(caught.value) == (
        f"Cannot listen on 127.0.0.1, port {port}: another program uses it;"
        " choose another port, or 0 for a free one."
    )


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", "http://127.0.0.1:"),
        ("localhost", "http://localhost:"),
        ("::1", "http://[::1]:"),
        ("0.0.0.0", "http://127.0.0.1:"),
        ("::", "http://[::1]:"),
    ],
)
def test_where_it_listens(host: str, expected: str) -> None:
    """Names of loopback are allowed; more must be, and this machine then still uses loopback."""
    if host in ("0.0.0.0", "::"):
        with pytest.raises(SandboxError, match="--allow-remote"):
            Sandbox(host=host).start()
    with Sandbox(host=host, allow_remote=host in ("0.0.0.0", "::")) as sandbox:
        assert sandbox.base_url.startswith(expected)
        assert get(sandbox, "x:completes").status_code == 200


def test_of_several_addresses_the_common_one_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a name has both kinds of addresses, the one that every client tries is used."""
    kinds = [(socket.AF_INET6, ("::1", 0, 0, 0)), (socket.AF_INET, ("127.0.0.1", 0))]
    found = [(family, socket.SOCK_STREAM, 6, "", address) for family, address in kinds]
    with monkeypatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
        sandbox = Sandbox(host="localhost")
        sandbox.start()
    port = int(sandbox.base_url.rpartition(":")[2])
    socket.create_connection(("127.0.0.1", port), timeout=5).close()
    sandbox.close()


@pytest.mark.parametrize(
    ("host", "port", "complaint"),
    [
        ("", 0, "must not be empty"),
        ("nowhere.invalid", 0, "cannot be resolved"),
        ("a" * 64 + ".invalid", 0, "cannot be resolved"),
        ("127.0.0.1", -1, "from 0 to 65535"),
        ("127.0.0.1", 65536, "from 0 to 65535"),
        (OSError(errno.EACCES, "denied"), 80, "choose a port of 1024 or more"),
        (OSError(errno.EADDRNOTAVAIL, "Cannot assign"), 80, "Cannot assign"),
        (OSError("odd"), 80, "the system refuses"),
    ],
)
def test_a_wrong_place_is_one_sentence(host, port, complaint, monkeypatch) -> None:
    """What the system says is passed on, without the traceback of its error."""
    if isinstance(error := host, OSError):
        host = "127.0.0.1"
        monkeypatch.setattr(socket, "create_server", mock.Mock(side_effect=error))
    with pytest.raises(SandboxError, match=complaint) as caught:
        Sandbox(host=host, port=port).start()
    assert caught.value.__context__ is None


def test_nothing_is_left_behind() -> None:
    """After the end there is no thread, nobody listens, and waiting clients are let go at once."""
    threads = set(threading.enumerate())
    with Sandbox() as sandbox:
        task_id = sandbox.add(slow(60))
        port = int(sandbox.base_url.rpartition(":")[2])
        with (
            socket.create_connection(("127.0.0.1", port)) as idle,
            socket.create_connection(("127.0.0.1", port)) as waiting,
        ):
            request = f"GET {QUERY}?id={task_id} HTTP/1.1\r\nHost: x\r\n"
            waiting.sendall(f"{request}Authorization: Bearer {sandbox.key}\r\n\r\n".encode())
            _until(lambda: len(sandbox.requests) == 1)
            began = time.monotonic()
            sandbox.close()
            assert (idle.recv(1), waiting.recv(1)) == (b"", b"")
            assert time.monotonic() - began < 2
    assert set(threading.enumerate()) == threads
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=2)


def test_it_starts_from_any_thread_and_from_within_a_loop() -> None:
    """A sandbox can be started by another thread, and beside a running event loop."""
    words: list[str] = []

    def use() -> None:
        with Sandbox() as sandbox:
            words.append(get(sandbox, sandbox.add(completed)).json()["status"])

    async def use_in_loop() -> None:
        with Sandbox() as sandbox:
            words.append((await asyncio.to_thread(get, sandbox, "x:completes")).json()["status"])

    thread = threading.Thread(target=use)
    thread.start()
    thread.join(10)
    asyncio.run(use_in_loop())
    assert words == ["completed", "pending"]


def test_it_is_quiet(caplog: pytest.LogCaptureFixture) -> None:
    """Start, requests, nonsense and end log nothing but errors; others of the process may log."""
    loggers = [logging.getLogger(name) for name in ("uvicorn.error", "uvicorn.access")]
    before = [(found.level, found.propagate, list(found.filters)) for found in loggers]
    with caplog.at_level(logging.INFO), Sandbox() as sandbox:
        get(sandbox, sandbox.add(completed))
        port = int(sandbox.base_url.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port)) as odd:
            odd.sendall(b"nonsense\r\n\r\n")
            assert odd.recv(12) == b"HTTP/1.1 400"
        loggers[0].info("from elsewhere")
        thread = sandbox._background._thread
        (quiet,) = [one for one in loggers[0].filters if one not in before[0][2]]
        for level in (logging.WARNING, logging.ERROR):
            record = logging.LogRecord("uvicorn.error", level, "", 0, "text", None, None)
            record.thread = thread.ident
            assert bool(quiet(record)) is (level == logging.ERROR)
    told = [record.message for record in caplog.records if record.name.startswith("uvicorn")]
    assert told == ["from elsewhere"]
    assert [(found.level, found.propagate, list(found.filters)) for found in loggers] == before


def test_the_connection_stays_open_for_75_seconds() -> None:
    """An idle connection is kept, for as long as decided."""
    with Sandbox() as sandbox:
        headers = {"Authorization": f"Bearer {sandbox.key}"}
        url = f"{sandbox.base_url}{QUERY}?id=x:completes"
        with httpx.Client(headers=headers, trust_env=False) as client:
            ports = {
                client.get(url).extensions["network_stream"].get_extra_info("client_addr")
                for _ in range(3)
            }
        assert len(ports) == 1
        assert sandbox._background is not None
        assert sandbox._background.config.timeout_keep_alive == 75


def test_the_date_is_renewed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The date of the answers does not stand still."""
    monkeypatch.setattr(server, "_TICK", 0.01)
    with Sandbox() as sandbox:
        monkeypatch.setattr(time, "time", lambda: 0.0)
        _until(lambda: "1970" in get(sandbox, "x:completes").headers["date"])


@pytest.fixture
def _broken(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the server fail while it starts."""

    async def startup(self: object, sockets: object = None) -> None:
        raise OSError("no more descriptors")

    monkeypatch.setattr(server.Background, "startup", startup)


@pytest.mark.usefixtures("_broken")
def test_a_server_that_does_not_start_is_an_error() -> None:
    """A failure in the server's thread is told where the sandbox is started."""
    before = threading.active_count()
    sandbox = Sandbox()
    with pytest.raises(SandboxError, match="did not start") as caught:
        sandbox.start()
    assert isinstance(caught.value.__cause__, OSError)
    assert threading.active_count() == before
    assert sandbox._background is None


@pytest.mark.parametrize("package", ["starlette", "uvicorn"])
def test_a_missing_package_is_one_sentence(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the extra, the complaint says what to install."""
    for name in [*sys.modules]:
        if name.split(".")[0] == package or name in (
            "chainhub.sandbox._app",
            "chainhub.sandbox._server",
        ):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtraError) as caught:
        Sandbox().start()
    assert str(caught.value).startswith(f"the sandbox needs the package {package}, which")


def test_a_missing_video_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program of one file may lack the files beside the code; a video of one's own serves."""
    monkeypatch.setattr("chainhub.sandbox._sandbox.files", lambda package: tmp_path)
    with pytest.raises(SandboxError, match=r"^The file sample\.mp4 .* with `video=`\.$"):
        Sandbox().start()
    with Sandbox(video=b"own") as sandbox:
        assert sandbox.base_url


def test_many_connections_at_once() -> None:
    """More connections than a usual backlog are open, and all are answered."""

    async def ask(port: int, request: bytes) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        await gate.wait()
        writer.write(request)
        head = await reader.readuntil(b"\r\n")
        writer.close()
        await writer.wait_closed()
        return head

    async def ask_all(port: int, request: bytes) -> list[bytes]:
        # Both ends are in this process, which may have as few as 512 files.
        requests = [asyncio.create_task(ask(port, request)) for _ in range(150)]
        await asyncio.sleep(0)
        gate.set()
        return await asyncio.wait_for(asyncio.gather(*requests), 30)

    gate = asyncio.Event()
    with Sandbox() as sandbox:
        head = f"GET {QUERY}?id=x:completes HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "
        request = f"{head}{sandbox.key}\r\n\r\n".encode()
        port = int(sandbox.base_url.rpartition(":")[2])
        answers = asyncio.run(ask_all(port, request))
    assert set(answers) == {b"HTTP/1.1 200 OK\r\n"}


def test_importing_chainhub_loads_no_server_code() -> None:
    """Neither the package nor the words of scripts need the server's packages."""
    code = (
        "import sys, chainhub; assert not [m for m in sys.modules if 'sandbox' in m];"
        "import chainhub.sandbox; print(sorted({'starlette', 'uvicorn'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def _until(condition: Callable[[], bool], seconds: float = 5.0) -> None:
    """Wait until something holds that another thread brings about."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
