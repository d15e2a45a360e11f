"""Rewrite combined schemas that the generator cannot read, keeping what they say.

- Parts of `allOf` that describe a field differently become one object: what a later part says of a
  field counts, and it may be null only where every part allows it. Parts that are a choice of
  objects become a choice of whole objects.
- A part of a schema that references lead to becomes a shared schema itself, and what only refers to
  another schema is that schema.
- A shared object that may be null is an object, and null is allowed where references lead to it.
- An object inside a shared choice becomes a shared schema itself, so that it may lead back.
- A choice that holds itself, without an object between, holds anything at that place.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Final, cast

from tools.contract import Place, at, mapping, pointer, sequence
from tools.documents import Json
from tools.repair.names import pascal
from tools.repair.schemas import Schema, schemas
from tools.repair.unions import CHOICES, meaning

_SUFFIXES: Final = {"parameters": "Parameter", "requestBodies": "Request", "responses": "Answer"}
_FIELDS: Final = ("additionalProperties", "properties")
_DEEPEST: Final = 20
_INSIDE: Final = "A reference to a part of a schema leads to a shared schema."
_FLAT: Final = "Parts of a schema that describe a field differently are put together."
_ENDLESS: Final = "A choice that holds itself directly, or in a list, may hold anything there."


def compose(document: dict[str, Json]) -> list[tuple[str, int]]:
    """Rewrite these schemas; tell the rules that found something, with the number of places."""
    inside = _share_parts(document)
    _allow_null(document)
    flat = sum(_flatten(schema, document) for schema in list(schemas(document)))
    named = mapping(mapping(document.get("components")).get("schemas"))
    for name in list(named):
        _hoist(name, mapping(named[name]), named)
    _share(mapping(document.get("components")))
    endless = sum(_cut(name, named[name], named) for name in list(named))
    counts = ((_INSIDE, inside), (_FLAT, flat), (_ENDLESS, endless))
    return [(reason, count) for reason, count in counts if count]


def _share_parts(document: dict[str, Json]) -> int:
    """Give what references lead to inside of something else a name: the generator wants one."""
    found: dict[Place, list[Schema]] = {}
    for schema in list(schemas(document)):
        for _ in range(_DEEPEST):  # what it leads to may be a reference itself
            onward = _led_to(schema, document).get("$ref")
            if not isinstance(onward, str):
                break
            schema["$ref"] = onward
        place = pointer(str(schema.get("$ref", "")))
        if len(place) > 3 and isinstance(at(document, place), dict):
            found.setdefault(place, []).append(schema)
    listed = mapping(mapping(document.get("components")).get("schemas"))
    for name, one in list(listed.items()):
        if "$ref" in mapping(one) and "$ref" not in _led_to(mapping(one), document):
            del listed[name]  # the generator would make the model twice
    for place in sorted(found, key=len, reverse=True):  # the inner ones first, while they are there
        named = mapping(mapping(document.setdefault("components", {})).setdefault("schemas", {}))
        new = pascal(" ".join(map(str, place[2:] if place[0] == "components" else place)))
        made = _added(named, new, at(document, place))
        holder = cast("dict[int | str, Json]", at(document, place[:-1]))
        holder[int(place[-1]) if isinstance(holder, list) else place[-1]] = made
        for schema in found[place]:
            schema |= made
    return len(found)


def _allow_null(document: dict[str, Json]) -> None:
    """Say at each reference that a value may be null: a choice with null cannot hold itself."""
    named = mapping(mapping(document.get("components")).get("schemas"))
    found = {
        f"#/components/schemas/{name}": one
        for name, one in named.items()
        if isinstance(one, dict) and one.get("nullable") and one.get("type") == "object"
    }
    for one in found.values():
        del one["nullable"]
    every = [*schemas(document)] if found else []
    parts = {id(part) for schema in every for part in sequence(schema.get("allOf"))}
    for schema in every:
        match schema:
            case {"allOf": [{"$ref": str(reference)}]} if reference in found:
                schema["nullable"] = True
            case {"$ref": str(reference)} if reference in found and id(schema) not in parts:
                schema |= {"allOf": [{"$ref": schema.pop("$ref")}], "nullable": True}


def _added(named: dict[str, Json], name: str, schema: Json) -> Schema:
    """Add a shared schema under a free name; return the reference to it."""
    while name in named:
        name += "Other"
    named[name] = schema
    return {"$ref": f"#/components/schemas/{name}"}


def _led_to(schema: Schema, document: dict[str, Json]) -> Schema:
    return mapping(at(document, pointer(str(schema.get("$ref", "")))))


def _flatten(schema: Schema, document: dict[str, Json]) -> bool:
    match schema.get("allOf"):
        case [dict(only)] if "$ref" not in only and "properties" not in schema:
            del schema["allOf"]
            needed = _required([only, schema])
            schema |= {key: item for key, item in only.items() if key not in schema}
            schema |= {"required": needed} if needed else {}
    if len(sequence(schema.get("allOf"))) + ("properties" in schema) < 2:
        return False
    parts = _parts(schema, document, 0)
    if parts is None or not _disagree(parts):
        return False
    rest = {key: item for key, item in schema.items() if key not in ("allOf", "properties")}
    choices = [part for part in parts if _choice(part)]
    plain = [part for part in parts if not _choice(part)]
    schema.clear()
    if not choices:
        schema |= {**rest, **_one(plain), "required": _required([*plain, rest])}
    elif len(choices) == 1:
        variants: list[Json] = []
        for inner in _choice(choices[0]):
            known = _parts({"allOf": [inner]}, document, 0) or []
            variants.append(_one([*known, *plain]) | {"required": _required([*known, *plain])})
        rest.pop("required", None)
        schema |= {**rest, "oneOf": variants}
        schema.pop("type", None)
    else:
        schema |= {key: rest[key] for key in ("title", "description") if key in rest}
    for made in (schema, *map(mapping, sequence(schema.get("oneOf")))):
        if not made.get("required"):
            made.pop("required", None)
    return True


def _parts(schema: Schema, document: dict[str, Json], depth: int) -> list[Schema] | None:
    """List what has to hold at once, with references followed; None if that never ends."""
    if depth > _DEEPEST:
        return None
    if "$ref" in schema:
        return _parts(_led_to(schema, document), document, depth + 1)
    found: list[Schema] = []
    for inner in sequence(schema.get("allOf")):
        parts = _parts(mapping(inner), document, depth + 1)
        if parts is None:
            return None
        found += parts
    own = {key: item for key, item in schema.items() if key != "allOf"}
    return [*found, own] if {"properties", "type", *CHOICES} & own.keys() else found


def _choice(part: Schema) -> list[Schema]:
    return [mapping(one) for key in CHOICES for one in sequence(part.get(key))]


def _disagree(parts: list[Schema]) -> bool:
    """Tell whether the generator could not put these together itself."""
    seen: dict[str, Schema] = {}
    for part in parts:
        if _choice(part):
            return True
        for name, inner in mapping(part.get("properties")).items():
            field = mapping(inner)
            other = seen.setdefault(name, field)
            same = all(other.get(key) == field.get(key) for key in ("type", "nullable", "$ref"))
            if not same or (_choice(other) and meaning(other) != meaning(field)):
                return True
    return False


def _one(parts: list[Schema]) -> Schema:
    fields: dict[str, Json] = {}
    for part in parts:
        for name, inner in mapping(part.get("properties")).items():
            field = dict(mapping(inner))
            before = mapping(fields.get(name))
            if name in fields and not (field.get("nullable") and before.get("nullable")):
                field.pop("nullable", None)
            fields[name] = deepcopy(field or before)
    extra = [part["additionalProperties"] for part in parts if "additionalProperties" in part]
    return {
        "type": "object",
        "properties": fields,
        **({"additionalProperties": extra[-1]} if extra else {}),
    }


def _required(parts: list[Schema]) -> list[Json]:
    return list(dict.fromkeys(name for part in parts for name in sequence(part.get("required"))))


def _hoist(name: str, schema: Schema, named: dict[str, Json]) -> None:
    for key in CHOICES:
        for number, inner in enumerate(sequence(schema.get(key))):
            part = mapping(inner)
            if part.get("type") == "object" and not part.keys().isdisjoint(_FIELDS):
                new = f"{name}Case{chr(ord('A') + number % 26)}"
                sequence(schema[key])[number] = _added(named, new, part)


def _share(components: dict[str, Json]) -> None:
    """Make the objects of shared parameters, bodies and answers shared schemas.

    Wherever one is used the generator would make its model once more.
    """
    for kind, suffix in _SUFFIXES.items():
        for name, holder in mapping(components.get(kind)).items():
            contents = mapping(mapping(holder).get("content")).values()
            for one in (mapping(holder), *map(mapping, contents)):
                schema = mapping(one.get("schema"))
                if schema.keys() & {*_FIELDS, *CHOICES, "allOf"} or schema.get("type") == "object":
                    named = mapping(components.setdefault("schemas", {}))
                    one["schema"] = _added(named, pascal(name) + suffix, schema)


def _cut(
    name: str,
    schema: Json,
    named: dict[str, Json],
    above: tuple[str, ...] = (),
    *,
    chosen: bool = False,
) -> int:
    """Replace references that lead back to a schema above by a schema that allows anything.

    Without a choice on the way there is no value that ends; such a schema is refused later.
    """
    count = 0
    described = mapping(schema)
    choices = [one for key in CHOICES for one in sequence(described.get(key))]
    chosen = chosen or bool(choices)
    for one in filter(None, map(mapping, [described.get("items"), *choices])):
        target = str(one.get("$ref", "")).removeprefix("#/components/schemas/")
        if target in (*above, name) and chosen:
            one.clear()
            count += 1
        elif target in named and len(above) < _DEEPEST:
            count += _cut(target, named[target], named, (*above, name), chosen=chosen)
        elif not target:
            count += _cut(name, one, named, above, chosen=chosen)
    return count
