"""Decide what a body or an answer of each media type is for callers.

JSON and forms are what the generator reads; text comes as text, and anything else as bytes. Of an
answer that can be JSON, JSON is taken.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from tools.contract import at, mapping, mappings_in, operations, pointer
from tools.documents import Json
from tools.repair.examples import tell_once
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
    """Rewrite the media types; tell the rules that found something, with the number of places."""
    counts = {_DROPPED: 0, _PLAIN: 0, _TEXT: _make_text(document), _EXAMPLES: 0}
    for content, is_body in contents(document):
        counts[_EXAMPLES] += sum(tell_once(mapping(described)) for described in content.values())
        _without_wildcards(content, is_body=is_body)
        dropped, plain = _chosen(content, is_body=is_body)
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
        for kind, described in content.items():
            is_json = _is_known(kind) and kind.partition(";")[0].strip().lower() not in FORMS
            (in_json if is_json else elsewhere).update(_bytes_in(described, document))
    found = [schema for key, schema in in_json.items() if key not in elsewhere]
    for schema in found:
        del schema["format"]
    return len(found)


def _bytes_in(value: Json, document: dict[str, Json]) -> dict[int, dict[str, Json]]:
    """Find the schemas of bytes in a value, also behind references."""
    waiting = [*mappings_in(value)]
    references = {""}
    found: dict[int, dict[str, Json]] = {}
    for one in waiting:
        reference = str(one.get("$ref", ""))
        if reference not in references:
            references.add(reference)
            waiting += mappings_in(at(document, pointer(reference)))
        if one.get("type") == "string" and one.get("format") == "binary":
            found[id(one)] = one
    return found


def contents(document: dict[str, Json]) -> Iterator[tuple[dict[str, Json], bool]]:
    """Walk through what is said by media type: of bodies (True) and of answers (False)."""
    components = mapping(document.get("components"))
    for kind, is_body in (("requestBodies", True), ("responses", False)):
        for holder in mapping(components.get(kind)).values():
            yield mapping(mapping(holder).get("content")), is_body
    for _, operation in operations(document):
        yield mapping(mapping(operation.get("requestBody")).get("content")), True
        for answer in mapping(operation.get("responses")).values():
            yield mapping(mapping(answer).get("content")), False


def is_bytes(kind: str, *, is_body: bool) -> bool:
    """Tell whether the generator has to take this media type for bytes."""
    return not _is_known(kind) and (is_body or not kind.startswith("text/"))


def _is_known(kind: str) -> bool:
    name = kind.partition(";")[0].strip().lower()
    return name in ("application/json", *FORMS) or name.endswith("+json")


def _chosen(content: dict[str, Json], *, is_body: bool) -> tuple[bool, bool]:
    known = [kind for kind in content if _is_known(kind) and (is_body or kind not in FORMS)]
    unknown = [kind for kind in content if kind not in known]
    dropped: list[str] = []
    if known:
        for kind in known if not is_body else ():
            mapping(content[kind]).setdefault("schema", {})  # without one there would be no value
        media = ("audio/", "image/", "video/")
        dropped = [kind for kind in unknown if not (is_body and kind.startswith(media))]
        for kind in dropped:
            del content[kind]
            unknown.remove(kind)
    changed = False
    for kind in unknown:
        described = mapping(content[kind])
        schema: dict[str, Json] = {"type": "string"}
        if is_bytes(kind, is_body=is_body):
            schema["format"] = "binary"
        before = mapping(described.get("schema"))
        if any(before.get(key) != value for key, value in schema.items()):
            described["schema"] = schema
            changed = True
    return bool(dropped), changed


def _without_wildcards(content: dict[str, Json], *, is_body: bool) -> None:
    """Name the media type that a body is sent as where the contract allows a range of them."""
    for kind in [kind for kind in content if "*" in kind] if is_body else ():
        described = content.pop(kind)
        content.setdefault("application/json" if _is_known(kind) else BYTES, described)


def _single_out(content: dict[str, Json], document: dict[str, Json]) -> bool:
    """Keep one media type for each type in Python, by which generated code tells them apart.

    That is JSON; where it holds bytes, a form. One that may be anything stands alone.
    """

    def rank(kind: str) -> tuple[bool, bool]:
        holds_bytes = bool(_bytes_in(content[kind], document))
        return (kind in FORMS) is not holds_bytes, kind != "application/json"

    kept: dict[str, str] = {}
    typed = [
        kind for kind in content if _TYPED & mapping(mapping(content[kind]).get("schema")).keys()
    ]
    for kind in sorted(typed or content, key=rank):
        schema = mapping(mapping(content[kind]).get("schema"))
        kept.setdefault(kind if "properties" in schema else meaning(schema), kind)
    dropped = [kind for kind in content if kind not in kept.values()]
    for kind in dropped:
        del content[kind]
    return bool(dropped)
