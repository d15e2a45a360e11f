"""What bodies and answers of each media type are for callers."""

from __future__ import annotations

from copy import deepcopy

import pytest

from tools.documents import Json
from tools.repair import media

OBJECT: Json = {"schema": {"type": "object"}}
BINARY: Json = {"schema": {"type": "string", "format": "binary"}}
TEXT: Json = {"schema": {"type": "string"}}


@pytest.mark.parametrize(
    ("body", "content", "expected", "found"),
    [
        (True, {"application/json": OBJECT}, {"application/json": OBJECT}, 0),
        (True, {"application/xml": OBJECT}, {"application/xml": BINARY}, 1),
        (True, {"application/xml": BINARY}, {"application/xml": BINARY}, 0),
        (True, {"text/plain": TEXT}, {"text/plain": BINARY}, 1),
        (
            True,
            {"application/xml": OBJECT, "application/json; charset=utf-8": OBJECT},
            {"application/json; charset=utf-8": OBJECT},
            1,
        ),
        (
            True,
            {"application/json": OBJECT, "video/mp4": BINARY},
            {"application/json": OBJECT, "video/mp4": BINARY},
            0,
        ),
        (False, {"text/plain": TEXT}, {"text/plain": TEXT}, 0),
        (False, {"text/event-stream": OBJECT}, {"text/event-stream": TEXT}, 1),
        (
            False,
            {"text/plain": TEXT, "application/problem+json": OBJECT},
            {"application/problem+json": OBJECT},
            1,
        ),
        (False, {"video/mp4": {}}, {"video/mp4": BINARY}, 1),
        (False, {}, {}, 0),
    ],
)
@pytest.mark.parametrize("shared", [False, True])
def test_every_media_type_is_json_a_form_text_or_bytes(
    body: bool, content: dict[str, Json], expected: Json, found: int, shared: bool
) -> None:
    """Whether it is described in the operation or shared."""
    holder: Json = {"content": deepcopy(content)}
    operation: dict[str, Json] = {"requestBody": holder} if body else {"responses": {"200": holder}}
    kind = "requestBodies" if body else "responses"
    document: dict[str, Json] = {"paths": {"/a": {"post": operation}}}
    if shared:
        document = {"paths": {}, "components": {kind: {"x": holder}}}
    counted = media.settle(document)
    assert holder == {"content": expected}
    assert sum(count for _, count in counted) == found
