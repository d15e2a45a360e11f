"""What an index holds already."""

import base64
import hashlib
import ssl
from collections.abc import Callable, Iterable, Iterator

import certifi
import pytest

from release import index_client
from release.credentials import Credentials
from release.errors import Problem
from release.index import Index
from tests.faults import identities
from tests.loopback import Server

WHEEL = "chainhub-0.1.0-py3-none-any.whl"
ANN = Credentials("ann", "sk-test-1")
DIGEST = "a" * 64

Respond = Callable[..., bytes]


@pytest.fixture
def elsewhere() -> Iterator[Server]:
    """Give a second server."""
    started = Server()
    yield started
    started.close()


def digests(
    index: Index, names: Iterable[str], reader: Credentials | None, forwarding: str = ""
) -> dict[str, str]:
    """Ask an index what it has."""
    with index_client.connected(index, reader, forwarding) as client:
        return client.digests(names)


def _index(server: Server) -> Index:
    return Index("acme", f"{server.url}/simple/", f"{server.url}/")


def test_an_index_is_asked_with_credentials(server: Server, http: Respond) -> None:
    """The project's page is asked for once; files that nobody wants are passed over."""
    link = f'<a href="{WHEEL}#sha256={DIGEST}">x</a><a href="other.whl">y</a>'
    server.answers = [http(200, link.encode(), "Content-Type: text/html")]
    assert digests(_index(server), [WHEEL, "new.whl"], ANN) == {WHEEL: DIGEST}
    (request,) = server.requests
    assert request.startswith(b"GET /simple/chainhub/ ")
    assert b"Basic " + base64.b64encode(b"ann:sk-test-1") in request


def test_a_project_may_be_new(server: Server, http: Respond) -> None:
    """Before the first release the index knows no such project."""
    server.answers = [http(404, b"<a href='x'>not here</a>", "Content-Type: text/html")]
    assert digests(_index(server), ["x"], None) == {}


@pytest.mark.parametrize("fragment", ["", "#md5=00"])
def test_a_missing_digest_is_computed(server: Server, http: Respond, fragment: str) -> None:
    """Where the page has no SHA-256, the file itself is read."""
    link = f'<a href="/f/{WHEEL}{fragment}">x</a>'
    server.answers = [http(200, link.encode(), "Content-Type: text/html"), http(200, b"bytes")]
    expected = hashlib.sha256(b"bytes").hexdigest()
    assert digests(_index(server), [WHEEL], ANN) == {WHEEL: expected}
    assert all(b"Basic " in request for request in server.requests)


def test_a_file_elsewhere_is_read_without_credentials(
    server: Server, elsewhere: Server, http: Respond
) -> None:
    """The password stays with its server, even if the page leads to another."""
    link = f'<a href="{elsewhere.url}/{WHEEL}">x</a>'
    server.answers = [http(200, link.encode(), "Content-Type: text/html")]
    elsewhere.answers = [http(200, b"bytes")]
    digests(_index(server), [WHEEL], ANN)
    assert b"Authorization" not in elsewhere.requests[0]


@pytest.mark.parametrize("hops", [0, 1, 2])
def test_an_index_that_forwards_is_refused(
    server: Server, elsewhere: Server, http: Respond, hops: int
) -> None:
    """Another index would let a stranger's package in; at no hop is it asked."""
    target = f"Location: {elsewhere.url}/simple/chainhub/"
    inner = [http(302, b"", f"Location: /{number}/chainhub/") for number in range(hops)]
    server.answers = [*inner, http(303, b"", target)]
    with pytest.raises(Problem, match="forwards requests for chainhub to 127") as caught:
        digests(_index(server), [WHEEL], ANN)
    assert "ALLOW_FORWARDING=127.0.0.1 publishes all the same" in str(caught.value)
    assert elsewhere.requests == []


def test_forwarding_may_be_allowed_by_name(
    server: Server, elsewhere: Server, http: Respond
) -> None:
    """Then the project counts as new; the other host is not asked even so."""
    server.answers = [http(302, b"", f"Location: {elsewhere.url}/simple/chainhub/")]
    with index_client.connected(_index(server), ANN, "127.0.0.1") as client:
        assert client.digests([WHEEL]) == {}
        assert client.forwards
        assert list(client.check_list()) == []
    with pytest.raises(Problem, match="forwards requests"):
        digests(_index(server), [WHEEL], ANN, "another.example.com")
    assert elsewhere.requests == []


def test_a_redirect_has_an_end(server: Server, http: Respond) -> None:
    """A loop is not followed for long."""
    server.answers = [http(301, b"", "Location: /simple/chainhub/")]
    with pytest.raises(Problem, match="redirects more than 5 times"):
        digests(_index(server), [WHEEL], ANN)


def test_an_index_may_redirect_within_itself(server: Server, http: Respond) -> None:
    """Another path on the same server is followed, with the credentials."""
    server.answers = [http(301, b"", "Location: /other/chainhub/"), http(200, b"")]
    assert digests(_index(server), [WHEEL], ANN) == {}
    assert b"Basic " in server.requests[1]


@pytest.mark.parametrize(
    ("status", "told"),
    [
        (401, "The index 'acme' does not know these credentials (401); they come from UV_PUBLISH"),
        (403, "does not let these credentials read chainhub, or does not know them (403)"),
        (502, "The index 'acme' answers 502 at http://127.0.0.1"),
    ],
)
def test_refusals_are_sentences(server: Server, http: Respond, status: int, told: str) -> None:
    """Each refusal says whose it is and what to change, and shows no password."""
    server.answers = [http(status, b"sk-test-1")]
    with pytest.raises(Problem) as caught:
        digests(_index(server), [WHEEL], ANN)
    assert told in str(caught.value)
    assert "sk-test-1" not in str(caught.value)


def test_an_unreachable_index_is_a_sentence(server: Server) -> None:
    """Nobody listening, or a conversation that breaks off, names the index and its address."""
    index = _index(server)
    server.answers = [None]
    with pytest.raises(Problem, match="'acme' cannot be reached at http://127"):
        digests(index, [WHEEL], ANN)
    server.close()
    with pytest.raises(Problem, match="'acme' cannot be reached"):
        digests(index, [WHEEL], ANN)


def test_a_page_has_an_end(server: Server, http: Respond, monkeypatch: pytest.MonkeyPatch) -> None:
    """An endless answer does not fill the memory."""
    monkeypatch.setattr(index_client, "_LIMIT", 10)
    server.answers = [http(200, b"x" * 11)]
    with pytest.raises(Problem, match="more than 10 bytes"):
        digests(_index(server), [WHEEL], ANN)


def test_a_file_that_is_gone_is_a_sentence(server: Server, http: Respond) -> None:
    """The page may list what the server does not have."""
    link = f'<a href="{WHEEL}">x</a>'
    server.answers = [http(200, link.encode(), "Content-Type: text/html"), http(404, b"none")]
    with pytest.raises(Problem, match=f"answers 404 at http://127.*{WHEEL}"):
        digests(_index(server), [WHEEL], ANN)


@pytest.mark.parametrize(
    ("known", "stranger", "said"),
    [
        (400, 401, "the index 'acme' exists and lets these credentials publish"),
        (200, 403, "the index 'acme' exists and lets these credentials publish"),
        (400, 400, "not checked: whether the index 'acme' lets these credentials publish; it "),
        (503, 401, "it answers 503 with them and 401 without"),
        (302, 302, "it answers 302 with them and 302 without"),
    ],
)
def test_what_an_index_tells_of_credentials(known: int, stranger: int, said: str) -> None:
    """Only an index that refuses others shows that it knows these."""
    assert said in index_client.verdict(Index("acme", "", ""), known, stranger)


@pytest.mark.parametrize(
    ("known", "said"),
    [
        (401, "does not know these credentials (401)"),
        (403, "does not let these credentials publish chainhub"),
        (404, "has nothing at its `publish-url` https://a.example.com/, or hides it"),
    ],
)
def test_a_refusal_is_a_problem_before_the_upload(known: int, said: str) -> None:
    """What would end an upload ends the check."""
    with pytest.raises(Problem) as caught:
        index_client.verdict(Index("acme", "", "https://a.example.com/"), known, 401)
    assert said in str(caught.value)


def test_an_index_is_asked_whether_one_may_publish(server: Server, http: Respond) -> None:
    """By two requests that store nothing, the second without credentials."""
    server.answers = [http(400, b""), http(401, b"")]
    with index_client.connected(_index(server), ANN) as client:
        assert client.check(ANN).endswith("lets these credentials publish")
    first, second = server.requests
    assert first.startswith(b"POST / ")
    assert b"Authorization: Basic " in first
    assert b"Authorization" not in second
    server.close()
    with (
        pytest.raises(Problem, match="cannot be reached"),
        index_client.connected(_index(server), ANN) as client,
    ):
        client.check(ANN)


@pytest.mark.parametrize(
    ("statuses", "said"),
    [((404, 404), ["simple/ is an index; it answers 404 for"]), ((404, 200), []), ((200,), [])],
)
def test_an_index_without_a_list_is_named(
    server: Server, http: Respond, statuses: tuple[int, ...], said: list[str]
) -> None:
    """Where neither the project nor the list of projects is found, the address may be wrong."""
    server.answers = [http(status, b"x" * 1000) for status in statuses]
    with index_client.connected(_index(server), ANN) as client:
        lines = list(client.check_list())
    assert len(lines) == len(said)
    assert all(part in line for part, line in zip(said, lines, strict=True))


def test_the_systems_certificates_are_trusted(
    http: Respond, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A company's own authority is often in the system's store only."""
    server = Server(tls=identities.server_context("server"))
    server.answers = [http(404, b"")]
    try:
        with pytest.raises(Problem, match="certificate verify failed"):
            digests(_index(server), [WHEEL], ANN)
        monkeypatch.setattr(ssl.SSLContext, "load_default_certs", _company)
        assert digests(_index(server), [WHEEL], ANN) == {}
        monkeypatch.setenv("SSL_CERT_FILE", "somewhere.pem")
        monkeypatch.setattr(certifi, "where", lambda: pytest.fail("more is trusted"))
        assert digests(_index(server), [WHEEL], ANN) == {}
    finally:
        server.close()


def _company(context: ssl.SSLContext, purpose: object = None) -> None:
    context.load_verify_locations(identities.AUTHORITY)
