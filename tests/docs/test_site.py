"""The built site is whole: links lead somewhere, nothing comes from elsewhere, pages have names."""

import importlib
import inspect
import json
import re
import runpy
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

import pytest

import chainhub
from chainhub_resources import Resources
from tests.docs.conftest import build

# Tags whose address the browser loads by itself, and the attribute that holds it.
LOADING = {
    "audio": "src",
    "embed": "src",
    "iframe": "src",
    "img": "src",
    "input": "src",
    "link": "href",
    "object": "data",
    "script": "src",
    "source": "src",
    "video": "src",
}
IN_A_STYLE = re.compile(r"""url\(\s*["']?([^"')]+)|@import\s+["']([^"']+)""")
WITHOUT_ADDRESS = ("data", "mailto")


class Page(HTMLParser):
    """The parts of a page that tests check: anchors, addresses, headings, title and language."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.links: list[str] = []
        self.resources: list[str] = []
        self.headings = 0
        self.icon = ""
        self.language = ""
        self.title = ""
        self._in_title = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        self.anchors |= {attributes["id"]} if "id" in attributes else set()
        self.headings += tag == "h1"
        self._in_title = tag == "title" and not self.title
        if tag == "html":
            self.language = attributes.get("lang", "")
        if tag == "link" and "icon" in attributes.get("rel", "").split():
            self.icon = attributes["href"]
        if tag == "a" and "href" in attributes:
            self.links.append(attributes["href"])
        if LOADING.get(tag) in attributes:
            self.resources.append(attributes[LOADING[tag]])
        self.resources += [
            url for urls in IN_A_STYLE.findall(attributes.get("style", "")) for url in urls if url
        ]

    def handle_data(self, data: str) -> None:
        if self._in_title:
            self.title += data
            self._in_title = False


class Fault(NamedTuple):
    """A wrong address on a page."""

    page: str
    address: str
    problem: str


def read(site: Path) -> dict[Path, Page]:
    """Read every page of the site."""
    return {path: Page(path.read_text("utf-8")) for path in sorted(site.rglob("*.html"))}


def broken(site: Path, pages: dict[Path, Page]) -> Iterator[Fault]:
    """Find the addresses inside the site that do not exist."""
    for path, page in pages.items():
        for address in (*page.links, *page.resources):
            problem = None if _leads_away(address) else _missing(site, pages, path, address)
            if problem:
                yield Fault(str(path.relative_to(site)), address, problem)


def _leads_away(address: str) -> bool:
    parts = urlsplit(address)
    return bool(parts.scheme or parts.netloc)


def _missing(site: Path, pages: dict[Path, Page], path: Path, address: str) -> str | None:
    parts = urlsplit(address)
    target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
    if not target.is_file() or not target.is_relative_to(site):
        return "no such file in the site"
    anchor = unquote(parts.fragment)
    if anchor and target in pages and anchor not in pages[target].anchors:
        return "no such anchor"
    return None


def foreign(site: Path, pages: dict[Path, Page]) -> Iterator[Fault]:
    """Find what a browser would load from another host."""
    for path, page in pages.items():
        for address in page.resources:
            if _leads_away(address) and urlsplit(address).scheme not in WITHOUT_ADDRESS:
                yield Fault(str(path.relative_to(site)), address, "from another host")
    for path in sorted(site.rglob("*.css")):
        for parts in IN_A_STYLE.findall(path.read_text("utf-8")):
            address = "".join(parts)
            if _leads_away(address) and urlsplit(address).scheme not in WITHOUT_ADDRESS:
                yield Fault(str(path.relative_to(site)), address, "from another host")


def unreached(site: Path, pages: dict[Path, Page]) -> set[str]:
    """Find the pages that no chain of links from the first page reaches."""
    visited = {site / "search.html"}  # by the form that every page has
    queue = {site / "index.html"}
    while queue:
        path = queue.pop()
        visited.add(path)
        links = (urlsplit(link).path for link in pages[path].links if not _leads_away(link))
        targets = {(path.parent / unquote(link)).resolve() for link in links if link}
        queue |= targets & pages.keys() - visited
    return {str(path.relative_to(site)) for path in pages.keys() - visited}


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, Page]:
    """Give the pages of the site."""
    return read(site)


def test_every_document_has_its_page(site: Path, project: Path) -> None:
    """The strict build leaves no document out."""
    documents = [path for path in (project / "docs").rglob("*") if path.suffix in (".md", ".rst")]
    paths = [site / path.relative_to(project / "docs").with_suffix(".html") for path in documents]
    assert [path for path in paths if not path.is_file()] == []
    assert len(paths) > 15


@pytest.mark.parametrize("module", ["chainhub", "chainhub.sandbox", "chainhub.testing"])
def test_every_public_name_has_its_place_in_the_reference(site: Path, module: str) -> None:
    """What can be imported by name is described, or at least named, on a page of the reference."""
    text = "".join(path.read_text("utf-8") for path in (site / "reference").glob("*.html"))
    names = [name for name in importlib.import_module(module).__all__ if name != "__version__"]
    assert set(names) <= set(re.findall(r"\w+", text))
    described = set(re.findall(r'id="chainhub(?:_api)?(?:\.\w+)*\.(\w+)"', text))
    assert [name for name in names if name[0].isupper() and name not in described] == []


def test_every_group_of_operations_has_its_place_in_the_reference(site: Path) -> None:
    """Those that a grown contract adds as well, with their methods."""
    text = (site / "reference" / "video.html").read_text("utf-8")
    groups = [name for name, value in vars(Resources).items() if isinstance(value, property)]
    for name in groups:
        first, second = re.findall(rf'id="chainhub_resources\.{name}\.(\w+Resource)"', text)
        assert second == f"Async{first}"
    assert groups


def test_every_operation_with_methods_has_its_place_in_the_reference(site: Path) -> None:
    """With its signature and text, and what waits and downloads, under the names of callers."""
    text = (site / "reference" / "video.html").read_text("utf-8")
    signatures = re.findall(r"<dt[^>]*>(.*?)</dt>", text, re.DOTALL)
    texts = [re.sub(r"<[^>]+>|\s+", "", signature) for signature in signatures]
    client = chainhub.Client("sk-test-site", base_url="https://api.example")
    operations = [
        operation
        for name, group in vars(Resources).items()
        if isinstance(group, property)
        for operation in vars(getattr(client, name)).values()
        if callable(operation)
    ]
    assert operations
    for operation in operations:
        name = repr(operation).strip("<>")
        methods = [method for method in dir(operation) if not method.startswith("_")]
        for full_name in (name, *(f"{name}.{method}" for method in methods)):
            assert any(sign.startswith(f"{full_name}(") for sign in texts)
        assert (inspect.getdoc(type(operation).__call__) or "").partition("\n")[0] in text


def test_names_of_httpx_lead_to_httpx(site: Path) -> None:
    """`httpx.Client` is not ours, although ours is called `Client` too."""
    text = (site / "reference" / "clients.html").read_text("utf-8")
    for method, name in (("get_httpx_client", "Client"), ("set_async_httpx_client", "AsyncClient")):
        (signature,) = re.findall(rf'id="chainhub.Client.{method}">.*?</dt>', text, re.DOTALL)
        address = f"https://www.python-httpx.org/api/#{name.lower()}"
        assert f'href="{address}"><span class="pre">httpx.{name}<' in signature


def test_models_show_the_types_that_people_write(site: Path) -> None:
    """Neither how a missing field is marked nor how the generator makes a default."""
    text = (site / "reference" / "models.html").read_text("utf-8")
    visible_text = re.sub(r"<[^>]+>|\s+", "", text)
    assert "video_url:str|None¶" in visible_text
    assert "attr_dict" not in text
    assert "Unset" not in text


def test_links_and_anchors_lead_somewhere(site: Path, pages: dict[Path, Page]) -> None:
    """Every address inside the site has a file, and the anchor it names, at its end."""
    assert list(broken(site, pages)) == []


def test_nothing_comes_from_another_host(site: Path, pages: dict[Path, Page]) -> None:
    """A page is whole without a network."""
    assert list(foreign(site, pages)) == []


def test_pages_have_a_name_and_a_language(pages: dict[Path, Page]) -> None:
    """Every page has a title, one first-level heading, an icon, and says what language it is in."""
    incomplete = [
        path.name
        for path, page in pages.items()
        if not (page.title.strip() and page.icon) or page.headings != 1 or page.language != "en"
    ]
    assert incomplete == []


def test_every_page_can_be_reached(site: Path, pages: dict[Path, Page]) -> None:
    """Whoever starts at the first page comes to every other one."""
    assert unreached(site, pages) == set()


def test_the_search_finds_what_people_type(
    site: Path, project: Path, pages: dict[Path, Page]
) -> None:
    """A word leads to its section first: an exact main entry of the index has the highest score."""
    words: dict[str, str] = runpy.run_path(str(project / "docs" / "search_words.py"))["WORDS"]
    expected = {"backoff", "docker", "license", "mypy", "polling", "raw response", "webhook"}
    assert expected <= set(words)
    text = (site / "searchindex.js").read_text("utf-8")
    index = json.loads(text.removeprefix("Search.setIndex(").removesuffix(")"))
    for word, target in words.items():
        first = [
            f"{index['docnames'][page]}#{anchor}"
            for page, anchor, is_main in index["indexentries"][word]
            if is_main
        ]
        assert first == [target], word
        page, _, anchor = target.partition("#")
        assert anchor in pages[site / f"{page}.html"].anchors, target


FIRST = """<html lang="en"><title>First</title><link href="https://far.invalid/a.css">
<h1 id="top">First</h1><p style="background: url('//far.invalid/b.png')"><a href="#top">up</a>
<a href="second.html#there">on</a><a href="second.html#nowhere">off</a><a href="third.html">out</a>
<a href="../first.html">outside</a><a href="https://far.invalid/">away</a>
<img src="data:image/png;base64,AA">"""


def test_faults_are_found(tmp_path: Path) -> None:
    """A missing file or anchor, a foreign resource and a lonely page do not go unnoticed."""
    site = tmp_path / "site"
    site.mkdir()
    (tmp_path / "first.html").touch()
    (site / "index.html").write_text(FIRST, "utf-8")
    (site / "second.html").write_text('<h1>Second</h1><p id="there">', "utf-8")
    (site / "lonely.html").write_text("<h1>Lonely</h1><h1>Twice</h1>", "utf-8")
    (site / "site.css").write_text(
        '@import "https://far.invalid/c.css"; a {background: url(d.png)}'
    )
    pages = read(site)
    assert [fault.address for fault in broken(site, pages)] == [
        "second.html#nowhere",
        "third.html",
        "../first.html",
    ]
    assert [fault.address for fault in foreign(site, pages)] == [
        "https://far.invalid/a.css",
        "//far.invalid/b.png",
        "https://far.invalid/c.css",
    ]
    assert unreached(site, pages) == {"lonely.html"}
    first, lonely = pages[site / "index.html"], pages[site / "lonely.html"]
    assert (first.title, first.headings, first.language) == ("First", 1, "en")
    assert (lonely.title, lonely.headings, lonely.language) == ("", 2, "")


@pytest.mark.slow  # it builds the site a second time
def test_a_grown_contract_has_its_pages(grown: Path, project: Path, tmp_path: Path) -> None:
    """Operations of every kind: several results, files, further parameters, forms."""
    build(tmp_path, project, PYTHONPATH=str(grown))
    assert (tmp_path / "log").read_text("utf-8") == ""
    text = (tmp_path / "html" / "reference" / "video.html").read_text("utf-8")
    assert "client.pictures.pictures.wait" in text
