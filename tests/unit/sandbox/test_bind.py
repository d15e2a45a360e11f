"""The socket a sandbox listens on."""

import errno
import socket

import pytest

from chainhub.sandbox import SandboxError
from chainhub.sandbox._server import listen, origin


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", "http://127.0.0.1:"),
        ("localhost", "http://localhost:"),
        ("::1", "http://[::1]:"),
    ],
)
def test_loopback_can_be_listened_on(host: str, expected: str) -> None:
    """Every name of loopback is allowed, and a free port is found."""
    with listen(host, 0, allow_remote=False) as listener:
        assert origin(host, listener) == f"{expected}{listener.getsockname()[1]}"


def test_of_several_addresses_the_common_one_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a name has both kinds of addresses, the one that every client tries is used."""
    kinds = [(socket.AF_INET6, ("::1", 0, 0, 0)), (socket.AF_INET, ("127.0.0.1", 0))]
    found = [(family, socket.SOCK_STREAM, 6, "", address) for family, address in kinds]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    with listen("localhost", 0, allow_remote=False) as listener:
        assert listener.family == socket.AF_INET


@pytest.mark.parametrize(
    ("host", "here"), [("0.0.0.0", "http://127.0.0.1:"), ("::", "http://[::1]:")]
)
def test_every_address_needs_leave(host: str, here: str) -> None:
    """Listening beyond loopback must be allowed; this machine then still uses loopback."""
    with pytest.raises(SandboxError, match="--allow-remote"):
        listen(host, 0, allow_remote=False)
    with listen(host, 0, allow_remote=True) as listener:
        assert origin(host, listener).startswith(here)


def test_a_port_in_use_is_one_sentence() -> None:
    """The complaint names host and port and says what to do."""
    with listen("127.0.0.1", 0, allow_remote=False) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(SandboxError) as caught:
            listen("127.0.0.1", port, allow_remote=False)
    assert str(caught.value) == (
        f"Cannot listen on 127.0.0.1, port {port}: another program uses it;"
        " choose another port, or 0 for a free one."
    )


@pytest.mark.parametrize(
    ("trouble", "reason"),
    [
        (OSError(errno.EACCES, "denied"), "choose a port of 1024 or more"),
        (OSError(errno.EADDRNOTAVAIL, "Cannot assign"), "Cannot assign"),
        (OSError("odd"), "the system refuses"),
    ],
)
def test_other_trouble_is_one_sentence_too(
    trouble: OSError, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the system says is passed on, without the traceback of the system's error."""

    def refuse(*_: object, **__: object) -> socket.socket:
        raise trouble

    monkeypatch.setattr(socket, "create_server", refuse)
    with pytest.raises(SandboxError, match=reason) as caught:
        listen("127.0.0.1", 80, allow_remote=False)
    assert caught.value.__context__ is None


@pytest.mark.parametrize(
    ("host", "port", "complaint"),
    [
        ("", 0, "must not be empty"),
        ("nowhere.invalid", 0, "cannot be resolved"),
        ("a" * 64 + ".invalid", 0, "cannot be resolved"),
        ("127.0.0.1", -1, "from 0 to 65535"),
        ("127.0.0.1", 65536, "from 0 to 65535"),
    ],
)
def test_a_wrong_place_is_refused(host: str, port: int, complaint: str) -> None:
    """A place that cannot be is refused before anything is opened."""
    with pytest.raises(SandboxError, match=complaint):
        listen(host, port, allow_remote=False)
