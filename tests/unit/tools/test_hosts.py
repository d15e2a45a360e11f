"""Where the key may go."""

from __future__ import annotations

import pytest

from tools.documents import Json
from tools.pages import hosts


def naming(*names: str) -> dict[str, Json]:
    """Make a contract with these servers."""
    return {"servers": [{"url": f"https://{name}/v1"} for name in names]}


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("https://API.example/v1", "api.example"),
        ("api.example:8443", "api.example:8443"),
        ("//api.example", "api.example"),
        ("https://[api", "https://[api"),
        ("https://user@api.example", "user@api.example"),
    ],
)
def test_a_host_is_found_in_what_people_write(text: str, host: str) -> None:
    """With what stands around it that changes where a key goes."""
    assert hosts.host_in(text) == host


def test_servers_are_found_wherever_they_are_named() -> None:
    """For the whole contract, a path, an operation; one without an address is none."""
    get: Json = {"servers": [{"url": "https://c.example"}, {"bearer": []}]}
    made: Json = {"/a": {"servers": [{"url": "https://b.example"}], "get": get}}
    assert hosts.hosts_of({**naming("a.example"), "paths": made}) == {
        "a.example",
        "b.example",
        "c.example",
    }


@pytest.mark.parametrize(
    ("pages", "known", "usual"),
    [
        ([], [], ""),
        ([[]], ["api.example.com"], ""),
        ([["a.example"], ["b.example"], ["b.example"]], [], "b.example"),
        ([["a.example"], ["b.example"], ["b.example"]], ["a.example"], "a.example"),
        ([["api.exampel.com"], ["api.exampel.com"]], ["api.example.com"], "api.example.com"),
        ([["api.exammple.com"]], ["api.example.com"], "api.example.com"),
        ([["gateway.other.org"]], ["api.example.com"], "gateway.other.org"),
    ],
)
def test_the_usual_host(pages: list[list[str]], known: list[str], usual: str) -> None:
    """The one in place, else what most pages name; a misspelling of the known one is never it."""
    assert hosts.usual_host([naming(*names) for names in pages], known) == usual


@pytest.mark.parametrize(
    ("names", "allowed", "strange"),
    [
        (["api.example"], [], None),
        ([], [], None),
        (["api.example", "b.example"], [], "b.example"),
        (["b.example"], ["https://B.example/"], None),
        (["b.example:81"], ["b.example"], "b.example:81"),
    ],
)
def test_another_host_is_strange(names: list[str], allowed: list[str], strange: str | None) -> None:
    """Unless it is allowed by name."""
    assert hosts.strange_host(naming(*names), "api.example", allowed) == strange


def test_a_move_is_told() -> None:
    """Where the contract in place named another host."""
    assert hosts.moved("b.example", ["a.example"]) == [
        "The server is b.example, no longer a.example: the key will go there."
    ]
    assert hosts.moved("b.example", ["b.example"]) == hosts.moved("", ["a"]) == []
    assert hosts.moved("b.example", []) == []


def test_a_server_without_a_host_is_refused_in_words() -> None:
    """Not as one that has an empty name."""
    assert hosts.strange_host({"servers": [{"url": "/v1"}]}, "a") == ""
    sentence = "p.md is refused: its server names no host; the others are on a."
    assert hosts.refusal("p.md", "", "a") == sentence
