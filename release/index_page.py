"""A project's page on an index, as JSON or HTML: the files it lists; and the text of HTML."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from html.parser import HTMLParser
from urllib.parse import parse_qs, unquote, urldefrag, urljoin, urlsplit

from release.errors import Problem

JSON = "application/vnd.pypi.simple.v1+json"
# The title of the page of a project without files, or of a folder that serves as an index.
_EMPTY = re.compile(r"\b(?:links for|simple index|index of)\b", re.IGNORECASE)
_NO_INDEX = {"form", "iframe", "input", "script"}
_SHOWN = 300


def listed(address: str, kind: str, text: str) -> dict[str, str]:
    """Read the files' names and addresses from a project's page.

    Raises:
        Problem: it is no such page, but for example a sign-in page.
    """
    links = _from_json(text) if kind.partition(";")[0].strip() == JSON else _from_html(text)
    absolute = [urljoin(address, link) for link in links]
    return {unquote(urlsplit(link).path.rpartition("/")[2]): link for link in absolute}


def digest(link: str) -> str | None:
    """Return the SHA-256 in the fragment of an address."""
    return next(iter(parse_qs(urldefrag(link).fragment).get("sha256", [])), None)


def one_line(text: str) -> str:
    """Return the visible text of an answer in plain text, HTML or JSON, shortened to one line.

    Characters that could move a terminal's cursor are left out.
    """
    try:
        document = json.loads(text)
    except ValueError:
        document = None
    if isinstance(document, dict):
        values = (document.get(name) for name in ("message", "detail", "error", "title"))
        text = next((value for value in values if isinstance(value, str)), text)
    elif text.lstrip().startswith("<"):
        text = _HTML(text).text
    line = "".join(character if character.isprintable() else " " for character in text)
    line = " ".join(line.split())
    return line if len(line) <= _SHOWN else f"{line[:_SHOWN]}…"


def _from_json(text: str) -> list[str]:
    try:
        files = json.loads(text)["files"]
        return [_with_digest(entry["url"], entry.get("hashes", {})) for entry in files]
    except (ValueError, LookupError, TypeError, AttributeError):
        raise Problem("The index answers with JSON that is no list of files.") from None


def _with_digest(url: str, hashes: Mapping[str, str]) -> str:
    digest = hashes.get("sha256")
    return f"{urldefrag(url).url}#sha256={digest}" if digest else url


def _from_html(text: str) -> list[str]:
    page = _HTML(text)
    ours = any("/chainhub-" in f"/{urlsplit(link).path}" for link in page.links)
    if not ours and not page.is_empty_list:
        raise Problem(
            f"The index answers with a page that is no list of files ({one_line(page.text)!r}), "
            "perhaps one to sign in: look at `url` and at the credentials for reading."
        )
    return page.links


class _HTML(HTMLParser):
    """The links of a page, its visible text, and its tags."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self._tags: set[str] = set()
        self._texts: dict[str, None] = {}  # the title often repeats the heading
        self._hidden = ""
        self._declared = False
        self.feed(text)
        self.close()

    @property
    def text(self) -> str:
        """The visible text; repeated texts appear once."""
        return " ".join(self._texts)

    @property
    def is_empty_list(self) -> bool:
        """Whether this is the page of a project that has no files yet."""
        if self._tags & _NO_INDEX:
            return False
        return self._declared or not self._texts or bool(_EMPTY.search(self.text))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        self._tags.add(tag)
        self._hidden = tag if tag in ("script", "style") else self._hidden
        self._declared |= attributes.get("name") == "pypi:repository-version"
        if tag == "a" and (link := attributes.get("href")):
            self.links.append(link)

    def handle_endtag(self, tag: str) -> None:
        self._hidden = "" if tag == self._hidden else self._hidden

    def handle_data(self, data: str) -> None:
        if not self._hidden and data.strip():
            self._texts[" ".join(data.split())] = None
