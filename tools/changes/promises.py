"""What callers were promised, thing by thing, read from a repaired contract.

Every word of an operation, a parameter, an answer and a schema becomes a word of an entry, known or
not: what no rule of the comparison knows is told all the same.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Final

from openapi_python_client.strings import ClassName, PythonIdentifier

from tools.changes.entries import Entries, Entry, Side
from tools.contract import METHODS, at, called, mapping, operations, pointer, sequence
from tools.documents import Json
from tools.properties import OF_MODELS, unique
from tools.repair.names import pascal
from tools.repair.schemas import KEPT
from tools.repair.unions import CHOICES
from tools.servers import addresses

_TYPES: Final = {
    "array": "list",
    "boolean": "bool",
    "integer": "int",
    "number": "float",
    "object": "dict",
    "string": "str",
}
_FORMATS: Final = {
    "binary": "File",
    "date": "datetime.date",
    "date-time": "datetime.datetime",
    "uuid": "UUID",
}
# What is read with other words, or leads to entries of its own.
_OPERATION: Final = (
    "operationId",
    "parameters",
    "requestBody",
    "responses",
    "security",
    "servers",
    "tags",
)
_SCHEMA: Final = (
    "$ref",
    "additionalProperties",
    "discriminator",
    "enum",
    "items",
    "nullable",
    "properties",
    "required",
    "title",
    "type",
    "allOf",
    *CHOICES,
)
_DOCUMENT: Final = ("components", "openapi", "paths", "security", "servers")
_SCHEME: Final = ("in", "name", "scheme", "type")


def from_contract(document: dict[str, Json], calls: Collection[str]) -> Entries:
    """List what a repaired contract promises of these calls, by the names callers use.

    Raises:
        RecursionError: a schema is made of itself.
    """
    return _Walk(document, calls).entries


class _Walk:
    """Fills `entries`."""

    def __init__(self, document: dict[str, Json], calls: Collection[str]) -> None:
        self.entries: Entries = {}
        self._document = document
        words = {key: value for key, value in document.items() if key not in _DOCUMENT}
        words |= {f"info.{key}": value for key, value in mapping(words.pop("info", {})).items()}
        words["servers"] = _servers(document)
        self._add("client", "service", "The service", words=words)
        self._schemes = mapping(at(document, ("components", "securitySchemes")))
        for name, scheme in self._schemes.items():
            rest = {key: one for key, one in mapping(scheme).items() if key not in _SCHEME}
            shown = f"The security scheme `{name}`"
            self._add(f"client security {name}", "scheme", shown, "client", words=rest)
        for place, operation in operations(document):
            tag = PythonIdentifier(str(sequence(operation["tags"])[0]), "tag")
            name = f"client.{tag}.{PythonIdentifier(str(operation['operationId']), 'field_')}"
            if name in calls:
                self._call(name, called(place), operation, mapping(at(document, place[:2])))

    def _add(
        self,
        name: str,
        kind: str,
        shown: str,
        holder: str = "",
        side: Side = "",
        words: dict[str, Json] | None = None,
    ) -> Entry:
        kept = {
            key.removeprefix("x-"): value
            for key, value in (words or {}).items()
            if not key.startswith("x-") or key[2:] in KEPT
        }
        return self.entries.setdefault(name, Entry(kind, shown, holder, side, kept))

    def _resolved(self, holder: Json) -> dict[str, Json]:
        found = mapping(holder)
        return self._resolved(self._target(found)) if "$ref" in found else found

    def _call(
        self, name: str, request: str, operation: dict[str, Json], item: dict[str, Json]
    ) -> None:
        shown = f"`{name}(…)`"
        shared = {key: item[key] for key in item if key not in METHODS}
        words = {**shared, **operation}
        words = {key: value for key, value in words.items() if key not in _OPERATION}
        security = operation.get("security", self._document.get("security"))
        words |= {"request": request, "security": self._security(security)}
        task = operation.get("x-task")  # what it is to callers, the surface says
        words |= {f"task's {key}": value for key, value in mapping(task).items()}
        words["callbacks"] = operation.get("x-callbacks")
        own = next((one for one in (operation, item) if one.get("servers")), {})
        words["servers"] = _servers(own)
        self._add(name, "call", shown, side="sent", words=words)
        listed = [*sequence(item.get("parameters")), *sequence(operation.get("parameters"))]
        found = {(one.get("in"), one.get("name")): one for one in map(self._resolved, listed)}
        for parameter in found.values():
            self._parameter(name, parameter)
        body = self._resolved(operation.get("requestBody"))
        if body:
            rest = {"required": False, **body, "media types": _kinds(body)}
            place = f"{name}(body)"
            entry = self._add(place, "parameter", f"The body of {shown}", name, "sent", rest)
            del entry.words["content"]
            self._content(place, f"The body of {shown}", body, "sent")
        for status, response in mapping(operation.get("responses")).items():
            answer = self._resolved(response)
            title = f"The answer {status} of {shown}"
            place = f"{name}() {status}"
            rest = {**answer, "status": status, "media types": _kinds(answer)}
            kind = "answer" if status.startswith("2") else "error"
            entry = self._add(place, kind, title, name, "received", rest)
            for key in ("content", "headers"):
                entry.words.pop(key, None)
            title = f"What {shown} returns" if status == "200" else title
            self._content(place, title, answer, "received")
            for own_name, header in mapping(answer.get("headers")).items():
                told = self._resolved(header)
                title = f"The header `{own_name}` of the answer {status} of {shown}"
                made = self._add(f"{place} {own_name}", "header", title, place, "received", told)
                made.words.pop("schema", None)
                self._schema(made, f"{place} {own_name}", mapping(told.get("schema")))

    def _parameter(self, call: str, parameter: dict[str, Json]) -> None:
        own = PythonIdentifier(str(parameter.get("name")), "field_")
        name = f"{call}({own})"
        while name in self.entries:
            name += f" {parameter.get('in')}"
        shown = f"The parameter `{own}` of `{call}(…)`"
        where = str(parameter.get("in"))
        form = where in ("query", "cookie")
        style = str(parameter.get("style", "form" if form else "simple"))
        words = {"required": False, "explode": style == "form", **parameter, "style": style}
        entry = self._add(name, "parameter", shown, call, "sent", words)
        entry.words.pop("schema", None)
        content = mapping(parameter.get("x-content"))
        entry.words["content type"] = [*content]
        contents = map(mapping, content.values())
        schema = mapping(next(contents, parameter).get("schema"))
        self._schema(entry, name, schema)

    def _content(self, name: str, shown: str, holder: dict[str, Json], side: Side) -> None:
        for kind, content in mapping(holder.get("content")).items():
            title = shown if kind.endswith("json") else f"{shown}, as {kind},"
            words = {key: one for key, one in mapping(content).items() if key != "schema"}
            made = self._add(f"{name} {kind}", "item", title, name, side, words)
            self._schema(made, f"{name} {kind}", mapping(mapping(content).get("schema")))

    def _security(self, listed: Json) -> Json:
        """Write down the ways to be let in; None where nobody is kept out."""
        ways: list[Json] = []
        for one in map(mapping, sequence(listed)):
            if not one:
                return None
            parts = []
            for name, scopes in sorted(one.items()):
                scheme = self._resolved(self._schemes.get(name))
                what = [scheme.get(key) for key in ("type", "scheme", "in", "name")]
                what += sorted(map(str, sequence(scopes)))
                parts.append(" ".join(str(word) for word in what if word) or name)
            ways.append(" and ".join(parts))
        return ways or None

    def _schema(self, entry: Entry, name: str, schema: dict[str, Json]) -> None:
        """Add what a schema says to the entry of this name, and its inner parts beside it."""
        parts = [*self._parts(schema)]
        named = {key: one for part in parts for key, one in part.items() if key not in _SCHEMA}
        for key, value in named.items():
            if not key.startswith("x-") or key[2:] in KEPT:
                entry.words.setdefault(key.removeprefix("x-"), value)
        listed = [part["enum"] for part in parts if "enum" in part]
        values = sequence(listed[0]) if listed else []
        entry.words["nullable"] = None in values or any(part.get("nullable") for part in parts)
        entry.words["enum"] = [one for one in values if one is not None] or None
        if values:
            shared = [self._title(part) for part in parts if "$ref" in part]
            own = ClassName(pascal(name.replace("[…]", " item")), "field_")
            entry.listed = shared[0] if shared else str(own)
        entry.words["type"] = [*sorted(set(self._types(entry, name, schema)))]
        for part in parts:
            if "discriminator" in part:
                entry.words |= _discriminator(part)

    def _parts(self, schema: dict[str, Json]) -> Iterator[dict[str, Json]]:
        """Walk through what holds at once: a schema, the plain one it refers to, its `allOf`."""
        yield schema
        target = self._target(schema)
        inner = [] if _is_model(schema) else [*sequence(schema.get("allOf"))]
        for one in map(mapping, [*inner, *([] if _is_model(target) else [target])]):
            if one:
                yield from self._parts(one)

    def _target(self, schema: dict[str, Json]) -> dict[str, Json]:
        reference = schema.get("$ref")
        return mapping(at(self._document, pointer(reference))) if isinstance(reference, str) else {}

    def _types(self, entry: Entry, name: str, schema: dict[str, Json]) -> Iterator[str]:
        """Name the types of a schema's values as callers see them, adding what they hold."""
        target = self._target(schema)
        model = next((one for one in (schema, target) if _is_model(one)), None)
        choices = [mapping(one) for key in CHOICES for one in sequence(schema.get(key))]
        parts = [target] if target else [*map(mapping, sequence(schema.get("allOf")))]
        if model is not None:
            title = self._title(schema)
            entry.refers.add(title)
            self._model(title, model)
            yield title
        elif choices:
            for one in choices:
                label = self._label(one)
                made = self._add(f"{name} as {label}", "item", f"{entry.shown}, as {label},", name)
                made.side = entry.side
                self._schema(made, f"{name} as {label}", one)
                entry.words["nullable"] = entry.words["nullable"] or made.words.pop("nullable")
                yield from map(str, sequence(made.words.pop("type")))
        elif parts:
            yield from self._types(entry, name, parts[0])
        else:
            if schema.get("type") == "array":
                shown = f"Each of {entry.shown[0].lower()}{entry.shown[1:]}"
                made = self._add(f"{name}[…]", "item", shown, name, entry.side)
                self._schema(made, f"{name}[…]", mapping(schema.get("items")))
            yield self._label(schema)

    def _title(self, schema: dict[str, Json]) -> str:
        last = str(pointer(str(schema.get("$ref", "")))[-1])
        title = (self._target(schema) or schema).get("title") or last or "object"
        return str(ClassName(str(title), "field_"))

    def _label(self, schema: dict[str, Json]) -> str:
        if _is_model(schema) or _is_model(self._target(schema)):
            return self._title(schema)
        for part in self._parts(schema):
            if part.get("type") == "string":
                return _FORMATS.get(str(part.get("format")), "str")
            if "type" in part:
                return _TYPES.get(str(part["type"]), "Any")
        return "Any"

    def _model(self, title: str, schema: dict[str, Json]) -> None:
        if title in self.entries:
            return
        own = {key: one for key, one in schema.items() if key not in _SCHEMA}
        entry = self._add(title, "model", f"`{title}`", words=own | _discriminator(schema))
        required: set[Json] = set()
        fields: dict[str, Json] = {}
        extra: Json = True
        for part in self._whole(schema):
            required |= {*map(str, sequence(part.get("required")))}
            fields |= mapping(part.get("properties"))
            extra = part.get("additionalProperties", extra)
        entry.words["additionalProperties"] = extra is not False
        if isinstance(extra, dict) and extra:
            made = self._add(f"{title}.…", "item", f"Any other field of `{title}`", title)
            self._schema(made, f"{title}.…", extra)
        keys = sorted(fields, key=lambda key: key not in required)
        named = unique((PythonIdentifier(key, "field_") for key in keys), OF_MODELS)
        for key, name in zip(keys, named, strict=True):
            words: dict[str, Json] = {"name": key, "required": key in required}
            made = self._add(f"{title}.{name}", "field", f"`{title}.{name}`", title, words=words)
            self._schema(made, f"{title}.{name}", mapping(fields[key]))

    def _whole(self, schema: dict[str, Json]) -> Iterator[dict[str, Json]]:
        for one in map(mapping, sequence(schema.get("allOf"))):
            yield from self._whole(self._target(one) or one)
        yield schema


def _is_model(schema: dict[str, Json]) -> bool:
    """Tell whether callers see a class of this."""
    if "allOf" in schema:
        return len(sequence(schema["allOf"])) + ("properties" in schema) > 1
    return schema.get("type") == "object" or "properties" in schema


def _discriminator(schema: dict[str, Json]) -> dict[str, Json]:
    chooser = mapping(schema.get("discriminator"))
    known = sorted(f"{word} → {name}" for word, name in mapping(chooser.get("mapping")).items())
    return {"discriminator": chooser.get("propertyName"), "mapping": [*known] or None}


def _kinds(holder: dict[str, Json]) -> list[Json]:
    return [*mapping(holder.get("content"))]


def _servers(holder: dict[str, Json]) -> Json:
    urls: list[Json] = []
    for server in map(mapping, sequence(holder.get("servers"))):
        urls += [url.rstrip("/") for url in addresses(server)]
    return [*dict.fromkeys(urls)] or None
