"""One bad operation does not take the contract with it."""

from __future__ import annotations

from copy import deepcopy

import pytest

from tools import generation, selection
from tools.contract import mapping
from tools.documents import Json
from tools.errors import PipelineError

EMPTY: Json = {"200": {"description": ""}}
GOOD: dict[str, Json] = {"tags": ["a"], "operationId": "good", "responses": EMPTY}


def answering(schema: Json, name: str) -> dict[str, Json]:
    """Describe an operation with this answer."""
    answer: Json = {"description": "", "content": {"application/json": {"schema": schema}}}
    return {"tags": ["a"], "operationId": name, "responses": {"200": answer}}


def contract(components: dict[str, Json] | None = None, **paths: Json) -> dict[str, Json]:
    """Describe a service with these operations."""
    return {
        "openapi": "3.0.1",
        "info": {"title": "t", "version": "1"},
        "paths": {f"/{name}": {"get": deepcopy(one), "x-a": 1} for name, one in paths.items()},
        "components": {"schemas": components or {}, "securitySchemes": {}},
    }


SHARED = {"$ref": "#/components/schemas/Odd"}
ODD: dict[str, dict[str, Json]] = {
    "not OpenAPI": {**GOOD, "operationId": "bad", "parameters": [{"name": "x", "in": "body"}]},
    "a reference to nothing": answering({"$ref": "#/components/schemas/Nope"}, "bad"),
    "an answer that the generator cannot read": answering(SHARED, "bad"),
    "a list of itself": answering({"$ref": "#/components/schemas/List"}, "bad"),
}


@pytest.mark.parametrize("bad", ODD.values(), ids=ODD)
def test_an_operation_that_cannot_be_generated_is_left_out(bad: dict[str, Json]) -> None:
    """With a reason in one line; the others are what they are without it."""
    odd: dict[str, Json] = {"type": "string", "format": "date", "default": "x"}
    endless: Json = {"type": "array", "items": {"$ref": "#/components/schemas/List"}}
    document = contract({"Odd": odd, "List": endless}, good=GOOD, bad=bad)
    data, left = selection.select(document, "c")
    (sentence,) = left
    assert sentence.startswith("GET /bad is left out: ")
    assert "\n" not in sentence
    assert list(mapping(document["paths"])) == ["/good"]
    assert [one.name for one in data.endpoint_collections_by_tag["a"].endpoints] == ["good"]  # type: ignore[index]


def test_nothing_left_is_an_error() -> None:
    """With the first reason."""
    sentence = "^c: no operation can be generated. GET /bad is left out: not valid OpenAPI at "
    with pytest.raises(PipelineError, match=sentence):
        selection.select(contract(bad=ODD["not OpenAPI"]), "c")


def test_a_fault_that_no_operation_has_is_an_error() -> None:
    """Such as one of the document itself."""
    document = contract(good=GOOD)
    document["info"] = {"title": "t", "version": 1}
    with pytest.raises(PipelineError, match=r"^c: not valid OpenAPI at info/version"):
        selection.select(document, "c")
    old: dict[str, Json] = {"swagger": "2.0", "paths": contract(good=GOOD)["paths"]}
    with pytest.raises(PipelineError, match=r"^c is a contract of Swagger 2; convert it"):
        selection.select(old, "c")
    twice = contract(good=GOOD, other=GOOD)
    with pytest.raises(PipelineError, match=r"^c: GET /other and GET /good are both called a.good"):
        selection.select(twice, "c")


def test_another_method_of_the_same_path_stays() -> None:
    """The path goes only with its last operation."""
    document = contract(good=ODD["not OpenAPI"])
    mapping(mapping(document["paths"])["/good"])["post"] = {**GOOD}
    _, left = selection.select(document, "c")
    assert [one.partition(" is ")[0] for one in left] == ["GET /good"]
    assert set(mapping(mapping(document["paths"])["/good"])) == {"post", "x-a"}


def test_a_component_that_nothing_needs_does_no_harm() -> None:
    """Its fault is not the contract's."""
    odds: list[Json] = [{"type": "nope"}, {"type": "string", "format": "date", "default": "x"}]
    for odd in odds:
        data, left = selection.select(contract({"Odd": odd}, good=GOOD), "c")
        assert left == []
        assert data.models == []


def test_what_crashes_the_generator_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """It names no operation then; each is tried alone, without the components it does not need."""
    parsed = generation._parsed  # the generator's own crash, made to happen

    def crashing(document: dict[str, Json], config: generation.Config) -> object:
        if "/bad" in mapping(document["paths"]) or "Odd" in str(document["components"]):
            raise KeyError("x")
        return parsed(document, config)

    monkeypatch.setattr(generation, "_parsed", crashing)
    document = contract({"Odd": {"type": "object"}}, good=GOOD)
    assert selection.select(document, "c")[1] == []
    assert mapping(document["components"])["schemas"] == {}
    _, left = selection.select(contract(good=GOOD, bad={**GOOD, "operationId": "bad"}), "c")
    assert left == ["GET /bad is left out: KeyError: 'x'."]
