"""What bodies and answers of each media type are for callers."""

from __future__ import annotations

from copy import deepcopy

import pytest

from tools.documents import Json
from tools.repair import media

OBJECT: Json = {"schema": {"type": "object"}}
BINARY: Json = {"schema": {"type": "string", "format": "binary"}}
TEXT: Json = {"schema": {"type": "string"}}
FORM, MULTIPART = media.FORMS
SHARED: Json = {"schema": {"$ref": "#/components/schemas/Shared"}}
WITH_FILE: Json = {"schema": {"$ref": "#/components/schemas/WithFile"}}
FIELDS: Json = {"schema": {"type": "object", "properties": {"a": {"type": "string"}}}}
JSON_OBJECT: dict[str, Json] = {"application/json": OBJECT}
JSON_FIELDS: dict[str, Json] = {"application/json": FIELDS}


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
        (True, {FORM: SHARED, "application/json": SHARED}, {"application/json": SHARED}, 1),
        (True, {MULTIPART: WITH_FILE, "application/json": WITH_FILE}, {MULTIPART: WITH_FILE}, 1),
        (
            True,
            {"application/json": SHARED, "text/json": SHARED, "application/*+json": SHARED},
            {"application/json": SHARED},
            1,
        ),
        (True, {"application/*+json": SHARED}, {"application/json": SHARED}, 0),
        (True, {FORM: FIELDS, "application/json": FIELDS}, {FORM: FIELDS, **JSON_FIELDS}, 0),
        (True, {FORM: FIELDS, "application/json": {"schema": {}}}, {FORM: FIELDS}, 1),
        (
            True,
            {"application/json": OBJECT, "video/mp4": {}},
            {**JSON_OBJECT, "video/mp4": BINARY},
            1,
        ),
        (True, {"image/png": BINARY, "image/webp": BINARY}, {"image/png": BINARY}, 1),
        (True, {"image/*": BINARY}, {"application/octet-stream": BINARY}, 0),
        (False, {"text/plain": TEXT}, {"text/plain": TEXT}, 0),
        (False, {"text/event-stream": OBJECT}, {"text/event-stream": TEXT}, 1),
        (
            False,
            {"text/plain": TEXT, "application/problem+json": OBJECT},
            {"application/problem+json": OBJECT},
            1,
        ),
        (False, {"video/mp4": {}}, {"video/mp4": BINARY}, 1),
        (False, {"application/json": {}}, {"application/json": {"schema": {}}}, 0),
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
    components: dict[str, Json] = {"schemas": {"WithFile": deepcopy(BINARY["schema"])}}
    document: dict[str, Json] = {"paths": {"/a": {"post": operation}}, "components": components}
    if shared:
        document = {"paths": {}, "components": {kind: {"x": holder}, **components}}
    counted = media.normalise(document)
    assert holder == {"content": expected}
    assert sum(count for _, count in counted) == found


def test_bytes_in_json_are_text():
    """Behind a reference too; a schema that a form uses as well stays one of bytes."""
    shared: Json = {"type": "object", "properties": {"data": deepcopy(BINARY["schema"])}}
    own: Json = {"anyOf": [{"$ref": "#/components/schemas/Own"}, deepcopy(BINARY["schema"])]}
    sent: Json = {
        "application/json": {"schema": {"$ref": "#/components/schemas/Own"}},
        "multipart/form-data": SHARED,
    }
    listed: Json = {"type": "array", "items": SHARED["schema"]}
    received: Json = {"application/json": {"schema": listed}}
    post: Json = {
        "requestBody": {"content": sent},
        "responses": {"200": {"content": received}},
    }
    document: Json = {
        "paths": {"/a": {"post": post}},
        "components": {"schemas": {"Own": own, "Shared": shared}},
    }
    rules = dict(media.normalise(document))
    assert rules == {"JSON carries no bytes: what it calls binary is text.": 1}
    assert own["anyOf"][1] == TEXT["schema"]
    assert shared["properties"]["data"] == BINARY["schema"]
