"""Join several schemas that are all allowed, to parts that Python can tell apart.

Two lists, or a text beside a text with listed values, are one type with two readings: generated
code could not tell which is meant and would try one after the other. So parts of the same type
become one part that takes what any of them takes; parts of different types stay apart.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from copy import deepcopy
from typing import Final

from tools.contract import mapping, mappings_in, sequence
from tools.documents import Json

_RUNNING_TEXT: Final = ("description", "example", "examples", "summary", "title")
_MEETING: Final = ("array", "boolean", "number", "string")
CHOICES: Final = ("anyOf", "oneOf")


def meaning(value: Json) -> str:
    """Write down what a value means for a program, without its running text."""
    return json.dumps(_without_text(value), sort_keys=True)


def together(schemas: Sequence[Json], *, objects: bool = True) -> Json:
    """Make one schema that takes what any of these takes.

    Args:
        schemas: The schemas.
        objects: Whether objects become one with the fields of all, or stay a choice.
    """
    flat = [alternative for schema in schemas for alternative in _alternatives(schema)]
    distinct = list({_identity(schema): schema for schema in reversed(flat)}.values())[::-1]
    if "{}" in map(meaning, distinct):
        return {}
    groups: dict[str, list[dict[str, Json]]] = {}
    for schema in map(mapping, distinct):
        groups.setdefault(_group_name(schema, objects), []).append(schema)
    parts = [_joined(kind, group, objects) for kind, group in groups.items()]
    return parts[0] if len(parts) == 1 else {"anyOf": parts}


def _identity(schema: Json) -> tuple[str, str]:
    """Return what distinguishes a part: its meaning, and the title of an object."""
    part = mapping(schema)
    return meaning(schema), str(part.get("title", "")) if part.get("type") == "object" else ""


def _alternatives(schema: Json) -> list[Json]:
    """Return the parts that were joined before, so that joining them again changes nothing."""
    part = mapping(schema)
    return sequence(part["anyOf"]) if part.keys() == {"anyOf"} else [schema]


def simplify(value: Json) -> None:
    """Replace, everywhere in a contract, choices of parts that Python cannot tell apart."""
    for holder in reversed([*mappings_in(value)]):  # the inner ones first
        for key in CHOICES:
            if sequence(holder.get(key)):
                _merge_alternatives(holder, key)


def _merge_alternatives(holder: dict[str, Json], key: str) -> None:
    """Join the parts of a choice; if one part is left, it takes the place of the choice."""
    parts = sequence(holder[key])
    kinds = [_group_name(mapping(part), objects=False) for part in parts]
    if len(set(kinds)) == len(kinds) or not all(isinstance(part, dict) for part in parts):
        return
    merged = mapping(together(parts, objects=False))
    if "anyOf" in merged:
        holder[key] = merged["anyOf"]
    else:
        del holder[key]
        holder.update({name: item for name, item in merged.items() if name not in holder})


def _without_text(value: Json, has_names: bool = False) -> Json:
    if isinstance(value, dict):
        return {
            key: _without_text(item, has_names=key == "properties")
            for key, item in value.items()
            if has_names or (key not in _RUNNING_TEXT and not key.startswith("x-"))
        }
    return [_without_text(item) for item in value] if isinstance(value, list) else value


def _group_name(schema: dict[str, Json], objects: bool) -> str:
    """Name the group that a schema is joined with; its meaning names a schema that stays alone."""
    kind = str(schema.get("type"))
    kind = "number" if kind == "integer" else kind
    if kind == "object" and objects:
        return kind
    if schema.get("format") == "binary" or kind not in _MEETING or set(schema) & {"$ref", *CHOICES}:
        return "".join(_identity(schema))
    return kind


def _joined(kind: str, schemas: list[dict[str, Json]], objects: bool) -> Json:
    if len(schemas) == 1:
        return deepcopy(schemas[0])
    result = _common(schemas)
    if any(schema.get("nullable") for schema in schemas):
        result["nullable"] = True
    if kind == "object":
        result |= _fields(schemas)
    elif kind == "array":
        items = [schema.get("items") or {} for schema in schemas]
        result["items"] = together(items, objects=objects)
    elif all("enum" in schema for schema in schemas):
        result["enum"] = _distinct_values([sequence(schema["enum"]) for schema in schemas])
    if kind == "number":
        result.setdefault("type", "number")
    return result


def _common(schemas: Sequence[dict[str, Json]]) -> dict[str, Json]:
    """Keep the keywords that are equal in all of them; a limit that one of them lacks is none."""
    first, *rest = schemas
    return {
        key: deepcopy(value)
        for key, value in first.items()
        if all(key in other and other[key] == value for other in rest)
    }


def _fields(schemas: Sequence[dict[str, Json]]) -> dict[str, Json]:
    fields: dict[str, list[Json]] = {}
    for schema in schemas:
        for name, inner in mapping(schema.get("properties")).items():
            fields.setdefault(name, []).append(inner)
    required: list[Json] = [
        name for name in fields if all(name in sequence(item.get("required")) for item in schemas)
    ]
    properties: dict[str, Json] = {name: together(variants) for name, variants in fields.items()}
    return {"properties": properties, **({"required": required} if required else {})}


def _distinct_values(lists: Sequence[Sequence[Json]]) -> list[Json]:
    distinct = {json.dumps(item): item for items in lists for item in items}
    return list(distinct.values())
