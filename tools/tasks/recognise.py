"""Recognise the operations that ask for a task and those that create one, where nobody says it.

What is recognised is written as the overlay could have said it, `x-task` and a link, and only where
the contract and the overlay say nothing. Nothing of it is guessed later: `compile` checks it all.

- A GET asks for a task if it takes an id, and its answer has a status; the words of the page or the
  fields of the answer have to speak of tasks or of what they make. Where a page describes nothing
  of the answer, its example says what is in it, or a list of the same, or the form of relays.
- A POST creates a task if one of these operations has its path and an id; else if one asks for any
  task of the family, and the answer of the POST has an id.
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
from tools.tasks.compile import MEDIA, ROLES, check, named, shared_words
from tools.tasks.fields import Field, fields, known, media_of, open_parts, outline, snake, speaks_of
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
class Asking:
    """An operation that asks for a task, while it is looked at."""

    place: Place
    parameter: tuple[str, str]
    said: str
    roles: dict[str, list[Path]]
    holders: list[Path]
    is_described: bool
    content: str | None = None


def recognise(
    document: dict[str, Json], published: dict[str, Place]
) -> tuple[list[tuple[str, int]], list[str]]:
    """Write into a contract what it says of tasks without saying it.

    Args:
        document: The contract, repaired and with a name for each operation.
        published: The operationIds that it had before.

    Returns:
        The rules that found a mistake, with the number of places; and what is not clear enough.
    """
    counts: Counter[str] = Counter()
    found = {
        place: asking
        for place, operation in operations(document)
        if place[2] == "get" and "x-task" not in operation
        if (asking := _asking(document, place, operation, counts))
    }
    for asking in list(found.values()):
        _find_content(document, asking, found, counts)
    ids = {place: asking.parameter[1] for place, asking in found.items()}
    for place, operation in operations(document):
        if operation.get("x-task"):
            ids[place] = links.id_parameter(operation)
    created, notes = links.link(document, ids, named(document, published))
    for asking in found.values():
        said = _said(document, asking, created[asking.place])
        mapping(at(document, asking.place))["x-task"] = said
    return list(counts.items()), [*notes, *_disagreements(document)]


def _asking(
    document: dict[str, Json], place: Place, operation: dict[str, Json], counts: Counter[str]
) -> Asking | None:
    parameter = _parameter(document, place)
    answer = places.answer(document, place)
    if parameter is None or answer.schema is None:
        return None
    where, name, described = parameter
    said = f"{operation.get('summary')} {described.get('description')}"
    speaks = speaks_of(known("tasks"), f"{place[1]} {name} {said}")
    shown = [*fields(answer.schema, document)]
    seen = [one for value in published(answer.content) for one in fields(outline(value), {})]
    holders: list[Path] = []
    other: Field | None = None
    if shown:
        status = _status(shown)
        if status is None:
            holders = _opened(document, place, answer) if speaks else []
            if not holders:
                return None
            counts[STATUS] += 1
            shown = []
        elif not (speaks or _lives(status) or _makes(shown)):
            return None
        else:
            holders = [status.path[:-1]]
            if (other := _elsewhere(status, seen)) is not None:
                holders.append(other.path[:-1])
                shown = [*shown, *seen]
    else:
        seen = seen if _status(seen) else [*seen, *_listed(document, place)]
        makes = media_of([*links.segments(place), said])
        if not (speaks or _status(seen) or (makes and _is_created(document, place))):
            return None
        status = _status(seen)
        holders = [status.path[:-1]] if status else open_parts()
    if described.get("required") is not True:
        counts[REQUIRED] += 1
        described["required"] = True
    roles = _roles(shown or seen, snake(name))
    if status is not None and other is not None:
        roles["status"] = [status.path, other.path]
    roles["results"] = roles["results"] or [one.path for one in _results(seen)]
    return Asking(place, (where, name), said, roles, holders, bool(shown))


def _elsewhere(status: Field, seen: list[Field]) -> Field | None:
    """Find the status of an example that has none where the schema has it."""
    return None if any(one.path == status.path for one in seen) else _status(seen)


def _disagreements(document: dict[str, Json]) -> Iterator[str]:
    """Tell which examples have no status at the first place where a wait looks for it."""
    for place, operation in operations(document):
        if not operation.get("x-task"):
            continue
        told = mapping(operation["x-task"]).get("status")
        paths = [places.answer_path(str(one)) for one in sequence(told) or [told]]
        shown = [value for value in published(places.answer(document, place).content) if value]
        if paths[0] is None or not shown or any(places.is_in(paths[0], one) for one in shown):
            continue
        others = [path for path in paths if path and any(places.is_in(path, one) for one in shown)]
        where = f"has it at {places.shown(others[0])}: both are tried" if others else "has none"
        yield (
            f"The status of {called(place)} is at {places.shown(paths[0])},"
            f" but the example beside it {where}."
        )


def _parameter(document: dict[str, Json], place: Place) -> tuple[str, str, dict[str, Json]] | None:
    """Find the parameter that takes an id: the last one of the path, else one of the query."""
    parameters = places.parameters(document, place)
    inside = TEMPLATE.findall(str(place[1]))
    if inside and not _IDS.fullmatch(snake(inside[-1])):
        return None
    if inside:
        return ("path", inside[-1], parameters.get(("path", inside[-1]), {}))
    for name in known("names", "id"):
        for (where, own), one in parameters.items():
            kind = mapping(one.get("schema")).get("type")
            if where == "query" and snake(own) == name and kind in ("string", "integer", None):
                return ("query", own, one)
    return None


def _status(found: Iterable[Field]) -> Field | None:
    """Find the status: one that is a task's by its name, else the outermost one."""
    names = known("names", "status")
    best: tuple[tuple[int, int], Field] | None = None
    for one in found:
        if one.names[-1] in names and None not in one.path and one.kinds <= {"string"}:
            rank = names.index(one.names[-1])
            order = (0 if "_" in one.names[-1] else len(one.path), rank)
            if not one.is_within_aside and (best is None or order < best[0]):
                best = order, one
    return best[1] if best and _listed_words(best[1]) in (set(), _STATES) else None


def _lives(status: Field) -> bool:
    """Tell whether the listed words say that something goes on, and that it can succeed."""
    return _listed_words(status) == _STATES


def _listed_words(status: Field) -> set[str]:
    listed = [str(word) for one in status.schemas for word in sequence(one.get("enum")) if word]
    states = {shared_words().get(snake(word).lower(), "other") for word in listed}
    return states & _STATES or ({"other"} if states else set())


def _makes(shown: list[Field]) -> bool:
    """Tell whether an answer has more of a task than a status."""
    names = {*known("names", "progress"), *known("names", "reason")}
    return any(one.names[-1] in names for one in shown) or any(_results(shown))


def _opened(document: dict[str, Json], place: Place, answer: places.Answer) -> list[Path]:
    """Let an answer hold anything that was copied from a POST; tell where its parts may be."""
    schema = answer.schema
    names = {one.names[-1] for one in fields(schema, document)}
    after = links.segments(place)[-1].rpartition("}")[2]
    if names & {*known("names", "status"), *known("names", "id")[:2]}:
        return []
    if after and not speaks_of(known("asking"), after):
        return []
    posts = (other for other, _ in operations(document) if other[2] == "post")
    if all(_shape(document, one) != _shape(document, place) for one in posts):
        return []
    for one in places.variants(schema, document):
        data = mapping(one.get("properties")).get("data")
        if isinstance(data, dict) and data.get("type") == "string":
            del data["type"]
            return [("data",)]
    answer.content["schema"] = {"type": "object"}
    return open_parts()


def _shape(document: dict[str, Json], place: Place) -> set[Path]:
    """Name the fields of an answer."""
    return {one.path for one in fields(places.answer(document, place).schema, document)}


def _listed(document: dict[str, Json], place: Place) -> list[Field]:
    """Find how the operation that lists such tasks describes one of them."""
    parent = str(place[1]).rpartition("/")[0]
    found = [*fields(places.answer(document, ("paths", parent, "get")).schema, document)]
    for one in found:
        if one.names[-1] in known("names", "status") and None in one.path:
            holder = one.path[: one.path.index(None) + 1]
            size = sum(step is not None for step in holder)
            return [
                Field(inner.path[len(holder) :], inner.names[size:], inner.schemas)
                for inner in found
                if inner.path[: len(holder)] == holder and len(inner.path) > len(holder)
            ]
    return []


def _is_created(document: dict[str, Json], place: Place) -> bool:
    """Tell whether a POST makes what is asked for, and nothing else is done with it."""
    others = {"put", "patch", "delete"} & mapping(at(document, place[:2])).keys()
    parent = str(place[1]).rpartition("/")[0]
    return not others and isinstance(at(document, ("paths", parent, "post")), dict)


def _roles(found: list[Field], parameter: str) -> dict[str, list[Path]]:
    """Find what is where in an answer, by names; what stands beside the status first."""
    status = _status(found)
    holder = status.path[:-1] if status else ()
    roles: dict[str, list[Path]] = {"status": [status.path] if status else []}
    codes: list[Path] = []
    for role in ("id", "reason", "code", "progress", "updated"):
        names = known("names", role)
        if role == "id":
            names = [*dict.fromkeys([parameter, *names[:2]])]
        fitting = [
            one
            for one in found
            if one.names[-1] in names and None not in one.path and not one.is_within_aside
            if "array" not in one.kinds and ("object" not in one.kinds or role == "reason")
        ]
        fitting.sort(
            key=lambda one: (one.path[:-1] != holder, len(one.path), names.index(one.names[-1]))
        )
        roles[role] = [one.path for one in fitting][:4]
        if role == "reason":
            codes = [(*one.path, "code") for one in fitting if one.kinds == {"object"}]
    roles["id"] = roles["id"][:2]
    roles["code"] += codes
    results = sorted(_results(found), key=lambda one: len(one.path))
    roles["results"] = [one.path for one in results]
    return roles


def _results(found: Iterable[Field]) -> Iterator[Field]:
    """Find the fields that hold the address of what was made."""
    media = [word for kind in MEDIA for word in known("media", kind)]
    names = {*known("names", "results"), *(f"{word}_url" for word in media), *media}
    for one in found:
        is_text = one.kinds == {"string"} or (not one.kinds and one.names[-1] not in media)
        if one.names[-1] in names and is_text and not one.is_aside:
            yield one


def _find_content(
    document: dict[str, Json], asking: Asking, found: dict[Place, Asking], counts: Counter[str]
) -> None:
    """Find the operation that returns the file of a task, by its id alone."""
    own = _words(asking.place, "asking")
    for place, operation in operations(document):
        answer = places.answer(document, place)
        if place[2] != "get" or place == asking.place or answer.media_type is None:
            continue
        if _words(place, "content") != own or not {*links.segments(place)} & {*known("content")}:
            continue
        if len(links.required(document, place)) != 1:
            continue
        if not is_bytes(answer.media_type, is_body=False):
            if not _is_copy(document, place, asking.place):
                continue
            counts[CONTENT] += 1
            found.pop(place, None)
            response = mapping(at(document, (*place, "responses", answer.status)))
            response["content"] = {
                "application/octet-stream": {"schema": {"type": "string", "format": "binary"}}
            }
        asking.content = links.name_of(operation)
        return


def _words(place: Place, other: str) -> list[str]:
    """Name the parts of a path without parameters, and without words of a kind."""
    return [part for part in links.segments(place) if "{" not in part and part not in known(other)]


def _is_copy(document: dict[str, Json], place: Place, task: Place) -> bool:
    """Tell whether another operation has the same answer, to the last field."""
    shape = _shape(document, place)
    others = (other for other, _ in operations(document) if shape and other != place)
    return any(_shape(document, other) == shape for other in (task, *others))


def _said(document: dict[str, Json], asking: Asking, creates: list[str]) -> dict[str, Json]:
    """Write it as the overlay would."""
    roles, kinds = asking.roles, _kinds(asking, creates)
    media = [kind for kind in kinds if kind in MEDIA]
    for role in ROLES[:-1]:
        if role not in ("id", "status", "updated") or not roles[role]:
            roles[role] += _open(asking, role)
    if kinds == ["none"]:
        roles["results"] = []
    elif not roles["results"] or not asking.is_described:
        roles["results"] += [path for kind in media for path in _open(asking, "results", kind)]
    found = {
        role: [*map(places.expression, _fitting(document, asking, role, media))] for role in ROLES
    }
    request = f"$request.{asking.parameter[0]}.{asking.parameter[1]}"
    said: dict[str, Json] = {"id": [request, *found.pop("id")]}
    said |= {role: [*paths] for role, paths in found.items() if paths}
    said["kind"] = kinds[0] if len(kinds) == 1 else "file"
    if asking.content:
        said["content"] = asking.content
    elif "results" not in said:
        said["kind"] = "none"
    return said


def _fitting(document: dict[str, Json], asking: Asking, role: str, media: list[str]) -> list[Path]:
    """Keep the places that the answer may have; of what an example shows, for every kind."""
    paths = asking.roles[role]
    if not asking.is_described and len(media) > 1:
        words = re.compile("|".join(media), re.IGNORECASE)
        paths = [_with(words, kind, path) for path in paths for kind in media]
    answer = places.answer(document, asking.place)
    found = []
    for path in dict.fromkeys(paths):
        with suppress(LookupError):
            check(role, path, answer, document)
            found.append(path)
    return found[:_MOST]


def _with(words: re.Pattern[str], kind: str, path: Path) -> Path:
    def written(found: re.Match[str]) -> str:
        return kind.capitalize() if found[0][0].isupper() else kind

    return tuple(words.sub(written, one) if isinstance(one, str) else one for one in path)


def _kinds(asking: Asking, creates: list[str]) -> list[str]:
    """Tell what a task makes: by its path, else by its answer and by what creates it."""
    own = media_of(links.segments(asking.place))
    if own:
        return [own]
    own_results = [media_of([".".join(map(str, path))]) for path in asking.roles["results"]]
    created = [media_of([part for part in path.split("/") if part]) for path in creates]
    made = {kind: None for kind in own_results if kind in MEDIA}
    if made and asking.is_described:
        created = []
    made |= {kind: None for kind in created if kind in MEDIA}
    if not any(own_results) and None in created:
        made["file"] = None
    said = media_of([asking.said])
    if not made or (list(made) == ["file"] and said):
        return [said or ("file" if own_results else "none")]
    return [str(kind) for kind in made]


def _open(asking: Asking, role: str, kind: str = "") -> Iterator[Path]:
    """Offer the places that relays have, where nothing says that it is elsewhere."""
    for template in known("open", role):
        path = places.answer_path("$." + template.replace("{media}", kind))
        assert path is not None
        for holder in asking.holders:
            yield (*holder, *path)
