"""What a contract says that the client does not do is told, a line for each kind."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools import commands, documents
from tools.__main__ import main
from tools.contract import at, mapping
from tools.losses import losses

HEAD = "openapi: 3.0.3\ninfo: {title: t, version: '1'}\n"
OK = 'responses: {"200": {description: ok}}'
LIST = "schema: {type: array, items: {type: string}}"
TIME = "{type: string, format: date-time}"


def told(text: str) -> list[str]:
    """Tell what a contract loses."""
    return losses(documents.parse(HEAD + text, "contract"))


def parameter(words: str, where: str = "query") -> str:
    """Write an operation with one parameter."""
    one = f"{{name: p, in: {where}, {words}}}"
    return f"paths: {{/a: {{get: {{parameters: [{one}], {OK}}}}}}}"


def body(schema: str) -> str:
    """Write an operation with a body."""
    content = f"{{content: {{application/json: {{schema: {schema}}}}}}}"
    return f"paths: {{/a: {{post: {{requestBody: {content}, {OK}}}}}}}"


def answer(words: str) -> str:
    """Write an operation with an answer."""
    return f'paths: {{/a: {{get: {{responses: {{"200": {{description: ok, {words}}}}}}}}}}}'


STYLE = "A path and a query are written in the usual styles, whatever others are said: p of GET /a."
OBJECT = "An object in a path, a header or a cookie, or in one text, is sent as JSON: p of GET"
INSIDE = "What is inside a list or an object of a query is sent as JSON: p of GET /a."
MAP = "schema: {type: object}"
NESTED = "schema: {properties: {a: {type: object}}}"
DEEP = f"{NESTED}, style: deepObject"
SILENT = "A parameter or a field that is deprecated gives no warning"
CHOICE = "{oneOf: [{type: object}], discriminator: {propertyName: a}}"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (parameter(f"{LIST}, style: tabDelimited"), STYLE),
        (parameter("schema: {type: string}, style: matrix", "path"), STYLE),
        (parameter(MAP, "path"), OBJECT),
        (parameter(MAP, "header"), OBJECT),
        (parameter(f"{MAP}, explode: false"), OBJECT),
        (parameter("schema: {type: array, items: {type: object}}"), INSIDE),
        (parameter(NESTED), INSIDE),
        (
            parameter("content: {application/json: {}}"),
            "A parameter that is JSON takes its text: p",
        ),
        (parameter("schema: {}, deprecated: true"), f"{SILENT}: p of GET /a."),
        (body("{properties: {a: {deprecated: true}}}"), f"{SILENT}: a of POST /a."),
        (
            parameter("schema: {type: string}, allowReserved: true"),
            "Reserved characters in a query",
        ),
        (parameter(f"schema: {TIME}"), "A time without a zone is sent without one: GET /a."),
        (body(f"{{properties: {{a: {TIME}}}}}"), "A time without a zone is sent without one: POST"),
        (
            body(CHOICE),
            "A discriminator is not used; the first variant that fits is taken: POST /a.",
        ),
        (answer(f"content: {{application/json: {{schema: {CHOICE}}}}}"), "A discriminator"),
        (answer("content: {text/event-stream: {}}"), "A stream of events is read to its end"),
        (answer("headers: {X-A: {}}"), "The headers of an answer have no types"),
        (answer("links: {task: {}, a: {}}"), "Callbacks and links are not generated: GET /a."),
        (f"paths: {{/a: {{get: {{callbacks: {{a: {{}}}}, {OK}}}}}}}", "Callbacks and links"),
        ("webhooks: {done: {}}\npaths: {}", "Webhooks are not generated: done."),
        ("servers: [{url: /v1}]\npaths: {}", "The host is not known; a client must be given its"),
        (
            "servers: [{url: 'https://{a}.example', variables: {a: {default: b}}}]\npaths: {}",
            "The variables of a server have their defaults: https://{a}.example.",
        ),
        (
            "paths: {/a: {get: {parameters: [{$ref: '#/components/parameters/P'}]}}}\n"
            f"components: {{parameters: {{P: {{name: p, in: header, {MAP}}}}}}}",
            OBJECT,
        ),
        (
            body("{$ref: '#/components/schemas/A'}")
            + f"\ncomponents: {{schemas: {{A: {{properties: {{t: {TIME}, a: {{$ref: "
            "'#/components/schemas/A'}}}}}",
            "A time without a zone",
        ),
    ],
)
def test_each_kind_is_one_line(text: str, sentence: str) -> None:
    """With the place."""
    (line,) = told(text)
    assert line.startswith(sentence)


@pytest.mark.parametrize(
    "text",
    [
        parameter(LIST),
        parameter(f"{LIST}, style: form, explode: true"),
        parameter(f"{LIST}, explode: false"),
        parameter(f"{LIST}, style: pipeDelimited"),
        parameter(LIST, "path"),
        parameter(LIST, "header"),
        parameter(DEEP),
        parameter("schema: {type: string}, explode: false"),
        body("{properties: {a: {readOnly: true}}}"),
        answer(f"content: {{application/json: {{schema: {TIME}}}}}"),
        answer("links: {task: {}, task_2: {}}"),
        "paths: {}",
    ],
)
def test_what_is_carried_over_is_not_told(text: str) -> None:
    """Nor what callers can leave out."""
    assert told(text) == []


def test_many_places_are_counted() -> None:
    """The first three are named."""
    items = ", ".join(f"/{name}: {{get: {{callbacks: {{a: {{}}}}, {OK}}}}}" for name in "abcde")
    assert told(f"paths: {{{items}}}") == [
        "Callbacks and links are not generated: GET /a, GET /b, GET /c and 2 more."
    ]


def test_losses_are_told_on_the_terminal_and_in_the_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As are operations that get another name than their own."""
    contract = tmp_path / "contract.yaml"
    contract.write_text(
        f"{HEAD}{answer('content: {text/event-stream: {}}')[:-1]}, /a/: {{get: {{}}}}}}"
    )
    assert main(["generate", "--contract", str(contract), "--into", str(tmp_path / "out")]) == 0
    stream = "A stream of events is read to its end, and then returned as a whole: GET /a."
    name = "GET /a/ is called a.get_a: a.list_all is GET /a."
    assert capsys.readouterr().err.splitlines() == [stream, name]
    text = (tmp_path / "out" / "REPAIRS.md").read_text()
    assert f"## Not carried over\n\n- {stream}\n\n## Named otherwise\n\n- {name}\n" in text


def test_a_reference_into_a_list_leads_to_optional_fields_too() -> None:
    """They may be null in an answer, wherever the schema stands."""
    text = answer("content: {application/json: {schema: {$ref: '#/components/schemas/A/allOf/0'}}}")
    shared = (
        "components: {schemas: {A: {allOf: [{type: object, properties: {a: {type: string}}}]}}}"
    )
    document = documents.parse(f"{HEAD}{text}\n{shared}", "contract")
    repaired = commands.repaired_document(document, "contract").document
    schemas = mapping(at(repaired, ("components", "schemas")))
    assert {"type": "string", "nullable": True} in [
        at(schema, ("properties", "a")) for schema in schemas.values()
    ]
