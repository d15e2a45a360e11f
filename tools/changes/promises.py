"""The public surface as entries, read from a repaired contract.

Every word of an operation, a parameter, an answer and a schema becomes a word of an entry: a change
of a word without a rule in the comparison is reported too.
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
# Words that are read with others, or become entries of their own.
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
    """Read the entries of these calls in a repaired contract, by the names that callers use.

    Raises:
        RecursionError: a schema consists of itself.
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
            rest = {key: value for key, value in mapping(scheme).items() if key not in _SCHEME}
            title = f"The security scheme `{name}`"
            self._add(f"client security {name}", "scheme", title, "client", words=rest)
        for place, operation in operations(document):
            tag = PythonIdentifier(str(sequence(operation["tags"])[0]), "tag")
            name = f"client.{tag}.{PythonIdentifier(str(operation['operationId']), 'field_')}"
            if name in calls:
                self._call(name, called(place), operation, mapping(at(document, place[:2])))

    def _add(
        self,
        name: str,
        kind: str,
        title: str,
        holder: str = "",
        side: Side = "",
        words: dict[str, Json] | None = None,
    ) -> Entry:
        entry_words = {
            key.removeprefix("x-"): value
            for key, value in (words or {}).items()
            if not key.startswith("x-") or key[2:] in KEPT
        }
        return self.entries.setdefault(name, Entry(kind, title, holder, side, entry_words))

    def _resolved(self, holder: Json) -> dict[str, Json]:
        value = mapping(holder)
        return self._resolved(self._target(value)) if "$ref" in value else value

    def _call(
        self, name: str, request: str, operation: dict[str, Json], item: dict[str, Json]
    ) -> None:
        call = f"`{name}(…)`"
        shared = {key: item[key] for key in item if key not in METHODS}
        words = {**shared, **operation}
        words = {key: value for key, value in words.items() if key not in _OPERATION}
        security = operation.get("security", self._document.get("security"))
        words |= {"request": request, "security": self._security(security)}
        task = operation.get("x-task")  # its meaning for callers comes from the surface
        words |= {f"task's {key}": value for key, value in mapping(task).items()}
        words["callbacks"] = operation.get("x-callbacks")
        scope = next((value for value in (operation, item) if value.get("servers")), {})
        words["servers"] = _servers(scope)
        self._add(name, "call", call, side="sent", words=words)
        refs = [*sequence(item.get("parameters")), *sequence(operation.get("parameters"))]
        by_key = {
            (value.get("in"), value.get("name")): value for value in map(self._resolved, refs)
        }
        for parameter in by_key.values():
            self._parameter(name, parameter)
        body = self._resolved(operation.get("requestBody"))
        if body:
            body_words = {"required": False, **body, "media types": _media_types(body)}
            place = f"{name}(body)"
            entry = self._add(place, "parameter", f"The body of {call}", name, "sent", body_words)
            del entry.words["content"]
            self._content(place, f"The body of {call}", body, "sent")
        for status, response in mapping(operation.get("responses")).items():
            answer = self._resolved(response)
            title = f"The answer {status} of {call}"
            place = f"{name}() {status}"
            answer_words = {**answer, "status": status, "media types": _media_types(answer)}
            kind = "answer" if status.startswith("2") else "error"
            entry = self._add(place, kind, title, name, "received", answer_words)
            for key in ("content", "headers"):
                entry.words.pop(key, None)
            title = f"What {call} returns" if status == "200" else title
            self._content(place, title, answer, "received")
            for own_name, header in mapping(answer.get("headers")).items():
                value = self._resolved(header)
                title = f"The header `{own_name}` of the answer {status} of {call}"
                part = self._add(f"{place} {own_name}", "header", title, place, "received", value)
                part.words.pop("schema", None)
                self._schema(part, f"{place} {own_name}", mapping(value.get("schema")))

    def _parameter(self, call: str, parameter: dict[str, Json]) -> None:
        python_name = PythonIdentifier(str(parameter.get("name")), "field_")
        name = f"{call}({python_name})"
        while name in self.entries:
            name += f" {parameter.get('in')}"
        title = f"The parameter `{python_name}` of `{call}(…)`"
        location = str(parameter.get("in"))
        is_form = location in ("query", "cookie")
        style = str(parameter.get("style", "form" if is_form else "simple"))
        words = {"required": False, "explode": style == "form", **parameter, "style": style}
        entry = self._add(name, "parameter", title, call, "sent", words)
        entry.words.pop("schema", None)
        content = mapping(parameter.get("x-content"))
        entry.words["content type"] = [*content]
        contents = map(mapping, content.values())
        schema = mapping(next(contents, parameter).get("schema"))
        self._schema(entry, name, schema)

    def _content(self, name: str, title: str, holder: dict[str, Json], side: Side) -> None:
        for media_type, content in mapping(holder.get("content")).items():
            content_title = title if media_type.endswith("json") else f"{title}, as {media_type},"
            words = {key: value for key, value in mapping(content).items() if key != "schema"}
            entry = self._add(f"{name} {media_type}", "item", content_title, name, side, words)
            self._schema(entry, f"{name} {media_type}", mapping(mapping(content).get("schema")))

    def _security(self, requirements: Json) -> Json:
        """List the alternative security requirements; None if there is none or one is empty."""
        ways: list[Json] = []
        for requirement in map(mapping, sequence(requirements)):
            if not requirement:
                return None
            parts = []
            for name, scopes in sorted(requirement.items()):
                scheme = self._resolved(self._schemes.get(name))
                details = [scheme.get(key) for key in ("type", "scheme", "in", "name")]
                details += sorted(map(str, sequence(scopes)))
                parts.append(" ".join(str(word) for word in details if word) or name)
            ways.append(" and ".join(parts))
        return ways or None

    def _schema(self, entry: Entry, name: str, schema: dict[str, Json]) -> None:
        """Add the words of a schema to the entry of this name, and its inner parts as entries."""
        parts = [*self._parts(schema)]
        words = {key: value for part in parts for key, value in part.items() if key not in _SCHEMA}
        for key, value in words.items():
            if not key.startswith("x-") or key[2:] in KEPT:
                entry.words.setdefault(key.removeprefix("x-"), value)
        enums = [part["enum"] for part in parts if "enum" in part]
        values = sequence(enums[0]) if enums else []
        entry.words["nullable"] = None in values or any(part.get("nullable") for part in parts)
        entry.words["enum"] = [value for value in values if value is not None] or None
        if values:
            class_names = [self._class_name(part) for part in parts if "$ref" in part]
            class_name = ClassName(pascal(name.replace("[…]", " item")), "field_")
            entry.enum_class = class_names[0] if class_names else str(class_name)
        entry.words["type"] = [*sorted(set(self._types(entry, name, schema)))]
        for part in parts:
            if "discriminator" in part:
                entry.words |= _discriminator(part)

    def _parts(self, schema: dict[str, Json]) -> Iterator[dict[str, Json]]:
        """Walk through the schemas that apply together: itself, its scalar `$ref`, its `allOf`."""
        yield schema
        target = self._target(schema)
        inner = [] if _is_model(schema) else [*sequence(schema.get("allOf"))]
        for part in map(mapping, [*inner, *([] if _is_model(target) else [target])]):
            if part:
                yield from self._parts(part)

    def _target(self, schema: dict[str, Json]) -> dict[str, Json]:
        reference = schema.get("$ref")
        return mapping(at(self._document, pointer(reference))) if isinstance(reference, str) else {}

    def _types(self, entry: Entry, name: str, schema: dict[str, Json]) -> Iterator[str]:
        """List the types of a schema's values for callers, and add the entries of their parts."""
        target = self._target(schema)
        model = next((value for value in (schema, target) if _is_model(value)), None)
        choices = [mapping(choice) for key in CHOICES for choice in sequence(schema.get(key))]
        parts = [target] if target else [*map(mapping, sequence(schema.get("allOf")))]
        if model is not None:
            class_name = self._class_name(schema)
            entry.models.add(class_name)
            self._model(class_name, model)
            yield class_name
        elif choices:
            for choice in choices:
                label = self._label(choice)
                item = self._add(f"{name} as {label}", "item", f"{entry.title}, as {label},", name)
                item.side = entry.side
                self._schema(item, f"{name} as {label}", choice)
                entry.words["nullable"] = entry.words["nullable"] or item.words.pop("nullable")
                yield from map(str, sequence(item.words.pop("type")))
        elif parts:
            yield from self._types(entry, name, parts[0])
        else:
            if schema.get("type") == "array":
                title = f"Each of {entry.title[0].lower()}{entry.title[1:]}"
                item = self._add(f"{name}[…]", "item", title, name, entry.side)
                self._schema(item, f"{name}[…]", mapping(schema.get("items")))
            yield self._label(schema)

    def _class_name(self, schema: dict[str, Json]) -> str:
        ref_name = str(pointer(str(schema.get("$ref", "")))[-1])
        class_name = (self._target(schema) or schema).get("title") or ref_name or "object"
        return str(ClassName(str(class_name), "field_"))

    def _label(self, schema: dict[str, Json]) -> str:
        if _is_model(schema) or _is_model(self._target(schema)):
            return self._class_name(schema)
        for part in self._parts(schema):
            if part.get("type") == "string":
                return _FORMATS.get(str(part.get("format")), "str")
            if "type" in part:
                return _TYPES.get(str(part["type"]), "Any")
        return "Any"

    def _model(self, model: str, schema: dict[str, Json]) -> None:
        if model in self.entries:
            return
        keywords = {key: value for key, value in schema.items() if key not in _SCHEMA}
        entry = self._add(model, "model", f"`{model}`", words=keywords | _discriminator(schema))
        required: set[Json] = set()
        fields: dict[str, Json] = {}
        extra: Json = True
        for part in self._whole(schema):
            required |= {*map(str, sequence(part.get("required")))}
            fields |= mapping(part.get("properties"))
            extra = part.get("additionalProperties", extra)
        entry.words["additionalProperties"] = extra is not False
        if isinstance(extra, dict) and extra:
            item = self._add(f"{model}.…", "item", f"Any other field of `{model}`", model)
            self._schema(item, f"{model}.…", extra)
        keys = sorted(fields, key=lambda key: key not in required)
        names = unique((PythonIdentifier(key, "field_") for key in keys), OF_MODELS)
        for key, name in zip(keys, names, strict=True):
            words: dict[str, Json] = {"name": key, "required": key in required}
            item = self._add(f"{model}.{name}", "field", f"`{model}.{name}`", model, words=words)
            self._schema(item, f"{model}.{name}", mapping(fields[key]))

    def _whole(self, schema: dict[str, Json]) -> Iterator[dict[str, Json]]:
        for part in map(mapping, sequence(schema.get("allOf"))):
            yield from self._whole(self._target(part) or part)
        yield schema


def _is_model(schema: dict[str, Json]) -> bool:
    """Tell whether the schema is a class for callers."""
    if "allOf" in schema:
        return len(sequence(schema["allOf"])) + ("properties" in schema) > 1
    return schema.get("type") == "object" or "properties" in schema


def _discriminator(schema: dict[str, Json]) -> dict[str, Json]:
    value = mapping(schema.get("discriminator"))
    names = sorted(f"{word} → {name}" for word, name in mapping(value.get("mapping")).items())
    return {"discriminator": value.get("propertyName"), "mapping": [*names] or None}


def _media_types(owner: dict[str, Json]) -> list[Json]:
    return [*mapping(owner.get("content"))]


def _servers(holder: dict[str, Json]) -> Json:
    urls: list[Json] = []
    for server in map(mapping, sequence(holder.get("servers"))):
        urls += [url.rstrip("/") for url in addresses(server)]
    return [*dict.fromkeys(urls)] or None
