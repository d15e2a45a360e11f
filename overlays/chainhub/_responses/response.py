"""The text of a response's body, and strict, bounded JSON.

JSON is UTF-8 by its standard, and most pages are; so a declared charset counts only where the
bytes are not UTF-8. A wrong declaration then does no harm, a right one is honoured.

The JSON is stricter than the standard library's: no NaN and no infinity (nor a number too large to
be finite), no key twice with different values, nothing behind the document. Bounded: nesting is
measured before parsing, so that no input can exhaust the stack. A lone surrogate passes, as it does
in the standard library: a prompt cut in the middle of an emoji must not make a finished video
unreachable.
"""

from __future__ import annotations

import codecs
import json
import re
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from chainhub._transport import Response

# Python calls them text encodings, but no body is encoded so.
_NOT_CHARSETS = frozenset(
    {"idna", "mbcs", "oem", "punycode", "raw-unicode-escape", "undefined", "unicode-escape"}
)

MOST_BYTES = 16 * 1024 * 1024
DEEPEST = 100
_LONGEST_NUMBER = 4300
_BEGINNING = 16_384
_LONGEST_KEY_SHOWN = 60

# Compiled for the first suspicious document.
_STRINGS = rb'(?s)"(?:[^"\\]++|\\.)*+"?'
_NO_BRACKETS = bytes(byte for byte in range(256) if byte not in b"[]{}")
_NUMBER = f"[0-9]{{{_LONGEST_NUMBER + 1}}}"


def charset_of(response: Response) -> str | None:
    """Return the charset a response declares, or None."""
    _, separator, rest = (response.header(b"content-type") or "").lower().partition("charset=")
    return rest.split(";")[0].strip("\"' \t") or None if separator else None


def strict_text(body: bytes, charset: str | None = None) -> str | None:
    """Return the text without a byte order mark, or None if the bytes are not text."""
    try:
        return body.decode(json.detect_encoding(body))
    except UnicodeDecodeError:
        return _decoded(body, charset, "strict")


def lenient_text(body: bytes, charset: str | None = None) -> str:
    """Return the text, with replacement characters for invalid bytes."""
    text = body.decode(json.detect_encoding(body), "replace")
    if "\ufffd" not in text[:-1]:
        return text
    return _decoded(body, charset, "replace") or text


def _decoded(body: bytes, charset: str | None, errors: str) -> str | None:
    try:
        name = codecs.lookup(charset or "").name
        return None if name in _NOT_CHARSETS else body.decode(name, errors)
    except (LookupError, ValueError):
        return None


class NotJSON(ValueError):
    """The bytes are no acceptable document; the message says why in one sentence."""


def parse(response: Response) -> object:
    """Return the JSON document in a body.

    Raises:
        NotJSON: If it is no acceptable document.
    """
    body = response.body
    if len(body) > MOST_BYTES:
        raise NotJSON(f"the body is larger than {MOST_BYTES // 1024 // 1024} MiB")
    text = strict_text(body)
    if text is None:
        text = strict_text(body, charset_of(response))
    if text is None:
        raise NotJSON("its bytes are neither UTF-8 nor the declared charset")
    return parse_text(text)


def parse_text(text: str) -> object:
    """Return the JSON document in a text, as `parse` does."""
    if _has_many_brackets(text) and _too_deep(text):
        raise NotJSON(f"it is nested deeper than {DEEPEST} levels")
    # The interpreter refuses such numbers itself, unless a program has raised its limit.
    if not 0 < sys.get_int_max_str_digits() <= _LONGEST_NUMBER and re.search(_NUMBER, text):
        raise NotJSON(_TOO_LONG)
    try:
        document: object = _DECODER.decode(text)
    except NotJSON as error:
        problem = str(error)
    except json.JSONDecodeError as error:
        problem = f"{error.msg.removesuffix(' at')} at character {error.pos}"
        if error.msg == "Extra data":
            problem = (
                f"there is extra data after the end of the document (at character {error.pos})"
            )
    except ValueError:
        problem = _TOO_LONG
    except RecursionError:
        problem = "it is nested too deeply for the remaining stack"
    else:
        return document
    raise NotJSON(problem)


def _has_many_brackets(text: str) -> bool:
    """Tell whether there are more brackets than the depth that is allowed, those in strings too."""
    count = 0
    for bracket in "{[":
        position = text.find(bracket)
        # To count those of a long text takes as long as to decode it.
        while position >= 0 and count <= DEEPEST:
            count += 1
            position = text.find(bracket, position + 1)
    return count > DEEPEST


def _too_deep(text: str) -> bool:
    """Tell whether brackets outside of strings are nested deeper than allowed."""
    # The beginning first, which is enough to recognise a bomb.
    if len(text) > _BEGINNING and _too_deep(text[:_BEGINNING]):
        return True
    remainder = re.sub(_STRINGS, b"", text.encode("utf-8", "surrogatepass"))
    depth = 0
    for bracket in remainder.translate(None, _NO_BRACKETS):
        depth += 1 if bracket in b"[{" else -1
        if depth > DEEPEST:
            return True
    return False


def _constant(name: str) -> object:
    raise NotJSON(f"it contains {name}, which is not JSON")


def _real(digits: str) -> float:
    number = float(digits)
    if number in (float("inf"), float("-inf")):
        raise NotJSON("it contains a number that is too large")
    return number


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    document = dict(pairs)
    if len(document) == len(pairs):
        return document
    texts: dict[str, str] = {}
    for name, value in pairs:
        # As text, because True equals 1.
        if texts.setdefault(name, repr(value)) != repr(value):
            # A long one is not cut but left out: half a secret could not be recognised and masked.
            key = f"the key {name!r}" if len(name) <= _LONGEST_KEY_SHOWN else "a key"
            raise NotJSON(f"it contains {key} twice, with different values")
    return document


_TOO_LONG = "it contains a number with too many digits"
_DECODER = json.JSONDecoder(parse_constant=_constant, parse_float=_real, object_pairs_hook=_object)
