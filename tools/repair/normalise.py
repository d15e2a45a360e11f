"""Correct what published contracts say carelessly, where it is certain what a caller needs.

The overlay repairs what can be described by a path; what is here depends on whether something is a
schema, or fits another part of it. Each rule is reported with the number of places it has changed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import Final
from uuid import UUID

from tools.contract import TEMPLATE, mapping, operations, resolved, sequence
from tools.documents import Json
from tools.repair.answers import release
from tools.repair.schemas import KEPT, PYTHON, Schema, schemas

Rule = Callable[[Schema], bool]

_TYPES: Final = (*PYTHON,)
_TYPE_NAMES: Final = {
    "bool": "boolean",
    "date": "string",
    "datetime": "string",
    "dict": "object",
    "double": "number",
    "enum": "string",
    "file": "string",
    "float": "number",
    "int": "integer",
    "list": "array",
    "long": "integer",
    "map": "object",
    "str": "string",
    "text": "string",
}
_FLAGS: Final = ("deprecated", "exclusiveMaximum", "exclusiveMinimum", "nullable", "readOnly")
_COUNTS: Final = ("Items", "Length", "Properties")
_OTHER_WORDS: Final = (
    *("$ref", "additionalProperties", "allOf", "anyOf", "default", "discriminator", "enum"),
    *("example", "externalDocs", "items", "not", "oneOf", "properties", "required", "type", "xml"),
)
# What a value of each word of OpenAPI 3.0 has to be.
_WORDS: Final[dict[str, tuple[type, ...]]] = {
    **dict.fromkeys(("description", "format", "title"), (str,)),
    **dict.fromkeys((*_FLAGS, "uniqueItems", "writeOnly"), (bool,)),
    **dict.fromkeys([f"{end}{of}" for end in ("max", "min") for of in _COUNTS], (int,)),
    **dict.fromkeys(("maximum", "minimum", "multipleOf"), (int, float)),
    **dict.fromkeys(_OTHER_WORDS, (object,)),
}
# Words that a parameter has too, and the separators between items in Swagger 2.
_PARAMETER_WORDS: Final = ("$ref", "deprecated", "description", "example", "required")
_SEPARATORS: Final[dict[str, dict[str, Json]]] = {
    "csv": {"explode": False},
    "pipes": {"style": "pipeDelimited"},
    "ssv": {"style": "spaceDelimited"},
}
_DEEPEST: Final = 20  # references that lead in a circle end here
_STATUS: Final = re.compile(r"[1-5](\d\d|XX)|default")


def normalise(document: dict[str, Json]) -> list[tuple[str, int]]:
    """Normalise a contract; return the rules that changed something, with the number of places."""
    counts = dict.fromkeys((*_RULES, _DEFAULT), 0)
    info = {"title": "", "version": "1", **mapping(document.get("info"))}
    document["info"] = info | {key: _as_text(info[key]) for key in ("title", "version")}
    if str(document.get("openapi")) == "3.0":
        document["openapi"] = "3.0.0"
    counts[_SERVERS] = _servers(document)
    counts[_SWAGGER2] = sum(map(_from_swagger2, _parameters_of(document)))
    for schema in schemas(document):
        for reason, rule in _RULES.items():
            counts[reason] += rule(schema)
        counts[_DEFAULT] += _default(schema, document)
    for reason, places in _operations(document).items():
        counts[reason] = places
    counts[_ONE_WAY] = release(document)
    return [(reason, places) for reason, places in counts.items() if places]


def _as_text(value: Json) -> str:
    """Return as text what YAML reads as a number, a boolean or null: `version: 1.0`."""
    return "" if value is None else value if isinstance(value, str) else json.dumps(value)


def _replace(schema: Schema, new: Schema) -> bool:
    if schema == new:
        return False
    schema.clear()
    schema.update(new)
    return True


def _kinds(schema: Schema) -> bool:
    kind = schema.get("type")
    if "type" not in schema or kind in _TYPES or kind == "null" or "$ref" in schema:
        return False
    type_name = _TYPE_NAMES.get(str(kind).lower(), str(kind).lower())
    if kind == "file":
        schema["format"] = "binary"
    if type_name in _TYPES:
        schema["type"] = type_name
    else:
        del schema["type"]
    return True


def _inner(schema: Schema) -> bool:
    new = dict(schema)
    if new.get("type") == "array" and not isinstance(new.get("items"), dict):
        items = sequence(new.get("items"))
        new["items"] = items[0] if len(items) == 1 and isinstance(items[0], dict) else {}
    if "properties" in new:
        fields = mapping(new["properties"]).items()
        new["properties"] = {name: item if isinstance(item, dict) else {} for name, item in fields}
    for key in ("allOf", "anyOf", "oneOf"):
        if key in new and not sequence(new[key]):
            del new[key]
    return _replace(schema, new)


def _required(schema: Schema) -> bool:
    if "required" not in schema:
        return False
    names: list[Json] = list(dict.fromkeys(map(str, sequence(schema["required"]))))
    if names and names == schema["required"]:
        return False
    schema["required"] = names
    if not names:
        del schema["required"]
    return True


def _words(schema: Schema) -> bool:
    def fits(key: str, value: Json) -> bool:
        kinds = _WORDS.get(key, ())
        if isinstance(value, bool) and int in kinds:
            return False
        if kinds == (int,) and isinstance(value, int) and value < 0:
            return False
        return isinstance(value, kinds) or key.startswith("x-")

    new = {key: value for key, value in schema.items() if fits(key, value)}
    extensions = {f"x-{key}": schema[key] for key in KEPT if key in schema}
    return _replace(schema, new | extensions)


def _enum(schema: Schema) -> bool:
    if "enum" not in schema:
        return False
    values = list({json.dumps(value): value for value in sequence(schema["enum"])}.values())
    plain = [value for value in values if value is not None]
    kinds = {type(value) for value in plain}
    fits = {"string": {str}, "integer": {int}, "number": {int}}.get(str(schema.get("type")), kinds)
    if len(kinds) != 1 or kinds != fits or not kinds <= {str, int} or _names_clash(plain):
        del schema["enum"]
        return True
    return _replace(schema, {**schema, "enum": values})


def _names_clash(values: Sequence[Json]) -> bool:
    """Tell whether two values would get the same name in Python."""
    names = [
        re.sub(r"[\W_]+", "", str(value)).lower() for value in values if str(value)[:1].isalpha()
    ]
    return len(set(names)) < len(names)


def _default(schema: Schema, document: dict[str, Json]) -> bool:
    if "default" not in schema or _fits(schema, schema["default"], document):
        return False
    del schema["default"]
    return True


def _fits(schema: Schema, value: Json, document: dict[str, Json], depth: int = 0) -> bool:
    if depth > _DEEPEST:
        return True
    schema = resolved(schema, document)
    if value is None or ("enum" in schema and value not in sequence(schema["enum"])):
        return False
    choices = [mapping(inner) for key in ("anyOf", "oneOf") for inner in sequence(schema.get(key))]
    if choices and not any(_fits(inner, value, document, depth + 1) for inner in choices):
        return False
    parts = map(mapping, sequence(schema.get("allOf")))
    if not all(_fits(inner, value, document, depth + 1) for inner in parts):
        return False
    kind = str(schema.get("type"))
    if not isinstance(value, PYTHON.get(kind, object)):
        return False
    if isinstance(value, bool) and kind in ("integer", "number"):
        return False
    items = mapping(schema.get("items"))
    if not all(_fits(items, item, document, depth + 1) for item in sequence(value) if items):
        return False
    if kind == "string":
        form = str(schema.get("format"))
        readable = form not in ("binary", "byte") and reads(form, str(value))
        return readable and _within(schema, "Length", value)
    return _within(schema, "Items", value) and _within(schema, "imum", value)


def _within(schema: Schema, limit: str, value: Json) -> bool:
    """Tell whether a value keeps to the limits `min…` and `max…` of its schema."""
    size = len(value) if isinstance(value, str | list) else value
    if not isinstance(size, int | float) or (limit == "imum") != isinstance(value, int | float):
        return True
    minimum, maximum = schema.get(f"min{limit}"), schema.get(f"max{limit}")
    return not (
        (isinstance(minimum, int | float) and size < minimum)
        or (isinstance(maximum, int | float) and size > maximum)
    )


def reads(form: str, text: str) -> bool:
    """Tell whether a text is a value of a format that generated code reads."""
    readers: dict[str, Callable[[str], object]] = {
        "date": date.fromisoformat,
        "date-time": datetime.fromisoformat,
        "uuid": UUID,
    }
    try:
        readers.get(form, str)(text)
    except ValueError:
        return False
    return True


_RULES: Final[dict[str, Rule]] = {
    "A type that OpenAPI does not know stands for the one it means, or for any.": _kinds,
    "A list, a field or a choice that does not say what it holds may hold anything.": _inner,
    "Only a list of names says which fields are required, each name once.": _required,
    "Words that OpenAPI 3.0 does not know, or with values it does not, are left out; so are"
    " patterns, which can take for ever to match and show in no type.": _words,
    "Listed values that Python cannot tell apart or that are of several types are not listed."
    "": _enum,
}


_DEFAULT: Final = "A default that its own schema does not allow is none."
_SWAGGER2: Final = "What says beside a parameter's schema what its values are belongs inside of it."
_ONE_WAY: Final = (
    "A field that only answers have is not required where it is sent, nor one that only requests "
    "have where it comes."
)
_SERVERS: Final = "A server has an address."
_PARAMETERS: Final = "A parameter that is told twice or has no type is told once, as a text."
_CONTENT: Final = "A parameter that is JSON, or of another media type, is given as its text."
_HEAD: Final = "What answers a HEAD request has no body."
_TEMPLATES: Final = "The parameters of a path are those in its template, and they are required."
_ANSWERS: Final = "An answer stands under a status and has a description."
_NOTES: Final = "A summary or description that is no text is left out."
_BODIES: Final = "A body of any kind, or without a schema, is JSON."


def _operations(document: dict[str, Json]) -> dict[str, int]:
    counts = dict.fromkeys((_PARAMETERS, _CONTENT, _TEMPLATES, _ANSWERS, _HEAD, _NOTES, _BODIES), 0)
    for parameter in _parameters_of(document):
        if "content" in parameter:
            parameter["x-content"] = parameter.pop("content")  # a change of it is reported
            parameter.setdefault("schema", {"type": "string"})
            counts[_CONTENT] += 1
    for place, operation in operations(document):
        shared = sequence(mapping(mapping(document["paths"])[str(place[1])]).get("parameters"))
        if "callbacks" in operation:
            operation["x-callbacks"] = operation.pop("callbacks")  # a change of them is reported
        counts[_PARAMETERS] += _parameters(operation)
        counts[_TEMPLATES] += _templates(operation, str(place[1]), document, shared)
        counts[_ANSWERS] += _answers(operation)
        if place[2] == "head":
            for answer in map(mapping, mapping(operation["responses"]).values()):
                counts[_HEAD] += answer.pop("content", None) is not None
        counts[_NOTES] += _notes(operation)
        counts[_BODIES] += _bodies(operation)
    return counts


def _parameters_of(document: dict[str, Json]) -> list[dict[str, Json]]:
    holders = [*map(mapping, mapping(document["paths"]).values())]
    holders += [operation for _, operation in operations(document)]
    parameters = [item for holder in holders for item in sequence(holder.get("parameters"))]
    shared = mapping(mapping(document.get("components")).get("parameters")).values()
    return [*filter(None, map(mapping, [*parameters, *shared]))]


def _from_swagger2(parameter: dict[str, Json]) -> bool:
    """Rewrite a parameter that is written as in Swagger 2, from which many pages were converted."""
    if "example" in parameter:
        parameter.pop("examples", None)  # one example is shown
    words = [key for key in parameter if key in _WORDS and key not in _PARAMETER_WORDS]
    separator = parameter.pop("collectionFormat", None)
    if separator is not None:
        parameter |= _SEPARATORS.get(str(separator), {})
    if words and "content" not in parameter:
        beside = {key: parameter.pop(key) for key in words}
        parameter["schema"] = beside | mapping(parameter.get("schema"))
    return bool(words) or separator is not None


def _servers(document: dict[str, Json]) -> bool:
    servers = sequence(document.get("servers"))
    for server in map(mapping, servers):
        for variable in map(mapping, mapping(server.get("variables")).values()):
            variable |= {
                key: _as_text(value) if key == "default" else [*map(_as_text, sequence(value))]
                for key, value in variable.items()
                if key in ("default", "enum")
            }
    with_url = [server for server in servers if mapping(server).get("url")]
    if with_url == servers:
        return False
    document["servers"] = with_url
    return True


def _notes(operation: Schema) -> bool:
    kinds = {"summary": str, "description": str, "deprecated": bool}
    wrong = [key for key, kind in kinds.items() if not isinstance(operation.get(key, kind()), kind)]
    for key in wrong:
        del operation[key]
    return bool(wrong)


def _bodies(operation: Schema) -> bool:
    changed = False
    for holder in [operation, *map(mapping, mapping(operation.get("responses")).values())]:
        body = mapping(holder.get("requestBody")) if holder is operation else holder
        content = mapping(body.get("content"))
        if "*/*" in content:
            changed = True
            content.setdefault("application/json", content.pop("*/*"))
        for entry in map(mapping, content.values()):
            if holder is operation and "schema" not in entry:
                changed = True
                entry["schema"] = {}
    if (
        "requestBody" in operation
        and not {"$ref", "content"} & mapping(operation["requestBody"]).keys()
    ):
        changed = True
        del operation["requestBody"]
    return changed


def _parameters(operation: Schema) -> bool:
    if "parameters" not in operation:
        return False
    distinct: dict[str, Json] = {}
    for parameter in sequence(operation["parameters"]):
        described = mapping(parameter)
        if not {"$ref", "schema"} & described.keys():
            described = {**described, "schema": {"type": "string"}}
        key = json.dumps([described.get("$ref"), described.get("in"), described.get("name")])
        distinct.setdefault(key, described)
    new = list(distinct.values())
    changed = new != operation["parameters"]
    operation["parameters"] = new
    return changed


def _templates(operation: Schema, path: str, document: dict[str, Json], shared: list[Json]) -> bool:
    template_names = dict.fromkeys(TEMPLATE.findall(path))
    names = {str(resolved(parameter, document).get("name")) for parameter in shared}
    new: list[Json] = []
    changed = False
    for parameter in sequence(operation.get("parameters")):
        described = resolved(parameter, document)
        if described.get("in") == "path":
            name = str(described.get("name"))
            names.add(name)
            if name not in template_names:
                changed = True
                continue
            changed |= described.get("required") is not True
            described["required"] = True
        new.append(parameter)
    for name in [name for name in template_names if name not in names]:
        changed = True
        new.append({"name": name, "in": "path", "required": True, "schema": {"type": "string"}})
    if changed:
        operation["parameters"] = new
    return changed


def _answers(operation: Schema) -> bool:
    responses = mapping(operation.get("responses"))
    new: dict[str, Json] = {}
    for status, response in responses.items():
        if _STATUS.fullmatch(status):
            described = mapping(response)
            texts = isinstance(described.get("description"), str) or "$ref" in described
            new[status] = response if texts else {**described, "description": ""}
        elif status.startswith("x-"):
            new[status] = response
    if not any(_STATUS.fullmatch(status) for status in new):
        new["200"] = {"description": ""}
    if new == responses:
        return False
    operation["responses"] = new
    return True
