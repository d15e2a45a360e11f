"""Credentials come from the environment or the keyring."""

from pathlib import Path

import pytest

from release import credentials
from release.credentials import Credentials
from release.errors import Problem
from release.index import Index

ACME = Index("acme", "https://acme.example.com/simple/", "https://acme.example.com/")
APART = Index("acme", "https://read.example.com/simple/", "https://acme.example.com/")
PUBLISHER = Credentials("ann", "sk-test-1")
NAMED = {"UV_PUBLISH_USERNAME": "ann"}


def _keyring(address: str, username: str) -> str | None:
    return "sk-test-ring" if (address, username) == (ACME.publish_url, "ann") else None


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"UV_PUBLISH_TOKEN": "sk-test-token"}, Credentials("__token__", "sk-test-token")),
        (NAMED | {"UV_PUBLISH_PASSWORD": "sk-test-1"}, PUBLISHER),
        (NAMED, Credentials("ann", "sk-test-ring")),
    ],
)
def test_credentials_are_found(environment: dict[str, str], expected: Credentials) -> None:
    """A token comes first, then name and password, then the keyring's password for the name."""
    assert credentials.publishing(ACME, environment, _keyring) == expected


@pytest.mark.parametrize(
    ("environment", "told"),
    [
        ({}, "no credentials for the index 'acme': set UV_PUBLISH_TOKEN, or"),
        ({"UV_PUBLISH_USERNAME": "bob"}, "say keyring set https://acme.example.com/ bob."),
    ],
)
def test_no_credentials_is_a_sentence(environment: dict[str, str], told: str) -> None:
    """What to set is said."""
    with pytest.raises(Problem) as caught:
        credentials.publishing(ACME, environment, _keyring)
    assert told in str(caught.value)


@pytest.mark.parametrize(
    ("index", "environment", "expected"),
    [
        (ACME, {}, PUBLISHER),
        (APART, {}, None),
        (
            APART,
            {"UV_INDEX_ACME_USERNAME": "rob", "UV_INDEX_ACME_PASSWORD": "sk-test-2"},
            Credentials("rob", "sk-test-2"),
        ),
        (ACME, {"UV_INDEX_ACME_USERNAME": "sk-test-token"}, Credentials("sk-test-token", "")),
    ],
)
def test_reading_has_its_own(
    index: Index, environment: dict[str, str], expected: Credentials | None
) -> None:
    """The publisher's password reads only the server it publishes to."""
    assert credentials.reading(index, environment, PUBLISHER) == expected


def test_a_password_is_not_shown() -> None:
    """The repr of credentials has the name only."""
    assert repr(PUBLISHER) == "Credentials(username='ann')"


@pytest.mark.parametrize(
    ("program", "expected"),
    [
        ('#!/bin/sh\necho "$1 $2 $3"\n', "get https://acme.example.com/ ann"),
        ("#!/bin/sh\nexit 1\n", None),
        ("#!/no/such/interpreter\n", None),
        ("#!/bin/sh\nexec sleep 10\n", None),
        (None, None),
    ],
)
def test_the_keyring_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str | None, expected: str | None
) -> None:
    """One that knows nothing, fails, hangs or is not there gives no password."""
    monkeypatch.setenv("PATH", str(tmp_path) + (":/usr/bin:/bin" if program else ""))
    monkeypatch.setattr(credentials, "_TIMEOUT", 0.3)
    if program:
        (tmp_path / "keyring").write_text(program, "utf-8")
        (tmp_path / "keyring").chmod(0o755)
    assert credentials.ask_keyring("https://acme.example.com/", "ann") == expected
