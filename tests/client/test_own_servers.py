"""Operations for which the contract names a server of their own."""

import pytest

import chainhub
from chainhub._session import transport


def own(monkeypatch, server, url):
    """Let the contract say that a query is at this URL, and all else at the server."""
    monkeypatch.setattr(transport, "SERVERS", (server.url,))
    monkeypatch.setattr(transport, "OWN_SERVERS", {"video.query": url})


def test_another_path_of_the_same_host_is_used(mode, server, monkeypatch):
    """Each time, and by waits as well."""
    own(monkeypatch, server, f"{server.url}/base")
    client = mode.client(base_url=server.url)
    for name in ("a", "b"):
        mode(client.video.query(name))
    with pytest.raises(chainhub.WaitTimeout):
        mode(client.video.wait("c", deadline=0.1))
    mode(client.request("GET", "/v1/other"))
    asked = [head.split(b" ")[1] for head in server.requests]
    assert asked[:2] == [b"/base/v1/video/query?id=a", b"/base/v1/video/query?id=b"]
    assert asked[2:] == [b"/base/v1/video/query?id=c", b"/v1/other"]


def test_another_host_is_told(mode, server, monkeypatch):
    """The key is for one host; the error names the other, to which nothing is sent."""
    own(monkeypatch, server, "https://other.example.com/base")
    client = mode.client(base_url=server.url)
    with pytest.raises(chainhub.ConfigurationError, match=r"no requests to https://other\.example"):
        mode(client.video.query("a"))
    assert server.requests == []


def test_a_base_url_of_the_user_counts_for_all(mode, server, monkeypatch):
    """A gateway or a mock server serves every operation at its own paths."""
    own(monkeypatch, server, "https://other.example.com/base")
    monkeypatch.setattr(transport, "SERVERS", ("https://api.example.com",))
    client = mode.client(base_url=server.url)
    assert mode(client.video.query("a")).status == "pending"
