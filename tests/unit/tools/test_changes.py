# ruff: noqa: E501  # a line is a kind of change, however long
"""A table of kinds of change: what each means for callers, and the words that tell it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache

import pytest

from tools import commands, documents, layout
from tools.changes import entries, promises
from tools.changes.diff import Change, Difference, difference
from tools.contract import operations, sequence

HEAD = """
openapi: 3.0.3
info: {{title: films, version: "1"}}
servers: [{{url: "https://films.example"}}]
security: [{{bearer: []}}]
components:
  securitySchemes:
    bearer: {{type: http, scheme: bearer}}
    header: {{type: apiKey, in: header, name: X-Api-Key}}
    query: {{type: apiKey, in: query, name: key}}
    basic: {{type: http, scheme: basic}}
    oauth: {{type: oauth2, flows: {{clientCredentials: {{tokenUrl: "/t", scopes: {{a: "", b: ""}}}}}}}}
"""
FIELD = (
    HEAD
    + """\
  schemas:
    Cat: {{type: object, properties: {{kind: {{type: string}}, purr: {{type: string}}}}}}
    Dog: {{type: object, properties: {{kind: {{type: string}}, bark: {{type: string}}}}}}
    Id: {{type: string, maxLength: 4}}
    Word: {{type: string, enum: [a, b]}}
  responses:
    Refused: {{description: no, content: {{application/json: {{schema: {{type: string}}}}}}}}
paths:
  /v1/film/create:
    post:
      tags: [film]
      requestBody: {{required: true, content: {{application/json: {{schema: {sent}}}}}}}
      responses: {{"200": {{description: ok, content: {{application/json: {{schema: {received}}}}}}}, "400": {{$ref: "#/components/responses/Refused"}}}}
"""
)
OPERATION = (
    HEAD
    + """\
paths:
  /v1/film/list:
    get: {{tags: [film], responses: {{"200": {{description: ok}}}}}}
  {}
"""
)
OK = 'responses: {"200": {description: ok, content: {application/json: {schema: {type: string}}}}}'
PLAIN = "{type: object, title: Plain, properties: {id: {type: string}}}"


def sent(schema: str) -> str:
    """A field of a request."""
    model = f"{{type: object, title: Film, required: [f], properties: {{f: {{{schema}}}}}}}"
    return FIELD.format(sent=model, received=PLAIN)


def received(schema: str) -> str:
    """A field of an answer."""
    model = f"{{type: object, title: Made, required: [f], properties: {{f: {{{schema}}}}}}}"
    return FIELD.format(sent=PLAIN, received=model)


def both(schema: str) -> str:
    """A field of a model that is sent and comes back."""
    model = f"{{type: object, title: Film, required: [f], properties: {{f: {{{schema}}}}}}}"
    return FIELD.format(sent=model, received=model)


def request(schema: str) -> str:
    """A whole request."""
    return FIELD.format(sent=f"{{{schema}}}", received=PLAIN)


def answer(schema: str) -> str:
    """A whole answer."""
    return FIELD.format(sent=PLAIN, received=f"{{{schema}}}")


def parameter(words: str) -> str:
    """A query's parameter; in three words, a bare schema."""
    parameters = f"[{{name: p, in: query, {words}}}]"
    return path(f"/v1/film/find: {{get: {{tags: [film], parameters: {parameters}, {OK}}}}}")


def operation(words: str) -> str:
    """An operation."""
    responses = "" if "responses:" in words else f", {OK}"
    return path(
        f"/v1/film/find: {{get: {{tags: [film], {words}{responses}}}}}".replace(
            "[film], ,", "[film],"
        )
    )


def post(words: str) -> str:
    """An operation with a body."""
    return path(f"/v1/film/make: {{post: {{tags: [film], {words}, {OK}}}}}")


def path(item: str) -> str:
    """A path beside another one."""
    return OPERATION.format(item)


def contract(words: str) -> str:
    """Words of the whole contract, in place of what stands there."""
    text = path(f"/v1/film/find: {{get: {{tags: [film], {OK}}}}}")
    for line in filter(None, words.split("\n")):
        key = line.partition(":")[0]
        kept = [one for one in text.split("\n") if one.partition(":")[0] != key]
        text = "\n".join([*kept, line])
    return text


B, A, D = "breaking", "added", "documentation"
TEXT = "type: string"
INT = "type: integer"
LIST = "type: array, items: {type: string}"
FLOAT = "type: number"
FILM = "type: object, title: Film, properties: {f: {type: string}"
MADE = "type: object, title: Made, properties: {f: {type: string}"
GIVEN = "schema: {type: string"
FORM = (
    "content: {multipart/form-data: {schema: {type: object, title: Form, properties: {f: {%s}}}}}"
)
JSON = "content: {application/json: {schema: {type: string}}}"

# Before, after, what it means, words of the sentence. Then the same backwards: what that means.
CHANGES: list[tuple[Callable[[str], str], str, str, str, str, str, str]] = [
    # Limits of what is sent: stricter breaks, looser is added.
    (sent, TEXT, f"{TEXT}, maxLength: 5", B, "at most `5` characters, which is new", A, "no longer at most `5`"),
    (sent, f"{TEXT}, maxLength: 9", f"{TEXT}, maxLength: 5", B, "at most `5` characters, no longer `9`", A, "`9`"),
    (sent, TEXT, f"{TEXT}, minLength: 5", B, "at least `5` characters", A, "no longer at least `5` characters"),
    (sent, f"{TEXT}, minLength: 2", f"{TEXT}, minLength: 5", B, "`5` characters, no longer `2`", A, "`2`"),
    (sent, TEXT, f'{TEXT}, pattern: "^a"', B, "the pattern `^a`, which is new", A, "no longer the pattern `^a`"),
    (sent, f'{TEXT}, pattern: "^a"', f'{TEXT}, pattern: "^b"', B, "pattern `^b`, no longer `^a`", B, "`^a`"),
    (sent, TEXT, f"{TEXT}, format: email", B, "the format `email`", A, "no longer the format `email`"),
    (sent, f"{TEXT}, format: email", f"{TEXT}, format: uri", B, "the format `uri`, no longer", B, "`email`"),
    (sent, f"{INT}, format: int64", f"{INT}, format: int32", B, "the format `int32`", A, "`int64`"),
    (sent, f"{FLOAT}, format: double", f"{FLOAT}, format: float", B, "the format `float`", A, "`double`"),
    (sent, INT, f"{INT}, maximum: 5", B, "at most `5`", A, "no longer at most `5`"),
    (sent, f"{INT}, maximum: 9", f"{INT}, maximum: 5", B, "at most `5`, no longer `9`", A, "at most `9`"),
    (sent, f"{INT}, maximum: 9", f"{INT}, maximum: 0", B, "at most `0`, no longer `9`", A, "at most `9`"),
    (sent, INT, f"{INT}, minimum: 5", B, "at least `5`", A, "no longer at least `5`"),
    (sent, INT, f"{INT}, minimum: 0", B, "at least `0`", A, "no longer at least `0`"),
    (sent, f"{INT}, minimum: 2", f"{INT}, minimum: 5", B, "at least `5`, no longer `2`", A, "at least `2`"),
    (sent, f"{INT}, minimum: -2", f"{INT}, minimum: 0", B, "at least `0`, no longer `-2`", A, "`-2`"),
    (sent, f"{FLOAT}, maximum: 1.5", f"{FLOAT}, maximum: 1.0", B, "at most `1.0`", A, "`1.5`"),
    (sent, f"{INT}, maximum: 5", f"{INT}, maximum: 5, exclusiveMaximum: true", B, "less than its", A, "too"),
    (sent, f"{INT}, minimum: 5", f"{INT}, minimum: 5, exclusiveMinimum: true", B, "more than its", A, "too"),
    (sent, INT, f"{INT}, multipleOf: 5", B, "a multiple of `5`", A, "no longer a multiple of `5`"),
    (sent, f"{INT}, multipleOf: 5", f"{INT}, multipleOf: 10", B, "a multiple of `10`", A, "`5`"),
    (sent, f"{INT}, multipleOf: 4", f"{INT}, multipleOf: 6", B, "a multiple of `6`", B, "`4`"),
    (sent, LIST, f"{LIST}, maxItems: 5", B, "at most `5` items", A, "no longer at most `5` items"),
    (sent, f"{LIST}, maxItems: 9", f"{LIST}, maxItems: 5", B, "at most `5` items, no longer", A, "`9`"),
    (sent, LIST, f"{LIST}, minItems: 1", B, "at least `1` items", A, "no longer at least `1` items"),
    (sent, f"{LIST}, minItems: 1", f"{LIST}, minItems: 2", B, "at least `2` items", A, "`1`"),
    (sent, LIST, f"{LIST}, uniqueItems: true", B, "each item once", A, "items may repeat"),
    (sent, LIST, "type: array, items: {type: string, maxLength: 3}", B, "Each of `Film.f`", A, "Each of"),
    (sent, LIST, "type: array, items: {type: integer}", B, "Each of `Film.f`", B, "Each of `Film.f`"),
    (sent, LIST, "type: array, items: {type: string, enum: [a]}", B, "only `a`", A, "only `a`"),
    (sent, LIST, "type: array, items: {type: string, nullable: true}", A, "may be null", B, "never null now"),
    # Types.
    (sent, TEXT, INT, B, "`int`, no longer `str`", B, "`str`, no longer `int`"),
    (sent, TEXT, "type: boolean", B, "`bool`, no longer `str`", B, "`str`"),
    (sent, TEXT, LIST, B, "`list`, no longer `str`", B, "`str`, no longer `list`"),
    (sent, TEXT, "type: object", B, "Film", B, "Film"),
    (sent, FLOAT, INT, B, "`int`, no longer `float`", A, "`float`, no longer `int`"),
    (sent, "", TEXT, B, "`str`, no longer `Any`", A, "`Any`, no longer `str`"),
    (sent, TEXT, f"{TEXT}, format: date-time", B, "datetime", B, "datetime"),
    (sent, TEXT, f"{TEXT}, format: date", B, "date", B, "date"),
    (sent, TEXT, f"{TEXT}, format: uuid", B, "UUID", B, "UUID"),
    (sent, TEXT, "anyOf: [{type: string}, {type: integer}]", A, "`int`, `str`, no longer", B, "`str`"),
    (sent, "anyOf: [{type: string}, {type: boolean}]", "anyOf: [{type: string}, {type: integer}]", B, "`int`, `str`", B, "`bool`"),
    (sent, "anyOf: [{type: string}, {type: integer}]", "anyOf: [{type: string}, {type: integer, maximum: 3}]", B, "as int", A, "as int"),
    (sent, "$ref: '#/components/schemas/Cat'", "$ref: '#/components/schemas/Dog'", B, "`Dog`, no longer `Cat`", B, "`Cat`, no longer `Dog`"),
    (sent, "$ref: '#/components/schemas/Cat'", "oneOf: [{$ref: '#/components/schemas/Cat'}, {$ref: '#/components/schemas/Dog'}]", A, "`Cat`, `Dog`", B, "`Cat`"),
    (sent, TEXT, "$ref: '#/components/schemas/Id'", B, "at most `4` characters", A, "no longer at most"),
    (sent, TEXT, "allOf: [{$ref: '#/components/schemas/Id'}], description: x", B, "at most `4` characters", A, "no longer at most"),
    (sent, TEXT, "$ref: '#/components/schemas/Word'", B, "only `a`, `b`", A, "no longer only"),
    (sent, "allOf: [{$ref: '#/components/schemas/Cat'}]", "allOf: [{$ref: '#/components/schemas/Dog'}]", B, "`Dog`, no longer `Cat`", B, "`Cat`"),
    # Values.
    (sent, TEXT, f"{TEXT}, enum: [a, b]", B, "only `a`, `b`, which is new", A, "no longer only `a`, `b`"),
    (sent, f"{TEXT}, enum: [a, b]", f"{TEXT}, enum: [a]", B, "no longer `b`", A, "now also `b`"),
    (sent, f"{TEXT}, enum: [a, b]", f"{TEXT}, enum: [a, c]", B, "no longer `b`; now also `c`", B, "no longer `c`; now also `b`"),
    (sent, f"{INT}, enum: [1, 2]", f"{INT}, enum: [1]", B, "no longer `2`", A, "now also `2`"),
    (sent, TEXT, f"{TEXT}, nullable: true", A, "may be null", B, "is never null"),
    (sent, TEXT, f"{TEXT}, default: x", B, "`x` where nothing is given, which is new", B, "no longer `x`"),
    (sent, f"{TEXT}, default: x", f"{TEXT}, default: y", B, "`y` where nothing is given, no longer `x`", B, "`x`"),
    (sent, f"{INT}, default: 7", f"{INT}, default: 0", B, "`0` where nothing is given", B, "`7`"),
    (sent, "type: boolean, default: true", "type: boolean, default: false", B, "`false` where", B, "`true` where"),
    (sent, "type: boolean", "type: boolean, default: false", B, "`false` where nothing", B, "no longer `false`"),
    (sent, TEXT, f"{TEXT}, readOnly: true", B, "only in answers", B, "required, no longer optional"),
    (sent, TEXT, f"{TEXT}, writeOnly: true", D, "writeOnly", D, "writeOnly"),
    (sent, TEXT, f"{TEXT}, deprecated: true", A, "is deprecated", D, "deprecated was"),
    (sent, TEXT, f"{TEXT}, description: what", D, "description was", D, "description was"),
    (sent, f"{TEXT}, description: a", f"{TEXT}, description: b", D, "description was `a` and is `b`", D, "`a`"),
    (sent, TEXT, f"{TEXT}, example: x", D, "example was nothing and is `x`", D, "example"),
    (sent, TEXT, f"{TEXT}, externalDocs: {{url: 'http://a'}}", D, "externalDocs", D, "externalDocs"),
    (sent, TEXT, f"{TEXT}, xml: {{name: a}}", D, "xml", D, "xml"),
    (sent, TEXT, f"{TEXT}, not: {{enum: [a]}}", B, "the condition not", A, "no longer the condition not"),
    # Limits of what comes back: looser breaks, stricter is added.
    (received, TEXT, f"{TEXT}, maxLength: 5", A, "at most `5` characters", B, "no longer at most `5`"),
    (received, f"{TEXT}, maxLength: 9", f"{TEXT}, maxLength: 5", A, "at most `5`", B, "at most `9`"),
    (received, TEXT, f"{TEXT}, minLength: 5", A, "at least `5` characters", B, "no longer at least `5`"),
    (received, TEXT, f'{TEXT}, pattern: "^a"', A, "the pattern `^a`", B, "no longer the pattern `^a`"),
    (received, TEXT, f"{TEXT}, format: email", A, "the format `email`", B, "no longer the format"),
    (received, f"{INT}, format: int32", f"{INT}, format: int64", B, "the format `int64`", A, "`int32`"),
    (received, INT, f"{INT}, maximum: 5", A, "at most `5`", B, "no longer at most `5`"),
    (received, INT, f"{INT}, minimum: 0", A, "at least `0`", B, "no longer at least `0`"),
    (received, INT, f"{INT}, multipleOf: 5", A, "a multiple of `5`", B, "no longer a multiple"),
    (received, LIST, f"{LIST}, maxItems: 5", A, "at most `5` items", B, "no longer at most `5` items"),
    (received, LIST, f"{LIST}, minItems: 1", A, "at least `1` items", B, "no longer at least `1`"),
    (received, LIST, f"{LIST}, uniqueItems: true", A, "each item once", B, "items may repeat"),
    (received, LIST, "type: array, items: {type: integer}", B, "Each of `Made.f`", B, "Each of `Made.f`"),
    (received, TEXT, INT, B, "`int`, no longer `str`", B, "`str`, no longer `int`"),
    (received, INT, FLOAT, B, "`float`, no longer `int`", A, "`int`, no longer `float`"),
    (received, TEXT, "", B, "`Any`, no longer `str`", A, "`str`, no longer `Any`"),
    (received, TEXT, "anyOf: [{type: string}, {type: integer}]", B, "`int`, `str`", A, "`str`"),
    (received, "$ref: '#/components/schemas/Cat'", "$ref: '#/components/schemas/Dog'", B, "`Dog`, no longer `Cat`", B, "`Cat`, no longer"),
    (received, TEXT, f"{TEXT}, enum: [a, b]", A, "only `a`, `b`", A, "no longer only `a`, `b`"),
    (received, f"{TEXT}, enum: [a, b]", f"{TEXT}, enum: [a, b, c]", A, "now also `c`", A, "no longer `c`"),
    (both, f"{TEXT}, enum: [a, b]", f"{TEXT}, enum: [a, b, c]", A, "now also `c`", B, "no longer `c`"),
    (received, TEXT, f"{TEXT}, nullable: true", B, "may be null", A, "is never null"),
    (received, TEXT, f"{TEXT}, default: x", D, "default was nothing", D, "default was"),
    (received, TEXT, f"{TEXT}, readOnly: true", D, "readOnly", D, "readOnly"),
    (received, TEXT, f"{TEXT}, writeOnly: true", B, "only in requests", A, "in answers too"),
    (received, TEXT, f"{TEXT}, deprecated: true", A, "is deprecated", D, "deprecated was"),
    (received, f"{TEXT}, description: a", f"{TEXT}, description: b", D, "`Made.f`", D, "`Made.f`"),
    (received, TEXT, f"{TEXT}, example: x", D, "example", D, "example"),
    # A model that goes both ways.
    (both, TEXT, f"{TEXT}, maxLength: 5", B, "what was sent may be refused", B, "answers may be"),
    (both, TEXT, f"{TEXT}, nullable: true", B, "answers may be something", B, "what was sent may"),
    (both, TEXT, f"{TEXT}, default: x", B, "where nothing is given", B, "no longer `x`"),
    (both, TEXT, f"{TEXT}, readOnly: true", B, "only in answers", B, "required, no longer optional"),
    (both, TEXT, f"{TEXT}, writeOnly: true", B, "only in requests", A, "in answers too"),
    # Fields and whole models.
    (request, FILM + "}", FILM + ", g: {type: string}}", A, "`Film.g` of `client.film.create(…)`", B, "`Film.g` of `client.film.create(…)` is gone"),
    (request, FILM + "}", FILM + ", g: {type: string}}, required: [g]", B, "which must be given", B, "is gone"),
    (request, FILM + "}", FILM + "}, required: [f]", B, "required, no longer optional", A, "optional, no longer required"),
    (request, FILM + "}", FILM + "}, additionalProperties: false", B, "no other field", A, "other fields too"),
    (request, FILM + "}, additionalProperties: {type: string}", FILM + "}, additionalProperties: {type: integer}", B, "Any other field of `Film`", B, "Any other"),
    (request, FILM + "}", FILM + "}, maxProperties: 3", B, "at most `3` fields", A, "no longer at most"),
    (request, FILM + "}", FILM + "}, minProperties: 1", B, "at least `1` fields", A, "no longer at least"),
    (request, FILM + "}", FILM + "}, description: a film", D, "`Film`", D, "`Film`"),
    (request, FILM + "}", FILM + "}, deprecated: true", A, "`Film` of `client.film.create(…)` is deprecated", D, "deprecated"),
    (request, FILM + "}", FILM + "}, example: {f: x}", D, "example", D, "example"),
    (request, FILM + "}", "type: object, title: Other, properties: {f: {type: string}}", B, "`Other`, no longer `Film`", B, "`Film`"),
    (request, FILM.replace("Film", "Text2film") + "}", FILM.replace("Film", "Text2film") + "}, maxProperties: 3", B, "`Text2Film` of `client.film.create(…)`: at most `3`", A, "`Text2Film`"),
    (request, FILM + "}", FILM.replace("f:", "g:") + "}", B, "`Film.f` of `client.film.create(…)` is gone", B, "`Film.g`"),
    (request, FILM + "}", FILM.replace("f:", "F:") + "}", B, "called `F` in JSON", B, "called `f`"),
    (request, "oneOf: [{$ref: '#/components/schemas/Cat'}, {$ref: '#/components/schemas/Dog'}]", "oneOf: [{$ref: '#/components/schemas/Cat'}, {$ref: '#/components/schemas/Dog'}], discriminator: {propertyName: kind}", B, "told apart by `kind`", B, "no longer told apart"),
    (request, "oneOf: [{$ref: '#/components/schemas/Cat'}, {$ref: '#/components/schemas/Dog'}], discriminator: {propertyName: kind, mapping: {c: '#/components/schemas/Cat'}}", "oneOf: [{$ref: '#/components/schemas/Cat'}, {$ref: '#/components/schemas/Dog'}], discriminator: {propertyName: kind, mapping: {c: '#/components/schemas/Cat', d: '#/components/schemas/Dog'}}", A, "now also told apart as `d", B, "no longer told apart as `d"),
    (request, "allOf: [{$ref: '#/components/schemas/Cat'}, {type: object, properties: {g: {type: string}}}], title: Both", "allOf: [{$ref: '#/components/schemas/Cat'}, {type: object, properties: {g: {type: integer}}}], title: Both", B, "`Both.g`", B, "`Both.g`"),
    (answer, MADE + "}", MADE + ", g: {type: string}}", A, "`Made.g` of `client.film.create(…)`", B, "is gone"),
    (answer, MADE + "}", MADE + ", g: {type: string}}, required: [g]", A, "`Made.g`", B, "is gone"),
    (answer, MADE + "}, required: [f]", MADE.replace("string}", "string, nullable: true}") + "}", B, "optional, no longer required", A, "required"),
    (answer, MADE + "}", "type: array, items: {type: string}", B, "What `client.film.create(…)` returns: `list`", B, "`Made`"),
    (answer, MADE + "}", MADE.replace("f:", "g:") + "}", B, "`Made.f` of `client.film.create(…)` is gone", B, "`Made.g`"),
    (answer, MADE + "}", MADE + "}, additionalProperties: false", A, "no other field", B, "other fields too"),
    (answer, "type: array, items: {type: string}", "type: array, items: {type: integer}", B, "Each of what", B, "Each of what"),
    # Parameters.
    (operation, "parameters: []", "parameters: [{name: p, in: query, schema: {type: string}}]", A, "The parameter `p` of `client.film.find(…)`", B, "is gone"),
    (operation, "parameters: []", "parameters: [{name: p, in: query, required: true, schema: {type: string}}]", B, "which must be given", B, "is gone"),
    (operation, "parameters: []", "parameters: [{name: p, in: header, schema: {type: string}}]", A, "The parameter `p`", B, "is gone"),
    (operation, "parameters: []", "parameters: [{name: p, in: cookie, schema: {type: string}}]", A, "The parameter `p`", B, "is gone"),
    (operation, "parameters: [{name: p, in: query, schema: {type: string}}]", "parameters: [{name: q, in: query, schema: {type: string}}]", B, "`p` of `client.film.find(…)` is gone", B, "`q`"),
    (operation, "parameters: [{name: page-size, in: query, schema: {type: string}}]", "parameters: [{name: pageSize, in: query, schema: {type: string}}]", B, "called `pageSize`", B, "called `page-size`"),
    (operation, "parameters: [{name: p, in: query, schema: {type: string}}]", "parameters: [{name: p, in: header, schema: {type: string}}]", B, "sent in the `header`", B, "`query`"),
    (operation, "parameters: [{name: p, in: query, schema: {type: string}}]", "parameters: [{name: p, in: query, schema: {type: string}}, {name: p, in: header, schema: {type: string}}]", A, "The parameter `p`", B, "is gone"),
    (parameter, GIVEN + "}", GIVEN + "}, required: true", B, "required, no longer optional", A, "optional, no longer required"),
    (parameter, GIVEN + "}", GIVEN + "}, deprecated: true", A, "is deprecated", D, "deprecated"),
    (parameter, GIVEN + "}", GIVEN + "}, description: which", D, "description", D, "description"),
    (parameter, GIVEN + "}", GIVEN + "}, example: x", D, "example", D, "example"),
    (parameter, GIVEN + "}", GIVEN + "}, allowEmptyValue: true", A, "may be empty", B, "is never empty"),
    (parameter, GIVEN + "}", GIVEN + "}, allowReserved: true", B, "reserved characters as they are", B, "encoded"),
    (parameter, GIVEN + ", enum: [a, b]}", GIVEN + ", enum: [a]}", B, "The parameter `p` of `client.film.find(…)`: no longer `b`", A, "now also `b`"),
    (parameter, GIVEN + "}", GIVEN + ", enum: [a]}", B, "only `a`", A, "no longer only `a`"),
    (parameter, GIVEN + "}", GIVEN + ", maxLength: 4}", B, "at most `4` characters", A, "no longer at most"),
    (parameter, GIVEN + "}", GIVEN + ", minLength: 4}", B, "at least `4` characters", A, "no longer at least"),
    (parameter, GIVEN + "}", GIVEN + ", pattern: '^a'}", B, "the pattern", A, "no longer the pattern"),
    (parameter, GIVEN + "}", GIVEN + ", default: a}", B, "`a` where nothing is given", B, "no longer `a`"),
    (parameter, GIVEN + ", default: a}", GIVEN + ", default: b}", B, "`b` where nothing is given", B, "`a` where"),
    (parameter, GIVEN + "}", GIVEN + ", nullable: true}", A, "may be null", B, "never null now"),
    (parameter, GIVEN + "}", "schema: {type: integer}", B, "`int`, no longer `str`", B, "`str`"),
    (parameter, GIVEN + "}", GIVEN + ", format: date}", B, "date", B, "date"),
    (parameter, "schema: {type: integer}", "schema: {type: integer, maximum: 9}", B, "at most `9`", A, "no longer"),
    (parameter, "schema: {type: integer}", "schema: {type: number}", A, "`float`", B, "`int`"),
    (parameter, f"schema: {{{LIST}}}", f"schema: {{{LIST}}}, explode: false", B, "its items in one", B, "each item by itself"),
    (parameter, f"schema: {{{LIST}}}", f"schema: {{{LIST}}}, style: spaceDelimited, explode: true", B, "in the style `spaceDelimited`", B, "`form`"),
    (parameter, f"schema: {{{LIST}}}, explode: true", f"schema: {{{LIST}, maxItems: 2}}", B, "at most `2` items", A, "no longer"),
    (parameter, GIVEN + "}", JSON, B, "written as `application/json`", B, "no longer written as"),
    # Operations.
    (path, "/v1/film/find: {get: {tags: [film]}}", "/v2/film/find: {get: {tags: [film]}}", B, "`client.film.find(…)` is gone", B, "is gone"),
    (path, "/v1/film/find: {get: {tags: [film], operationId: find}}", "/v1/film/found: {get: {tags: [film], operationId: find}}", B, "`GET /v1/film/found`, no longer `GET /v1/film/find`", B, "`GET /v1/film/find`"),
    (path, "/v1/film/find: {get: {tags: [film], operationId: find}}", "/v1/film/find: {post: {tags: [film], operationId: find}}", B, "`POST /v1/film/find`", B, "`GET /v1/film/find`"),
    (path, "/v1/film/find: {get: {tags: [film], operationId: find}}", "/v1/film/find: {get: {tags: [film], operationId: search}}", B, "`client.film.find(…)` is gone: it is `client.film.search(…)` now", B, "`client.film.find(…)` now"),
    (path, "/v1/film/find: {get: {tags: [film], operationId: find}}", "/v1/film/find: {get: {tags: [movie], operationId: find}}", B, "it is `client.movie.find(…)` now", B, "it is `client.film.find(…)` now"),
    (path, "/v1/film/find: {get: {tags: [film]}}", "/v1/film/find: {get: {tags: [film]}, delete: {tags: [film]}}", A, "`client.film.delete_find(…)`", B, "is gone"),
    (path, "", "/v1/film/find: {get: {tags: [film]}}", A, "`client.film.find(…)`", B, "`client.film.find(…)` is gone"),
    (operation, "deprecated: false", "deprecated: true", A, "`client.film.find(…)` is deprecated", D, "deprecated was"),
    (operation, "summary: a", "summary: b", D, "summary was `a` and is `b`", D, "summary"),
    (operation, "description: a", "description: b", D, "description", D, "description"),
    (operation, "externalDocs: {url: 'http://a'}", "externalDocs: {url: 'http://b'}", D, "externalDocs", D, "externalDocs"),
    (operation, "summary: a", "summary: a, callbacks: {done: {'{$url}': {post: {summary: x}}}}", D, "callbacks", D, "callbacks"),
    # Who is let in, and where.
    (operation, "security: [{bearer: []}]", "security: [{header: []}]", B, "`apiKey header X-Api-Key`", B, "`http bearer`"),
    (operation, "security: [{bearer: []}]", "security: [{query: []}]", B, "`apiKey query key`", B, "`http bearer`"),
    (operation, "security: [{bearer: []}]", "security: [{basic: []}]", B, "`http basic`", B, "`http bearer`"),
    (operation, "security: [{bearer: []}]", "security: [{bearer: []}, {header: []}]", A, "now also let in with", B, "no longer let in with"),
    (operation, "security: [{bearer: []}]", "security: [{bearer: [], header: []}]", B, "and", B, "no longer"),
    (operation, "security: [{bearer: []}]", "security: []", A, "no longer let in with `http bearer`", B, "let in with `http bearer`, which is new"),
    (operation, "security: [{bearer: []}]", "security: [{bearer: []}, {}]", A, "no longer let in with", B, "which is new"),
    (operation, "security: [{oauth: [a]}]", "security: [{oauth: [a, b]}]", B, "`oauth2 a b`", B, "`oauth2 a`"),
    (contract, "security: [{bearer: []}]", "security: [{header: []}]", B, "apiKey header", B, "http bearer"),
    (contract, "servers: [{url: 'https://a.example'}]", "servers: [{url: 'https://b.example'}]", B, "The service: served at `https://b.example`", B, "`https://a.example`"),
    (contract, "servers: [{url: 'https://a.example'}]", "servers: [{url: 'https://a.example/v2'}]", B, "https://a.example/v2", B, "https://a.example"),
    (contract, "servers: [{url: 'https://a.example'}]", "servers: [{url: 'http://a.example'}]", B, "http://a.example", B, "https"),
    (contract, "servers: [{url: 'https://a.example'}]", "servers: [{url: 'https://a.example'}, {url: 'https://b.example'}]", A, "https://b.example", B, "served at"),
    (contract, "servers: [{url: 'https://{r}.example', variables: {r: {default: a}}}]", "servers: [{url: 'https://{r}.example', variables: {r: {default: b}}}]", B, "https://b.example", B, "https://a.example"),
    (contract, "servers: [{url: 'https://{r}.example', variables: {r: {default: a, enum: [a]}}}]", "servers: [{url: 'https://{r}.example', variables: {r: {default: a, enum: [b, a]}}}]", A, "The service: served at `https://a.example`, `https://b.example`", B, "The service: served at `https://a.example`, no longer"),
    (operation, "summary: a", "summary: a, servers: [{url: 'https://b.example'}]", B, "`client.film.find(…)`: served at `https://b.example`", B, "no longer served at"),
    (contract, "info: {title: films, version: '1'}", "info: {title: films, version: '2'}", D, "info.version was `1` and is `2`", D, "info.version"),
    (contract, "info: {title: films, version: '1'}", "info: {title: movies, version: '1'}", D, "info.title", D, "info.title"),
    (contract, "info: {title: films, version: '1'}", "info: {title: films, version: '1', description: about}", D, "info.description", D, "info.description"),
    (contract, "info: {title: films, version: '1'}", "info: {title: films, version: '1', license: {name: MIT}}", D, "info.license", D, "info.license"),
    (contract, "tags: [{name: a}]", "tags: [{name: a, description: b}]", D, "tags", D, "tags"),
    # Bodies.
    (post, "summary: a", "summary: a, requestBody: {content: {application/json: {schema: {type: string}}}}", A, "The body of `client.film.make(…)`", B, "is gone"),
    (post, "summary: a", "summary: a, requestBody: {required: true, content: {application/json: {schema: {type: string}}}}", B, "which must be given", B, "is gone"),
    (post, f"requestBody: {{{FORM % TEXT}}}", f"requestBody: {{{FORM % (TEXT + ', format: binary')}}}", B, "`File`, no longer `str`", B, "`str`, no longer `File`"),
    (post, f"requestBody: {{{JSON}}}", f"requestBody: {{required: true, {JSON}}}", B, "required, no longer optional", A, "optional, no longer"),
    (post, f"requestBody: {{{JSON}}}", f"requestBody: {{description: d, {JSON}}}", D, "description", D, "description"),
    (post, f"requestBody: {{{JSON}}}", "requestBody: {content: {multipart/form-data: {schema: {type: object, properties: {a: {type: string}}}}}}", B, "no longer sent as `application/json`; now also sent as `multipart", B, "no longer sent as `multipart"),
    (post, f"requestBody: {{{JSON}}}", "requestBody: {content: {application/json: {schema: {type: string}}, multipart/form-data: {schema: {type: object, properties: {a: {type: string}}}}}}", A, "now also sent as `multipart", B, "no longer sent as"),
    (post, "requestBody: {content: {multipart/form-data: {schema: {type: object, title: Form, properties: {a: {type: string}}}}}}", "requestBody: {content: {multipart/form-data: {schema: {type: object, title: Form, properties: {a: {type: string}}}, encoding: {a: {contentType: image/png}}}}}", B, "as multipart/form-data: encoded as", B, "no longer encoded"),
    # Answers.
    (operation, "responses: {'200': {description: ok}}", f"responses: {{'200': {{description: ok}}, '404': {{description: no, {JSON}}}}}", A, "The answer 404 of `client.film.find(…)`", D, "no longer described"),
    (operation, f"responses: {{'200': {{description: ok, {JSON}}}}}", f"responses: {{'200': {{description: ok, {JSON}}}, '202': {{description: ok, {JSON}}}}}", A, "The answer 202 of `client.film.find(…)`", B, "is gone"),
    (operation, f"responses: {{'200': {{description: ok, {JSON}}}}}", f"responses: {{'200': {{description: ok, {JSON}}}, '204': {{description: ok}}}}", B, "The answer 204 of `client.film.find(…)`, which returns something else", B, "is gone"),
    (operation, f"responses: {{'200': {{description: ok, {JSON}}}}}", f"responses: {{'201': {{description: ok, {JSON}}}}}", A, "The answer 201 of `client.film.find(…)`: with the status `201`, no longer `200`", A, "with the status `200`"),
    (operation, f"responses: {{'200': {{description: ok, {JSON}}}}}", "responses: {'201': {description: ok, content: {application/json: {schema: {type: integer}}}}}", B, "The answer 201 of `client.film.find(…)`: `int`, no longer `str`", B, "What `client.film.find(…)` returns: `str`"),
    (operation, "responses: {'200': {description: ok}}", "responses: {'204': {description: ok}}", A, "with the status `204`", A, "with the status `200`"),
    (operation, f"responses: {{'200': {{description: ok, {JSON}}}}}", "responses: {'204': {description: ok}}", B, "The answer 200 of `client.film.find(…)` is gone", B, "The answer 200 of `client.film.find(…)`, which returns something else"),
    (operation, f"responses: {{'200': {{description: ok, {JSON}}}}}", f"responses: {{'200': {{description: fine, {JSON}}}}}", D, "description", D, "description"),
    (operation, f"responses: {{'200': {{description: ok, {JSON}}}}}", "responses: {'200': {description: ok, content: {text/plain: {schema: {type: string}}}}}", B, "no longer sent as `application/json`; now also", B, "sent as"),
    (operation, f"responses: {{'200': {{description: ok, {JSON}}}}}", "responses: {'200': {description: ok}}", B, "application/json", A, "application/json"),
    (operation, f"responses: {{'200': {{description: ok, {JSON}}}}}", f"responses: {{'200': {{description: ok, headers: {{X-Left: {{schema: {{type: integer}}}}}}, {JSON}}}}}", A, "The header `X-Left` of the answer 200", B, "is gone"),
    (operation, f"responses: {{'200': {{description: ok, headers: {{X-Left: {{schema: {{type: integer}}}}}}, {JSON}}}}}", f"responses: {{'200': {{description: ok, headers: {{X-Left: {{schema: {{type: string}}}}}}, {JSON}}}}}", B, "The header `X-Left`", B, "The header `X-Left`"),
    (operation, f"responses: {{'200': {{description: ok, {JSON}}}}}", f"responses: {{'200': {{description: ok, links: {{next: {{operationId: find}}}}, {JSON}}}}}", D, "links", D, "links"),
    (operation, f"responses: {{'200': {{description: ok, {JSON}}}}}", "responses: {'200': {description: ok, content: {application/json: {schema: {type: string}, example: x}}}}", D, "example", D, "example"),
]  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def _without_repairs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Leave out the repairs of the vendor's mistakes: to look for them takes two thirds of the time."""
    overlay = tmp_path_factory.mktemp("changes") / "overlay.yaml"
    action = "{target: $.info, update: {x-repaired: true}}"
    overlay.write_text(f"overlay: 1.1.0\ninfo: {{title: t, version: '1'}}\nactions: [{action}]\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(layout, "OVERLAY", overlay)
        yield


@cache
def promised(text: str) -> entries.Entries:
    """List what a contract promises."""
    document = commands.repaired_document(documents.parse(text, "contract"), "contract").document
    found = [one for _, one in operations(document)]
    calls = [f"client.{sequence(one['tags'])[0]}.{one['operationId']}" for one in found]
    return promises.from_contract(document, calls)


def changed(before: str, after: str) -> Difference:
    """Compare two contracts."""
    return difference(promised(before), promised(after))


def told(found: Difference) -> dict[str, list[str]]:
    """Sort sentences by what they mean."""
    return {
        kind: [one.sentence for one in getattr(found, kind)]
        for kind in (B, A, D)
        if getattr(found, kind)
    }


@pytest.mark.parametrize(("made", "old", "new", "kind", "words", "back", "other"), CHANGES)
def test_each_kind_of_change_is_told(
    made: Callable[[str], str], old: str, new: str, kind: str, words: str, back: str, other: str
) -> None:
    """Under the name that callers use, with its reason; and so is its way back."""
    for before, after, meant, said in ((old, new, kind, words), (new, old, back, other)):
        found = told(changed(made(before), made(after)))
        assert list(found)[:1] == [meant], found
        assert any(said in sentence for sentence in found[meant]), found
        assert all(
            "client." in one or "`Film" in one or "The service" in one for one in found[meant]
        )


@pytest.mark.parametrize(
    ("made", "old", "new"),
    [
        (sent, TEXT, f"{TEXT}, minLength: 0"),
        (sent, LIST, f"{LIST}, minItems: 0, uniqueItems: false"),
        (sent, f"{TEXT}, enum: [a, b]", f"{TEXT}, enum: [b, a]"),
        (sent, TEXT, f"{TEXT}, nullable: false, deprecated: false, x-order: 1"),
        (
            sent,
            "anyOf: [{type: string}, {type: integer}]",
            "anyOf: [{type: integer}, {type: string}]",
        ),
        (parameter, GIVEN + "}", GIVEN + "}, required: false, style: form, explode: true"),
        (operation, "summary: a", "summary: a, deprecated: false, x-folder: b"),
        (operation, "security: [{bearer: []}]", "summary: ''"),
        (
            contract,
            "servers: [{url: 'https://a.example'}]",
            "servers: [{url: 'https://a.example/'}]",
        ),
    ],
)
def test_what_says_the_same_is_no_change(made: Callable[[str], str], old: str, new: str) -> None:
    """In either direction."""
    assert changed(made(old), made(new)) == changed(made(new), made(old)) == Difference()


def test_a_shared_model_is_told_once_with_its_calls() -> None:
    """However often it is used; a call that is not generated is not told at all."""
    cat = "$ref: '#/components/schemas/Cat'"
    inner = f"{{type: object, title: Inner, properties: {{a: {{{cat}}}}}}}"
    text = both(f"type: object, title: Outer, properties: {{a: {{{cat}}}, b: {inner}}}")
    found = changed(text, text.replace("purr: {type: string}", "purr: {type: integer}"))
    assert [one.sentence.partition(" (")[0] for one in found.breaking] == [
        "`Cat.purr` of `client.film.create(…)`: `int`, no longer `str`"
    ]
    document = commands.repaired_document(documents.parse(text, "contract"), "contract").document
    assert "client.film.create" not in promises.from_contract(document, ["client.film.other"])


def test_an_operation_called_like_a_word_of_python_is_compared() -> None:
    """Under the name that callers use."""
    text = operation("operationId: all, parameters: [{name: p, in: query, schema: {type: string}}]")
    before, after = (
        promises.from_contract(
            commands.repaired_document(document, "").document, ["client.film.all_"]
        )
        for document in (
            documents.parse(one, "contract") for one in (text, text.replace("string", "integer", 1))
        )
    )
    (found,) = difference(before, after).breaking
    assert found.sentence.startswith("The parameter `p` of `client.film.all_(…)`: `int`, no longer")


def test_an_item_that_was_told_is_not_told_again_with_its_list() -> None:
    """Which the surface shows as a type of its own, so that more values would break."""
    listed = "schema: {{type: array, items: {{type: string, enum: [{}]}}}}"
    found = changed(parameter(listed.format("a")), parameter(listed.format("a, b")))
    whole = Difference(breaking=[Change("client.film.find(p)", "The whole list is another.")])
    found.take(whole, lambda name: name)
    assert list(told(found)) == [A]


def test_the_table_is_long_enough() -> None:
    """Each line is two kinds of change."""
    assert 2 * len(CHANGES) >= 200
