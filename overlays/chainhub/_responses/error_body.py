"""The error inside an answer: the shapes gateways wrap it in, and what they say.

Gateways put the message, the code and sometimes a whole other answer (as a string of JSON)
into each other. `parse_error_body` looks for the innermost words, a bounded number of levels deep
and in a bounded number of places, so that no body costs more than reading it.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from typing import NamedTuple

from chainhub._responses.hidden_error import CODES, MESSAGES, code_of
from chainhub._responses.strict_json import NotJSON, parse_text

# Each answer wrapped into another as a string takes three.
_DEEPEST = 12
_WIDEST = 10
_MOST_PLACES = 1000
_LONGEST_INNER = 65_536
# Compiled when the first error comes: a good answer needs neither.
_WORD = r"[A-Za-z0-9_.\-]{1,100}"
_REQUEST_ID = r"(?i)\s?[(\[]request[ _-]?id:? ?([\w.:\-]{1,100})[)\]]"


class ErrorBody(NamedTuple):
    """Hold the words of an error.

    Attributes:
        message: What the service says, or None.
        code: Its code, or None.
        kind: The type of the error, such as `new_api_error`, or None.
        request_id: The id it names in the body, or None.
    """

    message: str | None = None
    code: str | None = None
    kind: str | None = None
    request_id: str | None = None


def parse_error_body(document: object) -> ErrorBody:
    """Return what a decoded error body says, the innermost words first."""
    said = _unwrap(document, _DEEPEST, itertools.count())
    found = re.search(_REQUEST_ID, said.message or "")
    if found is None:
        return said
    message = re.sub(_REQUEST_ID, "", said.message or "", count=1).strip()
    return said._replace(message=message or None, request_id=said.request_id or found[1])


def _unwrap(document: object, levels: int, places: Iterator[int]) -> ErrorBody:
    if not isinstance(document, str | list | dict) or levels == 0 or next(places) >= _MOST_PLACES:
        return ErrorBody()
    if isinstance(document, str):
        return _unwrap_text(document, levels, places)
    if isinstance(document, list):
        return _first_said(_unwrap(item, levels - 1, places) for item in document[:_WIDEST])
    return _unwrap_object(document, levels, places)


def _unwrap_text(text: str, levels: int, places: Iterator[int]) -> ErrorBody:
    if text.lstrip()[:1] in ("{", "[") and len(text) <= _LONGEST_INNER:
        try:
            inner = _unwrap(parse_text(text), levels - 1, places)
        except NotJSON:
            inner = ErrorBody()
        if inner.message or inner.code:
            return inner
    return ErrorBody(message=text.strip() or None)


def _unwrap_object(document: dict[str, object], levels: int, places: Iterator[int]) -> ErrorBody:
    inner = _first_said(_unwrap(part, levels - 1, places) for part in _parts(document))
    return ErrorBody(
        message=inner.message or _problem(document),
        code=inner.code or _code(document),
        kind=inner.kind or _word(document.get("type")),
        request_id=inner.request_id
        or code_of(document.get("request_id"))
        or code_of(document.get("requestId")),
    )


def _parts(document: dict[str, object]) -> Iterator[object]:
    """Yield what may carry the message, the best first.

    Where `error` is one word beside a message, as in OAuth, the message says more.
    """
    error = document.get("error")
    word = isinstance(error, str)
    if not word:
        yield error
    yield document.get("errors")
    yield _located(document)
    yield from map(document.get, MESSAGES)
    if word:
        yield error
    if not isinstance(document.get("detail"), str):
        yield document.get("detail")


def _first_said(parts: Iterator[ErrorBody]) -> ErrorBody:
    """Return the first with a message, else the first with a code."""
    best = ErrorBody()
    for said in parts:
        if said.message:
            return said
        best = best if best.code else said
    return best


def _problem(document: dict[str, object]) -> str | None:
    """Return the title and the detail of an RFC 9457 problem."""
    texts = [document.get("title"), document.get("detail")]
    return (
        ": ".join(text.strip() for text in texts if isinstance(text, str) and text.strip()) or None
    )


def _located(document: dict[str, object]) -> str | None:
    """Return the message of a failed validation together with the place it names."""
    place, message = document.get("loc"), document.get("msg")
    if isinstance(place, list) and isinstance(message, str):
        return f"{'.'.join(map(str, place[:_WIDEST]))}: {message}"
    return None


def _code(document: dict[str, object]) -> str | None:
    """Return the most telling code: a reason, a word, then a number."""
    codes = [code for code in map(code_of, map(document.get, CODES)) if code]
    words = [code for code in codes if not code.isdecimal()]
    return next(filter(None, [*_reasons(document), *words, _state(document), *codes]), None)


def _reasons(document: dict[str, object]) -> Iterator[str | None]:
    details = document.get("details")
    for detail in details[:_WIDEST] if isinstance(details, list) else ():
        if isinstance(detail, dict):
            yield _word(detail.get("reason"))


def _state(document: dict[str, object]) -> str | None:
    """Return a status that is a code, such as `INVALID_ARGUMENT`, or an error in one word."""
    for value in (_word(document.get("status")), _word(document.get("error"))):
        if value and (value.isupper() or value is document.get("error")):
            return value
    return None


def _word(value: object) -> str | None:
    return value if isinstance(value, str) and re.fullmatch(_WORD, value) else None
