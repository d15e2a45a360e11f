"""Write where the contract says the service is; the generator tells its templates nothing of it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from urllib.parse import urlsplit

from tools.contract import mapping
from tools.documents import Json
from tools.errors import PipelineError

FILE = "servers.py"
_HOST = re.compile(r"[a-z0-9.-]+|[0-9a-f:.]+")


def write_servers(document: dict[str, Json], place: str, into: Path) -> None:
    """Write the contract's server URLs into the package as a constant.

    Raises:
        PipelineError: one of them is a URL that no client can use as it stands.
    """
    servers = document.get("servers")
    listed = servers if isinstance(servers, list) else []
    urls = [_url(server, place) for server in listed if not _is_relative(server)]
    lines = "".join(f"    {json.dumps(url)},\n" for url in urls)
    value = f"(\n{lines})" if urls else "()"
    text = (
        f'"""Where the service is, as the contract says"""\n\nSERVERS: tuple[str, ...] = {value}\n'
    )
    (into / FILE).write_text(text, encoding="utf-8")


def _url(server: Json, place: str) -> str:
    url = server.get("url") if isinstance(server, dict) else None
    if not isinstance(url, str) or not url.isascii() or not url.isprintable():
        raise PipelineError(f"{place} has a server without a usable URL.")
    for name, variable in mapping(mapping(server).get("variables")).items():
        url = url.replace(f"{{{name}}}", str(mapping(variable).get("default", "")))
    if "{" in url or not _is_whole(url):
        raise PipelineError(f"{place} has the server {url!r}; it must be a whole http(s) URL.")
    return url.rstrip("/")


def _is_relative(server: Json) -> bool:
    """Tell whether only the caller can know the host: `/v1`, or no more than a variable."""
    url = mapping(server).get("url")
    return isinstance(url, str) and url.startswith("/") and not url.startswith("//")


def _is_whole(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(_HOST.fullmatch(parts.hostname or ""))
