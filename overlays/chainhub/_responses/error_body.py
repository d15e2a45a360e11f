"""The error inside an answer: the shapes gateways wrap it in, and what they say.

Gateways put the message, the code and sometimes a whole other answer (as a string of JSON)
into each other. `parse_error_body` looks for the innermost words, a bounded number of levels deep
and in a bounded number of places, so that no body costs more than reading it. `read_page` reads
an HTML page.
"""

from __future__ import annotations

import html
import itertools
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from chainhub._redaction import MASK, mask_secrets
from chainhub._responses.response import NotJSON, charset_of, parse_text, strict_text

if TYPE_CHECKING:
    from chainhub._transport import Response

MESSAGES = (
    "message",
    "msg",
    "error_message",
    "error_msg",
    "errorMessage",
    "errmsg",
    "error_description",
    "fail_reason",
    "description",
)
CODES = ("code", "error_code", "errorCode", "errcode")
# Each answer wrapped into another as a string takes three.
_DEEPEST = 12
_WIDEST = 10
_MOST_PLACES = 1000
_LONGEST_INNER = 65_536
_LONGEST_MASKED = 1_048_576
# How deep the id of a task is looked for in a response that does not fit.
_DEEPEST_ID = 4
_ID = r"[A-Za-z0-9_.:\-]{1,200}"
# Compiled for the first error: a good response needs neither.
_WORD = r"[A-Za-z0-9_.\-]{1,100}"
_REQUEST_ID = r"(?i)\s?[(\[]request[ _-]?id:? ?([\w.:\-]{1,100})[)\]]"
# Compiled for the first page: a good response needs none of them.
_TITLE = r"(?is)<title[^>]{0,200}>([^<]{0,500})"
_HEADING = r"(?is)<h1[^>]{0,200}>([^<]{0,500})"
_MARKUP = r"(?i)\s*<(?:!--|(?:!doctype html|html|head|body|title|h1|center|div|p|script)\b)"
_NUMBER = (
    r"(?i)\berror(?: {0,3}code)? {0,3}:? {0,3}(?:<[^<>]{0,200}>\s{0,20}){0,4}"
    r"(1[0-9]{3}|52[0-7]|530)\b"
)
_RAY = r"(?i)\bray id: {0,3}(?:<[^<>]{0,200}>\s{0,20}){0,3}([0-9a-f]{16})\b"
_TERSE = r"(?i)\s*error code: [0-9]{3,4}\s*\Z"
# The script that hides e-mail addresses is put into the pages of others too.
_BY_CLOUDFLARE = r"(?i)cloudflare(?!-static)"
_CLOUDFLARE_CODES = {
    1000: "the host name resolves to a forbidden address",
    1003: "the host was requested by its IP address",
    **dict.fromkeys((1006, 1007, 1008), "this address is banned"),
    1009: "this country is blocked",
    1010: "this client is blocked because of its User-Agent",
    1012: "this client is blocked",
    1015: "too many requests from this address",
    1016: "the service's origin server cannot be resolved",
    1020: "a firewall rule refused the request",
    1033: "the tunnel to the service's origin server is down",
}


class ErrorBody(NamedTuple):
    """What an error body says, in the service's own words."""

    message: str | None = None
    code: str | None = None
    kind: str | None = None  # such as `new_api_error`
    request_id: str | None = None
    status: int | None = None  # of an error in a response with a good status


def parse_error_body(document: object) -> ErrorBody:
    """Return what a decoded error body says, the innermost words first."""
    body = _unwrap(document, _DEEPEST, itertools.count())
    match = re.search(_REQUEST_ID, body.message or "")
    if match is None:
        return body
    message = re.sub(_REQUEST_ID, "", body.message or "", count=1).strip()
    return body._replace(message=message or None, request_id=body.request_id or match[1])


def _unwrap(document: object, levels: int, places: Iterator[int]) -> ErrorBody:
    if not isinstance(document, str | list | dict) or levels == 0 or next(places) >= _MOST_PLACES:
        return ErrorBody()
    if isinstance(document, str):
        inner = ErrorBody()
        if document.lstrip()[:1] in ("{", "[") and len(document) <= _LONGEST_INNER:
            with suppress(NotJSON):
                inner = _unwrap(parse_text(document), levels - 1, places)
        words = inner.message or inner.code
        return inner if words else ErrorBody(message=document.strip() or None)
    if isinstance(document, list):
        return _first_error(_unwrap(item, levels - 1, places) for item in document[:_WIDEST])
    inner = _first_error(_unwrap(part, levels - 1, places) for part in _parts(document))
    # The title and the detail of an RFC 9457 problem.
    problem = [document.get("title"), document.get("detail")]
    texts = [text.strip() for text in problem if isinstance(text, str) and text.strip()]
    return ErrorBody(
        message=inner.message or ": ".join(texts) or None,
        code=inner.code or _code(document),
        kind=inner.kind or _word(document.get("type")),
        request_id=inner.request_id
        or code_of(document.get("request_id"))
        or code_of(document.get("requestId")),
    )


def _parts(document: dict[str, object]) -> Iterator[object]:
    """Yield the parts that may contain the message, the best first.

    Where `error` is one word beside a message, as in OAuth, the message says more.
    """
    error = document.get("error")
    is_word = isinstance(error, str)
    if not is_word:
        yield error
    yield document.get("errors")
    location, message = document.get("loc"), document.get("msg")  # of a failed validation
    if isinstance(location, list) and isinstance(message, str):
        yield f"{'.'.join(map(str, location[:_WIDEST]))}: {message}"
    yield from map(document.get, MESSAGES)
    if is_word:
        yield error
    if not isinstance(document.get("detail"), str):
        yield document.get("detail")


def _first_error(parts: Iterator[ErrorBody]) -> ErrorBody:
    """Return the first part with a message, else the first with a code."""
    best = ErrorBody()
    for part in parts:
        if part.message:
            return part
        best = best if best.code else part
    return best


def _code(document: dict[str, object]) -> str | None:
    """Return the most telling code: a reason, a word, a status in capitals, then a number."""
    codes = [code for code in map(code_of, map(document.get, CODES)) if code]
    words = [code for code in codes if not code.isdecimal()]
    details = document.get("details")
    entries = details[:_WIDEST] if isinstance(details, list) else ()
    reasons = [_word(detail.get("reason")) for detail in entries if isinstance(detail, dict)]
    status, error = _word(document.get("status")), _word(document.get("error"))
    states = [status if status and status.isupper() else None, error]
    return next(filter(None, [*reasons, *words, *states, *codes]), None)


def _word(value: object) -> str | None:
    return value if isinstance(value, str) and re.fullmatch(_WORD, value) else None


def code_of(value: object) -> str | None:
    """Return a code as text, or None if it is empty or neither text nor a number."""
    if isinstance(value, str):
        return value.strip() or None
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**18:
        return str(value)
    return None


def body_and_task_id(response: Response, secrets: Iterable[str]) -> tuple[object, str | None]:
    """Return the body, and the id of a task in it or None.

    They are for a caller whose request may have cost money and whose response did not fit: the
    parsed JSON, else text, else bytes. Secrets are masked, nothing else is.
    """
    text = strict_text(response.body, charset_of(response))
    if text is None:
        raw = response.body
        for secret in secrets:
            raw = raw.replace(secret.encode(), MASK.encode())
        return raw, None
    if len(text) <= _LONGEST_MASKED:
        text = mask_secrets(text, secrets)
    else:  # every spelling of a key would take seconds
        for secret in secrets:
            text = text.replace(secret, MASK)
    try:
        document = parse_text(text)
    except NotJSON:
        return text or None, None
    return document, task_id_in(document)


def task_id_in(document: object) -> str | None:
    """Return the id of a task in a document: the outermost one, under its usual names."""
    level = [document]
    for _ in range(_DEEPEST_ID):
        objects = [item for item in level if isinstance(item, dict)]
        for name in ("task_id", "taskId", "id"):
            task_id = next(filter(None, (code_of(item.get(name)) for item in objects)), None)
            if task_id is not None:
                return task_id
        lists = [item[:_WIDEST] for item in level if isinstance(item, list)]
        inner = itertools.chain(*lists, *(item.values() for item in objects))
        level = list(itertools.islice(inner, _MOST_PLACES))
    # Some gateways put only the id there.
    texts = [document.get("data"), document.get("result")] if isinstance(document, dict) else []
    return next((text for text in texts if isinstance(text, str) and re.fullmatch(_ID, text)), None)


class HTMLErrorPage(NamedTuple):
    """The facts on an HTML page, and whether it is Cloudflare's."""

    title: str | None
    cloudflare: bool
    number: int | None  # Cloudflare's of the error, such as 1010
    ray: str | None  # Cloudflare's id of the request

    def sentence(self) -> str:
        """Return a sentence: what responded, and with which error or title."""
        text, reason = "the response is an HTML page", self.title
        if self.cloudflare:
            text = "Cloudflare responded instead of the API"
            if self.number is not None:
                meaning = _CLOUDFLARE_CODES.get(self.number)
                reason = f"error {self.number}" + (f", {meaning}" if meaning else "")
        return f"{text}: {reason}" if reason else text


def read_page(text: str, server: str | None = None) -> HTMLErrorPage | None:
    """Return the facts of an HTML page, or None if the body does not begin as one."""
    number = re.search(_NUMBER, text)
    if re.match(_MARKUP, text):
        by_cloudflare = re.search(_BY_CLOUDFLARE, text) is not None
    elif number and "cloudflare" in (server or "").lower() and re.match(_TERSE, text):
        by_cloudflare = True
    else:
        return None
    title = _first_group(_TITLE, text) or _first_group(_HEADING, text)
    return HTMLErrorPage(
        title=None if title is None else html.unescape(title),
        cloudflare=by_cloudflare,
        number=int(number[1]) if number and by_cloudflare else None,
        ray=_first_group(_RAY, text),
    )


def _first_group(pattern: str, text: str) -> str | None:
    match = re.search(pattern, text)
    return match[1].strip() or None if match else None
