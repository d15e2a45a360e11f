"""Propose overlay actions from recorded answers that differ from the contract.

Only shapes are compared: names of fields that the contract describes, types, and how often. No
value and no other name is written anywhere. An answer belongs to the operation that it was recorded
with, else to the one of whose fields it has most, more than half; an answer of none is counted.
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
_CONSTRAINTS: Final = ("allOf", "anyOf", "enum", "items", "oneOf", "properties")
_MIN_COUNT: Final = 2  # how often a type must be seen where the contract says none
_PLAIN: Final = re.compile(r"[A-Za-z_]\w*")


class Answer(NamedTuple):
    """A recorded answer: its operation, empty if unknown, and its JSON value."""

    operation: str
    body: Json


def recorded(paths: Sequence[Path]) -> Iterator[Answer]:
    """Read answers: JSON files, lists of `{operation, body}`, archives of a browser (HAR).

    Raises:
        PipelineError: a file is not JSON.
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
    for item in [] if entries else value if isinstance(value, list) else [value]:
        record = mapping(item)
        if "body" in record:
            yield Answer(str(record.get("operation") or ""), record["body"])
        else:
            yield Answer("", item)


def proposals(
    document: dict[str, Json], answers: Sequence[Answer]
) -> tuple[list[dict[str, Json]], list[str]]:
    """Compare answers with the contract, repaired as far as the overlay does it today.

    Returns:
        Overlay actions, and sentences with counts of the answers and fields.
    """
    places = {
        called(place): (*place[:2], str(place[2]), "responses", str(place[3]), "content", kind)
        for place, kind, _ in good_answers(document)
        if kind.endswith("json")
    }
    counts_by_place: dict[Place, Counter[str]] = {}
    matched = 0
    for answer in answers:
        place = _place_of(document, answer, places)
        if place is not None:
            matched += 1
            _observe(document, (*place, "schema"), answer.body, counts_by_place)
    notes = [f"{matched} of {len(answers)} recorded answers are of an operation."]
    actions = [
        action
        for place, counts in counts_by_place.items()
        for action in _action(place, mapping(at(document, place)), counts)
    ]
    unknown = sum(counts["described nowhere"] for counts in counts_by_place.values())
    if unknown:
        notes.append(f"Fields that the contract does not describe were seen {unknown} times.")
    return actions, notes


def _place_of(document: dict[str, Json], answer: Answer, places: dict[str, Place]) -> Place | None:
    if answer.operation:
        method, _, path = answer.operation.partition(" ")
        urls = [mapping(server).get("url") for server in sequence(document.get("servers"))]
        bases = "|".join(re.escape(urlsplit(str(url)).path.rstrip("/")) for url in urls)
        for name, place in places.items():
            verb, _, template = name.partition(" ")
            parts = map(re.escape, TEMPLATE.split(template)[::2])
            if verb == method.upper() and re.fullmatch(f"({bases})?" + "[^/]+".join(parts), path):
                return place
        return None
    best_share, best_place = 0.5, None
    answer_fields = answer.body if isinstance(answer.body, dict) else {}
    for place in places.values():
        fields = {
            name
            for part in _parts(document, (*place, "schema"))
            for name in _fields(document, part)
        }
        share = len(fields & answer_fields.keys()) / len(fields) if fields else 0.0
        if share > best_share:
            best_share, best_place = share, place
    return best_place


def _parts(document: dict[str, Json], place: Place) -> Iterator[Place]:
    """Iterate over the places of a schema and of its `allOf`, with references followed."""
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
    document: dict[str, Json], place: Place, value: Json, counts_by_place: dict[Place, Counter[str]]
) -> None:
    parts = [*_parts(document, place)]
    described_names = {name for part in parts for name in _fields(document, part)}
    for part in parts:
        counts = counts_by_place.setdefault(part, Counter())
        counts[_TYPES[type(value)]] += 1
        schema = mapping(at(document, part))
        if isinstance(value, dict):
            for name in map(str, sequence(schema.get("required"))):
                counts[f"lacks {name}"] += name not in value
            for name in _fields(document, part):
                if name in value:
                    _observe(document, (*part, "properties", name), value[name], counts_by_place)
            additional = (*part, "additionalProperties")
            undescribed = value.keys() - described_names
            if mapping(at(document, additional)):
                for name in sorted(undescribed):
                    _observe(document, additional, value[name], counts_by_place)
            elif part == parts[0]:
                counts["described nowhere"] += len(undescribed)
        for item in value if isinstance(value, list) and "items" in schema else []:
            _observe(document, (*part, "items"), item, counts_by_place)


def _action(
    place: Place, schema: dict[str, Json], counts: Counter[str]
) -> Iterator[dict[str, Json]]:
    """Propose a change of a schema so that it allows the recorded values."""
    type_counts = {kind: counts[kind] for kind in _TYPES.values() if counts[kind]}
    total = sum(type_counts.values())
    change = _change(schema, type_counts)
    if change:
        frequencies = ", ".join(f"{kind} ({count})" for kind, count in sorted(type_counts.items()))
        description = f"{total} recorded answers have here: {frequencies}."
        if "type" in schema and "oneOf" in change:
            yield {"target": f"{_path(place)}.type", "description": description, "remove": True}
        yield {"target": _path(place), "description": description, "update": change}
    missing = [str(name) for name in sequence(schema.get("required")) if counts[f"lacks {name}"]]
    if missing:
        names = " || ".join(f"@ == {_quoted(name)}" for name in missing)
        absences = ", ".join(f"{name} ({counts[f'lacks {name}']})" for name in missing)
        yield {
            "target": f"{_path(place)}.required[?{names}]",
            "description": f"Of {counts['object']} recorded answers some leave out: {absences}.",
            "remove": True,
        }


def _change(schema: dict[str, Json], type_counts: dict[str, int]) -> dict[str, Json]:
    types = {kind for kind in type_counts if kind != "null"}
    if "number" in types:
        types.discard("integer")
    declared = {str(schema["type"])} if "type" in schema else set()
    fits = types <= declared or (declared == {"number"} and types <= {"integer", "number"})
    says_nothing = not declared and schema.keys().isdisjoint(_CONSTRAINTS)
    change: dict[str, Json] = {}
    if says_nothing:
        (only_type,) = types if len(types) == 1 else ("",)
        if only_type and type_counts[only_type] >= _MIN_COUNT:
            change["type"] = only_type
    elif declared and not fits:
        change |= _type_schema(declared | types)
    if "null" in type_counts and not schema.get("nullable") and (change or not says_nothing):
        change["nullable"] = True
        if "enum" in schema:
            change["enum"] = [None]
    return change


def _type_schema(kinds: set[str]) -> dict[str, Json]:
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
