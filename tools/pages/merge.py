"""Make one contract of the contracts of many pages, by rules, and report what was decided.

- An operation on one page is taken as it stands, with the security of its page.
- On several pages that say the same, but for their running text, it is taken from the first, with
  the examples of all.
- On several pages that differ, its request body becomes a choice of what the pages describe
  (`oneOf`, each named by what its page says of itself; those of one name are taken together), its
  answers become one schema with every page's fields, of which those are required that every page
  requires, and its parameters are all pages' together.
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
    """A contract that was found: where, under which name in what was imported, what it says.

    And its text, with the fixes that made it readable.
    """

    place: str
    name: str
    document: dict[str, Json]
    text: str = ""
    fixes: Sequence[str] = ()


@dataclass
class Merged:
    """The contract made of them, what was decided, the pages left out, and what they describe."""

    document: dict[str, Json]
    notes: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    described: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class _Said:
    """What one page says of an operation."""

    page: str
    operation: dict[str, Json]


def merge(
    sources: Sequence[Source],
    allowed: Collection[str] = (),
    choices: Mapping[str, Json] | None = None,
    known: Collection[str] = (),
    base: dict[str, Json] | None = None,
    *,
    renew: bool = False,
) -> Merged:
    """Merge the contracts of several pages.

    Args:
        sources: The contracts.
        allowed: Hosts that are taken though they are not the usual one.
        choices: Which page is taken for an operation.
        known: The hosts of the contract in place.
        base: The contract in place, to which they are added; nothing in it is taken away.
        renew: Whether what they describe takes the place of what it said of the same operations.

    Raises:
        PipelineError: no page is left, or a choice names a page without the operation.
    """
    kept, refused, notes = by_host(sources, allowed, known, stays=base is not None)
    if not kept:
        raise PipelineError(refused[0] if refused else "No page with a contract is left to import.")
    prepared = [(source, _prepared(source, notes)) for source in kept]
    described = {place for _, document in prepared for place, _ in operations(document)}
    kept_base = _without(base, described) if base and renew else base
    frame = _grown(kept_base, kept) if kept_base else _frame(kept)
    merged = Merged(frame, notes, refused, set(map(called, described)))
    said: dict[Place, list[_Said]] = {}
    for source, document in prepared:
        _add_components(merged, document, source)
        for place, operation in operations(document):
            operation.setdefault("security", document.get("security") or [])
            said.setdefault(place, []).append(_Said(source.name, operation))
    _check_choices(choices or {}, merged.document, said)
    made = mapping(merged.document["paths"])
    for place in sorted(said, key=str):
        before = at(merged.document, place)
        if isinstance(before, dict):
            said[place].insert(0, _Said(_IN_PLACE, _with_security(before, merged.document)))
            if _says_nothing_new(said[place], place):
                continue
        one = _settled(place, said[place], choices or {}, merged)
        published = mapping(at(base or {}, place))
        if published and _with_security(published, merged.document) == one:
            one = published
        elif base and one.get("security") == merged.document.get("security"):
            one.pop("security", None)
        mapping(made.setdefault(str(place[1]), {}))[str(place[2])] = one
    return merged


def _prepared(source: Source, notes: list[str]) -> dict[str, Json]:
    document = deepcopy(source.document)
    paths.write_out(document)
    downgrade(document)
    for old, new in paths.make_plain(document):
        notes.append(f"{source.place}: the path {old} is read as {new}.")
    return document


def _with_security(operation: dict[str, Json], document: dict[str, Json]) -> dict[str, Json]:
    return {"security": document.get("security") or [], **operation}


def _check_choices(
    choices: Mapping[str, Json], document: dict[str, Json], said: Mapping[Place, list[_Said]]
) -> None:
    known = {called(place) for place in [*said, *(place for place, _ in operations(document))]}
    for name in sorted(choices.keys() - known):
        raise PipelineError(f"pages.yaml: {name} names no operation of the pages.")


def _grown(base: dict[str, Json], sources: Sequence[Source]) -> dict[str, Json]:
    """Copy the contract in place, with the servers of the new pages behind its own."""
    document = deepcopy(base)
    servers = sequence(document.get("servers"))
    known = {str(mapping(one).get("url")).rstrip("/") for one in servers}
    new = [one for one in sequence(_frame(sources)["servers"]) if _url(one) not in known]
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
    allowed: Collection[str],
    known: Collection[str],
    *,
    stays: bool = False,
) -> tuple[list[Source], list[str], list[str]]:
    """Part the sources into those that are taken and refusals; tell where the service has moved.

    Where the contract in place stays, so does its host: a page that is added cannot move it.
    """
    usual = usual_host([source.document for source in sources], known)
    if stays and known:
        usual, allowed = next(iter(known)), [*allowed, *known]
    kept, refused = [], []
    for source in sources:
        strange = strange_host(source.document, usual, allowed)
        if strange is None:
            kept.append(source)
        else:
            refused.append(refusal(source.place, strange, usual))
    return kept, refused, moved(usual, known)


def _frame(sources: Sequence[Source]) -> dict[str, Json]:
    first = sources[0].document
    servers: dict[str, Json] = {}
    for source in sources:
        for server in map(mapping, sequence(source.document.get("servers"))):
            if server.get("url"):  # one page lists its security among the servers
                servers.setdefault(str(server["url"]).rstrip("/"), server)
    versions = [str(source.document.get("openapi")) for source in sources]
    return {
        "openapi": max(one if one.startswith("3.0") else "3.0.3" for one in versions),
        "info": deepcopy(first.get("info")),
        "paths": {},
        "components": {},
        "servers": list(servers.values()),
        "security": deepcopy(first.get("security") or []),
    }


def _add_components(merged: Merged, document: dict[str, Json], source: Source) -> None:
    ours = mapping(merged.document["components"])
    renamed: dict[str, str] = {}
    for kind, named in mapping(document.get("components")).items():
        there = mapping(ours.setdefault(kind, {}))
        for name, value in mapping(named).items():
            if name in there and meaning(there[name]) != meaning(value):
                new = _variant(source.name) + pascal(name)
                renamed[f"#/components/{kind}/{name}"] = f"#/components/{kind}/{new}"
                merged.notes.append(f"{source.place}: the {kind} {name} becomes {new}.")
                name = new
            there.setdefault(name, value)
    for holder in mappings_in(document) if renamed else ():
        if str(holder.get("$ref")) in renamed:
            holder["$ref"] = renamed[str(holder["$ref"])]


def _settled(
    place: Place, said: list[_Said], choices: Mapping[str, Json], merged: Merged
) -> dict[str, Json]:
    """Decide what an operation is that one or more pages describe."""
    name = called(place)
    choice = choices.get(name)
    if choice is not None and (len(said) > 1 or said[0].page != _IN_PLACE):
        said = [one for one in said if one.page.endswith(str(choice))]
        if len(said) != 1:
            raise PipelineError(
                f"pages.yaml: {name} chooses {choice}, but {len(said)} pages match."
            )
    first = said[0].operation
    if len(said) == 1:
        return first
    if len({meaning(_binding(one.operation)) for one in said}) > 1:
        told = f"{name} is described differently by {len(said)} pages; they are combined."
        merged.notes.append(told)
    result = {key: value for key, value in first.items() if not key.startswith("x-")}
    result["parameters"] = _parameters(said)
    bodies = [(one.page, mapping(one.operation.get("requestBody"))) for one in said]
    if any(body for _, body in bodies):
        stem = _stem(place)
        titles = {one.page: request_of(one.operation, stem) for one in said}
        result["requestBody"] = _bodies(bodies, titles)
    result["responses"] = _responses(said)
    return result


def _says_nothing_new(said: Sequence[_Said], place: Place) -> bool:
    """Tell whether the pages say what the contract in place says, under names that are in it."""
    first, *others = said
    body = mapping(first.operation.get("requestBody"))
    schemas = [mapping(mapping(one).get("schema")) for one in mapping(body.get("content")).values()]
    known = {request_of(first.operation, _stem(place))}
    known |= {
        str(mapping(one).get("title")) for each in schemas for one in sequence(each.get("oneOf"))
    }
    titles = {request_of(one.operation, _stem(place)) for one in others}
    same = len({meaning(_binding(one.operation)) for one in said}) == 1
    return same and (not schemas or titles <= known)


def _binding(operation: dict[str, Json]) -> Json:
    keys = ("parameters", "requestBody", "responses", "security", "servers")
    return {key: operation.get(key) for key in keys}


def _parameters(said: Sequence[_Said]) -> list[Json]:
    found: dict[tuple[str, str], dict[str, Json]] = {}
    counts: Counter[tuple[str, str]] = Counter()
    for one in said:
        for parameter in map(mapping, sequence(one.operation.get("parameters"))):
            key = (str(parameter.get("in")), str(parameter.get("name")))
            counts[key] += bool(parameter.get("required"))
            found.setdefault(key, deepcopy(parameter))
    for key, parameter in found.items():
        parameter["required"] = key[0] == "path" or counts[key] == len(said)
    return list(found.values())


def _stem(place: Place) -> str:
    path = str(place[1])
    return pascal(f"{tag_of(path)}_{operation_of(str(place[2]), path)}")


def _bodies(
    bodies: Sequence[tuple[str, dict[str, Json]]], titles: Mapping[str, str]
) -> dict[str, Json]:
    kinds = _by_kind(bodies)
    content = {kind: _described(_choice(kind, said, titles), said) for kind, said in kinds.items()}
    return {"required": all(body.get("required") for _, body in bodies), "content": content}


def _by_kind(
    holders: Sequence[tuple[str, dict[str, Json]]],
) -> dict[str, list[tuple[str, dict[str, Json]]]]:
    kinds: dict[str, list[tuple[str, dict[str, Json]]]] = {}
    for page, holder in holders:
        for kind, content in mapping(holder.get("content")).items():
            kinds.setdefault(kind, []).append((page, mapping(content)))
    return kinds


def _described(schema: Json, said: Sequence[tuple[str, dict[str, Json]]]) -> Json:
    """Put the examples beside a schema, each once, under the name of its page."""
    examples: dict[str, Json] = {}
    for page, content in said:
        for name, value in _examples(page, content):
            if {"value": value} not in examples.values():
                examples[name] = {"value": value}
    return {"schema": schema, **({"examples": examples} if examples else {})}


def _examples(page: str, content: dict[str, Json]) -> Iterator[tuple[str, Json]]:
    if "example" in content:
        yield page, content["example"]
    for name, example in mapping(content.get("examples")).items():
        if "value" in mapping(example):
            named = name if page == _IN_PLACE else f"{page} {name}"
            yield named, mapping(example)["value"]


def _choice(
    kind: str, said: Sequence[tuple[str, dict[str, Json]]], titles: Mapping[str, str]
) -> Json:
    """Offer what the pages describe; forms have no choices, so theirs are taken together."""
    named: dict[str, list[dict[str, Json]]] = {}
    for page, content in said:
        schema = mapping(deepcopy(content.get("schema")))
        # What was merged before is taken apart again, so that a page given twice counts once.
        parts = [*map(mapping, sequence(schema.get("oneOf")))]
        merged = page == _IN_PLACE and schema.keys() == {"oneOf"}
        apart = merged and all({"title", "$ref"} & one.keys() for one in parts)
        for one in parts if apart else [schema]:
            title = one.get("title") if page == _IN_PLACE else None
            named.setdefault(str(title or titles[page]), []).append(one)
    if not kind.endswith("json"):
        return together([one for found in named.values() for one in found])
    variants = {title: mapping(together(found)) for title, found in named.items()}
    if len(variants) == 1:
        return next(iter(variants.values()))
    return {
        "oneOf": [
            one if "$ref" in one else {**one, "title": title} for title, one in variants.items()
        ]
    }


def _variant(page: str) -> str:
    """Name what is special about a page, from the words of its folders and file."""
    return special(page.lower().removesuffix(".md")) or "Page"


def _responses(said: Sequence[_Said]) -> dict[str, Json]:
    answers = [(one.page, mapping(one.operation.get("responses"))) for one in said]
    statuses = dict.fromkeys(status for _, one in answers for status in one)
    return {
        status: _response([(page, mapping(one[status])) for page, one in answers if status in one])
        for status in statuses
    }


def _response(said: Sequence[tuple[str, dict[str, Json]]]) -> Json:
    content = {
        kind: _described(together([one.get("schema") or {} for _, one in found]), found)
        for kind, found in _by_kind(said).items()
    }
    return {**said[0][1], **({"content": content} if content else {})}
