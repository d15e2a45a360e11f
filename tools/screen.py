"""Tell quickly that a contract is valid, where that is beyond doubt.

Most contracts are good, and for them the library that judges contracts takes long to load and long
to work. What is not let pass here is not wrong yet: the library judges it, and words what it finds.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from jsonschema_rs import Draft4Validator

from tools.contract import TEMPLATE, mapping, operations, sequence
from tools.documents import Json
from tools.repair.schemas import Schema, schemas

_SHARED: Final = re.compile(r"#/components/(parameters|responses|schemas)/([\w.-]+)")
# Beside these words every reader of JSON Schema judges a default alike.
_JUDGES: Final = ("enum", "maximum", "minimum", "type")
_SILENT: Final = ("default", "deprecated", "description", "example", "title")
_SAME_VALUE: Final = ("allOf", "anyOf", "items", "not", "oneOf")
_SPECIFICATION: Final = ("openapi_spec_validator", "resources", "schemas", "v3.0", "schema.json")
_JSON_SCHEMA: Final = ("jsonschema_specifications", "schemas", "draft4", "metaschema.json")


def passes(document: dict[str, Json]) -> bool:
    """Tell whether the library would find no fault; False means that it has to be asked."""
    tags = [mapping(tag).get("name") for tag in sequence(document.get("tags"))]
    meta = _validator(*_JSON_SCHEMA)
    return (
        _validator(*_SPECIFICATION).is_valid(document)  # which is of 3.0 only
        and all(_sound(schema, meta) for schema in schemas(document))
        and _ends(document)
        and _operations_agree(document)
        and len(set(map(str, tags))) == len(tags)
    )


def _validator(package: str, *path: str) -> Draft4Validator:
    """Load a description that a package has, without loading the package."""
    found = find_spec(package)
    folder = Path(str(found.origin)).parent if found else Path()
    described = json.loads(folder.joinpath(*path).read_text("utf-8"))
    # By its name it would be taken for what the validator knows under it, which is less strict.
    return Draft4Validator({key: value for key, value in described.items() if key != "id"})


def _sound(schema: Schema, meta: Draft4Validator) -> bool:
    if "$ref" in schema:
        return _shared(schema) == "schemas" and _says_only(schema, "$ref", *_SILENT)
    if "allOf" in schema and set(map(str, sequence(schema.get("required")))) - _fields(schema):
        return False  # what is required may stand in one of its parts
    if "default" in schema and not _fits(schema):
        return False
    return meta.is_valid(schema)


def _fields(schema: Schema) -> set[str]:
    return set(mapping(schema.get("properties")))


def _shared(holder: Json) -> str | None:
    """Tell among which components a reference leads to one; any other has to be followed."""
    found = _SHARED.fullmatch(str(mapping(holder).get("$ref")))
    return found[1] if found else None


def _fits(schema: Schema) -> bool:
    judging: Schema = {word: schema[word] for word in _JUDGES if word in schema}
    known = _says_only(schema, *_JUDGES, *_SILENT)
    return known and Draft4Validator(judging).is_valid(schema["default"])


def _says_only(schema: Schema, *words: str) -> bool:
    return all(word in words or word.startswith("x-") for word in schema)


def _ends(document: dict[str, Json]) -> bool:
    """Tell whether no shared schema is made of itself, which the library would follow for ever."""
    named = mapping(mapping(document.get("components")).get("schemas"))
    try:
        TopologicalSorter({name: list(_parts(one)) for name, one in named.items()}).prepare()
    except CycleError:
        return False
    return True


def _parts(schema: Json) -> Iterator[str]:
    """Name the shared schemas that a value of this one has to fit, or its items."""
    described = mapping(schema)
    if "$ref" in described:
        yield str(described["$ref"]).rpartition("/")[2]
    for word in _SAME_VALUE:
        if word in described:
            inner = described[word]
            for one in inner if isinstance(inner, list) else [inner]:
                yield from _parts(one)


def _operations_agree(document: dict[str, Json]) -> bool:
    shared = mapping(mapping(document.get("components")).get("parameters"))
    for place, operation in operations(document):
        path = str(place[1])
        item = mapping(mapping(document["paths"])[path])
        own = _described(operation.get("parameters"), shared)
        beside = _described(item.get("parameters"), shared)
        if own is None or beside is None or "$ref" in item:
            return False
        named = {name for name, where in own | beside if where == "path"}
        if named != set(TEMPLATE.findall(path)) or not _answers_found(operation):
            return False
    return True


def _answers_found(operation: dict[str, Json]) -> bool:
    answers = map(mapping, mapping(operation.get("responses")).values())
    return all("$ref" not in answer or _shared(answer) == "responses" for answer in answers)


def _described(listed: Json, shared: dict[str, Json]) -> set[tuple[str, str]] | None:
    """Name the parameters of a list and where they stand; None: one stands twice or far away."""
    found = set()
    for one in map(mapping, sequence(listed)):
        described = one
        if _shared(one) == "parameters":
            described = mapping(shared.get(str(one["$ref"]).rpartition("/")[2]))
        if "$ref" in described:
            return None
        found.add((str(described.get("name")), str(described.get("in"))))
    return found if len(found) == len(sequence(listed)) else None
