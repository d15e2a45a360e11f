"""What the screen lets pass has no fault, and what it does not is judged by the library."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import cast

import pytest

from tools import commands, documents, layout, screen, validation, validator
from tools.contract import Place, at, mapping
from tools.documents import Json

GROWN = layout.ROOT / "tests" / "golden" / "grown.yaml"
NUMBERED: dict[str, Json] = {"name": "n", "in": "query", "schema": {"type": "integer"}}
TASK: dict[str, Json] = {
    "type": "object",
    "required": ["id"],
    "properties": {"id": {"type": "string"}, "n": {"type": "integer", "default": 3, "minimum": 1}},
}
QUERY: dict[str, Json] = {
    "operationId": "query",
    "tags": ["video"],
    "parameters": [NUMBERED],
    "responses": {"200": {"$ref": "#/components/responses/Task"}},
}
ANSWER: dict[str, Json] = {
    "description": "",
    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Task"}}},
}
ID: Json = {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}
GOOD: dict[str, Json] = {
    "openapi": "3.0.3",
    "info": {"title": "t", "version": "1"},
    "tags": [{"name": "video"}],
    "paths": {"/a/{id}": {"parameters": [{"$ref": "#/components/parameters/Id"}], "get": QUERY}},
    "x-far": {"type": "text"},
    "x-number": NUMBERED,
    "components": {
        "parameters": {"Id": ID, "Far": {"$ref": "#/x-number"}},
        "responses": {"Task": ANSWER},
        "schemas": {"Task": TASK, "Tasks": {"allOf": [{"$ref": "#/components/schemas/Task"}]}},
    },
}
GET: Place = ("paths", "/a/{id}", "get")
SCHEMA: Place = ("components", "schemas", "Task")
NUMBER: Place = (*SCHEMA, "properties", "n")


def with_(place: Place, value: Json, base: dict[str, Json] = GOOD) -> dict[str, Json]:
    """Put a value at a place of a copy."""
    document = deepcopy(base)
    holder = at(document, place[:-1])
    if isinstance(holder, list):
        holder[cast("int", place[-1])] = value
    else:
        mapping(holder)[str(place[-1])] = value
    return document


def faults(document: dict[str, Json]) -> list[tuple[str, str]]:
    """Ask the library; a schema that it follows for ever is a fault too."""
    try:
        return list(validator.faults(document))
    except RecursionError:
        return [("", "without end")]


def test_a_good_contract_passes() -> None:
    """The project's own, once repaired, and one with a bit of everything."""
    repaired = commands.repaired_document(documents.read(layout.CONTRACT), "c").document
    assert screen.passes(repaired)
    assert screen.passes(GOOD)
    assert faults(GOOD) == []


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("info",), {"title": "t"}),
        (("tags",), [{"name": "video"}, {"name": "video", "description": "again"}]),
        ((*GET, "responses"), {"200": {}}),
        ((*GET, "parameters"), [{**NUMBERED, "description": text} for text in ("a", "b")]),
        (("paths", "/a/{id}", "parameters"), []),
        (("paths", "/a/{id}", "parameters", 0), {"$ref": "#/components/schemas/Task"}),
        ((*NUMBER, "default"), "three"),
        ((*NUMBER, "default"), 0),
        ((*SCHEMA, "properties", "id", "enum"), ["a", "a"]),
        ((*SCHEMA, "type"), "text"),
        (("components", "schemas", "Tasks"), {"$ref": "#/x-far"}),
        ((*GET, "parameters"), [NUMBERED, {"$ref": "#/components/parameters/Far"}]),
        (("components", "schemas", "Tasks"), {"allOf": [{}], "required": ["else"]}),
        (("components", "schemas", "Tasks"), {"allOf": [{"$ref": "#/components/schemas/Tasks"}]}),
    ],
)
def test_a_fault_does_not_pass(place: Place, value: Json) -> None:
    """Each is one that the library finds."""
    document = with_(place, value)
    assert faults(document)
    assert not screen.passes(document)


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("openapi",), "3.1.0"),
        (("paths", "/a/{id}", "$ref"), "#/components/x-paths/a"),
        ((*GET, "responses", "200"), {"$ref": "#/components/x-answers/a"}),
        ((*NUMBER, "format"), "int32"),
        (("components", "parameters", "Id"), {"$ref": "#/components/parameters/Other"}),
    ],
)
def test_a_doubt_does_not_pass(place: Place, value: Json) -> None:
    """The library has to look at what is said elsewhere or in other words."""
    assert not screen.passes(with_(place, value))


def places(value: Json, place: Place = ()) -> Iterator[Place]:
    """Walk through the places of a document."""
    if isinstance(value, dict | list):
        for step, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield (*place, step)
            yield from places(inner, (*place, step))


ODD: list[Json] = [
    *(None, 1, -1, 1.5, True, "x", "string", [], ["a", "a"], {}, [{}]),
    {"$ref": "#/components/schemas/Task"},
    {"type": "null"},
    {"type": "string", "default": 5},
    {"allOf": [{}], "required": ["q"]},
]
WORDS = (
    *("type", "default", "required", "allOf", "$ref", "parameters", "name", "in", "items"),
    *("properties", "enum", "minimum", "nullable", "anyOf", "not", "tags", "responses", "x-a"),
)


def broken(document: dict[str, Json], chance: random.Random) -> dict[str, Json]:
    """Remove, replace or add something somewhere."""
    place = chance.choice(list(places(document)))
    held = deepcopy(chance.choice(ODD))
    holder = at(document, place[:-1])
    changes: list[Callable[[], dict[str, Json]]] = [lambda: with_(place, held, document)]
    if isinstance(holder, dict):
        without = {word: inner for word, inner in holder.items() if word != place[-1]}
        changed = {**holder, chance.choice(WORDS): held}
        for new in (without, changed):
            if len(place) > 1:
                changes.append(lambda new=new: with_(place[:-1], new, document))  # type: ignore[misc]
    return chance.choice(changes)()


@pytest.mark.unmeasured
@pytest.mark.parametrize("seed", [0, *(pytest.param(n, marks=pytest.mark.slow) for n in (1, 2, 3))])
def test_what_passes_has_no_fault(seed: int) -> None:
    """Contracts broken at random: the library finds nothing in those that pass."""
    chance = random.Random(seed)
    grown = commands.repaired_document(documents.read(GROWN), "c").document
    passed = 0
    for base in (GOOD, grown):
        for _ in range(150):
            document = broken(base, chance)
            known = not list(validation.unknown_references(document))
            if known and screen.passes(document):
                passed += 1
                assert faults(document) == []
    assert passed > 20


def test_the_library_is_not_loaded_for_a_good_contract() -> None:
    """It would take longer than all the rest."""
    code = (
        "import sys\nfrom tools import commands, layout\n"
        "repaired = commands.repair(layout.CONTRACT)\n"
        "commands.validate(repaired, layout.CONTRACT)\n"
        "assert not {'openapi_spec_validator', 'jsonschema', 'griffe'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], cwd=layout.ROOT, check=True, timeout=60)
