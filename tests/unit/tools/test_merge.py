"""How the contracts of several pages become one."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tools.contract import at, mapping, sequence
from tools.documents import Json
from tools.errors import PipelineError
from tools.pages.merge import Merged, Source, merge

CREATE = ("paths", "/v1/video/create", "post")
Document = dict[str, Json]


def page(
    name: str,
    *,
    request: Json = None,
    answer: Json = None,
    path: str = "/v1/video/create",
    kind: str = "application/json",
    host: str = "https://api.example",
    **operation: Json,
) -> Source:
    """Make the contract of one page."""
    post: Document = {"responses": {}, **operation}
    if request is not None:
        post["requestBody"] = {"content": {kind: {"schema": request, "example": name}}}
    if answer is not None:
        post["responses"] = {"200": {"content": {kind: {"schema": answer, "example": name}}}}
    document: Document = {
        "openapi": "3.0.1",
        "info": {"title": name},
        "servers": [{"url": host}],
        "security": [{"bearer": []}],
        "paths": {path: {"post": post}},
    }
    return Source(f"pages/{name}", name, document)


def merged(*pages: Source, allowed: Sequence[str] = (), **choices: Json) -> Merged:
    """Merge pages; `create` chooses one for the operation they share."""
    named = {"POST /v1/video/create": choices["create"]} if choices else None
    return merge(pages, allowed, named)


def fields(required: Sequence[str] = (), **properties: Json) -> Json:
    """Make the schema of an object."""
    made: Document = {"type": "object", "properties": properties}
    return {**made, "required": list(required)} if required else made


def named(*pages: str) -> Json:
    """Make the examples of pages: each page's is its own name."""
    return {page: {"value": page} for page in pages}


STRING: Json = {"type": "string"}
INTEGER: Json = {"type": "integer"}


def test_different_operations_stand_side_by_side() -> None:
    """In the order of their paths, with the security of their page, one list of servers."""
    made = merged(page("b.md", path="/b"), page("a.md", path="/a", security=[]))
    assert made.notes == made.refused == []
    assert made.document == {
        "openapi": "3.0.1",
        "info": {"title": "b.md"},
        "paths": {
            "/a": {"post": {"responses": {}, "security": []}},
            "/b": {"post": {"responses": {}, "security": [{"bearer": []}]}},
        },
        "components": {},
        "servers": [{"url": "https://api.example"}],
        "security": [{"bearer": []}],
    }


def test_pages_are_added_to_the_contract_in_place() -> None:
    """What it says already stays as it is; a page that was added before adds nothing."""
    base = merged(page("a.md", path="/a"), page("b.md", request=fields(x=STRING))).document
    other = page("c.md", request=fields(y=STRING), summary="c")
    more = [other, page("d.md", path="/d", security=[])]
    made = merge(more, base=base)
    assert made.notes == [
        "POST /v1/video/create is described differently by 2 pages; they are combined."
    ]
    assert at(made.document, ("paths", "/a")) == at(base, ("paths", "/a"))
    assert at(made.document, ("paths", "/d", "post", "security")) == []
    body = (*CREATE, "requestBody", "content", "application/json")
    titles = [
        mapping(one)["title"] for one in sequence(at(made.document, (*body, "schema", "oneOf")))
    ]
    assert titles == ["VideoCreateRequest", "VideoCreateC"]
    again = merge([*more, page("b.md", request=fields(x=STRING))], base=made.document)
    assert again.document == made.document


def test_a_page_that_is_added_cannot_move_the_service() -> None:
    """Its host has to be one of the contract in place, or allowed by name; servers are kept."""
    base = merged(page("a.md", path="/a")).document
    stranger = page("b.md", path="/b", host="https://other.example")
    known = ["api.example"]
    with pytest.raises(
        PipelineError, match=r"its server other\.example, which is not api\.example"
    ):
        merge([stranger], known_hosts=known, base=base)
    made = merge(
        [stranger, page("c.md", path="/c")], ["other.example"], known_hosts=known, base=base
    )
    assert made.document["servers"] == [
        {"url": "https://api.example"},
        {"url": "https://other.example"},
    ]


def test_a_choice_has_to_name_an_operation() -> None:
    """One that was chosen for earlier is left as it is."""
    base = merged(page("a.md"), page("b.md", request=STRING), create="b.md").document
    choices: Document = {"POST /v1/video/create": "b.md"}
    assert merge([page("c.md", path="/c")], choices=choices, base=base).refused == []
    with pytest.raises(PipelineError, match=r"pages\.yaml: POST /nope names no operation"):
        merge([page("c.md", path="/c")], choices={"POST /nope": "c.md"}, base=base)


def test_running_text_makes_no_difference() -> None:
    """Descriptions and examples do not; a field that is called like them does."""
    one = fields(description=STRING, name={**STRING, "description": "a"})  # type: ignore[dict-item]
    two = fields(description=STRING, name={**STRING, "description": "b"})  # type: ignore[dict-item]
    made = merged(page("1.md", request=one, summary="x"), page("2.md", request=two, summary="y"))
    assert made.notes == []
    assert at(made.document, (*CREATE, "summary")) == "x"
    three = fields(description=INTEGER, name=STRING)
    made = merged(page("1.md", request=one), page("2.md", request=three))
    assert made.notes == [
        "POST /v1/video/create is described differently by 2 pages; they are combined."
    ]


def test_examples_of_all_pages_are_kept() -> None:
    """Each once, the named ones of a page too, also where the pages say the same."""
    first, second = page("1.md", answer=STRING), page("2.md", answer=STRING)
    content = ("responses", "200", "content", "application/json")
    there = at(second.document, (*CREATE, *content))
    assert isinstance(there, dict)
    del there["example"]
    there["examples"] = {"a": {"value": "1.md"}, "b": {"value": 2}, "c": {"externalValue": "x"}}
    made = merged(first, second)
    assert made.notes == []
    assert at(made.document, (*CREATE, *content, "examples")) == {
        "1.md": {"value": "1.md"},
        "2.md b": {"value": 2},
    }


def test_requests_become_a_choice_named_by_what_their_pages_say() -> None:
    """Those of one name are taken together; the examples of all."""
    pages = {
        "1.md": ("Create video veo", fields(a=STRING)),
        "2.md": ("Create video sora-2", fields(b=STRING)),
        "3.md": ("Other", fields(a=STRING)),
        "4.md": ("Veo video", fields(c=STRING)),
        "5.md": ("Reference", {"$ref": "#/components/schemas/A"}),
        "6.md": ("文", fields(d=STRING)),
    }
    made = merged(*(page(name, summary=one, request=body) for name, (one, body) in pages.items()))
    body = at(made.document, (*CREATE, "requestBody"))
    variants: dict[str, Json] = {
        "VideoCreateVeo": fields(a=STRING, c=STRING),
        "VideoCreateSora2": fields(b=STRING),
        "VideoCreateOther": fields(a=STRING),
        "": {"$ref": "#/components/schemas/A"},
        "VideoCreateRequest": fields(d=STRING),
    }
    schema: Json = {
        "oneOf": [
            {**mapping(one), "title": title} if title else one for title, one in variants.items()
        ]
    }
    assert body == {
        "required": False,
        "content": {"application/json": {"schema": schema, "examples": named(*pages)}},
    }


def test_one_request_among_different_answers_stays_as_it_is() -> None:
    """And a page without a body leaves the body optional."""
    made = merged(
        page("1.md", request=fields(a=STRING), answer=fields(x=STRING)),
        page("2.md", answer=fields(y=STRING)),
    )
    content = at(made.document, (*CREATE, "requestBody", "content", "application/json"))
    assert content == {"schema": fields(a=STRING), "examples": named("1.md")}


def test_forms_and_answers_are_taken_together() -> None:
    """Every page's fields; required is what every page requires; conflicts allow either."""
    one = fields(["id", "a"], id=STRING, a=STRING, inner=fields(["x"], x=STRING))
    two = fields(["id"], id=STRING, a=INTEGER, inner=fields(y=STRING))
    together = fields(
        ["id"], id=STRING, a={"anyOf": [STRING, INTEGER]}, inner=fields(x=STRING, y=STRING)
    )
    made = merged(page("1.md", answer=one), page("2.md", answer=two))
    answer = at(made.document, (*CREATE, "responses", "200", "content", "application/json"))
    assert answer == {"schema": together, "examples": named("1.md", "2.md")}
    form = "multipart/form-data"
    made = merged(page("1.md", request=one, kind=form), page("2.md", request=two, kind=form))
    assert at(made.document, (*CREATE, "requestBody", "content", form, "schema")) == together


def test_parameters_are_all_pages_together() -> None:
    """Required where every page requires them; those of the path always are."""
    path: Json = {"name": "id", "in": "path"}
    needed: Json = {"name": "n", "in": "query", "required": True}
    free: Json = {"name": "n", "in": "query"}
    both: Json = {"name": "b", "in": "query", "required": True}
    made = merged(
        page("1.md", parameters=[path, needed, both]), page("2.md", parameters=[free, both])
    )
    assert at(made.document, (*CREATE, "parameters")) == [
        {"name": "id", "in": "path", "required": True},
        {"name": "n", "in": "query", "required": False},
        {"name": "b", "in": "query", "required": True},
    ]


def test_pages_yaml_chooses_the_page_of_an_operation() -> None:
    """By the end of one page's name."""
    pages = page("a/1.md", answer=fields(a=STRING)), page("a/2.md", answer=fields(b=STRING))
    made = merged(*pages, create="2.md")
    assert made.notes == []
    assert at(made.document, (*CREATE, "responses")) == at(
        pages[1].document, (*CREATE, "responses")
    )
    with pytest.raises(
        PipelineError, match=r"POST /v1/video/create chooses \.md, but 2 pages match"
    ):
        merged(*pages, create=".md")


def test_a_strange_host_is_refused_by_name() -> None:
    """Wherever a page names it; a server without an address is none."""
    usual = page("1.md"), page("2.md", path="/b")
    strange = page("3.md", path="/c", servers=[{"url": "https://api.exampel/v1"}, {"bearer": []}])
    made = merged(*usual, strange)
    assert made.refused == [
        "pages/3.md is refused: the key would go to its server api.exampel, which is not "
        "api.example; --allow-host takes it by name."
    ]
    assert list(at(made.document, ("paths",)) or ()) == ["/b", "/v1/video/create"]  # type: ignore[arg-type]
    assert merged(*usual, strange, allowed=["api.exampel"]).refused == []
    other = page("3.md", path="/c", host="https://other.example/")
    both = at(merged(*usual, other, allowed=["other.example"]).document, ("servers",))
    assert both == [{"url": "https://api.example"}, {"url": "https://other.example/"}]
    none = page("1.md")
    none.document["servers"] = [{"bearer": []}]
    assert at(merged(none).document, ("servers",)) == []


def test_templates_become_plain_names() -> None:
    """With the parameters they name, whether the path or the operation has them."""
    parameter: Json = {"name": "Task ID", "in": "path"}
    other: Json = {"name": "Task ID", "in": "query"}
    first = page("1.md", path="/a\\/{Task ID}", parameters=[parameter, other])
    second = page("2.md", path="/b/{任务}/{ok}")
    made = merged(first, second)
    assert made.notes == [
        "pages/1.md: the path /a\\/{Task ID} is read as /a/{task_id}.",
        "pages/2.md: the path /b/{任务}/{ok} is read as /b/{id}/{ok}.",
    ]
    found = at(made.document, ("paths", "/a/{task_id}", "post", "parameters"))
    assert found == [{"name": "task_id", "in": "path"}, {"name": "Task ID", "in": "query"}]


def test_equal_components_are_shared_and_others_renamed() -> None:
    """And what refers to them follows."""
    sources = []
    for number, (name, schema) in enumerate((("a", STRING), ("b", STRING), ("veo", INTEGER))):
        source = page(f"{name}.md", path=f"/{number}", answer=[{"$ref": "#/components/schemas/T"}])
        source.document["components"] = {"schemas": {"T": schema}}
        sources.append(source)
    made = merged(*sources)
    assert made.document["components"] == {"schemas": {"T": STRING, "VeoT": INTEGER}}
    assert made.notes == ["pages/veo.md: the schemas T becomes VeoT."]
    content = ("post", "responses", "200", "content", "application/json", "schema", 0, "$ref")
    assert at(made.document, ("paths", "/1", *content)) == "#/components/schemas/T"
    assert at(made.document, ("paths", "/2", *content)) == "#/components/schemas/VeoT"
