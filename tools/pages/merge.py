"""Make one contract of the contracts of many pages, by rules, and report what was decided.

- An operation on one page is taken as it stands, with the security of its page.
- On several pages that say the same, but for their running text, it is taken from the first, with
  the examples of all.
- On several pages that differ, its request body becomes a choice of what the pages describe
  (`oneOf`, each named by what its page says of itself; those of one name are taken together), its
  answers become one schema with every page's fields, required where every page requires them,
  and its parameters are all pages' together.
- `pages.yaml` can choose one by name instead: `POST /v1/video/create: <page>` takes that page.
- Components that are equal are shared; others of the same name get their page's name in front.
- A page whose server is not the usual one is refused (`hosts.py`): the key would go there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Final

from tools.contract import Place, at, called, mapping, mappings_in, needed, operations, sequence
from tools.documents import Json
from tools.errors import PipelineError
from tools.pages.hosts import moved, refusal, strange_host, usual_host
from tools.repair import paths
from tools.repair.downgrade import downgrade
from tools.repair.names import operation_of, pascal, request_of, special, tag_of
from tools.repair.unions import meaning, together

_IN_PLACE: Final = "openapi.yaml"


@dataclass(frozen=True)
class Source:
    """A contract of a page: its place, its name among the imported pages, and the document.

    And its text, with the fixes that made it readable.
    """

    place: str
    name: str
    document: dict[str, Json]
    text: str = ""
    fixes: Sequence[str] = ()


@dataclass
class Merged:
    """The merged contract, notes on decisions, refusals of pages, and the operations described."""

    document: dict[str, Json]
    notes: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    described: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class _Entry:
    """An operation as one page describes it."""

    page: str
    operation: dict[str, Json]


def merge(
    sources: Sequence[Source],
    allowed_hosts: Collection[str] = (),
    choices: Mapping[str, Json] | None = None,
    known_hosts: Collection[str] = (),
    base: dict[str, Json] | None = None,
    *,
    renew: bool = False,
) -> Merged:
    """Merge the contracts of several pages.

    Args:
        sources: The contracts.
        allowed_hosts: Hosts that are taken though they are not the usual one.
        choices: Which page is taken for an operation.
        known_hosts: The hosts of the contract in place.
        base: The contract in place, to which they are added; nothing in it is taken away.
        renew: Whether what they describe takes the place of what it said of the same operations.

    Raises:
        PipelineError: no page is left, or a choice names a page without the operation.
    """
    accepted, refusals, notes = by_host(sources, allowed_hosts, known_hosts, stays=base is not None)
    if not accepted:
        raise PipelineError([*refusals, "No page with a contract is left to import."][0])
    documents = [(source, _prepare(source, notes)) for source in accepted]
    places = {place for _, document in documents for place, _ in operations(document)}
    start = _without(base, places) if base and renew else base
    frame = _with_servers(start, accepted) if start else _frame(accepted)
    merged = Merged(frame, notes, refusals, set(map(called, places)))
    entries: dict[Place, list[_Entry]] = {}
    for source, document in documents:
        _add_components(merged, document, source)
        for place, operation in operations(document):
            operation.setdefault("security", document.get("security") or [])
            entries.setdefault(place, []).append(_Entry(source.name, operation))
    _check_choices(choices or {}, merged.document, entries)
    path_items = mapping(merged.document["paths"])
    for place in sorted(entries, key=str):
        before = at(merged.document, place)
        if isinstance(before, dict):
            entries[place].insert(0, _Entry(_IN_PLACE, _with_security(before, merged.document)))
            if _says_nothing_new(entries[place], place):
                continue
        operation = _resolve(place, entries[place], choices or {}, merged)
        base_operation = mapping(at(base or {}, place))
        if base_operation and _with_security(base_operation, merged.document) == operation:
            operation = base_operation
        elif base and operation.get("security") == merged.document.get("security"):
            operation.pop("security", None)
        mapping(path_items.setdefault(str(place[1]), {}))[str(place[2])] = operation
    return merged


def _prepare(source: Source, notes: list[str]) -> dict[str, Json]:
    document = deepcopy(source.document)
    paths.write_out(document)
    downgrade(document)
    for old, new in paths.make_plain(document):
        notes.append(f"{source.place}: the path {old} is read as {new}.")
    return document


def _with_security(operation: dict[str, Json], document: dict[str, Json]) -> dict[str, Json]:
    return {"security": document.get("security") or [], **operation}


def _check_choices(
    choices: Mapping[str, Json], document: dict[str, Json], entries: Mapping[Place, list[_Entry]]
) -> None:
    names = {called(place) for place in [*entries, *(place for place, _ in operations(document))]}
    for name in sorted(choices.keys() - names):
        raise PipelineError(f"pages.yaml: {name} names no operation of the pages.")


def _with_servers(base: dict[str, Json], sources: Sequence[Source]) -> dict[str, Json]:
    """Copy the contract in place, with the servers of the new pages behind its own."""
    document = deepcopy(base)
    servers = sequence(document.get("servers"))
    urls = {str(mapping(server).get("url")).rstrip("/") for server in servers}
    new = [server for server in sequence(_frame(sources)["servers"]) if _url(server) not in urls]
    if new:
        document["servers"] = [*servers, *new]
    document.setdefault("components", {})
    document["paths"] = mapping(document.get("paths"))
    return document


def _without(base: dict[str, Json], places: Collection[Place]) -> dict[str, Json]:
    """Copy a contract without these operations, and without what only they need."""
    document = deepcopy(base)
    for place in places:
        mapping(at(document, place[:2])).pop(str(place[2]), None)
    document["components"] = needed(document, list(operations(document)))
    return document


def _url(server: Json) -> str:
    return str(mapping(server).get("url")).rstrip("/")


def by_host(
    sources: Sequence[Source],
    allowed_hosts: Collection[str],
    known_hosts: Collection[str],
    *,
    stays: bool = False,
) -> tuple[list[Source], list[str], list[str]]:
    """Part the sources into those that are taken and refusals; tell where the service has moved.

    Where the contract in place stays, so does its host: a page that is added cannot move it.
    """
    usual = usual_host([source.document for source in sources], known_hosts)
    if stays and known_hosts:
        usual, allowed_hosts = next(iter(known_hosts)), [*allowed_hosts, *known_hosts]
    accepted, refusals = [], []
    for source in sources:
        host = strange_host(source.document, usual, allowed_hosts)
        if host is None:
            accepted.append(source)
        else:
            refusals.append(refusal(source.place, host, usual))
    return accepted, refusals, moved(usual, known_hosts)


def _frame(sources: Sequence[Source]) -> dict[str, Json]:
    first = sources[0].document
    servers: dict[str, Json] = {}
    for source in sources:
        for server in map(mapping, sequence(source.document.get("servers"))):
            if server.get("url"):  # one page lists its security among the servers
                servers.setdefault(str(server["url"]).rstrip("/"), server)
    versions = [str(source.document.get("openapi")) for source in sources]
    return {
        "openapi": max(version if version.startswith("3.0") else "3.0.3" for version in versions),
        "info": deepcopy(first.get("info")),
        "paths": {},
        "components": {},
        "servers": list(servers.values()),
        "security": deepcopy(first.get("security") or []),
    }


def _add_components(merged: Merged, document: dict[str, Json], source: Source) -> None:
    components = mapping(merged.document["components"])
    references: dict[str, str] = {}
    for kind, section in mapping(document.get("components")).items():
        target = mapping(components.setdefault(kind, {}))
        for name, value in mapping(section).items():
            if name in target and meaning(target[name]) != meaning(value):
                new = _variant(source.name) + pascal(name)
                references[f"#/components/{kind}/{name}"] = f"#/components/{kind}/{new}"
                merged.notes.append(f"{source.place}: the {kind} {name} becomes {new}.")
                name = new
            target.setdefault(name, value)
    for holder in mappings_in(document) if references else ():
        if str(holder.get("$ref")) in references:
            holder["$ref"] = references[str(holder["$ref"])]


def _resolve(
    place: Place, entries: list[_Entry], choices: Mapping[str, Json], merged: Merged
) -> dict[str, Json]:
    """Make one operation of what one or more pages say of it."""
    name = called(place)
    choice = choices.get(name)
    if choice is not None and (len(entries) > 1 or entries[0].page != _IN_PLACE):
        entries = [entry for entry in entries if entry.page.endswith(str(choice))]
        if len(entries) != 1:
            raise PipelineError(
                f"pages.yaml: {name} chooses {choice}, but {len(entries)} pages match."
            )
    first = entries[0].operation
    if len(entries) == 1:
        return first
    if len({meaning(_compared_parts(entry.operation)) for entry in entries}) > 1:
        note = f"{name} is described differently by {len(entries)} pages; they are combined."
        merged.notes.append(note)
    result = {key: value for key, value in first.items() if not key.startswith("x-")}
    result["parameters"] = _parameters(entries)
    bodies = [(entry.page, mapping(entry.operation.get("requestBody"))) for entry in entries]
    if any(body for _, body in bodies):
        stem = _stem(place)
        titles = {entry.page: request_of(entry.operation, stem) for entry in entries}
        result["requestBody"] = _bodies(bodies, titles)
    result["responses"] = _responses(entries)
    return result


def _says_nothing_new(entries: Sequence[_Entry], place: Place) -> bool:
    """Tell whether the pages say what the contract in place says, under names that are in it."""
    first, *page_entries = entries
    body = mapping(first.operation.get("requestBody"))
    schemas = [
        mapping(mapping(item).get("schema")) for item in mapping(body.get("content")).values()
    ]
    known_titles = {request_of(first.operation, _stem(place))}
    known_titles |= {
        str(mapping(part).get("title"))
        for schema in schemas
        for part in sequence(schema.get("oneOf"))
    }
    titles = {request_of(entry.operation, _stem(place)) for entry in page_entries}
    same = len({meaning(_compared_parts(entry.operation)) for entry in entries}) == 1
    return same and (not schemas or titles <= known_titles)


def _compared_parts(operation: dict[str, Json]) -> Json:
    keys = ("parameters", "requestBody", "responses", "security", "servers")
    return {key: operation.get(key) for key in keys}


def _parameters(entries: Sequence[_Entry]) -> list[Json]:
    parameters: dict[tuple[str, str], dict[str, Json]] = {}
    counts: Counter[tuple[str, str]] = Counter()
    for entry in entries:
        for parameter in map(mapping, sequence(entry.operation.get("parameters"))):
            key = (str(parameter.get("in")), str(parameter.get("name")))
            counts[key] += bool(parameter.get("required"))
            parameters.setdefault(key, deepcopy(parameter))
    for key, parameter in parameters.items():
        parameter["required"] = key[0] == "path" or counts[key] == len(entries)
    return list(parameters.values())


def _stem(place: Place) -> str:
    path = str(place[1])
    return pascal(f"{tag_of(path)}_{operation_of(str(place[2]), path)}")


def _bodies(
    bodies: Sequence[tuple[str, dict[str, Json]]], titles: Mapping[str, str]
) -> dict[str, Json]:
    content = {
        media_type: _with_examples(_choice(media_type, contents, titles), contents)
        for media_type, contents in _by_media_type(bodies).items()
    }
    return {"required": all(body.get("required") for _, body in bodies), "content": content}


def _by_media_type(
    holders: Sequence[tuple[str, dict[str, Json]]],
) -> dict[str, list[tuple[str, dict[str, Json]]]]:
    groups: dict[str, list[tuple[str, dict[str, Json]]]] = {}
    for page, holder in holders:
        for media_type, content in mapping(holder.get("content")).items():
            groups.setdefault(media_type, []).append((page, mapping(content)))
    return groups


def _with_examples(schema: Json, contents: Sequence[tuple[str, dict[str, Json]]]) -> Json:
    """Put the examples beside a schema, each once, under the name of its page."""
    examples: dict[str, Json] = {}
    for page, content in contents:
        for name, value in _examples(page, content):
            if {"value": value} not in examples.values():
                examples[name] = {"value": value}
    return {"schema": schema, **({"examples": examples} if examples else {})}


def _examples(page: str, content: dict[str, Json]) -> Iterator[tuple[str, Json]]:
    if "example" in content:
        yield page, content["example"]
    for name, example in mapping(content.get("examples")).items():
        if "value" in mapping(example):
            label = name if page == _IN_PLACE else f"{page} {name}"
            yield label, mapping(example)["value"]


def _choice(
    media_type: str, contents: Sequence[tuple[str, dict[str, Json]]], titles: Mapping[str, str]
) -> Json:
    """Offer what the pages describe; forms have no choices, so theirs are taken together."""
    by_title: dict[str, list[dict[str, Json]]] = {}
    for page, content in contents:
        schema = mapping(deepcopy(content.get("schema")))
        # What was merged before is taken apart again, so that a page given twice counts once.
        parts = [*map(mapping, sequence(schema.get("oneOf")))]
        merged = page == _IN_PLACE and schema.keys() == {"oneOf"}
        apart = merged and all({"title", "$ref"} & part.keys() for part in parts)
        for part in parts if apart else [schema]:
            title = part.get("title") if page == _IN_PLACE else None
            by_title.setdefault(str(title or titles[page]), []).append(part)
    if not media_type.endswith("json"):
        return together([part for schemas in by_title.values() for part in schemas])
    variants = {title: mapping(together(schemas)) for title, schemas in by_title.items()}
    if len(variants) == 1:
        return next(iter(variants.values()))
    return {
        "oneOf": [
            part if "$ref" in part else {**part, "title": title} for title, part in variants.items()
        ]
    }


def _variant(page: str) -> str:
    """Name what is special about a page, from the words of its folders and file."""
    return special(page.lower().removesuffix(".md")) or "Page"


def _responses(entries: Sequence[_Entry]) -> dict[str, Json]:
    pages = [(entry.page, mapping(entry.operation.get("responses"))) for entry in entries]
    statuses = dict.fromkeys(status for _, responses in pages for status in responses)
    return {
        status: _response(
            [(page, mapping(responses[status])) for page, responses in pages if status in responses]
        )
        for status in statuses
    }


def _response(responses: Sequence[tuple[str, dict[str, Json]]]) -> Json:
    content = {
        media_type: _with_examples(
            together([item.get("schema") or {} for _, item in contents]), contents
        )
        for media_type, contents in _by_media_type(responses).items()
    }
    return {**responses[0][1], **({"content": content} if content else {})}
