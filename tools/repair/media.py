"""Decide what a body or an answer of each media type is for callers.

JSON and forms are what the generator reads; text comes as text, and anything else as bytes. Of an
answer that can be JSON, JSON is taken.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from tools.contract import at, mapping, mappings_in, operations, pointer
from tools.documents import Json
from tools.repair.examples import name_examples
from tools.repair.unions import meaning

BYTES: Final = "application/octet-stream"
FORMS: Final = ("application/x-www-form-urlencoded", "multipart/form-data")
_TYPED: Final = {"$ref", "allOf", "anyOf", "enum", "oneOf", "properties", "type"}
_DROPPED: Final = (
    "Of several media types only JSON, forms and bytes are offered, and of those with one type one."
)
_EXAMPLES: Final = "An example beside others is one of them."
_TEXT: Final = "JSON carries no bytes: what it calls binary is text."
_PLAIN: Final = "A body or answer that is neither JSON nor a form is bytes, or text."


def normalise(document: dict[str, Json]) -> list[tuple[str, int]]:
    """Rewrite the media types; return the rules that changed something, with counts of places."""
    counts = {_DROPPED: 0, _PLAIN: 0, _TEXT: _make_text(document), _EXAMPLES: 0}
    for content, is_body in contents(document):
        counts[_EXAMPLES] += sum(name_examples(mapping(entry)) for entry in content.values())
        _without_wildcards(content, is_body=is_body)
        dropped, plain = _choose(content, is_body=is_body)
        if is_body:
            dropped |= _single_out(content, document)
        counts[_DROPPED] += dropped
        counts[_PLAIN] += plain
    return [(reason, count) for reason, count in counts.items() if count]


def _make_text(document: dict[str, Json]) -> int:
    """Take the bytes out of JSON, but not out of a schema that a form uses too."""
    in_json: dict[int, dict[str, Json]] = {}
    elsewhere: dict[int, dict[str, Json]] = {}
    for content, _ in contents(document):
        for media_type, entry in content.items():
            name = media_type.partition(";")[0].strip().lower()
            is_json = _is_known(name) and name not in FORMS
            (in_json if is_json else elsewhere).update(_bytes_in(entry, document))
    schemas = [schema for key, schema in in_json.items() if key not in elsewhere]
    for schema in schemas:
        del schema["format"]
    return len(schemas)


def _bytes_in(value: Json, document: dict[str, Json]) -> dict[int, dict[str, Json]]:
    """Find the schemas of bytes in a value, also behind references."""
    queue = [*mappings_in(value)]
    references = {""}
    schemas: dict[int, dict[str, Json]] = {}
    for holder in queue:
        reference = str(holder.get("$ref", ""))
        if reference not in references:
            references.add(reference)
            queue += mappings_in(at(document, pointer(reference)))
        if holder.get("type") == "string" and holder.get("format") == "binary":
            schemas[id(holder)] = holder
    return schemas


def contents(document: dict[str, Json]) -> Iterator[tuple[dict[str, Json], bool]]:
    """Walk through the `content` of bodies (True) and of answers (False)."""
    components = mapping(document.get("components"))
    for kind, is_body in (("requestBodies", True), ("responses", False)):
        for holder in mapping(components.get(kind)).values():
            yield mapping(mapping(holder).get("content")), is_body
    for _, operation in operations(document):
        yield mapping(mapping(operation.get("requestBody")).get("content")), True
        for response in mapping(operation.get("responses")).values():
            yield mapping(mapping(response).get("content")), False


def is_bytes(media_type: str, *, is_body: bool) -> bool:
    """Tell whether the generator has to take this media type for bytes."""
    return not _is_known(media_type) and (is_body or not media_type.startswith("text/"))


def _is_known(media_type: str) -> bool:
    name = media_type.partition(";")[0].strip().lower()
    return name in ("application/json", *FORMS) or name.endswith("+json")


def _choose(content: dict[str, Json], *, is_body: bool) -> tuple[bool, bool]:
    readable = [kind for kind in content if _is_known(kind) and (is_body or kind not in FORMS)]
    unreadable = [kind for kind in content if kind not in readable]
    dropped: list[str] = []
    if readable:
        for kind in readable if not is_body else ():
            mapping(content[kind]).setdefault("schema", {})  # without one there would be no value
        media = ("audio/", "image/", "video/")
        dropped = [kind for kind in unreadable if not (is_body and kind.startswith(media))]
        for kind in dropped:
            del content[kind]
            unreadable.remove(kind)
    changed = False
    for kind in unreadable:
        entry = mapping(content[kind])
        schema: dict[str, Json] = {"type": "string"}
        if is_bytes(kind, is_body=is_body):
            schema["format"] = "binary"
        old_schema = mapping(entry.get("schema"))
        if any(old_schema.get(key) != value for key, value in schema.items()):
            entry["schema"] = schema
            changed = True
    return bool(dropped), changed


def _without_wildcards(content: dict[str, Json], *, is_body: bool) -> None:
    """Name the media type that a body is sent as where the contract allows a range of them."""
    for kind in [kind for kind in content if "*" in kind] if is_body else ():
        entry = content.pop(kind)
        content.setdefault("application/json" if _is_known(kind) else BYTES, entry)


def _single_out(content: dict[str, Json], document: dict[str, Json]) -> bool:
    """Keep one media type for each type in Python, by which generated code tells them apart.

    That is JSON; where it holds bytes, a form. One that may be anything stands alone.
    """

    def rank(kind: str) -> tuple[bool, bool]:
        holds_bytes = bool(_bytes_in(content[kind], document))
        return (kind in FORMS) is not holds_bytes, kind != "application/json"

    distinct: dict[str, str] = {}
    typed = [
        kind for kind in content if _TYPED & mapping(mapping(content[kind]).get("schema")).keys()
    ]
    for kind in sorted(typed or content, key=rank):
        schema = mapping(mapping(content[kind]).get("schema"))
        distinct.setdefault(kind if "properties" in schema else meaning(schema), kind)
    dropped = [kind for kind in content if kind not in distinct.values()]
    for kind in dropped:
        del content[kind]
    return bool(dropped)
