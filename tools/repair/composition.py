"""Rewrite combined schemas that the generator cannot read, without changing what they mean.

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
    """Rewrite these schemas; return the rules that changed something, with the number of places."""
    inside = _share_parts(document)
    _allow_null(document)
    flat = sum(_flatten(schema, document) for schema in list(schemas(document)))
    shared = mapping(mapping(document.get("components")).get("schemas"))
    for name in list(shared):
        _share_cases(name, mapping(shared[name]), shared)
    _share_objects(mapping(document.get("components")))
    endless = sum(_cut_recursion(name, shared[name], shared) for name in list(shared))
    counts = ((_INSIDE, inside), (_FLAT, flat), (_ENDLESS, endless))
    return [(reason, count) for reason, count in counts if count]


def _share_parts(document: dict[str, Json]) -> int:
    """Make the parts of schemas that references lead to shared: the generator needs a name."""
    places: dict[Place, list[Schema]] = {}
    for schema in list(schemas(document)):
        for _ in range(_DEEPEST):  # its target may be a reference itself
            target = _target_of(schema, document).get("$ref")
            if not isinstance(target, str):
                break
            schema["$ref"] = target
        place = pointer(str(schema.get("$ref", "")))
        if len(place) > 3 and isinstance(at(document, place), dict):
            places.setdefault(place, []).append(schema)
    shared = mapping(mapping(document.get("components")).get("schemas"))
    for name, value in list(shared.items()):
        if "$ref" in mapping(value) and "$ref" not in _target_of(mapping(value), document):
            del shared[name]  # the generator would make the model twice
    for place in sorted(places, key=len, reverse=True):  # inner ones first, while they exist
        shared = mapping(mapping(document.setdefault("components", {})).setdefault("schemas", {}))
        name = pascal(" ".join(map(str, place[2:] if place[0] == "components" else place)))
        reference = _add_shared(shared, name, at(document, place))
        holder = cast("dict[int | str, Json]", at(document, place[:-1]))
        holder[int(place[-1]) if isinstance(holder, list) else place[-1]] = reference
        for schema in places[place]:
            schema |= reference
    return len(places)


def _allow_null(document: dict[str, Json]) -> None:
    """Say at each reference that a value may be null: a choice with null cannot hold itself."""
    shared = mapping(mapping(document.get("components")).get("schemas"))
    nullable = {
        f"#/components/schemas/{name}": schema
        for name, schema in shared.items()
        if isinstance(schema, dict) and schema.get("nullable") and schema.get("type") == "object"
    }
    for schema in nullable.values():
        del schema["nullable"]
    all_schemas = [*schemas(document)] if nullable else []
    parts = {id(part) for schema in all_schemas for part in sequence(schema.get("allOf"))}
    for schema in all_schemas:
        match schema:
            case {"allOf": [{"$ref": str(reference)}]} if reference in nullable:
                schema["nullable"] = True
            case {"$ref": str(reference)} if reference in nullable and id(schema) not in parts:
                schema |= {"allOf": [{"$ref": schema.pop("$ref")}], "nullable": True}


def _add_shared(shared: dict[str, Json], name: str, schema: Json) -> Schema:
    """Add a shared schema under a free name; return the reference to it."""
    while name in shared:
        name += "Other"
    shared[name] = schema
    return {"$ref": f"#/components/schemas/{name}"}


def _target_of(schema: Schema, document: dict[str, Json]) -> Schema:
    return mapping(at(document, pointer(str(schema.get("$ref", "")))))


def _flatten(schema: Schema, document: dict[str, Json]) -> bool:
    match schema.get("allOf"):
        case [dict(only)] if "$ref" not in only and "properties" not in schema:
            del schema["allOf"]
            required = _required([only, schema])
            schema |= {key: item for key, item in only.items() if key not in schema}
            schema |= {"required": required} if required else {}
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
        schema |= {**rest, **_joined(plain), "required": _required([*plain, rest])}
    elif len(choices) == 1:
        variants: list[Json] = []
        for inner in _choice(choices[0]):
            inner_parts = [*(_parts({"allOf": [inner]}, document, 0) or []), *plain]
            variants.append(_joined(inner_parts) | {"required": _required(inner_parts)})
        rest.pop("required", None)
        schema |= {**rest, "oneOf": variants}
        schema.pop("type", None)
    else:
        schema |= {key: rest[key] for key in ("title", "description") if key in rest}
    for result in (schema, *map(mapping, sequence(schema.get("oneOf")))):
        if not result.get("required"):
            result.pop("required", None)
    return True


def _parts(schema: Schema, document: dict[str, Json], depth: int) -> list[Schema] | None:
    """List the parts that hold at once, with references followed; None if that never ends."""
    if depth > _DEEPEST:
        return None
    if "$ref" in schema:
        return _parts(_target_of(schema, document), document, depth + 1)
    parts: list[Schema] = []
    for inner in sequence(schema.get("allOf")):
        inner_parts = _parts(mapping(inner), document, depth + 1)
        if inner_parts is None:
            return None
        parts += inner_parts
    own = {key: item for key, item in schema.items() if key != "allOf"}
    return [*parts, own] if {"properties", "type", *CHOICES} & own.keys() else parts


def _choice(part: Schema) -> list[Schema]:
    return [mapping(case) for key in CHOICES for case in sequence(part.get(key))]


def _disagree(parts: list[Schema]) -> bool:
    """Tell whether the generator could not join these itself."""
    fields: dict[str, Schema] = {}
    for part in parts:
        if _choice(part):
            return True
        for name, inner in mapping(part.get("properties")).items():
            field = mapping(inner)
            first = fields.setdefault(name, field)
            same = all(first.get(key) == field.get(key) for key in ("type", "nullable", "$ref"))
            if not same or (_choice(first) and meaning(first) != meaning(field)):
                return True
    return False


def _joined(parts: list[Schema]) -> Schema:
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


def _share_cases(name: str, schema: Schema, shared: dict[str, Json]) -> None:
    for key in CHOICES:
        for number, inner in enumerate(sequence(schema.get(key))):
            part = mapping(inner)
            if part.get("type") == "object" and not part.keys().isdisjoint(_FIELDS):
                new_name = f"{name}Case{chr(ord('A') + number % 26)}"
                sequence(schema[key])[number] = _add_shared(shared, new_name, part)


def _share_objects(components: dict[str, Json]) -> None:
    """Make the objects of shared parameters, bodies and answers shared schemas.

    Otherwise the generator would make a model of it at each place that uses it.
    """
    for kind, suffix in _SUFFIXES.items():
        for name, component in mapping(components.get(kind)).items():
            contents = mapping(mapping(component).get("content")).values()
            for holder in (mapping(component), *map(mapping, contents)):
                schema = mapping(holder.get("schema"))
                if schema.keys() & {*_FIELDS, *CHOICES, "allOf"} or schema.get("type") == "object":
                    shared = mapping(components.setdefault("schemas", {}))
                    holder["schema"] = _add_shared(shared, pascal(name) + suffix, schema)


def _cut_recursion(
    name: str,
    schema: Json,
    shared: dict[str, Json],
    above: tuple[str, ...] = (),
    *,
    chosen: bool = False,
) -> int:
    """Replace references that lead back to a schema above by a schema that allows anything.

    Without a choice on the way no value is finite; such a schema is refused later.
    """
    count = 0
    described = mapping(schema)
    choices = [inner for key in CHOICES for inner in sequence(described.get(key))]
    chosen = chosen or bool(choices)
    for inner in filter(None, map(mapping, [described.get("items"), *choices])):
        target = str(inner.get("$ref", "")).removeprefix("#/components/schemas/")
        if target in (*above, name) and chosen:
            inner.clear()
            count += 1
        elif target in shared and len(above) < _DEEPEST:
            count += _cut_recursion(target, shared[target], shared, (*above, name), chosen=chosen)
        elif not target:
            count += _cut_recursion(name, inner, shared, above, chosen=chosen)
    return count
