"""Walk through the schemas of a contract, where they really are.

A field that happens to be called `type` or `required` is no keyword of a schema, so code that
changes schemas must not look for such words anywhere else.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from tools import contract
from tools.contract import at, mapping, pointer, sequence
from tools.documents import Json

Schema = dict[str, Json]
PYTHON: Final[dict[str, tuple[type, ...]]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
}

# Keywords that OpenAPI 3.0 or the generator does not take. They show in no type, but the service
# applies them: their changes are reported, so they stay in the repaired contract as extensions.
KEPT: Final = (
    "contains",
    "contentEncoding",
    "contentMediaType",
    "dependentRequired",
    "dependentSchemas",
    "else",
    "if",
    "maxContains",
    "minContains",
    "pattern",
    "patternProperties",
    "prefixItems",
    "propertyNames",
    "then",
    "unevaluatedItems",
    "unevaluatedProperties",
)


def schemas(document: dict[str, Json]) -> Iterator[Schema]:
    """Find every schema, the outer ones first: a change of one applies to those inside it."""
    components = mapping(document.get("components"))
    for schema in mapping(components.get("schemas")).values():
        yield from _inside(schema)
    for parameter in mapping(components.get("parameters")).values():
        yield from _parameter(parameter)
    for kind in ("requestBodies", "responses"):
        for holder in mapping(components.get(kind)).values():
            yield from _content(holder)
    for item in mapping(document.get("paths")).values():
        for parameter in sequence(mapping(item).get("parameters")):
            yield from _parameter(parameter)
    for _, operation in contract.operations(document):
        for parameter in sequence(operation.get("parameters")):
            yield from _parameter(parameter)
        yield from _content(operation.get("requestBody"))
        for response in mapping(operation.get("responses")).values():
            yield from _content(response)


def schemas_in(
    document: dict[str, Json], *operations: dict[str, Json]
) -> Iterator[tuple[Schema, bool]]:
    """Find the schemas of operations, through references: of requests (True), of answers."""
    for is_sent in (True, False):
        references: set[str] = set()
        queue: list[Json] = []
        for operation in operations:
            if is_sent:
                queue += [*sequence(operation.get("parameters")), operation.get("requestBody")]
            else:
                queue += mapping(operation.get("responses")).values()
        while queue:
            holder = mapping(queue.pop())
            reference = holder.get("$ref")
            if isinstance(reference, str) and reference not in references:
                references.add(reference)
                queue.append(at(document, pointer(reference)))
            schemas = [*_parameter(holder)] or [*_inside(holder)]
            yield from ((schema, is_sent) for schema in schemas)
            queue += [schema for schema in schemas if "$ref" in schema and schema is not holder]


def _parameter(parameter: Json) -> Iterator[Schema]:
    yield from _inside(mapping(parameter).get("schema"))
    yield from _content(parameter)


def _content(holder: Json) -> Iterator[Schema]:
    for content in mapping(mapping(holder).get("content")).values():
        yield from _inside(mapping(content).get("schema"))
    for header in mapping(mapping(holder).get("headers")).values():
        yield from _inside(mapping(header).get("schema"))


def _inside(schema: Json) -> Iterator[Schema]:
    if not isinstance(schema, dict):
        return
    yield schema
    for inner in mapping(schema.get("properties")).values():
        yield from _inside(inner)
    for key in ("items", "additionalProperties", "not"):
        yield from _inside(schema.get(key))
    for key in ("allOf", "anyOf", "oneOf"):
        for inner in sequence(schema.get(key)):
            yield from _inside(inner)
