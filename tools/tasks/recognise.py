"""Recognise the operations that query a task and those that create one, where none is declared.

The result is written as an overlay would write it, as `x-task` and a link, and only where neither
the contract nor the overlay has them. No later step guesses: `compile` checks all of it.

- A GET queries a task if it takes an id, and its answer has a status; the words of the page or the
  fields of the answer must mention tasks or their results. Where a page does not describe the
  answer, its fields are those of its example, of a list of such tasks, or of common relays.
- A POST creates a task if one of these operations has its path and an id; else if one queries all
  tasks of the family, and the answer of the POST has an id.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from tools.contract import TEMPLATE, Place, at, called, mapping, operations, sequence
from tools.documents import Json
from tools.repair.examples import published
from tools.repair.media import is_bytes
from tools.tasks import links, places
from tools.tasks.compile import MEDIA, ROLES, by_name, check, shared_words
from tools.tasks.fields import Field, fields, media_of, mentions, open_parts, outline, snake, terms
from tools.tasks.places import Path

_STATES: Final = {"running", "succeeded"}
_IDS: Final = re.compile(r"(.*_)?(id|uuid)|task|job|.*[a-z]id")
_MOST: Final = 20  # places of something in one answer

REQUIRED: Final = "The id of a task has to be given."
STATUS: Final = (
    "The answer of a query for a task has a status; a page that shows none was copied from another"
    " one, and what it does not show may be anything."
)
CONTENT: Final = (
    "An operation that downloads what a task made answers with the file; its page was copied from"
    " the one of the task."
)


@dataclass
class Query:
    """An operation that queries a task, as far as it is recognised."""

    place: Place
    parameter: tuple[str, str]
    text: str
    roles: dict[str, list[Path]]
    holders: list[Path]
    is_described: bool
    content: str | None = None


def recognise(
    document: dict[str, Json], published: dict[str, Place]
) -> tuple[list[tuple[str, int]], list[str]]:
    """Add `x-task` and links to a contract where they follow from the rest of it.

    Args:
        document: The contract, repaired and with a name for each operation.
        published: The operationIds that it had before.

    Returns:
        The rules that found a mistake, with the number of places; and what is not clear enough.
    """
    counts: Counter[str] = Counter()
    queries = {
        place: query
        for place, operation in operations(document)
        if place[2] == "get" and "x-task" not in operation
        if (query := _query(document, place, operation, counts))
    }
    for query in list(queries.values()):
        _find_content(document, query, queries, counts)
    ids = {place: query.parameter[1] for place, query in queries.items()}
    for place, operation in operations(document):
        if operation.get("x-task"):
            ids[place] = links.id_parameter(operation)
    created, notes = links.link(document, ids, by_name(document, published))
    for query in queries.values():
        x_task = _x_task(document, query, created[query.place])
        mapping(at(document, query.place))["x-task"] = x_task
    return list(counts.items()), [*notes, *_disagreements(document)]


def _query(
    document: dict[str, Json], place: Place, operation: dict[str, Json], counts: Counter[str]
) -> Query | None:
    match = _parameter(document, place)
    answer = places.answer(document, place)
    if match is None or answer.schema is None:
        return None
    where, name, parameter = match
    text = f"{operation.get('summary')} {parameter.get('description')}"
    about_tasks = mentions(terms("tasks"), f"{place[1]} {name} {text}")
    schema_fields = [*fields(answer.schema, document)]
    examples = [field for item in published(answer.content) for field in fields(outline(item), {})]
    holders: list[Path] = []
    example_status: Field | None = None
    if schema_fields:
        status = _status(schema_fields)
        if status is None:
            holders = _open_answer(document, place, answer) if about_tasks else []
            if not holders:
                return None
            counts[STATUS] += 1
            schema_fields = []
        elif not (about_tasks or _has_states(status) or _has_task_fields(schema_fields)):
            return None
        else:
            holders = [status.path[:-1]]
            if (example_status := _example_status(status, examples)) is not None:
                holders.append(example_status.path[:-1])
                schema_fields = [*schema_fields, *examples]
    else:
        examples = examples if _status(examples) else [*examples, *_item_fields(document, place)]
        kind = media_of([*links.segments(place), text])
        if not (about_tasks or _status(examples) or (kind and _is_created(document, place))):
            return None
        status = _status(examples)
        holders = [status.path[:-1]] if status else open_parts()
    if parameter.get("required") is not True:
        counts[REQUIRED] += 1
        parameter["required"] = True
    roles = _roles(schema_fields or examples, snake(name))
    if status is not None and example_status is not None:
        roles["status"] = [status.path, example_status.path]
    roles["results"] = roles["results"] or [field.path for field in _results(examples)]
    return Query(place, (where, name), text, roles, holders, bool(schema_fields))


def _example_status(status: Field, examples: list[Field]) -> Field | None:
    """Find the status in an example that has none at the place in the schema."""
    return None if any(field.path == status.path for field in examples) else _status(examples)


def _disagreements(document: dict[str, Json]) -> Iterator[str]:
    """List the examples without a status at the first place where a wait looks for it."""
    for place, operation in operations(document):
        if not operation.get("x-task"):
            continue
        status = mapping(operation["x-task"]).get("status")
        paths = [places.answer_path(str(value)) for value in sequence(status) or [status]]
        values = [value for value in published(places.answer(document, place).content) if value]
        if paths[0] is None or not values or any(places.is_in(paths[0], value) for value in values):
            continue
        hits = [
            path for path in paths if path and any(places.is_in(path, value) for value in values)
        ]
        where = f"has it at {places.text_of(hits[0])}: both are tried" if hits else "has none"
        yield (
            f"The status of {called(place)} is at {places.text_of(paths[0])},"
            f" but the example beside it {where}."
        )


def _parameter(document: dict[str, Json], place: Place) -> tuple[str, str, dict[str, Json]] | None:
    """Find the parameter that takes an id: the last one of the path, else one of the query."""
    parameters = places.parameters(document, place)
    templates = TEMPLATE.findall(str(place[1]))
    if templates and not _IDS.fullmatch(snake(templates[-1])):
        return None
    if templates:
        return ("path", templates[-1], parameters.get(("path", templates[-1]), {}))
    for term in terms("names", "id"):
        for (where, name), parameter in parameters.items():
            kind = mapping(parameter.get("schema")).get("type")
            if where == "query" and snake(name) == term and kind in ("string", "integer", None):
                return ("query", name, parameter)
    return None


def _status(answer_fields: Iterable[Field]) -> Field | None:
    """Find the status: a field named after a task, such as `task_status`, else the outermost."""
    names = terms("names", "status")
    best: tuple[tuple[int, int], Field] | None = None
    for field in answer_fields:
        if field.names[-1] in names and None not in field.path and field.kinds <= {"string"}:
            rank = names.index(field.names[-1])
            order = (0 if "_" in field.names[-1] else len(field.path), rank)
            if not field.is_within_aside and (best is None or order < best[0]):
                best = order, field
    return best[1] if best and _enum_states(best[1]) in (set(), _STATES) else None


def _has_states(status: Field) -> bool:
    """Tell whether the words of the enum include a running and a succeeded state."""
    return _enum_states(status) == _STATES


def _enum_states(status: Field) -> set[str]:
    enum = [str(word) for schema in status.schemas for word in sequence(schema.get("enum")) if word]
    states = {shared_words().get(snake(word).lower(), "other") for word in enum}
    return states & _STATES or ({"other"} if states else set())


def _has_task_fields(answer_fields: list[Field]) -> bool:
    """Tell whether an answer has a field of a task besides the status."""
    names = {*terms("names", "progress"), *terms("names", "reason")}
    return any(field.names[-1] in names for field in answer_fields) or any(_results(answer_fields))


def _open_answer(document: dict[str, Json], place: Place, answer: places.Answer) -> list[Path]:
    """Let an answer copied from a POST hold anything; return the possible parents of its fields."""
    schema = answer.schema
    names = {field.names[-1] for field in fields(schema, document)}
    suffix = links.segments(place)[-1].rpartition("}")[2]
    if names & {*terms("names", "status"), *terms("names", "id")[:2]}:
        return []
    if suffix and not mentions(terms("asking"), suffix):
        return []
    posts = (post for post, _ in operations(document) if post[2] == "post")
    if all(_shape(document, post) != _shape(document, place) for post in posts):
        return []
    for variant in places.variants(schema, document):
        data = mapping(variant.get("properties")).get("data")
        if isinstance(data, dict) and data.get("type") == "string":
            del data["type"]
            return [("data",)]
    answer.content["schema"] = {"type": "object"}
    return open_parts()


def _shape(document: dict[str, Json], place: Place) -> set[Path]:
    """Name the fields of an answer."""
    return {field.path for field in fields(places.answer(document, place).schema, document)}


def _item_fields(document: dict[str, Json], place: Place) -> list[Field]:
    """Find the fields of an item in the answer of the operation that lists such tasks."""
    parent = str(place[1]).rpartition("/")[0]
    list_fields = [*fields(places.answer(document, ("paths", parent, "get")).schema, document)]
    for field in list_fields:
        if field.names[-1] in terms("names", "status") and None in field.path:
            holder = field.path[: field.path.index(None) + 1]
            size = sum(step is not None for step in holder)
            return [
                Field(field.path[len(holder) :], field.names[size:], field.schemas)
                for field in list_fields
                if field.path[: len(holder)] == holder and len(field.path) > len(holder)
            ]
    return []


def _is_created(document: dict[str, Json], place: Place) -> bool:
    """Tell whether a POST creates it, and no other method changes or deletes it."""
    methods = {"put", "patch", "delete"} & mapping(at(document, place[:2])).keys()
    parent = str(place[1]).rpartition("/")[0]
    return not methods and isinstance(at(document, ("paths", parent, "post")), dict)


def _roles(answer_fields: list[Field], parameter: str) -> dict[str, list[Path]]:
    """Find the paths of each role in an answer, by names; those beside the status first."""
    status = _status(answer_fields)
    holder = status.path[:-1] if status else ()
    roles: dict[str, list[Path]] = {"status": [status.path] if status else []}
    codes: list[Path] = []
    for role in ("id", "reason", "code", "progress", "updated"):
        names = terms("names", role)
        if role == "id":
            names = [*dict.fromkeys([parameter, *names[:2]])]
        matches = [
            field
            for field in answer_fields
            if field.names[-1] in names and None not in field.path and not field.is_within_aside
            if "array" not in field.kinds and ("object" not in field.kinds or role == "reason")
        ]
        matches.sort(
            key=lambda item: (item.path[:-1] != holder, len(item.path), names.index(item.names[-1]))
        )
        roles[role] = [field.path for field in matches][:4]
        if role == "reason":
            codes = [(*field.path, "code") for field in matches if field.kinds == {"object"}]
    roles["id"] = roles["id"][:2]
    roles["code"] += codes
    results = sorted(_results(answer_fields), key=lambda field: len(field.path))
    roles["results"] = [field.path for field in results]
    return roles


def _results(answer_fields: Iterable[Field]) -> Iterator[Field]:
    """Find the fields that hold the URL of a result."""
    media = [word for kind in MEDIA for word in terms("media", kind)]
    names = {*terms("names", "results"), *(f"{word}_url" for word in media), *media}
    for field in answer_fields:
        is_text = field.kinds == {"string"} or (not field.kinds and field.names[-1] not in media)
        if field.names[-1] in names and is_text and not field.is_aside:
            yield field


def _find_content(
    document: dict[str, Json], query: Query, queries: dict[Place, Query], counts: Counter[str]
) -> None:
    """Find the operation that returns the file of a task and takes nothing but its id."""
    own = _words(query.place, "asking")
    for place, operation in operations(document):
        answer = places.answer(document, place)
        if place[2] != "get" or place == query.place or answer.media_type is None:
            continue
        if _words(place, "content") != own or not {*links.segments(place)} & {*terms("content")}:
            continue
        if len(links.required_parameters(document, place)) != 1:
            continue
        if not is_bytes(answer.media_type, is_body=False):
            if not _is_copy(document, place, query.place):
                continue
            counts[CONTENT] += 1
            queries.pop(place, None)
            response = mapping(at(document, (*place, "responses", answer.status)))
            response["content"] = {
                "application/octet-stream": {"schema": {"type": "string", "format": "binary"}}
            }
        query.content = links.name_of(operation)
        return


def _words(place: Place, key: str) -> list[str]:
    """List the segments of a path without parameters and without the terms of this key."""
    return [part for part in links.segments(place) if "{" not in part and part not in terms(key)]


def _is_copy(document: dict[str, Json], place: Place, task: Place) -> bool:
    """Tell whether another operation has the same answer, to the last field."""
    shape = _shape(document, place)
    originals = (original for original, _ in operations(document) if shape and original != place)
    return any(_shape(document, original) == shape for original in (task, *originals))


def _x_task(document: dict[str, Json], query: Query, creates: list[str]) -> dict[str, Json]:
    """Write the `x-task` as an overlay would."""
    roles, kinds = query.roles, _kinds(query, creates)
    media = [kind for kind in kinds if kind in MEDIA]
    for role in ROLES[:-1]:
        if role not in ("id", "status", "updated") or not roles[role]:
            roles[role] += _open_paths(query, role)
    if kinds == ["none"]:
        roles["results"] = []
    elif not roles["results"] or not query.is_described:
        roles["results"] += [path for kind in media for path in _open_paths(query, "results", kind)]
    expressions = {
        role: [*map(places.expression, _paths(document, query, role, media))] for role in ROLES
    }
    request = f"$request.{query.parameter[0]}.{query.parameter[1]}"
    x_task: dict[str, Json] = {"id": [request, *expressions.pop("id")]}
    x_task |= {role: [*paths] for role, paths in expressions.items() if paths}
    x_task["kind"] = kinds[0] if len(kinds) == 1 else "file"
    if query.content:
        x_task["content"] = query.content
    elif "results" not in x_task:
        x_task["kind"] = "none"
    return x_task


def _paths(document: dict[str, Json], query: Query, role: str, media: list[str]) -> list[Path]:
    """List the paths that the answer may have; those of an example are tried for every kind."""
    paths = query.roles[role]
    if not query.is_described and len(media) > 1:
        words = re.compile("|".join(media), re.IGNORECASE)
        paths = [_path_of_kind(words, kind, path) for path in paths for kind in media]
    answer = places.answer(document, query.place)
    valid = []
    for path in dict.fromkeys(paths):
        with suppress(LookupError):
            check(role, path, answer, document)
            valid.append(path)
    return valid[:_MOST]


def _path_of_kind(words: re.Pattern[str], kind: str, path: Path) -> Path:
    def replacement(match: re.Match[str]) -> str:
        return kind.capitalize() if match[0][0].isupper() else kind

    return tuple(words.sub(replacement, step) if isinstance(step, str) else step for step in path)


def _kinds(query: Query, creates: list[str]) -> list[str]:
    """List the kinds of results: by the path, else by the answer and by what creates the task."""
    path_kind = media_of(links.segments(query.place))
    if path_kind:
        return [path_kind]
    result_kinds = [media_of([".".join(map(str, path))]) for path in query.roles["results"]]
    created_kinds = [media_of([part for part in path.split("/") if part]) for path in creates]
    kinds = {kind: None for kind in result_kinds if kind in MEDIA}
    if kinds and query.is_described:
        created_kinds = []
    kinds |= {kind: None for kind in created_kinds if kind in MEDIA}
    if not any(result_kinds) and None in created_kinds:
        kinds["file"] = None
    text_kind = media_of([query.text])
    if not kinds or (list(kinds) == ["file"] and text_kind):
        return [text_kind or ("file" if result_kinds else "none")]
    return [str(kind) for kind in kinds]


def _open_paths(query: Query, role: str, kind: str = "") -> Iterator[Path]:
    """List the paths that are common among relays, for where no other path is described."""
    for template in terms("open", role):
        path = places.answer_path("$." + template.replace("{media}", kind))
        assert path is not None
        for holder in query.holders:
            yield (*holder, *path)
