"""What this process connects to, which no test may do unasked."""

import sys

import pytest


class Contacts:
    """Every address this process connects to, and every name it looks up."""

    def __init__(self) -> None:
        self.addresses: set[object] = set()
        sys.addaudithook(self._note)

    def _note(self, event: str, details: tuple[object, ...]) -> None:
        if event in ("socket.connect", "socket.getaddrinfo"):
            self.addresses.add(details[1] if event == "socket.connect" else details[0])


@pytest.fixture(scope="session")
def _contacts() -> Contacts:
    return Contacts()


@pytest.fixture
def contacts(_contacts: Contacts) -> set[object]:
    """Return the contacts from here on."""
    _contacts.addresses = set()
    return _contacts.addresses
