"""Find which fields an answer may leave out: what its schema describes and does not require.

What only answers have is not required of a request, and the reverse.
"""

from __future__ import annotations

from collections.abc import Iterator

from tools.contract import mapping, operations, sequence
from tools.documents import Json
from tools.repair.schemas import Schema, schemas_in


def optional_fields(document: dict[str, Json]) -> Iterator[tuple[Schema, str]]:
    """Find these fields in all answers, through references too: what holds each, and its name."""
    for schema, is_sent in _schemas(document):
        fields = mapping(schema.get("properties"))
        for name in fields if not is_sent else ():
            if name not in sequence(schema.get("required")):
                yield fields, name


def release(document: dict[str, Json]) -> int:
    """Stop requiring fields where they cannot be: `readOnly` in requests, `writeOnly` in answers.

    Returns:
        How many.
    """
    found = 0
    for schema, is_sent in _schemas(document):
        fields, flag = mapping(schema.get("properties")), "readOnly" if is_sent else "writeOnly"
        before = sequence(schema.get("required"))
        kept = [one for one in before if not mapping(fields.get(str(one))).get(flag)]
        found += len(before) - len(kept)
        if len(kept) < len(before):
            schema["required"] = kept
            if not kept:
                del schema["required"]
    return found


def _schemas(document: dict[str, Json]) -> list[tuple[Schema, bool]]:
    return [*schemas_in(document, *(operation for _, operation in operations(document)))]
