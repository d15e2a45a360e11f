"""The named index, from uv's configuration."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from release.errors import Problem

_LOOPBACK = ("127.0.0.1", "::1", "localhost")
_HOW = "docs/publishing.md shows the lines it takes"

Table = dict[str, object]


@dataclass(frozen=True)
class Index:
    """An index: its URL for reading and its URL for publishing."""

    name: str
    url: str
    publish_url: str

    @property
    def page(self) -> str:
        """The URL of the list of chainhub's files."""
        return f"{self.url.rstrip('/')}/chainhub/"

    def variable(self, field: str) -> str:
        """Return the name of the variable with the index's user name or password for uv."""
        return f"UV_INDEX_{re.sub(r'[^A-Z0-9]', '_', self.name.upper())}_{field}"


def origin(url: str) -> tuple[str, str | None, int | None]:
    """Return scheme, host and port: credentials are sent to the same origin only."""
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)


def find(
    name: str, project: Path, environment: Mapping[str, str], *, to_publish: bool = True
) -> Index:
    """Find the index of this name in uv's configuration; without `to_publish` it is only read.

    Raises:
        Problem: there is no such index, or it cannot be used for this.
    """
    if not name:
        raise Problem("Which index? Say INDEX=name.")
    files = [path for path in _files(project, environment) if path.is_file()]
    tables = [table for path in files for table in _indexes(path)]
    for table in tables:
        if table.get("name") == name:
            return _checked(name, table, ("url", "publish-url") if to_publish else ("url",))
    names = ", ".join(str(table["name"]) for table in tables if "name" in table)
    hint = f"the configuration names {names}" if names else "no uv.toml names any"
    raise Problem(f"There is no index named {name!r}: {hint}; {_HOW}.")


def _files(project: Path, environment: Mapping[str, str]) -> Sequence[Path]:
    """List uv's configuration files, the first with priority."""
    if chosen := environment.get("UV_CONFIG_FILE"):
        return [project / chosen]
    own = project / "uv.toml"
    home = environment.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config")
    return [
        own if own.is_file() else project / "pyproject.toml",
        Path(home, "uv", "uv.toml"),
        Path("/etc/uv/uv.toml"),
    ]


def _indexes(path: Path) -> Sequence[Table]:
    try:
        document = tomllib.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise Problem(f"{path} cannot be read: {error}.") from None
    if path.name == "pyproject.toml":
        document = document.get("tool", {}).get("uv", {})
    entries = document.get("index", [])
    return [table for table in entries if isinstance(table, dict)]


def _checked(name: str, table: Table, fields: Sequence[str]) -> Index:
    if table.get("explicit") is not True:
        raise Problem(
            f"The index {name!r} lacks `explicit = true`: uv would look there, or be led there, "
            "for packages that nobody meant."
        )
    for field in fields:
        if fault := _fault(table.get(field)):
            raise Problem(f"The index {name!r} has {fault} `{field}`; {_HOW}.")
    return Index(name, str(table["url"]), str(table.get("publish-url", "")))


def _fault(url: object) -> str | None:
    if not isinstance(url, str):
        return "no"
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return "no http address as"
    if "@" in parts.netloc:
        return "a user name or password in its"
    if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
        return "an unencrypted address, which would show the password to the network, as"
    return None
