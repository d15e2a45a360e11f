"""What an index holds already: the project's page, as JSON or HTML, and the digests in it."""

from __future__ import annotations

import hashlib
import json
import ssl
from collections.abc import Iterable, Mapping
from html.parser import HTMLParser
from urllib.parse import parse_qs, unquote, urldefrag, urljoin, urlsplit

import httpx

from release.credentials import Credentials
from release.errors import Problem
from release.index import Index, origin

_JSON = "application/vnd.pypi.simple.v1+json"
_KINDS = f"{_JSON}, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1"
_HEADERS = {"Accept": _KINDS, "Cache-Control": "no-cache"}
_LIMIT = 100_000_000
_PATIENCE = 30.0


def published(
    index: Index, names: Iterable[str], credentials: Credentials | None
) -> dict[str, str]:
    """Give the SHA-256 of each of these files that the index has.

    Raises:
        Problem: the index cannot be asked, or sends the question elsewhere.
    """
    with httpx.Client(timeout=_PATIENCE, follow_redirects=True, verify=_trusted()) as client:
        asker = _Asker(client, index, credentials)
        found = listed(*asker.page())
        return {
            name: digest(found[name]) or asker.digest(found[name])
            for name in names
            if name in found
        }


def _trusted() -> ssl.SSLContext:
    """Make a context as httpx does; Debian's Python leaves the minimum to the system."""
    made = httpx.create_ssl_context()
    made.minimum_version = max(made.minimum_version, ssl.TLSVersion.TLSv1_2)
    return made


def listed(address: str, kind: str, text: str) -> dict[str, str]:
    """Read the files' names and addresses out of a project's page."""
    links = _from_json(text) if kind.partition(";")[0].strip() == _JSON else _from_html(text)
    absolute = [urljoin(address, link) for link in links]
    return {unquote(urlsplit(link).path.rpartition("/")[2]): link for link in absolute}


def digest(link: str) -> str | None:
    """Give the SHA-256 an address carries."""
    return next(iter(parse_qs(urldefrag(link).fragment).get("sha256", [])), None)


def _from_json(text: str) -> list[str]:
    try:
        files = json.loads(text)["files"]
        return [_with_digest(entry["url"], entry.get("hashes", {})) for entry in files]
    except (ValueError, LookupError, TypeError, AttributeError):
        raise Problem("The index answers with JSON that is no list of files.") from None


def _with_digest(url: str, hashes: Mapping[str, str]) -> str:
    known = hashes.get("sha256")
    return f"{urldefrag(url).url}#sha256={known}" if known else url


def _from_html(text: str) -> list[str]:
    parser = _Anchors()
    parser.feed(text)
    parser.close()
    return parser.links


class _Anchors(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        link = dict(attrs).get("href")
        if tag == "a" and link:
            self.links.append(link)


class _Asker:
    """Asks one index, and sends the credentials to no other."""

    def __init__(self, client: httpx.Client, index: Index, credentials: Credentials | None) -> None:
        self._client = client
        self._index = index
        self._credentials = credentials
        client.event_hooks = {"response": [self._stay]}

    def page(self) -> tuple[str, str, str]:
        """Give address, kind and text of the project's page; no text if there is none yet."""
        content, answer = self._get(self._index.page)
        if answer.status_code == httpx.codes.NOT_FOUND:
            return self._index.page, "", ""
        return (
            str(answer.url),
            answer.headers.get("content-type", ""),
            content.decode("utf-8", "replace"),
        )

    def _stay(self, answer: httpx.Response) -> None:
        """Refuse to be led from the project's page to another server."""
        if answer.has_redirect_location and answer.request.url == self._index.page:
            target = urljoin(self._index.page, answer.headers["location"])
            if origin(target) != origin(self._index.url):
                raise Problem(
                    f"The index {self._index.name!r} passes questions for chainhub on to "
                    f"{urlsplit(target).hostname}; switch that off first, or a stranger's "
                    "chainhub may be installed."
                )

    def digest(self, link: str) -> str:
        """Read a file whose digest the page does not tell."""
        content, _ = self._get(urldefrag(link).url)
        return hashlib.sha256(content).hexdigest()

    def _get(self, url: str) -> tuple[bytes, httpx.Response]:
        at_home = origin(url) == origin(self._index.url)
        auth = _auth(self._credentials) if at_home else None
        try:
            with self._client.stream("GET", url, headers=_HEADERS, auth=auth) as answer:
                self._judge(answer)
                return _bounded(answer), answer
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise Problem(
                f"The index {self._index.name!r} cannot be reached at {url}: "
                f"{error or type(error).__name__}."
            ) from None

    def _judge(self, answer: httpx.Response) -> None:
        status = answer.status_code
        if status in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
            raise Problem(refusal(self._index, status, "read"))
        if not answer.is_success and status != httpx.codes.NOT_FOUND:
            raise Problem(f"The index {self._index.name!r} answers {status} at {answer.url}.")


def refusal(index: Index, status: int, doing: str) -> str:
    """Say whose credentials an index does not take, and where they come from."""
    if status == httpx.codes.UNAUTHORIZED:
        what = "does not know these credentials (401)"
    else:
        what = f"does not let these credentials {doing} chainhub, or does not know them (403)"
    own = f"; to read, {index.variable('USERNAME')} and {index.variable('PASSWORD')} come first"
    return (
        f"The index {index.name!r} {what}; they come from UV_PUBLISH_TOKEN, or UV_PUBLISH_USERNAME "
        f"and UV_PUBLISH_PASSWORD or the keyring{own if doing == 'read' else ''}."
    )


def _auth(credentials: Credentials | None) -> tuple[str, str] | None:
    return (credentials.username, credentials.password) if credentials else None


def _bounded(answer: httpx.Response) -> bytes:
    content = b""
    for piece in answer.iter_bytes():
        content += piece
        if len(content) > _LIMIT:
            raise Problem(f"The index sends more than {_LIMIT} bytes for {answer.url}.")
    return content
