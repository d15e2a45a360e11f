"""Tell quickly that a contract is valid, where that is beyond doubt.

Most contracts are valid, and the library that validates contracts takes long to load and to run.
A contract that does not pass here may still be valid: the library decides, and words the errors.
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
# With these keywords only, every JSON Schema validator judges a default alike.
_ASSERTIONS: Final = ("enum", "maximum", "minimum", "type")
_ANNOTATIONS: Final = ("default", "deprecated", "description", "example", "title")
_SAME_VALUE: Final = ("allOf", "anyOf", "items", "not", "oneOf")
_SPECIFICATION: Final = ("openapi_spec_validator", "resources", "schemas", "v3.0", "schema.json")
_JSON_SCHEMA: Final = ("jsonschema_specifications", "schemas", "draft4", "metaschema.json")


def passes(document: dict[str, Json]) -> bool:
    """Tell whether the library would find no fault; False means that it has to validate."""
    tags = [mapping(tag).get("name") for tag in sequence(document.get("tags"))]
    meta = _validator(*_JSON_SCHEMA)
    return (
        _validator(*_SPECIFICATION).is_valid(document)  # which is of 3.0 only
        and all(_is_valid(schema, meta) for schema in schemas(document))
        and _ends(document)
        and _operations_agree(document)
        and len(set(map(str, tags))) == len(tags)
    )


def _validator(package: str, *path: str) -> Draft4Validator:
    """Load a schema from the files of a package, without importing the package."""
    spec = find_spec(package)
    folder = Path(str(spec.origin)).parent if spec else Path()
    schema = json.loads(folder.joinpath(*path).read_text("utf-8"))
    # With its id the validator would use its own schema of that id, which is less strict.
    return Draft4Validator({key: value for key, value in schema.items() if key != "id"})


def _is_valid(schema: Schema, meta: Draft4Validator) -> bool:
    if "$ref" in schema:
        return _shared(schema) == "schemas" and _has_only(schema, "$ref", *_ANNOTATIONS)
    if "allOf" in schema and set(map(str, sequence(schema.get("required")))) - _fields(schema):
        return False  # a required field may be declared in one of its parts
    if "default" in schema and not _fits(schema):
        return False
    return meta.is_valid(schema)


def _fields(schema: Schema) -> set[str]:
    return set(mapping(schema.get("properties")))


def _shared(holder: Json) -> str | None:
    """Return the kind of component that a reference leads to; None if it has to be followed."""
    match = _SHARED.fullmatch(str(mapping(holder).get("$ref")))
    return match[1] if match else None


def _fits(schema: Schema) -> bool:
    assertions: Schema = {word: schema[word] for word in _ASSERTIONS if word in schema}
    comparable = _has_only(schema, *_ASSERTIONS, *_ANNOTATIONS)
    return comparable and Draft4Validator(assertions).is_valid(schema["default"])


def _has_only(schema: Schema, *words: str) -> bool:
    return all(word in words or word.startswith("x-") for word in schema)


def _ends(document: dict[str, Json]) -> bool:
    """Tell whether no shared schema contains itself, which the library would follow for ever."""
    shared = mapping(mapping(document.get("components")).get("schemas"))
    try:
        TopologicalSorter({name: list(_parts(schema)) for name, schema in shared.items()}).prepare()
    except CycleError:
        return False
    return True


def _parts(schema: Json) -> Iterator[str]:
    """Name the shared schemas that a value of this schema, or its items, must match."""
    target = mapping(schema)
    if "$ref" in target:
        yield str(target["$ref"]).rpartition("/")[2]
    for word in _SAME_VALUE:
        if word in target:
            inner = target[word]
            for part in inner if isinstance(inner, list) else [inner]:
                yield from _parts(part)


def _operations_agree(document: dict[str, Json]) -> bool:
    shared = mapping(mapping(document.get("components")).get("parameters"))
    for place, operation in operations(document):
        path = str(place[1])
        item = mapping(mapping(document["paths"])[path])
        own_parameters = _parameter_names(operation.get("parameters"), shared)
        path_parameters = _parameter_names(item.get("parameters"), shared)
        if own_parameters is None or path_parameters is None or "$ref" in item:
            return False
        path_names = {name for name, where in own_parameters | path_parameters if where == "path"}
        if path_names != set(TEMPLATE.findall(path)) or not _responses_are_local(operation):
            return False
    return True


def _responses_are_local(operation: dict[str, Json]) -> bool:
    responses = map(mapping, mapping(operation.get("responses")).values())
    return all("$ref" not in response or _shared(response) == "responses" for response in responses)


def _parameter_names(parameters: Json, shared: dict[str, Json]) -> set[tuple[str, str]] | None:
    """Return name and location of each parameter; None for a duplicate or a remote reference."""
    names = set()
    for parameter in map(mapping, sequence(parameters)):
        target = parameter
        if _shared(parameter) == "parameters":
            target = mapping(shared.get(str(parameter["$ref"]).rpartition("/")[2]))
        if "$ref" in target:
            return None
        names.add((str(target.get("name")), str(target.get("in"))))
    return names if len(names) == len(sequence(parameters)) else None
