"""Fetch the vendor's pages: a folder, a file, an `llms.txt`, or the URL of one of them.

Only the host that a URL names is contacted, over https (http for this machine only); links and
redirects to another are not followed. Numbers, sizes and times are bounded. Pages are stored below
`build/` with their ETag, so that a page that has not changed is not sent again.
"""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Iterator
from http.client import HTTPException
from io import BufferedIOBase
from pathlib import Path, PurePosixPath
from typing import Final
from urllib.error import HTTPError
from urllib.parse import unquote, urljoin, urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from tools import layout
from tools.documents import MAX_BYTES
from tools.errors import PipelineError

MAX_PAGES: Final = 1000
SECONDS: Final = 600.0  # for everything
_READ: Final = 20.0  # for each wait for bytes
_TOTAL: Final = 16 * MAX_BYTES
_LINK: Final = re.compile(r"\]\(\s*<?([^)\s>]+)>?[^)]*\)")
_PAGES: Final = (".md", ".markdown", ".yaml", ".yml", ".json")
_LIST: Final = "llms.txt"
_LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")
_VALIDATORS: Final = ("ETag", "Last-Modified")
_CONDITIONS: Final = ("If-None-Match", "If-Modified-Since")


def gathered(source: str, into: Path) -> tuple[list[Path], list[str]]:
    """Find the pages of a source; what is fetched is written below `into`.

    Returns:
        The paths to import, and what was left out on the way.

    Raises:
        PipelineError: there is nothing, or not all of it can be fetched.
    """
    if "://" in source:
        return _Site(source, into).gathered()
    path = Path(source)
    if not path.exists():
        raise PipelineError(f"{source} is neither a file, a folder nor a URL.")
    if path.name != _LIST:
        return [path], []
    paths: list[Path] = []
    notes: list[str] = []
    for link in _links(path.read_text("utf-8")):
        page = path.parent / unquote(link)
        if "://" in link:
            host = urlsplit(link).netloc
            notes.append(f"{link} is left out: {host} was not named; FROM=URL names it.")
        elif page.is_file() and page.resolve().is_relative_to(path.parent.resolve()):
            paths.append(page)
        else:
            notes.append(f"{link} is left out: it is no file beside {source}.")
    if not paths:
        raise PipelineError(f"{source} lists no page that is here. {' '.join(notes[:1])}".strip())
    return paths, notes


def _links(text: str) -> Iterator[str]:
    """List what an `llms.txt` links to, each page once."""
    links = (link.partition("#")[0] for link in _LINK.findall(text))
    pages = (link for link in links if urlsplit(link).path.lower().endswith(_PAGES))
    yield from dict.fromkeys(pages)


class _SameHost(HTTPRedirectHandler):
    """Follow a redirect to the host that was named only."""

    def redirect_request(self, req, fp, code, msg, headers, newurl):  # type: ignore[no-untyped-def]
        if _origin(newurl) != _origin(req.full_url):
            raise PipelineError(f"{req.full_url} leads to another host: {_origin(newurl)[1]}.")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme.lower(), parts.netloc.lower()


class _Site:
    """Fetches from one host."""

    def __init__(self, source: str, into: Path) -> None:
        self._source, self._into = source, into
        scheme, self._host = _origin(source)
        if "@" in self._host:  # it would show in messages
            raise PipelineError("A URL with a name or a password in it is not taken.")
        if scheme != "https" and (scheme != "http" or urlsplit(source).hostname not in _LOOPBACK):
            raise PipelineError(f"{source} is no https URL.")
        self._deadline = time.monotonic() + SECONDS
        self._bytes_left = _TOTAL
        self._opener = build_opener(_SameHost)

    def gathered(self) -> tuple[list[Path], list[str]]:
        text = self._fetch(self._source)
        if text is None:
            raise PipelineError(f"{self._source} is not there.")
        if not urlsplit(self._source).path.endswith(_LIST):
            return [self._write(self._source, text)], []
        links = [urljoin(self._source, link) for link in _links(text.decode("utf-8", "replace"))]
        if len(links) > MAX_PAGES:
            raise PipelineError(f"{self._source} lists {len(links)} pages; {MAX_PAGES} are taken.")
        notes: list[str] = []
        for link in links:
            if _origin(link) != _origin(self._source):
                notes.append(f"{link} is left out: its host is not {self._host}.")
                continue
            page = self._fetch(link)
            if page is None:
                notes.append(f"{link} is left out: it is not there.")
            else:
                self._write(link, page)
        if not self._into.exists():
            raise PipelineError(f"{self._source} lists no page that is there.")
        return [self._into], notes

    def _write(self, url: str, text: bytes) -> Path:
        """Write a page to a file that is named after the words of the URL's path."""
        parts = PurePosixPath(unquote(urlsplit(url).path)).parts
        words = [re.sub(r"[^\w.-]+", "-", part).strip(".") for part in parts]
        name = [word for word in words if word.strip("-")] or ["page"]
        if not name[-1].lower().endswith(_PAGES):
            name[-1] += ".md"
        path = self._into.joinpath(*name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text)
        return path

    def _fetch(self, url: str) -> bytes | None:
        """Fetch a page, or read the stored one where it has not changed; None if there is none."""
        stem = layout.BUILD / "pages" / hashlib.sha256(url.encode()).hexdigest()
        body, notes = stem.with_suffix(".body"), stem.with_suffix(".json")
        request = Request(url, headers={"User-Agent": "chainhub-update"})
        try:
            validators = json.loads(notes.read_bytes()) if body.is_file() else {}
        except (OSError, ValueError):
            validators = {}
        for name, condition in zip(_VALIDATORS, _CONDITIONS, strict=True):
            if name in validators:
                request.add_header(condition, validators[name])
        try:
            with self._opener.open(request, timeout=_READ) as response:
                text = self._read(response, url)
                headers = response.headers
                validators = {name: headers[name] for name in _VALIDATORS if name in headers}
        except HTTPError as error:
            if error.code == 304:
                return body.read_bytes()
            if error.code in (404, 410):
                return None
            raise PipelineError(f"{url} cannot be fetched: HTTP {error.code}.") from None
        except (OSError, HTTPException, ValueError) as error:
            raise PipelineError(f"{url} cannot be fetched: {error}.") from None
        body.parent.mkdir(parents=True, exist_ok=True)
        notes.unlink(missing_ok=True)  # the notes last: without them the page is fetched again
        body.write_bytes(text)
        notes.write_text(json.dumps(validators))
        return text

    def _read(self, response: BufferedIOBase, url: str) -> bytes:
        parts: list[bytes] = []
        size = 0
        while part := response.read1(65536):
            size += len(part)
            self._bytes_left -= len(part)
            if size > MAX_BYTES or self._bytes_left < 0:
                raise PipelineError(f"{url} is too large.")
            if time.monotonic() > self._deadline:
                raise PipelineError(f"{self._source}: not all was sent within {SECONDS:.0f} s.")
            parts.append(part)
        return b"".join(parts)
