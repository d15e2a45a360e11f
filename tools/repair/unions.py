"""Make one schema of several that are all allowed, of parts that Python can tell apart.

Two lists, or a text beside a text with listed values, are one type with two readings: generated
code could not tell which is meant and would try one after the other. So parts of the same type
become one part that takes whatever any of them takes; parts of different types stay apart.
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
    """Write down what a value means for a program: its running text left out."""
    return json.dumps(_without_text(value), sort_keys=True)


def together(schemas: Sequence[Json], *, objects: bool = True) -> Json:
    """Make one schema that takes whatever any of these takes.

    Args:
        schemas: The schemas.
        objects: Whether objects become one with the fields of all, or stay a choice.
    """
    flat = [one for schema in schemas for one in _alternatives(schema)]
    distinct = list({_apart(schema): schema for schema in reversed(flat)}.values())[::-1]
    if "{}" in map(meaning, distinct):
        return {}
    groups: dict[str, list[dict[str, Json]]] = {}
    for schema in map(mapping, distinct):
        groups.setdefault(_group(schema, objects), []).append(schema)
    parts = [_one(kind, found, objects) for kind, found in groups.items()]
    return parts[0] if len(parts) == 1 else {"anyOf": parts}


def _apart(schema: Json) -> tuple[str, str]:
    """Write down what tells a part from others: what it means, and an object's own name."""
    named = mapping(schema)
    return meaning(schema), str(named.get("title", "")) if named.get("type") == "object" else ""


def _alternatives(schema: Json) -> list[Json]:
    """Take apart what was put together before, so that doing so again changes nothing."""
    named = mapping(schema)
    return sequence(named["anyOf"]) if named.keys() == {"anyOf"} else [schema]


def simplify(value: Json) -> None:
    """Replace, everywhere in a contract, choices of parts that Python cannot tell apart."""
    for holder in reversed([*mappings_in(value)]):  # the inner ones first
        for key in CHOICES:
            if sequence(holder.get(key)):
                _merge_alternatives(holder, key)


def _merge_alternatives(holder: dict[str, Json], key: str) -> None:
    """Put the parts of a choice together; alone, the part takes the place of the choice."""
    parts = sequence(holder[key])
    kinds = [_group(mapping(part), objects=False) for part in parts]
    if len(set(kinds)) == len(kinds) or not all(isinstance(part, dict) for part in parts):
        return
    made = mapping(together(parts, objects=False))
    if "anyOf" in made:
        holder[key] = made["anyOf"]
    else:
        del holder[key]
        holder.update({name: item for name, item in made.items() if name not in holder})


def _without_text(value: Json, named: bool = False) -> Json:
    if isinstance(value, dict):
        return {
            key: _without_text(item, named=key == "properties")
            for key, item in value.items()
            if named or (key not in _RUNNING_TEXT and not key.startswith("x-"))
        }
    return [_without_text(item) for item in value] if isinstance(value, list) else value


def _group(schema: dict[str, Json], objects: bool) -> str:
    """Name the parts that a schema is put together with; what is alone is named by its meaning."""
    kind = str(schema.get("type"))
    kind = "number" if kind == "integer" else kind
    if kind == "object" and objects:
        return kind
    if schema.get("format") == "binary" or kind not in _MEETING or set(schema) & {"$ref", *CHOICES}:
        return "".join(_apart(schema))
    return kind


def _one(kind: str, schemas: list[dict[str, Json]], objects: bool) -> Json:
    if len(schemas) == 1:
        return deepcopy(schemas[0])
    made = _common(schemas)
    if any(schema.get("nullable") for schema in schemas):
        made["nullable"] = True
    if kind == "object":
        made |= _fields(schemas)
    elif kind == "array":
        made["items"] = together([schema.get("items") or {} for schema in schemas], objects=objects)
    elif all("enum" in schema for schema in schemas):
        made["enum"] = _every([sequence(schema["enum"]) for schema in schemas])
    if kind == "number":
        made.setdefault("type", "number")
    return made


def _common(schemas: Sequence[dict[str, Json]]) -> dict[str, Json]:
    """Keep what all of them say; a limit that one of them lacks is none."""
    first, *others = schemas
    return {
        key: deepcopy(value)
        for key, value in first.items()
        if all(key in other and other[key] == value for other in others)
    }


def _fields(schemas: Sequence[dict[str, Json]]) -> dict[str, Json]:
    fields: dict[str, list[Json]] = {}
    for schema in schemas:
        for name, inner in mapping(schema.get("properties")).items():
            fields.setdefault(name, []).append(inner)
    required: list[Json] = [
        name for name in fields if all(name in sequence(one.get("required")) for one in schemas)
    ]
    made: dict[str, Json] = {name: together(found) for name, found in fields.items()}
    return {"properties": made, **({"required": required} if required else {})}


def _every(lists: Sequence[Sequence[Json]]) -> list[Json]:
    found = {json.dumps(item): item for one in lists for item in one}
    return list(found.values())
