"""Say in the words of OpenAPI 3.0 what a contract of 3.1 says in its own.

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
_DEFINED: Final = "$defs"


def downgrade(document: dict[str, Json]) -> None:
    """Rewrite a 3.1 contract as one of 3.0; any other is left as it is but for `$defs`."""
    _share_defined(document)
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
        if mapping(scheme).get("type") == "mutualTLS":  # what asks for it is told of later
            del schemes[name]
    for key in ("paths", "components"):
        _walk(document.get(key))


def _share_defined(document: dict[str, Json]) -> None:
    """Make what schemas define inside of themselves shared, where the generator looks for it."""
    found: dict[Place, Json] = {}
    holders: list[tuple[dict[str, Json], Place]] = []
    _take_out(document, (), found, holders)
    names: dict[Place, str] = {}
    for place, schema in found.items():
        shared = mapping(mapping(document.setdefault("components", {})).setdefault("schemas", {}))
        name = re.sub(r"[^\w.-]", "_", str(place[-1]), flags=re.ASCII)
        while name in shared:
            name += "Other"
        shared[name] = schema
        names[place] = name
    for holder, inside in holders if found else ():
        reference = str(holder["$ref"])
        start, _, name = reference.rpartition(f"/{_DEFINED}/")
        steps = pointer(f"{start}/{_DEFINED}/{name.partition('/')[0]}")
        # `#/$defs/Part` is what the nearest schema around it defines.
        places = ((*inside[:size], *steps) for size in range(len(inside), -1, -1))
        new = next((names[place] for place in places if place in names), None)
        if new is not None:
            holder["$ref"] = "/".join(["#/components/schemas", new, *name.split("/")[1:]])


def _take_out(
    value: Json,
    place: Place,
    found: dict[Place, Json],
    holders: list[tuple[dict[str, Json], Place]],
) -> None:
    if isinstance(value, list):
        for index, item in enumerate(value):
            _take_out(item, (*place, str(index)), found, holders)
    elif isinstance(value, dict):
        is_schema = place[-1:] != ("properties",)  # else these are names of fields
        for key, item in value.items():
            if not is_schema or key not in _VALUES:
                _take_out(item, (*place, key), found, holders)
        if "$ref" in value:
            holders.append((value, place))
        for name, schema in mapping(value.pop(_DEFINED, None) if is_schema else None).items():
            found[*place, _DEFINED, name] = schema


def _walk(value: Json) -> None:
    """Rewrite every schema, the inner ones first; what is no schema has none of the words."""
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
    kept = {f"x-{word}": schema[word] for word in KEPT if word in schema}
    for word in (*_DROPPED, *KEPT):
        schema.pop(word, None)
    schema |= kept


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
    kinds = schema.get("type")
    if not isinstance(kinds, list):
        return
    others = [kind for kind in kinds if kind != "null"]
    if len(others) < len(kinds):
        schema["nullable"] = True
    if len(others) == 1:
        schema["type"] = others[0]
    else:
        del schema["type"]
        if others:
            schema["anyOf"] = [{"type": kind} for kind in others]


def _nullable_choice(schema: dict[str, Json], key: str) -> None:
    others = [one for one in sequence(schema.pop(key)) if one != _NULL]
    schema["nullable"] = True
    if len(others) > 1:
        schema[key] = others
    elif "$ref" in mapping(others[0] if others else None):
        schema["allOf"] = others
    elif others:
        schema |= mapping(others[0])
