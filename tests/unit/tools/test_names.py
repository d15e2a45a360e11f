"""The names callers see, by rule."""

from __future__ import annotations

import keyword
import os
from copy import deepcopy
from pathlib import Path

import pytest

from chainhub import AsyncClient, Client
from chainhub_resources import Resources
from tools import documents
from tools.contract import at, called, mapping, operations
from tools.documents import Json
from tools.layout import ROOT
from tools.pages import reading
from tools.repair import names

# Third-party text, kept beside the project and not in it.
BESIDE = ROOT.parent / "shared" / "vendor-pages"
VENDOR_PAGES = Path(os.environ.get("VENDOR_PAGES", BESIDE))


@pytest.mark.parametrize(
    ("method", "path", "name"),
    [
        ("get", "/v1/video/query", "video.query"),
        ("post", "/v1/video/create", "video.create"),
        ("post", "/suno/submit/music", "suno.submit_music"),
        ("post", "/suno/fetch", "suno.fetch"),
        ("get", "/suno/fetch/{task_id}", "suno.fetch_by_id"),
        ("post", "/v1/videos", "videos.create"),
        ("get", "/v1/videos", "videos.list_all"),
        ("get", "/v1/videos/{id}", "videos.get"),
        ("delete", "/v1/videos/{id}", "videos.delete"),
        ("put", "/v1/videos/{id}", "videos.replace"),
        ("patch", "/v1/videos/{id}/tags", "videos.update_tags"),
        ("head", "/v1/videos/{id}/tags", "videos.head_tags"),
        ("get", "/v1/videos/{id}/content", "videos.get_content"),
        ("get", "/v1/video/{id}/download", "video.download_call"),
        ("get", "/volc/v1/tasks", "volc.list_tasks"),
        ("get", "/volc/v1/tasks/{id}", "volc.get_tasks"),
        ("get", "/kling/v1/image2video/{id}", "kling.get_image2video_by_id"),
        ("post", "/fal-ai/flux-1/dev", "fal_ai.flux_1_dev"),
        ("post", "/v2/video/create", "video.create_v2"),
        ("get", "/v2.1/video/", "video.list_all_v2_1"),
        ("post", "/v1.1/video/create", "video.create"),
        ("post", "/v2/a/" + "x" * 50, "a." + "x" * 37 + "_v2"),
        ("post", "/token/refresh", "token_api.refresh"),
        ("post", "/3d/models", "3d_api.models"),
        ("post", "/video/3d", "video.call_3d"),
        ("post", "/", "service.create"),
        ("post", "/任务/x", "x.create"),
        (
            "post",
            "/replicate/v1/models/black-forest-labs/flux-1.1-pro-ultra/predictions",
            "replicate.flux_1_1_pro_ultra_predictions",
        ),
        (
            "get",
            "/a/one-segment-that-is-much-too-long-for-a-name",
            "a.get_is_much_too_long_for_a_name",
        ),
        ("post", "/a/" + "x" * 50, "a." + "x" * 40),
    ],
)
def test_a_name_follows_from_method_and_path_alone(method: str, path: str, name: str) -> None:
    """So a page added later renames nothing."""
    tag = names.tag_of(path)
    operation = names.safe_name(tag, names.operation_of(method, path))
    assert f"{names.safe_tag(tag)}.{operation}" == name.replace("3d_api", "api_3d")
    assert len(operation) <= names.LONGEST + len("call_")


@pytest.mark.parametrize("name", names.RESERVED["video"])
def test_hand_written_names_are_never_hidden(name: str) -> None:
    """In tag video they belong to what waits and downloads."""
    assert names.safe_name("video", name) == f"{name}_call"
    assert names.safe_name("other", name) == name


@pytest.mark.parametrize("kind", [Client, AsyncClient])
def test_no_tag_hides_what_a_client_has(kind: type) -> None:
    """A tag becomes a property of the client."""
    tags = {name for name in dir(Resources) if not name.startswith("_")}
    own = {name for name in dir(kind) if not name.startswith("_")} - tags
    assert own <= names.RESERVED_TAGS


def document(schema: Json, **operation: Json) -> dict[str, Json]:
    """Make a contract with one operation that uses a schema everywhere."""
    content: Json = {"application/json": {"schema": schema}, "text/x-form": {"schema": schema}}
    post: dict[str, Json] = {
        "parameters": [{"name": "size", "schema": {"type": "object"}}],
        "requestBody": {"content": content},
        "responses": {"200": {"content": content}, "422": {"content": content}},
        **operation,
    }
    made: Json = {
        "paths": {"/v1/video/create": {"post": post}},
        "components": {"schemas": {"Task": {"type": "object"}, "任务": {"type": "object"}}},
    }
    return documents.parse(documents.text_of(made), "no value is shared")


def titles(value: Json) -> list[str]:
    """Collect the titles in a contract, in order."""
    if isinstance(value, dict):
        own = [value["title"]] if isinstance(value.get("title"), str) else []
        return [str(title) for title in own] + [t for item in value.values() for t in titles(item)]
    return [t for item in value for t in titles(item)] if isinstance(value, list) else []


def test_models_are_named_after_operation_and_field() -> None:
    """Nested, in lists, in choices; requests, answers and errors apart."""
    schema: Json = {
        "properties": {
            "detail": {"type": "object"},
            "任务": {"type": "object"},
            "items": {"type": "array", "items": {"type": "object"}},
            "name": {"type": "string"},
        },
        "oneOf": [{"type": "object"}, {"type": "object", "title": "Good"}],
    }
    made = document(schema)
    names.name_all(made)
    found = titles(made)
    assert len(found) == len({title.lower() for title in found})
    for title in (
        "VideoCreateSize",
        "VideoCreateRequest",
        "VideoCreateRequestDetail",
        "VideoCreateRequestField",
        "VideoCreateRequestItemsItem",
        "VideoCreateRequestCaseA",
        "Good",
        "VideoCreateRequestXFormCaseB",
        "VideoCreateAnswerDetail",
        "VideoCreateError422Detail",
        "Task",
        "Shared",
    ):
        assert title in found


def test_what_is_named_well_keeps_its_name() -> None:
    """A good tag, operation or title stays; a bad or doubled one follows the rules."""
    schema: Json = {"type": "object", "title": "VideoTask", "properties": {}}
    made = document(schema, operationId="start", tags=["videos", "x"])
    names.name_all(made)
    ((place, operation),) = operations(made)
    assert (operation["operationId"], operation["tags"]) == ("start", ["videos"])
    made = document({"type": "object", "title": "任务"}, operationId="New task", tags=["视频/x"])
    names.name_all(made)
    ((place, operation),) = operations(made)
    assert (operation["operationId"], operation["tags"]) == ("create", ["video"])
    assert "任务" not in titles(made)
    assert called(place) == "POST /v1/video/create"


def test_operations_that_would_share_a_name_get_another() -> None:
    """The first keeps it, so that one added behind it renames nothing."""
    paths: Json = {
        path: {"get": {"responses": {}, **({"operationId": given} if given else {})}}
        for path, given in (
            ("/a/first", "same"),
            ("/a/second", "same"),
            ("/a/tasks", ""),
            ("/a/{owner}/tasks", ""),
            ("/a/{任务}/tasks", ""),
            ("/a/{owner_of_the_very_long_name_of_it}/" + "x" * 50, ""),
            ("/a/" + "x" * 50, ""),
        )
    }
    made = documents.parse(documents.text_of({"paths": paths}), "x")
    names.name_all(made)
    assert [operation["operationId"] for _, operation in operations(made)] == [
        "same",
        "get_second",
        "list_tasks",
        "list_tasks_of_owner",
        "list_a_tasks",
        "get_" + "x" * 30,
        "get_" + "x" * 30 + "_2",
    ]
    assert list(operations(made))


def test_null_is_said_beside_listed_values() -> None:
    """So that the values become one type of a good name."""
    listed: dict[str, Json] = {"type": "string", "enum": ["a", None], "title": "x"}
    schema: Json = {
        "properties": {
            "kind": listed,
            "任务": {"enum": [1], "nullable": True},
            "plain": {"enum": [1]},
            "none": {"enum": [None]},
        }
    }
    made = document(schema)
    names.name_all(made)
    content = ("responses", "200", "content", "application/json", "schema", "properties")
    assert at(made, ("paths", "/v1/video/create", "post", *content)) == {
        "kind": {
            "oneOf": [{"type": "string", "enum": ["a"], "title": "Kind"}],
            "nullable": True,
        },
        "任务": {"oneOf": [{"enum": [1]}], "nullable": True},
        "plain": {"enum": [1]},
        "none": {"enum": [None]},
    }


def test_fields_that_would_share_a_model_name_get_another() -> None:
    """Without a number that only means a collision."""
    schema: Json = {"properties": {"a_b": {"type": "object"}, "aB": {"type": "object"}}}
    made = document(schema)
    names.name_all(made)
    assert {"VideoCreateAnswerAB", "VideoCreateAnswerABOther"} <= set(titles(made))


@pytest.mark.skipif(not VENDOR_PAGES.is_dir(), reason="the published pages are not here")
def test_all_published_operations_get_good_names() -> None:
    """Python names of at most 40 characters, each once, and at least 97 % of the pages import."""
    imported = reading.imported([VENDOR_PAGES])
    made = documents.parse(imported.text, "all pages")
    names.name_all(made)
    seen: set[str] = set()
    for place, operation in operations(made):
        tags = operation["tags"]
        assert isinstance(tags, list)
        for name in (str(tags[0]), str(operation["operationId"])):
            assert name.isidentifier()
            assert name.isascii()
            assert not keyword.iskeyword(name)
            assert len(name) <= names.LONGEST
        full = f"{tags[0]}.{operation['operationId']}"
        assert full not in seen, called(place)
        seen.add(full)
    pages_with_contract = sum(
        "openapi: 3" in path.read_text() for path in VENDOR_PAGES.rglob("*.md")
    )
    assert len(imported.refused) <= pages_with_contract * 0.03


def test_listed_values_outside_models_have_names_of_their_own() -> None:
    """Also in parameters, bodies and answers that several operations share."""
    listed: Json = {"type": "string", "enum": ["a", "b"]}
    parameter: Json = {"name": "sort", "in": "query", "schema": listed}
    contents: Json = {"application/json": {"schema": deepcopy(listed)}}
    made: dict[str, Json] = {
        "paths": {
            "/films/all": {"get": {"parameters": [deepcopy(parameter)]}},
            "/books/all": {"get": {"parameters": [deepcopy(parameter)]}},
        },
        "components": {
            "parameters": {"page_size": {"schema": deepcopy(listed)}},
            "requestBodies": {"Order": {"content": deepcopy(contents)}},
            "responses": {"Order": {"content": deepcopy(contents)}},
        },
    }
    names.name_all(made)
    assert titles(made) == []
    assert sorted(mapping(at(made, ("components", "schemas")))) == [
        "BooksGetAllSort",
        "FilmsGetAllSort",
        "OrderAnswer",
        "OrderRequest",
        "PageSizeParameter",
    ]


def test_paths_of_one_tag_that_differ_in_their_first_word_only_are_told_apart() -> None:
    """By that word; what still has one name is counted."""
    made: dict[str, Json] = {
        "paths": {
            path: {"get": {"tags": ["shop"]}} for path in ("/films", "/books", "/books/", "/Books")
        }
    }
    notes = names.name_all(made)
    assert [one["operationId"] for _, one in operations(made)] == [
        "list_all",
        "list_books",
        "list_all_2",
        "list_all_3",
    ]
    assert notes[0] == "GET /books is called shop.list_books: shop.list_all is GET /films."
    assert len(notes) == 3


def test_words_that_are_written_together_are_parted() -> None:
    """In paths and in the names that the contract gives; a name as long as a path is none."""
    given = {"listPets": "list_pets", "getHTTPServer": "get_http_server", "x" * 50: "get_a"}
    for own, name in given.items():
        made: dict[str, Json] = {"paths": {"/b/a": {"get": {"operationId": own}}}}
        names.name_all(made)
        assert at(made, ("paths", "/b/a", "get", "operationId")) == name
    assert names.tag_of("/hostedNumbers/x") == "hosted_numbers"
    assert names.operation_of("post", "/v1/kling/textToVideo") == "text_to_video"


@pytest.mark.parametrize(
    ("operation", "name"),
    [
        ({}, "VideoCreateRequest"),
        ({"summary": "Create a video"}, "VideoCreateRequest"),
        ({"summary": "Create video sora-2"}, "VideoCreateSora2"),
        ({"x-apifox-folder": "Video model/veo", "summary": "with images"}, "VideoCreateVeoImages"),
        ({"summary": "文"}, "VideoCreateRequest"),
    ],
)
def test_a_request_is_named_by_what_its_page_says(operation: dict[str, Json], name: str) -> None:
    """And by nothing else, so that a page that is added later renames none."""
    assert names.request_of(operation, "VideoCreate") == name


def test_a_model_whose_name_is_taken_is_told() -> None:
    """With the name that it would have."""
    body: Json = {"content": {"application/json": {"schema": {"type": "object"}}}}
    shared: Json = {"ACreateRequest": {"type": "object"}}
    made: dict[str, Json] = {
        "paths": {"/a": {"post": {"requestBody": body}}},
        "components": {"schemas": shared},
    }
    assert names.name_all(made) == [
        "The model ACreateRequestOther is called so because there is a ACreateRequest."
    ]


@pytest.mark.parametrize("kind", [{"type": "object"}, {"allOf": [{"type": "object"}]}])
@pytest.mark.parametrize("name", ["File", "Response", "UUID", "T"])
def test_a_model_does_not_take_the_name_of_what_generated_code_uses(name: str, kind: Json) -> None:
    """Which it would import instead."""
    made: dict[str, Json] = {"paths": {}, "components": {"schemas": {name: deepcopy(kind)}}}
    told = f"The model {name}Other is called so because there is a {name}."
    assert names.name_all(made) == [told]
    assert at(made, ("components", "schemas", name, "title")) == f"{name}Other"


def test_what_is_put_together_in_place_is_named_after_its_operation() -> None:
    """And a shared schema by its own name."""
    parts: list[Json] = [{"type": "object"}, {"$ref": "#/components/schemas/Shared"}]
    shared: Json = {"Shared": {"allOf": [{"type": "object"}, {"properties": {}}]}}
    body: Json = {"content": {"application/json": {"schema": {"allOf": parts}}}}
    paths: Json = {f"/{one}": {"post": {"requestBody": deepcopy(body)}} for one in "ab"}
    made: dict[str, Json] = {"paths": paths, "components": {"schemas": shared}}
    assert names.name_all(made) == []
    bodies = [mapping(one["requestBody"])["content"] for _, one in operations(made)]
    titles = [at(one, ("application/json", "schema", "title")) for one in bodies]
    assert titles == ["ACreateRequest", "BCreateRequest"]
    assert "title" not in mapping(at(made, ("components", "schemas", "Shared")))


def test_a_shared_schema_keeps_its_own_name() -> None:
    """The title of another one, which is the same word, gives way to its own name."""
    shared: dict[str, Json] = {
        "AskBase": {"type": "object", "title": "Ask"},
        "Ask": {"allOf": [{"$ref": "#/components/schemas/AskBase"}, {"type": "object"}]},
    }
    inner: Json = {"type": "object", "title": "Ask"}
    answer: Json = {"200": {"content": {"application/json": {"schema": inner}}}}
    made: dict[str, Json] = {
        "paths": {"/a": {"get": {"responses": answer}}},
        "components": {"schemas": shared},
    }
    names.name_all(made)
    assert mapping(shared["AskBase"])["title"] == "AskBase"
    assert "title" not in mapping(shared["Ask"])
    assert mapping(inner)["title"] == "AListAllAnswer"


@pytest.mark.parametrize(
    ("other", "name"), [("400", "AListAllAnswer"), ("204", "AListAllErrordefault")]
)
def test_the_default_is_the_answer_where_no_other_is_good(other: str, name: str) -> None:
    """Callers get it then."""
    schema: dict[str, Json] = {"type": "object"}
    default: Json = {"content": {"application/json": {"schema": schema}}}
    responses: Json = {"default": default, other: {"description": ""}}
    names.name_all({"paths": {"/a": {"get": {"responses": responses}}}})
    assert schema["title"] == name


def test_listed_values_that_would_have_one_name_get_two() -> None:
    """The generator puts the model's name before the field's, whatever else is called so."""

    def listed(*values: str, **more: Json) -> dict[str, Json]:
        return {"type": "string", "enum": [*values], **more}

    fields: dict[str, dict[str, dict[str, Json]]] = {
        "X": {"12": listed("a"), "state": listed("p")},
        "X1": {"2": listed("c")},
        "X2": {"two": listed("a", title="Two"), "Two": listed("a")},
        "XState": {},
    }
    schemas: Json = {
        name: {"type": "object", "title": name, "properties": {**of}} for name, of in fields.items()
    }
    told = names.name_all({"paths": {}, "components": {"schemas": schemas}})
    assert told == [
        "The values XStateOther are called so because there is a XState.",
        "The values X12Other are called so because there is a X12.",
    ]
    assert [one.get("title") for of in fields.values() for one in of.values()] == [
        *(None, "StateOther", "2Other", "Two", None),
    ]
