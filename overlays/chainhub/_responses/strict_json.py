"""Strict and bounded JSON: bytes in, a document or one sentence out.

Stricter than the standard library: no NaN and no infinity (nor a number too large to be
finite), no key twice with different values, nothing behind the document. Bounded: nesting is
measured before parsing, so that no input can exhaust the stack.

A lone surrogate passes, as it does in the standard library: a prompt cut in the middle of an
emoji must not make a finished video unreachable.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator

from chainhub._responses.response import strict_text

MOST_BYTES = 16 * 1024 * 1024
DEEPEST = 100
_LONGEST_NUMBER = 4300
_BEGINNING = 16_384
_LONGEST_KEY_SHOWN = 60

# Compiled when the first suspicious document comes.
_STRINGS = rb'(?s)"(?:[^"\\]++|\\.)*+"?'
_NO_BRACKETS = bytes(byte for byte in range(256) if byte not in b"[]{}")
_NUMBER = f"[0-9]{{{_LONGEST_NUMBER + 1}}}"


class NotJSON(Exception):
    """Tell in one sentence why the bytes are no acceptable document."""


def parse(body: bytes, charset: Callable[[], str | None]) -> object:
    """Return the document.

    Args:
        body: The bytes, decompressed.
        charset: Returns the declared one; asked only where the bytes are not UTF-8.

    Raises:
        NotJSON: If they are no acceptable document.
    """
    if len(body) > MOST_BYTES:
        raise NotJSON(f"the body is larger than {MOST_BYTES // 1024 // 1024} MiB")
    text = strict_text(body)
    if text is None:
        text = strict_text(body, charset())
    if text is None:
        raise NotJSON("its bytes are neither UTF-8 nor the declared charset")
    return parse_text(text)


def parse_text(text: str) -> object:
    """Return the document.

    Raises:
        NotJSON: If the text is no acceptable document.
    """
    if text.count("{") + text.count("[") > DEEPEST and any(map(_too_deep, _prefixes(text))):
        raise NotJSON(f"it is nested deeper than {DEEPEST} levels")
    # The interpreter refuses such numbers itself, unless somebody has told it not to.
    if not 0 < sys.get_int_max_str_digits() <= _LONGEST_NUMBER and re.search(_NUMBER, text):
        raise NotJSON(_TOO_LONG)
    try:
        document: object = _DECODER.decode(text)
    except ValueError as error:
        problem = _why(error)
    except RecursionError:
        problem = "it is nested too deeply for the remaining stack"
    else:
        return document
    raise NotJSON(problem)


def _prefixes(text: str) -> Iterator[str]:
    """Yield the beginning, where a bomb shows itself at once, then the whole."""
    yield text[:_BEGINNING]
    yield text


def _too_deep(text: str) -> bool:
    """Tell whether brackets outside of strings stand deeper than allowed."""
    bare = re.sub(_STRINGS, b"", text.encode("utf-8", "surrogatepass"))
    depth = 0
    for bracket in bare.translate(None, _NO_BRACKETS):
        if bracket in b"[{":
            depth += 1
            if depth > DEEPEST:
                return True
        else:
            depth -= 1
    return False


class _Refused(ValueError):
    """Carry a sentence through the decoder."""


def _constant(name: str) -> object:
    raise _Refused(f"it contains {name}, which is not JSON")


def _real(digits: str) -> float:
    number = float(digits)
    if number in (float("inf"), float("-inf")):
        raise _Refused("it contains a number that is too large")
    return number


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    document = dict(pairs)
    if len(document) != len(pairs):
        _agree(pairs)
    return document


def _agree(pairs: list[tuple[str, object]]) -> None:
    seen: dict[str, str] = {}
    for name, value in pairs:
        # As text, because True equals 1.
        if seen.setdefault(name, repr(value)) != repr(value):
            raise _Refused(f"it contains {_key(name)} twice, with different values")


def _key(name: str) -> str:
    # A long one is not cut but left out: half a secret could not be recognised and masked.
    return f"the key {name!r}" if len(name) <= _LONGEST_KEY_SHOWN else "a key"


def _why(error: ValueError) -> str:
    if isinstance(error, _Refused):
        return str(error)
    if not isinstance(error, json.JSONDecodeError):
        return _TOO_LONG
    if error.msg == "Extra data":
        return f"there is extra data after the end of the document (at character {error.pos})"
    return f"{error.msg.removesuffix(' at')} at character {error.pos}"


_TOO_LONG = "it contains a number with too many digits"
_DECODER = json.JSONDecoder(parse_constant=_constant, parse_float=_real, object_pairs_hook=_object)
