"""The contract's servers become a constant of the package, and nothing but one."""

import pytest

from tools.errors import PipelineError
from tools.servers import elsewhere, write_servers


def written(folder, document, known=()):
    """Write the servers of a contract, and return what the module holds."""
    write_servers(document, "page.md", folder, known)
    names: dict[str, object] = {}
    exec((folder / "servers.py").read_text("utf-8"), names)
    return names


EU = {"region": {"default": "eu"}, "port": {"default": 8443}}
HOSTILE = 'https://api.example.com/"),__import__("os").abort(),("'


@pytest.mark.parametrize(
    ("servers", "expected"),
    [
        # In the order of the contract, without a slash at the end.
        (
            [{"url": "https://api.example.com/"}, {"url": "http://localhost:8000/base"}],
            ("https://api.example.com", "http://localhost:8000/base"),
        ),
        # Whoever makes a client says where the service is.
        (None, ()),
        ([], ()),
        ("https://api.example.com", ()),
        # A relative one is the caller's.
        (
            [{"url": "/v1"}, {"url": "https://{region}.example.com:{port}/v1", "variables": EU}],
            ("https://eu.example.com:8443/v1",),
        ),
        ([{"url": HOSTILE}], (HOSTILE,)),
    ],
)
def test_servers_become_a_constant(tmp_path, servers, expected):
    """Text of a contract stays text."""
    assert written(tmp_path, {"servers": servers})["SERVERS"] == expected


@pytest.mark.parametrize(
    ("servers", "words"),
    [
        (["https://api.example.com"], "without a usable URL"),
        ([{"url": None}], "without a usable URL"),
        ([{"url": "https://api.ex\nample.com"}], "without a usable URL"),
        ([{"url": "https://api.exämple.com"}], "without a usable URL"),
        ([{"url": "//api.example.com"}], "whole http"),
        ([{"url": "https://[api"}], "whole http"),
        ([{"url": "https://api.example.com..\\x"}], "whole http"),
        ([{"url": "ftp://api.example.com"}], "whole http"),
        ([{"url": "https://{region}.example.com"}], "whole http"),
    ],
)
def test_unusable_servers_are_refused(tmp_path, servers, words):
    """The sentence names the page, and nothing is written."""
    with pytest.raises(PipelineError, match=f"page.md .*{words}"):
        write_servers({"servers": servers}, "page.md", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_servers_of_single_operations(tmp_path):
    """An operation's before its path's; a relative one is on the host of the others."""
    first = {"url": "https://api.example.com"}
    other, path = {"url": "https://other.example.com/"}, {"url": "/base"}
    document = {
        "servers": [first],
        "paths": {
            "/a": {"get": {"servers": [other, first]}, "servers": [path]},
            "/b": {"get": {}, "put": {"servers": []}, "servers": [path]},
            "/c": {"get": {"servers": [first]}},
            "/d": {"get": {}},
        },
    }
    known = [
        (f"v.{verb}_{name}", ("paths", f"/{name}", verb))
        for name, verb in (("a", "get"), ("b", "get"), ("b", "put"), ("c", "get"), ("d", "get"))
    ]
    base = "https://api.example.com/base"
    own = {"v.get_a": "https://other.example.com", "v.get_b": base, "v.put_b": base}
    assert written(tmp_path, document, known)["OWN_SERVERS"] == own
    ((sentence, places),) = elsewhere(document)
    assert "on another host" in sentence
    assert places == 1
    del document["servers"], document["paths"]["/a"], document["paths"]["/c"]
    assert elsewhere(document) == []
    assert written(tmp_path, document, known[1:3])["OWN_SERVERS"] == {}
