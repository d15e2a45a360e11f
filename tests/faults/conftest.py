"""The stage that the servers of all these tests stand on, and what may not happen on it."""

import os
import sys
from collections.abc import Iterator

import pytest

from tests.faults.server import Stage


@pytest.fixture(scope="session")
def stage() -> Iterator[Stage]:
    """Run one event loop for all servers of the session."""
    made = Stage()
    yield made
    made.close()


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.lower().endswith("_proxy") or name.startswith(("CHAINHUB_", "SSL_CERT_")):
            monkeypatch.delenv(name)


class Contacts:
    """Every address this process connects to, and every name it looks up."""

    def __init__(self) -> None:
        self.seen: set[object] = set()
        sys.addaudithook(self._note)

    def _note(self, event: str, details: tuple[object, ...]) -> None:
        if event in ("socket.connect", "socket.getaddrinfo"):
            self.seen.add(details[1] if event == "socket.connect" else details[0])


@pytest.fixture(scope="session")
def _contacts() -> Contacts:
    return Contacts()


@pytest.fixture
def contacts(_contacts: Contacts) -> set[object]:
    """Return the contacts from here on."""
    _contacts.seen = set()
    return _contacts.seen
