"""Link the operations that create a task to the one that queries it."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Final

from tools.contract import Place, at, called, mapping, operations, resolved, sequence, unnamed
from tools.documents import Json
from tools.repair.examples import published
from tools.tasks import places
from tools.tasks.fields import Field, fields, mentions, open_parts, outline, snake, terms
from tools.tasks.places import Path

_VERSION: Final = re.compile(r"v\d+([._]\d+)*|api")


def link(
    document: dict[str, Json], ids: dict[Place, str], names: Mapping[str, Place]
) -> tuple[dict[Place, list[str]], list[str]]:
    """Link the operations that create tasks, where no link is declared, to those that query them.

    Args:
        document: The contract.
        ids: The operations that query tasks, and their parameters for the id.
        names: The operations by the names that links may use.

    Returns:
        The paths that create the tasks of each operation, and notes about what is ambiguous.
    """
    created: dict[Place, list[str]] = {place: [] for place in ids}
    notes: list[str] = []
    posts = {
        unnamed(str(place[1])): place
        for place, operation in operations(document)
        if ids and place[2] == "post" and "x-task" not in operation
    }
    for place in posts.values():
        answer_links = places.answer(document, place).links.items()
        link_targets = [places.target(mapping(value), names) for _, value in answer_links]
        targets = [target for target in link_targets if target in ids]
        if (
            not targets
            and "task" not in dict(answer_links)
            and not mentions(terms("other"), segments(place)[-1])
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
    """Find the operation that finds a task again after its creation got no response.

    One of the family that takes an id of the request, else one that lists such tasks.
    """
    own_ids = _own_ids(document, place)
    candidates = [
        candidate
        for candidate, _ in operations(document)
        if candidate[2] == "get" and _family(candidate) == _family(place)
    ]
    by_id = [
        candidate
        for candidate in candidates
        if own_ids & {snake(name) for _, name in places.parameters(document, candidate)}
    ]
    list_paths = {str(place[1]), _before_id(target)}
    parents = {path.rpartition("/")[0] for path in list_paths}
    list_paths |= {f"{path}/{word}" for path in list_paths | parents for word in terms("listing")}
    lists = [
        candidate
        for candidate in candidates
        if unnamed(str(candidate[1])) in {*map(unnamed, list_paths)}
        and required_parameters(document, candidate) <= required_parameters(document, place)
        and _is_list(document, candidate)
    ]
    return next(iter([*by_id, *lists]), None)


def _own_ids(document: dict[str, Json], place: Place) -> set[str]:
    """Name the fields of the request in which a caller may give a task an id of their own."""
    body = resolved(mapping(at(document, place)).get("requestBody"), document)
    names = {snake(name) for where, name in places.parameters(document, place) if where == "query"}
    for content in mapping(body.get("content")).values():
        schema = mapping(content).get("schema", {})
        names |= {field.names[0] for field in fields(schema, document) if len(field.path) == 1}
    return names & {*terms("names", "own")}


def required_parameters(document: dict[str, Json], place: Place) -> set[str]:
    """Name the required parameters of an operation."""
    parameters = places.parameters(document, place).items()
    return {name for (_, name), parameter in parameters if parameter.get("required") is True}


def _is_list(document: dict[str, Json], place: Place) -> bool:
    names = {*terms("names", "id"), *terms("names", "status")}
    answer_fields = fields(places.answer(document, place).schema, document)
    return any(None in field.path and field.names[-1] in names for field in answer_fields)


def id_parameter(operation: dict[str, Json]) -> str:
    """Name the parameter for the id in an `x-task`; empty if that is not valid."""
    value = mapping(operation.get("x-task")).get("id")
    parameters = (places.request_parameter(str(item)) for item in [value, *sequence(value)])
    return next((parameter[1] for parameter in parameters if parameter), "")


def name_of(operation: dict[str, Json]) -> str:
    """Name an operation as callers do."""
    return f"{sequence(operation['tags'])[0]}.{operation['operationId']}"


def _unclear(
    document: dict[str, Json], place: Place, targets: list[Place], ids: dict[Place, str]
) -> list[str]:
    """Tell why an operation that may create a task of this family is linked to none."""
    answer_fields = [*fields(places.answer(document, place).schema, document)]
    if all(_family(task) != _family(place) for task in ids) or (
        answer_fields and not _is_task(answer_fields)
    ):
        return []
    paths = " and ".join(str(target[1]) for target in targets)
    reason = f"{paths} could ask for it" if targets else "no operation asks for what it creates"
    return [f"{called(place)} is linked to no task: {reason}."]


def _is_task(answer_fields: list[Field]) -> bool:
    """Tell whether an answer has a status, or the id of a task."""
    words = {*terms("names", "status"), *terms("names", "id")} - {"id", "uuid", "request_id"}
    return any(field.names[-1] in words for field in answer_fields)


def _targets(place: Place, ids: dict[Place, str], posts: Collection[str]) -> list[Place]:
    """Find the operations that may query what this one creates; one alone is unambiguous."""
    path = unnamed(str(place[1]))
    bases = {task: unnamed(_before_id(task)) for task in ids}
    exact = [task for task in ids if bases[task] == path]
    nested = [task for task in ids if bases[task] and path.startswith(f"{bases[task]}/{{}}/")]
    if exact or nested:
        return [*exact, *nested][:1]
    family = [task for task in ids if _family(task) == _family(place)]
    if not family:  # an operation that queries every task of the service has no family
        return [task for task in ids if _family(task) in terms("asking")]
    by_word = [task for task in family if {*map(snake, segments(task))} & {*terms("asking")}]
    # A query with a POST at its own path is for the tasks of that POST.
    return [task for task in by_word if bases[task] not in posts] or by_word


def _before_id(place: Place) -> str:
    """Name the path that the id of a task is added to; empty if it queries a part of a task."""
    before, separator, after = str(place[1]).rpartition("/{")
    rest = after.partition("}")[2].strip("/")
    asks = not rest or snake(rest) in terms("asking")
    return (before if asks else "") if separator else str(place[1])


def segments(place: Place) -> list[str]:
    """List the segments of a path; an empty one if it has none."""
    return [part for part in str(place[1]).split("/") if part] or [""]


def _family(place: Place) -> str:
    parts = (part for part in segments(place) if not _VERSION.fullmatch(part.lower()))
    return snake(next(parts, ""))


def _link(document: dict[str, Json], place: Place, target: Place, parameter: str) -> bool:
    """Write the link, if the answer has an id and all other required parameters have a value."""
    is_exact = unnamed(_before_id(target)) == unnamed(str(place[1]))
    is_same_family = _family(place) == _family(target)
    paths = _ids(document, place, snake(parameter), exact=is_exact, same=is_same_family)
    further = _further(document, place, target, parameter)
    if not paths or further is None:
        return False
    responses = mapping(at(document, (*place, "responses")))
    status = places.answer(document, place).status
    response = dict(resolved(responses[status], document))
    links: dict[str, Json] = dict(mapping(response.get("links")))
    name = name_of(mapping(at(document, target)))
    for number, path in enumerate(paths, 1):
        links["task" if number == 1 else f"task_{number}"] = {
            "operationId": name,
            "parameters": {parameter: places.expression(path), **further},
        }
    responses[status] = {**response, "links": links}
    return True


def _further(
    document: dict[str, Json], place: Place, target: Place, id_name: str
) -> dict[str, Json] | None:
    """Take the other path parameters from the same positions in the path of the POST."""
    source, destination = segments(place), segments(target)
    further: dict[str, Json] = {}
    for (_, name), parameter in places.parameters(document, target).items():
        if parameter.get("required") is not True or name == id_name:
            continue
        index = destination.index(f"{{{name}}}") if f"{{{name}}}" in destination else len(source)
        if index >= len(source) or source[:index] != destination[:index]:
            return None
        further[name] = source[index]
    return further


def _ids(
    document: dict[str, Json], place: Place, parameter: str, *, exact: bool, same: bool
) -> list[Path]:
    """Find the paths to the id of the created task in an answer, the likelier ones first.

    The less the paths agree, the more the answer must show: `exact` means that the path is that of
    the task without its id, `same` that it is at least of the same family.
    """
    answer = places.answer(document, place)
    schema_fields = [*fields(answer.schema, document)]
    examples = [field for item in published(answer.content) for field in fields(outline(item), {})]
    all_fields = [*schema_fields, *examples]
    names = [parameter, *(name for name in terms("names", "id") if name != "request_id")]
    order = {
        field.path: (names.index(field.names[-1]), len(field.path))
        for field in all_fields
        if field.names[-1] in names and _is_plain(field)
    }
    paths = sorted(order, key=lambda path: order[path])
    specific = [path for path in paths if snake(str(path[-1])) != "id"]
    paths = (paths if exact else specific or paths)[:2]
    if paths and not exact and not _is_task(all_fields):
        return []  # the id is of something else
    if not paths:
        bare_values = (field for field in all_fields if field.names in (("data",), ("result",)))
        paths = [field.path for field in bare_values if field.kinds == {"string"}][:1]
    if paths or schema_fields or answer.schema is None or not same:
        return paths if same or _is_task(all_fields) else []
    open_names = dict.fromkeys([*terms("open", "id"), parameter])
    return [(*holder, name) for holder in open_parts() for name in open_names]


def _is_plain(field: Field) -> bool:
    """Tell whether it is a scalar at the top of the answer, or in an object that wraps it."""
    is_wrapped = {*field.names[:-1]} <= {*terms("wrappers")} and None not in field.path
    return is_wrapped and field.kinds <= {"string", "integer"}
