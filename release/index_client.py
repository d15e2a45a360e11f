"""The files of an index, and whether it accepts credentials for publishing, over HTTP."""

from __future__ import annotations

import hashlib
import os
import ssl
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from urllib.parse import urldefrag, urljoin, urlsplit

import certifi
import httpx

from release import index_page
from release.credentials import Credentials
from release.errors import Problem
from release.index import Index, origin

_KINDS = f"{index_page.JSON}, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1"
_HEADERS = {"Accept": _KINDS, "Cache-Control": "no-cache"}
# An action of the upload protocol that stores nothing; servers that do not know it refuse it.
_VERIFY_FORM = {":action": (None, "verify"), "protocol_version": (None, "1")}
_LIMIT = 100_000_000
_TIMEOUT = 30.0
_HOPS = 5
_REFUSED = (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN)
_ABSENT = (httpx.codes.NOT_FOUND, httpx.codes.GONE)


@contextmanager
def connected(
    index: Index, reader: Credentials | None, forwarding: str = ""
) -> Iterator[IndexClient]:
    """Yield a client of one index until the end of a `with`; see `IndexClient`."""
    with httpx.Client(timeout=_TIMEOUT, verify=_ssl_context()) as client:
        yield IndexClient(client, index, reader, forwarding)


def _ssl_context() -> ssl.SSLContext:
    """Trust the system's certificates and those of certifi, or only those that SSL_CERT_… name.

    Debian's Python leaves the minimum version of TLS to the system.
    """
    context = ssl.create_default_context()
    if not (os.environ.get("SSL_CERT_FILE") or os.environ.get("SSL_CERT_DIR")):
        context.load_verify_locations(certifi.where())
    context.minimum_version = max(context.minimum_version, ssl.TLSVersion.TLSv1_2)
    return context


class IndexClient:
    """A client of one index, which sends the credentials to no other server.

    Args:
        client: sends the requests.
        index: the index.
        reader: the credentials for reading; None for an index that everybody may read.
        forwarding: the host to which the index may forward requests for a project it lacks. The
            project then counts as new; no request is sent to that host.
    """

    def __init__(
        self,
        client: httpx.Client,
        index: Index,
        reader: Credentials | None,
        forwarding: str,
    ) -> None:
        self._client = client
        self._index = index
        self._reader = reader
        self._forwarding = forwarding
        self.forwards = False

    def files(self) -> dict[str, str]:
        """List the index's files of chainhub, names and addresses; none before the first release.

        Raises:
            Problem: the index cannot be read, forwards the request, or answers with another page.
        """
        url = self._index.page
        for _ in range(_HOPS):
            content, answer = self._get(url)
            if not answer.has_redirect_location:
                break
            url = urljoin(url, answer.headers["location"])
            if origin(url) != origin(self._index.url):
                return self._forwarded(urlsplit(url).hostname or "")
        else:
            raise Problem(f"The index {self._index.name!r} redirects more than {_HOPS} times.")
        if answer.status_code in _ABSENT:
            return {}
        kind = answer.headers.get("content-type", "")
        return index_page.listed(url, kind, content.decode("utf-8", "replace"))

    def _forwarded(self, host: str) -> dict[str, str]:
        if host == self._forwarding.lower():
            self.forwards = True
            return {}
        raise Problem(
            f"The index {self._index.name!r} forwards requests for chainhub to {host}; switch that "
            "off first, or a stranger's chainhub may be installed. If it cannot be switched off: "
            f"ALLOW_FORWARDING={host} publishes all the same, at the risk in docs/publishing.md."
        )

    def digests(self, names: Iterable[str]) -> dict[str, str]:
        """Return the SHA-256 of each of these files that the index has, as the index states it.

        Raises:
            Problem: see `files`.
        """
        files = self.files()
        return {
            name: index_page.digest(files[name])
            or hashlib.sha256(self.content(files[name])).hexdigest()
            for name in names
            if name in files
        }

    def content(self, link: str) -> bytes:
        """Read a file of the index, wherever it is stored.

        Raises:
            Problem: it cannot be read.
        """
        url = urldefrag(link).url
        content, answer = self._get(url, follow=True)
        if answer.status_code in _ABSENT:
            raise Problem(f"The index {self._index.name!r} answers {answer.status_code} at {url}.")
        return content

    def check(self, publisher: Credentials) -> str:
        """Say whether the index exists and lets these credentials publish, as far as that is known.

        Two requests are sent that store nothing, one of them without credentials.

        Raises:
            Problem: there is no such index, or the credentials are refused.
        """
        status, anonymous_status = self._ask(publisher), self._ask(None)
        return verdict(self._index, status, anonymous_status)

    def check_list(self) -> Iterator[str]:
        """Say what cannot be checked if the index has no page for chainhub."""
        if self.forwards:
            return
        _, page = self._get(self._index.page, follow=True, whole=False)
        if page.status_code in _ABSENT:
            _, root = self._get(self._index.url, follow=True, whole=False)
            if root.status_code in _ABSENT:
                yield (
                    f"not checked: whether {self._index.url} is an index; it answers "
                    f"{root.status_code} for chainhub and for the list of all projects"
                )

    def _ask(self, publisher: Credentials | None) -> int:
        url = self._index.publish_url
        auth = _auth(publisher)
        try:
            return self._client.request("POST", url, files=_VERIFY_FORM, auth=auth).status_code
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise self._unreachable(url, error) from None

    def _get(
        self, url: str, *, follow: bool = False, whole: bool = True
    ) -> tuple[bytes, httpx.Response]:
        at_home = origin(url) == origin(self._index.url)
        auth = _auth(self._reader) if at_home else None
        try:
            with self._client.stream(
                "GET", url, headers=_HEADERS, auth=auth, follow_redirects=follow
            ) as answer:
                self._judge(answer)
                return _bounded(answer) if whole else b"", answer
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise self._unreachable(url, error) from None

    def _judge(self, answer: httpx.Response) -> None:
        status = answer.status_code
        if status in _REFUSED:
            raise Problem(refusal(self._index, status, "read"))
        expected = answer.is_success or answer.has_redirect_location or status in _ABSENT
        if not expected:
            raise Problem(f"The index {self._index.name!r} answers {status} at {answer.url}.")

    def _unreachable(self, url: str, error: Exception) -> Problem:
        reason = str(error) or type(error).__name__
        return Problem(f"The index {self._index.name!r} cannot be reached at {url}: {reason}.")


def verdict(index: Index, status: int, anonymous_status: int) -> str:
    """Say what the statuses of a publish request with credentials and of one without them mean.

    Raises:
        Problem: there is no index at this URL, or it refuses the credentials.
    """
    if status in _REFUSED:
        raise Problem(refusal(index, status, "publish"))
    if status in _ABSENT:
        raise Problem(
            f"The index {index.name!r} has nothing at its `publish-url` {index.publish_url}, or "
            f"hides it from these credentials ({status}); docs/publishing.md has some servers' "
            "URLs."
        )
    if anonymous_status in _REFUSED and status < httpx.codes.INTERNAL_SERVER_ERROR:
        return f"the index {index.name!r} exists and lets these credentials publish"
    return (
        f"not checked: whether the index {index.name!r} lets these credentials publish; it answers "
        f"{status} with them and {anonymous_status} without"
    )


def refusal(index: Index, status: int, action: str) -> str:
    """Say which credentials an index does not accept, and where they come from."""
    if status == httpx.codes.UNAUTHORIZED:
        fault = "does not know these credentials (401)"
    else:
        fault = f"does not let these credentials {action} chainhub, or does not know them (403)"
    own = f"; to read, {index.variable('USERNAME')} and {index.variable('PASSWORD')} come first"
    return (
        f"The index {index.name!r} {fault}; they come from UV_PUBLISH_TOKEN, or "
        "UV_PUBLISH_USERNAME and UV_PUBLISH_PASSWORD or the keyring"
        f"{own if action == 'read' else ''}."
    )


def _auth(credentials: Credentials | None) -> httpx.BasicAuth | None:
    return httpx.BasicAuth(credentials.username, credentials.password) if credentials else None


def _bounded(answer: httpx.Response) -> bytes:
    content = b""
    for piece in answer.iter_bytes():
        content += piece
        if len(content) > _LIMIT:
            raise Problem(f"The index sends more than {_LIMIT} bytes for {answer.url}.")
    return content
