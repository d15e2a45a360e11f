"""What an index holds already."""

import base64
import hashlib
from collections.abc import Callable, Iterator

import pytest

from release import index_page as page
from release.credentials import Credentials
from release.errors import Problem
from release.index import Index
from tests.loopback import Server

JSON = "application/vnd.pypi.simple.v1+json"
WHEEL = "chainhub-0.1.0-py3-none-any.whl"
ANN = Credentials("ann", "sk-test-1")
DIGEST = "a" * 64

Spell = Callable[..., bytes]


@pytest.fixture
def elsewhere() -> Iterator[Server]:
    """Give a second server."""
    started = Server()
    yield started
    started.close()


def _index(server: Server) -> Index:
    return Index("acme", f"{server.url}/simple/", f"{server.url}/")


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("text/html", f'<a href="../../f/{WHEEL}#sha256={DIGEST}">x</a><a name="b">b</a><p>'),
        ("text/html; charset=utf-8", f'<A HREF="/f/{WHEEL}#egg=a&amp;sha256={DIGEST}">x</A>'),
        (JSON, f'{{"files": [{{"url": "/f/{WHEEL}", "hashes": {{"sha256": "{DIGEST}"}}}}]}}'),
        (f"{JSON}; charset=utf-8", f'{{"files": [{{"url": "/f/{WHEEL}#sha256={DIGEST}"}}]}}'),
    ],
)
def test_both_kinds_of_page_are_read(kind: str, text: str) -> None:
    """HTML and JSON pages give the same names, absolute addresses and digests."""
    found = page.listed("http://localhost/simple/chainhub/", kind, text)
    assert list(found) == [WHEEL]
    assert found[WHEEL].startswith(f"http://localhost/f/{WHEEL}#")
    assert page.digest(found[WHEEL]) == DIGEST


@pytest.mark.parametrize("text", ["", "[]", '{"files": [1]}', '{"files": 1}', "{}"])
def test_broken_json_is_a_sentence(text: str) -> None:
    """A page that says JSON and is none is not taken for an empty one."""
    with pytest.raises(Problem, match="JSON that is no list of files"):
        page.listed("http://localhost/", JSON, text)


def test_an_index_is_asked_with_credentials(server: Server, http: Spell) -> None:
    """The project's page is asked for once; files that nobody wants are passed over."""
    link = f'<a href="{WHEEL}#sha256={DIGEST}">x</a><a href="other.whl">y</a>'
    server.answers = [http(200, link.encode(), "Content-Type: text/html")]
    assert page.published(_index(server), [WHEEL, "new.whl"], ANN) == {WHEEL: DIGEST}
    (request,) = server.requests
    assert request.startswith(b"GET /simple/chainhub/ ")
    assert b"Basic " + base64.b64encode(b"ann:sk-test-1") in request


def test_a_project_may_be_new(server: Server, http: Spell) -> None:
    """Before the first release the index knows no such project."""
    server.answers = [http(404, b"<a href='x'>not here</a>", "Content-Type: text/html")]
    assert page.published(_index(server), ["x"], None) == {}


@pytest.mark.parametrize("fragment", ["", "#md5=00"])
def test_a_missing_digest_is_computed(server: Server, http: Spell, fragment: str) -> None:
    """Where the page has no SHA-256, the file itself is read."""
    link = f'<a href="/f/{WHEEL}{fragment}">x</a>'
    server.answers = [http(200, link.encode(), "Content-Type: text/html"), http(200, b"bytes")]
    expected = hashlib.sha256(b"bytes").hexdigest()
    assert page.published(_index(server), [WHEEL], ANN) == {WHEEL: expected}
    assert all(b"Basic " in request for request in server.requests)


def test_a_file_elsewhere_is_read_without_credentials(
    server: Server, elsewhere: Server, http: Spell
) -> None:
    """The password stays with its server, even if the page leads to another."""
    link = f'<a href="{elsewhere.url}/{WHEEL}">x</a>'
    server.answers = [http(200, link.encode(), "Content-Type: text/html")]
    elsewhere.answers = [http(200, b"bytes")]
    page.published(_index(server), [WHEEL], ANN)
    assert b"Authorization" not in elsewhere.requests[0]


def test_an_index_that_passes_on_is_refused(server: Server, elsewhere: Server, http: Spell) -> None:
    """A fallback to another index would let a stranger's package in; it is not even asked."""
    target = f"Location: {elsewhere.url}/simple/chainhub/"
    server.answers = [http(303, b"", target)]
    with pytest.raises(Problem, match="passes questions for chainhub on to 127"):
        page.published(_index(server), [WHEEL], ANN)
    assert elsewhere.requests == []


def test_an_index_may_redirect_within_itself(server: Server, http: Spell) -> None:
    """Another path on the same server is followed, with the credentials."""
    server.answers = [http(301, b"", "Location: /other/chainhub/"), http(200, b"")]
    assert page.published(_index(server), [WHEEL], ANN) == {}
    assert b"Basic " in server.requests[1]


@pytest.mark.parametrize(
    ("status", "told"),
    [
        (401, "The index 'acme' does not know these credentials (401); they come from UV_PUBLISH"),
        (403, "does not let these credentials read chainhub, or does not know them (403)"),
        (502, "The index 'acme' answers 502 at http://127.0.0.1"),
    ],
)
def test_refusals_are_sentences(server: Server, http: Spell, status: int, told: str) -> None:
    """Each refusal says whose it is and what to change, and shows no password."""
    server.answers = [http(status, b"sk-test-1")]
    with pytest.raises(Problem) as caught:
        page.published(_index(server), [WHEEL], ANN)
    assert told in str(caught.value)
    assert "sk-test-1" not in str(caught.value)


def test_an_unreachable_index_is_a_sentence(server: Server) -> None:
    """Nobody listening, or a conversation that breaks off, names the index and its address."""
    index = _index(server)
    server.answers = [None]
    with pytest.raises(Problem, match="'acme' cannot be reached at http://127"):
        page.published(index, [WHEEL], ANN)
    server.close()
    with pytest.raises(Problem, match="'acme' cannot be reached"):
        page.published(index, [WHEEL], ANN)


def test_a_page_has_an_end(server: Server, http: Spell, monkeypatch: pytest.MonkeyPatch) -> None:
    """An endless answer does not fill the memory."""
    monkeypatch.setattr(page, "_LIMIT", 10)
    server.answers = [http(200, b"x" * 11)]
    with pytest.raises(Problem, match="more than 10 bytes"):
        page.published(_index(server), [WHEEL], ANN)
