"""Write the server URLs of the contract, which the generator does not pass to its templates."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

from tools.contract import Place, at, called, mapping, operations, sequence
from tools.documents import Json
from tools.errors import PipelineError

FILE = "servers.py"
_HOST = re.compile(r"[a-z0-9.-]+|[0-9a-f:.]+")


def write_servers(
    document: dict[str, Json],
    place: str,
    into: Path,
    operation_names: Iterable[tuple[str, Place]] = (),
) -> None:
    """Write the contract's server URLs into the package, and those of single operations.

    Raises:
        PipelineError: one of them is a URL that no client can use.
    """
    servers = sequence(document.get("servers"))
    urls = [_url(server, place) for server in servers if not _is_relative(server)]
    own_urls: dict[str, str] = {}
    for name, where in operation_names:
        servers = _own_servers(document, where)
        if servers and (urls or not _is_relative(servers[0])):
            own_urls[name] = _url(servers[0], place, *urls[:1])
    lines = "".join(f"    {json.dumps(url)},\n" for url in urls)
    value = f"(\n{lines})" if urls else "()"
    overrides = {name: url for name, url in own_urls.items() if url not in urls[:1]}
    lines = "".join(
        f"    {json.dumps(name)}: {json.dumps(url)},\n" for name, url in overrides.items()
    )
    table = f"{{\n{lines}}}" if overrides else "{}"
    text = (
        '"""Where the service is, as the contract says"""\n\n'
        f"SERVERS: tuple[str, ...] = {value}\n\n"
        f"OWN_SERVERS: dict[str, str] = {table}\n"
    )
    (into / FILE).write_text(text, encoding="utf-8")


def elsewhere(document: dict[str, Json]) -> list[tuple[str, int]]:
    """Count operations that are on another host than the contract's first server."""
    first = {_origin(server) for server in sequence(document.get("servers"))[:1]}
    origins = [
        _origin(server)
        for where, _ in operations(document)
        for server in _own_servers(document, where)[:1]
    ]
    count = sum(1 for origin in origins if origin and origin not in first)
    sentence = (
        "An operation has a server of its own on another host: only a client whose base_url= is "
        "that host can call it."
    )
    return [(sentence, count)] if count else []


def faults(document: dict[str, Json]) -> Iterator[str]:
    """Yield a sentence for each operation whose own server is a URL that no client can use."""
    for where, _ in operations(document):
        for server in _own_servers(document, where)[:1]:
            try:
                _url(server, called(where), "https://host")
            except PipelineError as error:
                yield str(error).rstrip(".")


def _own_servers(document: dict[str, Json], where: Place) -> list[Json]:
    """Return the servers of an operation, else those of its path."""
    holders = (mapping(at(document, where)), mapping(at(document, where[:2])))
    return next((servers for holder in holders if (servers := sequence(holder.get("servers")))), [])


def _origin(server: Json) -> str:
    url = str(mapping(server).get("url"))
    return "" if _is_relative(server) else "/".join(url.split("/")[:3])


def _url(server: Json, place: str, base: str = "") -> str:
    url = server.get("url") if isinstance(server, dict) else None
    if base and _is_relative(server):  # of an operation: on the host of the other operations
        url = "/".join(base.split("/")[:3]) + str(url)
    if not isinstance(url, str) or not url.isascii() or not url.isprintable():
        raise PipelineError(f"{place} has a server without a usable URL.")
    url = filled(url, server)
    if "{" in url or not _is_whole(url):
        raise PipelineError(f"{place} has the server {url!r}; it must be a whole http(s) URL.")
    return url.rstrip("/")


def filled(url: str, server: Json) -> str:
    """Put the defaults of a server's variables into its URL."""
    for name, variable in mapping(mapping(server).get("variables")).items():
        url = url.replace(f"{{{name}}}", str(mapping(variable).get("default", "")))
    return url


def addresses(server: dict[str, Json]) -> Iterator[str]:
    """Yield the URLs of a server: with all defaults of its variables, then with one other value."""
    url = str(server.get("url"))
    yield filled(url, server)
    for name, variable in mapping(server.get("variables")).items():
        for value in sequence(mapping(variable).get("enum")):
            yield filled(url.replace(f"{{{name}}}", str(value)), server)


def _is_relative(server: Json) -> bool:
    """Tell whether the URL has no host, such as `/v1`, so that only the caller knows it."""
    url = mapping(server).get("url")
    return isinstance(url, str) and url.startswith("/") and not url.startswith("//")


def _is_whole(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(_HOST.fullmatch(parts.hostname or ""))
