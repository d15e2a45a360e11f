"""The contract's servers become a constant of the package, and nothing but one."""

import pytest

from tools.errors import PipelineError
from tools.servers import elsewhere, write_servers


def test_servers_become_a_constant(tmp_path):
    """In the order of the contract, without a slash at the end."""
    urls = ["https://api.example.com/", "http://localhost:8000/base"]
    write_servers({"servers": [{"url": url} for url in urls]}, "page.md", tmp_path)
    names: dict[str, object] = {}
    exec((tmp_path / "servers.py").read_text("utf-8"), names)
    assert names["SERVERS"] == ("https://api.example.com", "http://localhost:8000/base")


@pytest.mark.parametrize("servers", [None, [], "https://api.example.com"])
def test_contract_may_name_no_server(tmp_path, servers):
    """Then whoever makes a client says where the service is."""
    write_servers({"servers": servers}, "page.md", tmp_path)
    names: dict[str, object] = {}
    exec((tmp_path / "servers.py").read_text("utf-8"), names)
    assert names["SERVERS"] == ()


def test_variables_take_their_defaults_and_relative_servers_are_the_callers(tmp_path):
    """A variable without a default keeps its braces, and is refused."""
    variables = {"region": {"default": "eu"}, "port": {"default": 8443}}
    url = "https://{region}.example.com:{port}/v1"
    servers = [{"url": "/v1"}, {"url": url, "variables": variables}]
    write_servers({"servers": servers}, "page.md", tmp_path)
    names: dict[str, object] = {}
    exec((tmp_path / "servers.py").read_text("utf-8"), names)
    assert names["SERVERS"] == ("https://eu.example.com:8443/v1",)


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


def test_text_of_a_contract_never_becomes_code(tmp_path):
    """A quote in a URL stays text."""
    hostile = 'https://api.example.com/"),__import__("os").abort(),("'
    write_servers({"servers": [{"url": hostile}]}, "page.md", tmp_path)
    names: dict[str, object] = {}
    exec((tmp_path / "servers.py").read_text("utf-8"), names)
    assert names["SERVERS"] == (hostile,)


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
    write_servers(document, "page.md", tmp_path, known)
    names: dict[str, object] = {}
    exec((tmp_path / "servers.py").read_text("utf-8"), names)
    base = "https://api.example.com/base"
    own = {"v.get_a": "https://other.example.com", "v.get_b": base, "v.put_b": base}
    assert names["OWN_SERVERS"] == own
    ((sentence, places),) = elsewhere(document)
    assert "on another host" in sentence
    assert places == 1
    del document["servers"], document["paths"]["/a"], document["paths"]["/c"]
    assert elsewhere(document) == []
    write_servers(document, "page.md", tmp_path, known[1:3])
    exec((tmp_path / "servers.py").read_text("utf-8"), names)
    assert names["OWN_SERVERS"] == {}
