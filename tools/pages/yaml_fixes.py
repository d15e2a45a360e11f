"""Fix the YAML of a published page where the fix is certain, and say what was fixed.

Certain is what cannot mean anything else: running text that was left unquoted though it contains a
colon, a block scalar announced twice, and a slash missing in `https:/`. Anything else is refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from tools.documents import Broken, Json, parse

_MAX: Final = 200
_TEXT_KEYS: Final = "description|summary|title|example|x-apifox-name|x-apifox-folder"
_FIELD: Final = re.compile(
    rf"(?P<head>(?P<indent> *)(?:- )?(?:{_TEXT_KEYS}): +)(?P<text>[^\s\"'|>\[{{&*!%@`#].*)"
)
_ENTRY: Final = re.compile(r" *(?:- +)*[\w$.-]+:(?:\s|$)")
_TWO_MARKS: Final = re.compile(r"^(?P<head> *description: [|>])[|>](?P<tail>[+-]?\s*)$")
_SCHEME: Final = re.compile(r"^(?P<head> *- url: https?:/)(?P<tail>[^/\s])")


def fixed(text: str, place: str, line: int) -> tuple[str, dict[str, Json], list[str]]:
    """Read a YAML text that begins at `line` of `place`, fixing it where that is certain.

    Returns:
        The text as fixed, what it says, and a sentence for each line that was fixed.

    Raises:
        PipelineError: it cannot be read, and no certain fix is known.
    """
    lines = re.findall(r"[^\n]*\n|[^\n]+", text)
    fixes = [
        fix for number in range(len(lines)) for fix in _replace(lines, number, _scheme, place, line)
    ]
    while True:
        try:
            return "".join(lines), parse("".join(lines), place, line), fixes
        except Broken as error:
            new_fixes = _fix(lines, error, place, line)
            if not new_fixes or len(fixes) >= _MAX:
                raise
            fixes += new_fixes


def _fix(lines: list[str], error: Broken, place: str, line: int) -> list[str]:
    if error.fault.startswith("did not find expected comment or line break"):
        return _replace(lines, error.line, _without_second_mark, place, line)
    if not error.fault.startswith("mapping values are not allowed"):
        return []
    first = error.line
    while first and not _FIELD.fullmatch(lines[first].rstrip()) and _indent(lines[first]):
        first -= 1
    last = _last_of(lines, first)
    certain = _FIELD.fullmatch(lines[first].rstrip()) and error.line <= last
    # What looks like a field of its own may be one that was indented too far.
    if not certain or any(_ENTRY.match(text) for text in lines[first + 1 : last + 1]):
        return []
    return _quote(lines, first, last, place, line)


def _last_of(lines: list[str], first: int) -> int:
    """Find the last line of the plain text that begins at a line: what is indented more."""
    last = first
    for number in range(first + 1, len(lines)):
        if lines[number].strip():
            if _indent(lines[number]) <= _indent(lines[first].replace("- ", "  ", 1)):
                break
            last = number
    return last


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def _quote(lines: list[str], first: int, last: int, place: str, line: int) -> list[str]:
    before = lines[first : last + 1]
    text = "".join(before)
    start = text.index(": ") + 2
    start += len(text[start:]) - len(text[start:].lstrip(" "))
    end = len(text.rstrip())
    quoted = text[start:end].replace("'", "''")
    after = re.findall(r"[^\n]*\n|[^\n]+", f"{text[:start]}'{quoted}'{text[end:]}")
    lines[first : last + 1] = after
    return [
        _sentence(place, line + first + number, old, new)
        for number, (old, new) in enumerate(zip(before, after, strict=True))
        if old != new
    ]


def _sentence(place: str, line: int, before: str, after: str) -> str:
    return f"{place}:{line} is fixed: {before.strip()} → {after.strip()}"


def _replace(
    lines: list[str], number: int, change: Callable[[str], str], place: str, line: int
) -> list[str]:
    before, after = lines[number], change(lines[number])
    lines[number] = after
    return [_sentence(place, line + number, before, after)] if after != before else []


def _without_second_mark(line: str) -> str:
    return _TWO_MARKS.sub(r"\g<head>\g<tail>", line)


def _scheme(line: str) -> str:
    return _SCHEME.sub(r"\g<head>/\g<tail>", line)
