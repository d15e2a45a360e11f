"""Credentials for an index: from the environment or the keyring, never from a command line."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from release.errors import Problem
from release.index import Index, origin

# Returns the password of a user at an address; None if it has none.
Keyring = Callable[[str, str], str | None]

_TIMEOUT = 60.0


@dataclass(frozen=True)
class Credentials:
    """A user name and its password."""

    username: str
    password: str = field(repr=False)


def publishing(index: Index, environment: Mapping[str, str], keyring: Keyring) -> Credentials:
    """Find the credentials for publishing in the variables that `uv publish` reads too.

    Raises:
        Problem: the credentials are missing or incomplete.
    """
    if token := environment.get("UV_PUBLISH_TOKEN"):
        return Credentials("__token__", token)
    username = environment.get("UV_PUBLISH_USERNAME")
    if not username:
        raise Problem(
            f"There are no credentials for the index {index.name!r}: set UV_PUBLISH_TOKEN, or "
            "UV_PUBLISH_USERNAME with UV_PUBLISH_PASSWORD or a password in the keyring."
        )
    password = environment.get("UV_PUBLISH_PASSWORD") or keyring(index.publish_url, username)
    if not password:
        raise Problem(
            f"There is no password for {username!r} at the index {index.name!r}: set "
            f"UV_PUBLISH_PASSWORD, or say keyring set {index.publish_url} {username}."
        )
    return Credentials(username, password)


def reading(
    index: Index, environment: Mapping[str, str], publisher: Credentials | None
) -> Credentials | None:
    """Find the credentials for reading: the index's own, or those for publishing to its server."""
    username = environment.get(index.variable("USERNAME"))
    if username:
        return Credentials(username, environment.get(index.variable("PASSWORD"), ""))
    return publisher if origin(index.url) == origin(index.publish_url) else None


def ask_keyring(address: str, username: str) -> str | None:
    """Ask the program `keyring`, if it is installed, as uv and pip do."""
    program = shutil.which("keyring")
    if program is None:
        return None
    try:
        process = subprocess.run(
            (program, "get", address, username),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_TIMEOUT,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return process.stdout.strip("\r\n") if process.returncode == 0 else None
