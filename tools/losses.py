"""List what a contract says and the client does not do, a line for each kind.

These lines are in REPAIRS.md and on the terminal. When the client learns to do one of these, its
line is deleted.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from tools.contract import called, mapping, operations, resolved, sequence
from tools.documents import Json
from tools.repair.schemas import schemas_in
from tools.tasks.places import LINK, parameters

_SHOWN: Final = 3  # places of a kind, the others are counted
_SILENT: Final = "A parameter or a field that is deprecated gives no warning"
_STYLES: Final = {"query": ("form", "deepObject", "pipeDelimited", "spaceDelimited")}
_STREAMS: Final = ("text/event-stream", "application/x-ndjson", "application/jsonl")


def losses(document: dict[str, Json]) -> list[str]:
    """List what is not carried over: each kind once, with its places."""
    by_kind: dict[str, list[str]] = {}
    for kind, place in _kinds_and_places(document):
        by_kind.setdefault(kind, []).append(place)
    return [f"{kind}: {_shortened([*dict.fromkeys(places)])}." for kind, places in by_kind.items()]


def _shortened(places: list[str]) -> str:
    rest = f" and {len(places) - _SHOWN} more" if len(places) > _SHOWN else ""
    return ", ".join(places[:_SHOWN]) + rest


def _kinds_and_places(document: dict[str, Json]) -> Iterator[tuple[str, str]]:
    for name in mapping(document.get("webhooks")):
        yield "Webhooks are not generated", name
    for server in map(mapping, sequence(document.get("servers"))):
        url = str(server.get("url"))
        if url.startswith("/"):
            yield "The host is not known; a client must be given its base URL", url
        if server.get("variables"):
            yield "The variables of a server have their defaults", url
    for place, operation in operations(document):
        name = called(place)
        if operation.get("callbacks"):
            yield "Callbacks and links are not generated", name
        for parameter in parameters(document, place).values():
            yield from _parameter(parameter, document, name)
        yield from _responses(document, operation, name)
        yield from _schemas(document, operation, name)


def _parameter(
    parameter: dict[str, Json], document: dict[str, Json], name: str
) -> Iterator[tuple[str, str]]:
    place = f"{parameter.get('name')} of {name}"
    where, style = parameter.get("in"), parameter.get("style")
    schema = resolved(parameter.get("schema"), document)
    is_object = schema.get("type") == "object" or "properties" in schema
    if parameter.get("content"):
        yield "A parameter that is JSON takes its text", place
    elif style not in (None, *_STYLES.get(str(where), ("simple", "form"))):
        yield "A path and a query are written in the usual styles, whatever others are said", place
    elif is_object and (where != "query" or parameter.get("explode") is False):
        yield (
            "An object in a path, a header or a cookie, or in one text, is sent as JSON",
            place,
        )
    elif where == "query" and (is_object or schema.get("type") == "array"):
        members = [*mapping(schema.get("properties")).values(), schema.get("items")]
        kinds = {str(resolved(member, document).get("type")) for member in members}
        if kinds & {"array", "object"} and not (style == "deepObject" and "items" not in schema):
            yield "What is inside a list or an object of a query is sent as JSON", place
    if parameter.get("deprecated"):
        yield _SILENT, place
    if parameter.get("allowReserved"):
        yield "Reserved characters in a query are always encoded", place


def _responses(
    document: dict[str, Json], operation: dict[str, Json], name: str
) -> Iterator[tuple[str, str]]:
    for response in mapping(operation.get("responses")).values():
        target = resolved(response, document)
        if target.get("headers"):
            yield "The headers of an answer have no types; the raw response has them", name
        if any(not LINK.fullmatch(link) for link in mapping(target.get("links"))):
            yield "Callbacks and links are not generated", name
        if {*mapping(target.get("content"))} & {*_STREAMS}:
            yield "A stream of events is read to its end, and then returned as a whole", name


def _schemas(
    document: dict[str, Json], operation: dict[str, Json], name: str
) -> Iterator[tuple[str, str]]:
    for schema, is_sent in schemas_in(document, operation):
        if "discriminator" in schema:
            yield "A discriminator is not used; the first variant that fits is taken", name
        if schema.get("format") == "date-time" and is_sent:
            yield "A time without a zone is sent without one", name
        for key, field in mapping(schema.get("properties")).items():
            if mapping(field).get("deprecated"):
                yield _SILENT, f"{key} of {name}"
