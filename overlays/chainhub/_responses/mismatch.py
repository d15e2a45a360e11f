"""One place in a response that is not as declared: its path, and what the contract asks for."""

from __future__ import annotations

import enum
import types
import typing

from chainhub._redaction import redact_text

_LONGEST_TEXT = 60
_LONGEST_PATH = 120
_LARGEST_SHOWN = 10**30
_MOST_WORDS = 5
# By name, so that dates and UUIDs need not be imported to be spoken of.
_WORDS = {
    "NoneType": "null",
    "UUID": "a UUID",
    "bool": "true or false",
    "bytes": "bytes",
    "date": "a date",
    "datetime": "a date with time",
    "dict": "an object",
    "float": "a number",
    "int": "an integer",
    "list": "a list",
    "str": "a string",
}


class Mismatch(Exception):
    """A value that is not of its declared type; the path grows on the way out.

    Attributes:
        path: Names and positions, the innermost first.
        declared: The declared type.
        found: The value in the response.
    """

    def __init__(self, declared: object, found: object, *, missing: bool = False) -> None:
        """Store the declared type and the value in the response."""
        super().__init__()
        self.path: list[str | int] = []
        self.declared = declared
        self.found = found
        self._missing = missing

    def field(self, secrets: tuple[str, ...] = ()) -> str | None:
        """Return the path as text, such as `detail.items[3].status`, or None for the whole."""
        steps = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in self.path[::-1])
        return redact_text("".join(steps).removeprefix("."), secrets, _LONGEST_PATH) or None

    def sentence(self, secrets: tuple[str, ...] = ()) -> str:
        """Return what is wrong, the value masked and cut."""
        field = self.field(secrets)
        place = f"the field {field}" if field else "the answer"
        if self._missing:
            return f"{place} is missing; it should be {_wanted(self.declared)}"
        return f"{place} should be {_wanted(self.declared)} but is {_shown(self.found, secrets)}"


def members(kind: object) -> tuple[object, ...]:
    """Return the members of a union, or the type alone."""
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        return typing.get_args(kind)
    return (kind,)


def is_unset(kind: object) -> bool:
    """Tell whether this is the generator's class for a field that was left out."""
    return isinstance(kind, type) and kind.__name__ == "Unset"


def _wanted(kind: object) -> str:
    """Return what a declared type asks for, in the words of JSON."""
    words = [_words(member) for member in members(kind) if not is_unset(member)]
    return " or ".join(dict.fromkeys(words)) or "anything"


def _words(kind: object) -> str:
    origin = typing.get_origin(kind) or kind
    if origin is typing.Literal:
        return _one_of(typing.get_args(kind))
    if isinstance(origin, type) and issubclass(origin, enum.Enum):
        return _one_of(tuple(member.value for member in origin))
    if hasattr(origin, "from_dict"):
        return "an object"
    return _WORDS.get(getattr(origin, "__name__", "NoneType"), "something else")


def _one_of(values: tuple[object, ...]) -> str:
    some = ", ".join(_shown(value) for value in values[:_MOST_WORDS])
    return f"one of {some}" + (", …" if len(values) > _MOST_WORDS else "")


def _shown(value: object, secrets: tuple[str, ...] = ()) -> str:
    """Return a value of a document in words: strings masked and cut, the large only described."""
    if value is None or isinstance(value, bool):
        return "null" if value is None else str(value).lower()
    if isinstance(value, float) or (isinstance(value, int) and abs(value) < _LARGEST_SHOWN):
        return repr(value)
    if isinstance(value, int):
        return f"an integer of {value.bit_length()} bits"
    if isinstance(value, str):
        return f'"{redact_text(value, secrets, _LONGEST_TEXT)}"'
    return "a list" if isinstance(value, list) else "an object"
