"""Where requests carry the key, compiled from the contract's security."""

from __future__ import annotations

import pytest

from tools import commands, security
from tools.documents import Json

SCHEMES: dict[str, Json] = {
    "bearer": {"type": "http", "scheme": "bearer"},
    "token": {"type": "http", "scheme": "token"},
    "basic": {"type": "http", "scheme": "Basic"},
    "header": {"type": "apiKey", "in": "header", "name": "X-Key"},
    "query": {"type": "apiKey", "in": "query", "name": "key"},
    "cookie": {"type": "apiKey", "in": "cookie", "name": "key"},
    "oauth": {"type": "oauth2", "flows": {}},
    "mutual": {"type": "mutualTLS"},
    "digest": {"type": "http", "scheme": "Digest"},
}
BEARER = ("header", "Authorization", "Bearer")
NONE = ("none", "", "")


class Known:
    """As much of the operations as is asked for."""

    def __init__(self, document: dict[str, Json]) -> None:
        self.document = document

    def __iter__(self):
        return iter([(f"v.{path[1:]}", ("paths", path, "get")) for path in self.document["paths"]])


def document(root: Json, **operations: Json) -> dict[str, Json]:
    """Return a contract; None for an operation that says nothing."""
    said = {
        f"/{name}": {"get": {} if one is None else {"security": one}}
        for name, one in operations.items()
    }
    root = {} if root is None else {"security": root}
    return {**root, "paths": said, "components": {"securitySchemes": SCHEMES}}


@pytest.mark.parametrize(
    ("made", "key", "others"),
    [
        (document(None, a=None), BEARER, {}),
        (document([{"bearer": []}], a=None, b=[]), BEARER, {"v.b": NONE}),
        (document([{"bearer": []}], a=None, b=[{}]), BEARER, {"v.b": NONE}),
        (document([{"bearer": []}], a=[{}, {"bearer": []}]), BEARER, {}),
        (
            document([{"header": []}], a=None, b=None, c=[{"bearer": []}]),
            ("header", "X-Key", ""),
            {"v.c": BEARER},
        ),
        (
            document([{"bearer": []}], a=None, b=None, c=[{"query": []}], d=[{"basic": []}]),
            BEARER,
            {"v.c": ("query", "key", ""), "v.d": ("basic", "Authorization", "Basic")},
        ),
        (document(None, a=[{"token": []}]), ("header", "Authorization", "Token"), {}),
        (document(None, a=[{"oauth": ["read"]}]), BEARER, {}),
        (
            document(None, a=[{"bearer": [], "header": []}, {"header": []}]),
            ("header", "X-Key", ""),
            {},
        ),
        (document([{"bearer": []}], a=None, b=[{"cookie": []}], c=[{"mutual": []}]), BEARER, {}),
        (document([{"bearer": []}], a=None, b=[{"digest": []}]), BEARER, {}),
        (document([{"nowhere": []}], a=None), BEARER, {}),
    ],
)
def test_carriers(tmp_path, made, key, others):
    """What most operations want is the key's place; the others are listed."""
    security.write_security(made, Known(made), tmp_path)
    found: dict[str, object] = {}
    exec((tmp_path / security.FILE).read_text(), found)
    assert (found["KEY"], found["OTHERS"]) == (key, others)


@pytest.mark.parametrize(
    ("made", "count"),
    [
        (document([{"bearer": []}], a=None, b=[]), 0),
        (document([{"bearer": []}], a=[{"bearer": [], "header": []}], b=[{"cookie": []}]), 2),
        (document([{"cookie": []}], a=None), 1),
        (document([{"bearer": []}], a=[{"digest": []}], b=[{"digest": []}, {"bearer": []}]), 1),
    ],
)
def test_what_one_key_cannot_open_is_said(made, count):
    """Several keys at once, or one in a cookie."""
    assert [places for _, places in security.unmet(made)] == [count] * bool(count)


def test_a_published_page_that_says_no_key_is_not_believed():
    """The vendor's pages say so beside a header with the key; other contracts mean it."""
    paths = {
        f"/{name}": {"get": {"security": [], "responses": {"200": {"description": ""}}, **more}}
        for name, more in (
            ("page", {"x-apifox-status": "released"}),
            ("merged", {"parameters": [{"name": "Authorization", "in": "header", "schema": {}}]}),
            ("other", {}),
        )
    }
    info = {"title": "a", "version": "1"}
    made = {"openapi": "3.0.1", "info": info, "paths": paths, "security": [{"bearer": []}]}
    repaired = commands.repaired_document(made, "page.md").document["paths"]
    said = {path: item["get"].get("security") for path, item in repaired.items()}
    assert said == {"/page": None, "/merged": None, "/other": []}


def test_the_key_is_no_parameter():
    """In a path item, in an operation, or behind a reference; others of its name elsewhere stay."""

    def parameter(place: str, name: str) -> dict[str, Json]:
        return {"in": place, "name": name, "schema": {"type": "string"}}

    other, key = parameter("query", "x-key"), parameter("header", "x-key")
    made = document([{"header": []}], a=None, b=None)
    made["components"]["parameters"] = {"Key": key}
    made["paths"]["/a"]["parameters"] = [key, other]
    made["paths"]["/b"]["get"]["parameters"] = [
        {"$ref": "#/components/parameters/Key"},
        parameter("query", "Key"),
        other,
    ]
    assert [places for _, places in security.take_out_keys(made)] == [3]
    assert made["paths"]["/a"]["parameters"] == [other]
    assert made["paths"]["/b"]["get"]["parameters"] == [other]
    assert security.take_out_keys(made) == []
