"""Propose overlay actions from recorded answers: what they are, and the contract does not say.

Only shapes are looked at: names of fields that the contract describes, types, and how often. No
value and no other name is written anywhere. An answer belongs to the operation that it was recorded
with, else to the one of whose fields it has most, more than half; one that fits none is counted.
"""

from __future__ import annotations

import json
import re
from base64 import b64decode
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from tools.contract import TEMPLATE, Place, at, called, mapping, pointer, sequence
from tools.documents import Json, read_text
from tools.errors import PipelineError
from tools.layout import shown
from tools.repair.examples import good_answers

_TYPES: Final[dict[type, str]] = {
    bool: "boolean",
    dict: "object",
    float: "number",
    int: "integer",
    list: "array",
    str: "string",
    type(None): "null",
}
_TELLING: Final = ("allOf", "anyOf", "enum", "items", "oneOf", "properties")
_ENOUGH: Final = 2  # how often a type must be seen where the contract says none
_PLAIN: Final = re.compile(r"[A-Za-z_]\w*")


class Answer(NamedTuple):
    """A recorded answer: of which operation, if that is known, and its JSON value."""

    operation: str
    body: Json


def recorded(paths: Sequence[Path]) -> Iterator[Answer]:
    """Read answers: JSON files, lists of `{operation, body}`, archives of a browser (HAR).

    Raises:
        PipelineError: a file is no JSON.
    """
    for path in paths:
        files = sorted(path.rglob("*")) if path.is_dir() else [path]
        for file in files:
            if not path.is_dir() or file.suffix.lower() in (".json", ".har"):
                try:
                    value: Json = json.loads(read_text(file))
                except (ValueError, RecursionError):
                    raise PipelineError(f"{shown(file)} is no JSON.") from None
                yield from _answers(value)


def _answers(value: Json) -> Iterator[Answer]:
    entries = sequence(mapping(mapping(value).get("log")).get("entries"))
    for entry in map(mapping, entries):
        request, response = mapping(entry.get("request")), mapping(entry.get("response"))
        if str(response.get("status")).startswith("2"):
            content = mapping(response.get("content"))
            text: str | bytes = str(content.get("text"))
            try:
                body = json.loads(b64decode(text) if content.get("encoding") == "base64" else text)
            except (ValueError, RecursionError):
                continue
            path = urlsplit(str(request.get("url"))).path
            yield Answer(f"{request.get('method')} {path}", body)
    for one in [] if entries else value if isinstance(value, list) else [value]:
        record = mapping(one)
        if "body" in record:
            yield Answer(str(record.get("operation") or ""), record["body"])
        else:
            yield Answer("", one)


def proposals(
    document: dict[str, Json], answers: Sequence[Answer]
) -> tuple[list[dict[str, Json]], list[str]]:
    """Compare answers with the contract, repaired as far as the overlay does it today.

    Returns:
        Overlay actions, and what was counted on the way.
    """
    places = {
        called(place): (*place[:2], str(place[2]), "responses", str(place[3]), "content", kind)
        for place, kind, _ in good_answers(document)
        if kind.endswith("json")
    }
    seen: dict[Place, Counter[str]] = {}
    taken = 0
    for answer in answers:
        place = _place_of(document, answer, places)
        if place is not None:
            taken += 1
            _observe(document, (*place, "schema"), answer.body, seen)
    notes = [f"{taken} of {len(answers)} recorded answers are of an operation."]
    actions = [
        action
        for place, counts in seen.items()
        for action in _action(place, mapping(at(document, place)), counts)
    ]
    unknown = sum(counts["described nowhere"] for counts in seen.values())
    if unknown:
        notes.append(f"Fields that the contract does not describe were seen {unknown} times.")
    return actions, notes


def _place_of(document: dict[str, Json], answer: Answer, places: dict[str, Place]) -> Place | None:
    if answer.operation:
        method, _, path = answer.operation.partition(" ")
        urls = [mapping(one).get("url") for one in sequence(document.get("servers"))]
        bases = "|".join(re.escape(urlsplit(str(url)).path.rstrip("/")) for url in urls)
        for name, place in places.items():
            own, _, template = name.partition(" ")
            parts = map(re.escape, TEMPLATE.split(template)[::2])
            if own == method.upper() and re.fullmatch(f"({bases})?" + "[^/]+".join(parts), path):
                return place
        return None
    best, found = 0.5, None
    given = answer.body if isinstance(answer.body, dict) else {}
    for place in places.values():
        fields = {
            name
            for part in _parts(document, (*place, "schema"))
            for name in _fields(document, part)
        }
        share = len(fields & given.keys()) / len(fields) if fields else 0.0
        if share > best:
            best, found = share, place
    return found


def _parts(document: dict[str, Json], place: Place) -> Iterator[Place]:
    """Walk through the places of what holds at once, references followed."""
    schema = mapping(at(document, place))
    if isinstance(schema.get("$ref"), str):
        yield from _parts(document, pointer(str(schema["$ref"])))
        return
    yield place
    for number in range(len(sequence(schema.get("allOf")))):
        yield from _parts(document, (*place, "allOf", number))


def _fields(document: dict[str, Json], place: Place) -> list[str]:
    return [*mapping(at(document, (*place, "properties")))]


def _observe(
    document: dict[str, Json], place: Place, value: Json, seen: dict[Place, Counter[str]]
) -> None:
    parts = [*_parts(document, place)]
    described = {name for part in parts for name in _fields(document, part)}
    for part in parts:
        counts = seen.setdefault(part, Counter())
        counts[_TYPES[type(value)]] += 1
        schema = mapping(at(document, part))
        if isinstance(value, dict):
            for name in map(str, sequence(schema.get("required"))):
                counts[f"lacks {name}"] += name not in value
            for name in _fields(document, part):
                if name in value:
                    _observe(document, (*part, "properties", name), value[name], seen)
            further, others = (*part, "additionalProperties"), value.keys() - described
            if mapping(at(document, further)):
                for name in sorted(others):
                    _observe(document, further, value[name], seen)
            elif part == parts[0]:
                counts["described nowhere"] += len(others)
        for item in value if isinstance(value, list) and "items" in schema else []:
            _observe(document, (*part, "items"), item, seen)


def _action(
    place: Place, schema: dict[str, Json], counts: Counter[str]
) -> Iterator[dict[str, Json]]:
    """Propose what a schema has to say to allow what was seen."""
    kinds = {kind: counts[kind] for kind in _TYPES.values() if counts[kind]}
    total = sum(kinds.values())
    change = _change(schema, kinds)
    if change:
        listed = ", ".join(f"{kind} ({count})" for kind, count in sorted(kinds.items()))
        told = f"{total} recorded answers have here: {listed}."
        if "type" in schema and "oneOf" in change:
            yield {"target": f"{_path(place)}.type", "description": told, "remove": True}
        yield {"target": _path(place), "description": told, "update": change}
    lacking = [str(name) for name in sequence(schema.get("required")) if counts[f"lacks {name}"]]
    if lacking:
        names = " || ".join(f"@ == {_quoted(name)}" for name in lacking)
        told = ", ".join(f"{name} ({counts[f'lacks {name}']})" for name in lacking)
        yield {
            "target": f"{_path(place)}.required[?{names}]",
            "description": f"Of {counts['object']} recorded answers some leave out: {told}.",
            "remove": True,
        }


def _change(schema: dict[str, Json], kinds: dict[str, int]) -> dict[str, Json]:
    others = {kind for kind in kinds if kind != "null"}
    if "number" in others:
        others.discard("integer")
    known = {str(schema["type"])} if "type" in schema else set()
    fits = others <= known or (known == {"number"} and others <= {"integer", "number"})
    says_nothing = not known and schema.keys().isdisjoint(_TELLING)
    change: dict[str, Json] = {}
    if says_nothing:
        (often,) = others if len(others) == 1 else ("",)
        if often and kinds[often] >= _ENOUGH:
            change["type"] = often
    elif known and not fits:
        change |= _types(known | others)
    if "null" in kinds and not schema.get("nullable") and (change or not says_nothing):
        change["nullable"] = True
        if "enum" in schema:
            change["enum"] = [None]
    return change


def _types(kinds: set[str]) -> dict[str, Json]:
    if kinds == {"integer", "number"}:
        return {"type": "number"}
    parts: list[Json] = [
        {"type": kind, **({"items": {}} if kind == "array" else {})} for kind in sorted(kinds)
    ]
    return {"oneOf": parts}


def _path(place: Place) -> str:
    """Write a place as JSONPath."""
    return "$" + "".join(
        f".{step}" if _PLAIN.fullmatch(str(step)) else f"[{_quoted(step)}]" for step in place
    )


def _quoted(step: int | str) -> str:
    text = str(step).replace("\\", "\\\\").replace("'", "\\'")
    return str(step) if isinstance(step, int) else f"'{text}'"
