"""Rewrite a contract of OpenAPI 3.1 as one of 3.0.

What a schema defines inside of itself, under `$defs`, becomes a shared schema.
Every repair and the generator then meet one way of saying that a value may be null, and pages of
both versions can be merged.
"""

from __future__ import annotations

import re
from typing import Final

from tools.contract import Place, mapping, pointer, sequence
from tools.documents import Json
from tools.repair.schemas import KEPT
from tools.repair.unions import CHOICES

_NULL: Final[dict[str, Json]] = {"type": "null"}
_TOP: Final = ("jsonSchemaDialect", "webhooks")
_LIMITS: Final = {"exclusiveMinimum": "minimum", "exclusiveMaximum": "maximum"}
_CONSTANTS: Final[dict[type, str]] = {str: "string", int: "integer"}
# Words of JSON Schema that say nothing of values.
_DROPPED: Final = ("$comment", "$id", "$schema")
_VALUES: Final = ("default", "enum", "example", "examples")
_DEFINITIONS: Final = "$defs"


def downgrade(document: dict[str, Json]) -> None:
    """Rewrite a 3.1 contract as one of 3.0; any other is left as it is but for `$defs`."""
    _share_definitions(document)
    if not str(document.get("openapi")).startswith("3.1"):
        return
    document["openapi"] = "3.0.3"
    for holder, words in ((document, _TOP), (document.get("info"), ("summary",))):
        for word in words:
            mapping(holder).pop(word, None)
    mapping(mapping(document.get("info")).get("license")).pop("identifier", None)
    components = mapping(document.get("components"))
    components.pop("pathItems", None)
    schemes = mapping(components.get("securitySchemes"))
    for name, scheme in list(schemes.items()):
        if mapping(scheme).get("type") == "mutualTLS":  # operations that need it are reported later
            del schemes[name]
    for key in ("paths", "components"):
        _walk(document.get(key))


def _share_definitions(document: dict[str, Json]) -> None:
    """Move the definitions inside schemas to the shared schemas, where the generator looks."""
    definitions: dict[Place, Json] = {}
    holders: list[tuple[dict[str, Json], Place]] = []
    _take_definitions(document, (), definitions, holders)
    names: dict[Place, str] = {}
    for place, schema in definitions.items():
        shared = mapping(mapping(document.setdefault("components", {})).setdefault("schemas", {}))
        name = re.sub(r"[^\w.-]", "_", str(place[-1]), flags=re.ASCII)
        while name in shared:
            name += "Other"
        shared[name] = schema
        names[place] = name
    for holder, holder_place in holders if definitions else ():
        reference = str(holder["$ref"])
        start, _, name = reference.rpartition(f"/{_DEFINITIONS}/")
        steps = pointer(f"{start}/{_DEFINITIONS}/{name.partition('/')[0]}")
        # `#/$defs/Part` is what the nearest schema around it defines.
        places = ((*holder_place[:size], *steps) for size in range(len(holder_place), -1, -1))
        new_name = next((names[place] for place in places if place in names), None)
        if new_name is not None:
            holder["$ref"] = "/".join(["#/components/schemas", new_name, *name.split("/")[1:]])


def _take_definitions(
    value: Json,
    place: Place,
    definitions: dict[Place, Json],
    holders: list[tuple[dict[str, Json], Place]],
) -> None:
    if isinstance(value, list):
        for index, item in enumerate(value):
            _take_definitions(item, (*place, str(index)), definitions, holders)
    elif isinstance(value, dict):
        is_schema = place[-1:] != ("properties",)  # else these are names of fields
        for key, item in value.items():
            if not is_schema or key not in _VALUES:
                _take_definitions(item, (*place, key), definitions, holders)
        if "$ref" in value:
            holders.append((value, place))
        for name, schema in mapping(value.pop(_DEFINITIONS, None) if is_schema else None).items():
            definitions[*place, _DEFINITIONS, name] = schema


def _walk(value: Json) -> None:
    """Rewrite every schema, the inner ones first; nothing else has these keywords."""
    if isinstance(value, list):
        for item in value:
            _walk(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            if key not in ("default", "enum", "example"):
                _walk(item)
        if _is_schema(value):
            _rewrite(value)


def _is_schema(value: dict[str, Json]) -> bool:
    kind = value.get("type")
    typed = isinstance(kind, list) or kind in ("array", "integer", "number", "object", "string")
    return typed or type(value.get("const")) in _CONSTANTS or any(map(value.get, CHOICES))


def _rewrite(schema: dict[str, Json]) -> None:
    _nullable_type(schema)
    for key in CHOICES:
        if _NULL in sequence(schema.get(key)):
            _nullable_choice(schema, key)
    constant = _CONSTANTS.get(type(schema.get("const")))
    if constant:
        schema |= {"type": constant, "enum": [schema.pop("const")]}
    if isinstance(schema.get("examples"), list):
        schema.update([("example", example) for example in sequence(schema.pop("examples"))[:1]])
    if schema.get("contentMediaType") == "application/octet-stream":
        schema["format"] = "binary"
    for exclusive, limit in _LIMITS.items():
        bound = schema.get(exclusive)
        if isinstance(bound, int | float) and not isinstance(bound, bool):
            schema |= {limit: bound, exclusive: True}
    if schema.get("type") == "array":
        _items(schema)
    extensions = {f"x-{word}": schema[word] for word in KEPT if word in schema}
    for word in (*_DROPPED, *KEPT):
        schema.pop(word, None)
    schema |= extensions


def _items(schema: dict[str, Json]) -> None:
    """Let a list hold, anywhere, what it may hold at one place: 3.0 knows no places."""
    first = sequence(schema.pop("prefixItems", None))
    rest = schema.get("items")
    parts = [*first, rest] if isinstance(rest, dict) else first
    if len(parts) > 1:
        schema["items"] = {"anyOf": parts}
    else:
        schema["items"] = parts[0] if parts else {}


def _nullable_type(schema: dict[str, Json]) -> None:
    all_types = schema.get("type")
    if not isinstance(all_types, list):
        return
    types = [kind for kind in all_types if kind != "null"]
    if len(types) < len(all_types):
        schema["nullable"] = True
    if len(types) == 1:
        schema["type"] = types[0]
    else:
        del schema["type"]
        if types:
            schema["anyOf"] = [{"type": kind} for kind in types]


def _nullable_choice(schema: dict[str, Json], key: str) -> None:
    parts = [part for part in sequence(schema.pop(key)) if part != _NULL]
    schema["nullable"] = True
    if len(parts) > 1:
        schema[key] = parts
    elif "$ref" in mapping(parts[0] if parts else None):
        schema["allOf"] = parts
    elif parts:
        schema |= mapping(parts[0])
