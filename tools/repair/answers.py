"""Find the fields that an answer may leave out: its schema describes and does not require them.

A field that only answers have is not required in a request, and the reverse.
"""

from __future__ import annotations

from collections.abc import Iterator

from tools.contract import mapping, operations, sequence
from tools.documents import Json
from tools.repair.schemas import Schema, schemas_in


def optional_fields(document: dict[str, Json]) -> Iterator[tuple[Schema, str]]:
    """Find these fields in all answers, through references too: the `properties` and the name."""
    for schema, is_sent in _schemas(document):
        fields = mapping(schema.get("properties"))
        for name in fields if not is_sent else ():
            if name not in sequence(schema.get("required")):
                yield fields, name


def release(document: dict[str, Json]) -> int:
    """Stop requiring fields where they cannot be: `readOnly` in requests, `writeOnly` in answers.

    Returns:
        The number of fields.
    """
    count = 0
    for schema, is_sent in _schemas(document):
        fields, flag = mapping(schema.get("properties")), "readOnly" if is_sent else "writeOnly"
        names = sequence(schema.get("required"))
        required = [name for name in names if not mapping(fields.get(str(name))).get(flag)]
        count += len(names) - len(required)
        if len(required) < len(names):
            schema["required"] = required
            if not required:
                del schema["required"]
    return count


def _schemas(document: dict[str, Json]) -> list[tuple[Schema, bool]]:
    return [*schemas_in(document, *(operation for _, operation in operations(document)))]
