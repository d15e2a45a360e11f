"""Link the operations that create a task to the one that asks for it."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Final

from tools.contract import Place, at, called, mapping, operations, resolved, sequence, unnamed
from tools.documents import Json
from tools.repair.examples import published
from tools.tasks import places
from tools.tasks.fields import Field, fields, known, open_parts, outline, snake, speaks_of
from tools.tasks.places import Path

_VERSION: Final = re.compile(r"v\d+([._]\d+)*|api")


def link(
    document: dict[str, Json], ids: dict[Place, str], named: Mapping[str, Place]
) -> tuple[dict[Place, list[str]], list[str]]:
    """Link what creates tasks, where nobody has said so, to the operations that take these ids.

    Args:
        document: The contract.
        ids: The operations that ask for tasks, and their parameters for the id.
        named: The operations by the names that links may use.

    Returns:
        The paths of what creates the tasks of each operation, and what is not clear enough.
    """
    created: dict[Place, list[str]] = {place: [] for place in ids}
    notes: list[str] = []
    posts = {
        unnamed(str(place[1])): place
        for place, operation in operations(document)
        if ids and place[2] == "post" and "x-task" not in operation
    }
    for place in posts.values():
        said = places.answer(document, place).links.items()
        aims = [places.target(mapping(one), named) for _, one in said]
        targets = [one for one in aims if one in ids]
        if (
            not targets
            and "task" not in dict(said)
            and not speaks_of(known("other"), segments(place)[-1])
        ):
            targets = _targets(place, ids, posts.keys())
            if len(targets) != 1:
                notes += _unclear(document, place, targets, ids)
            elif not _link(document, place, targets[0], ids[targets[0]]):
                targets = []
            targets = targets[:1]
        for target in created.keys() & targets:
            created[target].append(str(place[1]))
    return created, notes


def lookup(document: dict[str, Json], place: Place, target: Place) -> Place | None:
    """Find the operation that may know a task whose creation was not answered.

    One of the family that takes an id which the request had, else one that lists such tasks.
    """
    own = _own_ids(document, place)
    asking = [
        one for one, _ in operations(document) if one[2] == "get" and _family(one) == _family(place)
    ]
    takes = [
        one for one in asking if own & {snake(name) for _, name in places.parameters(document, one)}
    ]
    paths = {str(place[1]), _before_id(target)}
    above = {path.rpartition("/")[0] for path in paths}
    paths |= {f"{path}/{word}" for path in paths | above for word in known("listing")}
    lists = [
        one
        for one in asking
        if unnamed(str(one[1])) in {*map(unnamed, paths)}
        and required(document, one) <= required(document, place)
        and _is_list(document, one)
    ]
    return next(iter([*takes, *lists]), None)


def _own_ids(document: dict[str, Json], place: Place) -> set[str]:
    """Name what a caller may call a task by in the request that creates it."""
    body = resolved(mapping(at(document, place)).get("requestBody"), document)
    names = {snake(name) for where, name in places.parameters(document, place) if where == "query"}
    for content in mapping(body.get("content")).values():
        schema = mapping(content).get("schema", {})
        names |= {one.names[0] for one in fields(schema, document) if len(one.path) == 1}
    return names & {*known("names", "own")}


def required(document: dict[str, Json], place: Place) -> set[str]:
    """Name the parameters that an operation requires."""
    described = places.parameters(document, place).items()
    return {name for (_, name), one in described if one.get("required") is True}


def _is_list(document: dict[str, Json], place: Place) -> bool:
    names = {*known("names", "id"), *known("names", "status")}
    shown = fields(places.answer(document, place).schema, document)
    return any(None in one.path and one.names[-1] in names for one in shown)


def id_parameter(operation: dict[str, Json]) -> str:
    """Name the parameter for the id that an `x-task` names; nothing if it is not right."""
    said = mapping(operation.get("x-task")).get("id")
    asked = (places.request_parameter(str(one)) for one in [said, *sequence(said)])
    return next((one[1] for one in asked if one), "")


def name_of(operation: dict[str, Json]) -> str:
    """Name an operation as callers do."""
    return f"{sequence(operation['tags'])[0]}.{operation['operationId']}"


def _unclear(
    document: dict[str, Json], place: Place, targets: list[Place], ids: dict[Place, str]
) -> list[str]:
    """Tell why what may create a task of a family with tasks is linked to none."""
    shown = [*fields(places.answer(document, place).schema, document)]
    if all(_family(one) != _family(place) for one in ids) or (shown and not _is_task(shown)):
        return []
    paths = " and ".join(str(one[1]) for one in targets)
    reason = f"{paths} could ask for it" if targets else "no operation asks for what it creates"
    return [f"{called(place)} is linked to no task: {reason}."]


def _is_task(shown: list[Field]) -> bool:
    """Tell whether what was created has a status, or the id of a task."""
    words = {*known("names", "status"), *known("names", "id")} - {"id", "uuid", "request_id"}
    return any(one.names[-1] in words for one in shown)


def _targets(place: Place, ids: dict[Place, str], posts: Collection[str]) -> list[Place]:
    """Find what may ask for what an operation creates; it is clear where there is one."""
    path = unnamed(str(place[1]))
    before = {one: unnamed(_before_id(one)) for one in ids}
    own = [one for one in ids if before[one] == path]
    inside = [one for one in ids if before[one] and path.startswith(f"{before[one]}/{{}}/")]
    if own or inside:
        return [*own, *inside][:1]
    family = [one for one in ids if _family(one) == _family(place)]
    if not family:  # one that asks for any task of the service is no family's
        return [one for one in ids if _family(one) in known("asking")]
    asking = [one for one in family if {*map(snake, segments(one))} & {*known("asking")}]
    # One that has a POST of its own is asked for what that one creates.
    return [one for one in asking if before[one] not in posts] or asking


def _before_id(place: Place) -> str:
    """Name the path that the id of a task is added to; nothing if it asks for a part of it."""
    before, found, after = str(place[1]).rpartition("/{")
    rest = after.partition("}")[2].strip("/")
    asks = not rest or snake(rest) in known("asking")
    return (before if asks else "") if found else str(place[1])


def segments(place: Place) -> list[str]:
    """List the parts of a path; an empty one where there is none."""
    return [part for part in str(place[1]).split("/") if part] or [""]


def _family(place: Place) -> str:
    parts = (part for part in segments(place) if not _VERSION.fullmatch(part.lower()))
    return snake(next(parts, ""))


def _link(document: dict[str, Json], place: Place, target: Place, parameter: str) -> bool:
    """Write the link, if the answer has an id and what else is asked for is known."""
    exact = unnamed(_before_id(target)) == unnamed(str(place[1]))
    same = _family(place) == _family(target)
    found = _ids(document, place, snake(parameter), exact=exact, same=same)
    further = _further(document, place, target, parameter)
    if not found or further is None:
        return False
    responses = mapping(at(document, (*place, "responses")))
    status = places.answer(document, place).status
    response = dict(resolved(responses[status], document))
    links: dict[str, Json] = dict(mapping(response.get("links")))
    name = name_of(mapping(at(document, target)))
    for number, path in enumerate(found, 1):
        links["task" if number == 1 else f"task_{number}"] = {
            "operationId": name,
            "parameters": {parameter: places.expression(path), **further},
        }
    responses[status] = {**response, "links": links}
    return True


def _further(
    document: dict[str, Json], place: Place, target: Place, parameter: str
) -> dict[str, Json] | None:
    """Take the other parts of the path from where the path of the POST has them."""
    here, there = segments(place), segments(target)
    found: dict[str, Json] = {}
    for (_, name), one in places.parameters(document, target).items():
        if one.get("required") is not True or name == parameter:
            continue
        number = there.index(f"{{{name}}}") if f"{{{name}}}" in there else len(here)
        if number >= len(here) or here[:number] != there[:number]:
            return None
        found[name] = here[number]
    return found


def _ids(
    document: dict[str, Json], place: Place, parameter: str, *, exact: bool, same: bool
) -> list[Path]:
    """Find where an answer has the id of what was created, the likelier places first.

    The less the paths say, the more the answer has to: `exact`, the path of the task without its
    id, `same`, at least of the same family.
    """
    answer = places.answer(document, place)
    declared = [*fields(answer.schema, document)]
    shown = [one for value in published(answer.content) for one in fields(outline(value), {})]
    both = [*declared, *shown]
    names = [parameter, *(name for name in known("names", "id") if name != "request_id")]
    order = {
        one.path: (names.index(one.names[-1]), len(one.path))
        for one in both
        if one.names[-1] in names and _is_plain(one)
    }
    found = sorted(order, key=lambda path: order[path])
    others = [path for path in found if snake(str(path[-1])) != "id"]
    found = (found if exact else others or found)[:2]
    if found and not exact and not _is_task(both):
        return []  # it has an id of something else
    if not found:
        alone = (one for one in both if one.names in (("data",), ("result",)))
        found = [one.path for one in alone if one.kinds == {"string"}][:1]
    if found or declared or answer.schema is None or not same:
        return found if same or _is_task(both) else []
    wanted = dict.fromkeys([*known("open", "id"), parameter])
    return [(*holder, name) for holder in open_parts() for name in wanted]


def _is_plain(one: Field) -> bool:
    """Tell whether it is a value of the answer itself, or of what wraps all answers."""
    wrapped = {*one.names[:-1]} <= {*known("wrappers")} and None not in one.path
    return wrapped and one.kinds <= {"string", "integer"}
