"""Whether a document is what the contract declares, before generated code parses it.

Generated parsing checks little: it takes a number where the contract says string, makes an object
of a list of pairs, and its exceptions name no field. `Declared.validate` walks the decoded document
beside the annotations of the models, once, and refuses what does not fit with a `Mismatch`, which
names the place and what the contract asks for there. The look at a type is
compiled once; a field of a plain type then costs one lookup of its value's type.

Exact types count: true is no integer. An integer is a number. Fields that are not declared stay as
they came.
"""

from __future__ import annotations

import enum
import functools
import re
import sys
import types
import typing
from collections.abc import Callable, Container, Iterable

import attrs

from chainhub._redaction import redact_text

_Any = typing.Any  # a class of generated code, or a value in a document
_Look = Callable[[_Any, bool], object]

_NUMBER = r"-?[0-9]{1,18}"  # whatever the digits, it fits into 64 bits
_LONGEST_TEXT = 60
_LONGEST_PATH = 120
_LARGEST_SHOWN = 10**30  # Python refuses to write integers of some thousand digits
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
# All that a decoded document can hold, and the bytes of a body that is none.
_ANYTHING = frozenset({bool, bytes, dict, float, int, list, str, types.NoneType})
# What generated parsing raises where it tries one member of a union after the other.
_PARSING = (AttributeError, KeyError, TypeError, ValueError)


def resolve(declared: object, module: types.ModuleType) -> object:
    """Return the type that an annotation, or its text, stands for in a generated module.

    Annotations are strings whose names are imported for type checkers only, so neither `attrs` nor
    `typing` can resolve them.
    """
    # The text is code of the generated package, which has been imported already.
    return eval(declared, {}, _Names(vars(module))) if isinstance(declared, str) else declared


class _Names(dict[str, object]):
    """The names of a generated module, and those of the models beside it."""

    def __missing__(self, name: str) -> object:
        module = str(self["__name__"])
        models = sys.modules[module.rpartition(".")[0] or module]
        if hasattr(models, name):
            return getattr(models, name)
        raise KeyError(name)


@functools.cache
def fields_of(model: _Any) -> dict[str, tuple[_Any, object, bool]]:
    """Return the fields that the contract names, as in JSON: each, its type, if it is optional."""
    module = sys.modules[model.__module__]
    # The generator notes names that it has had to change.
    names: dict[str, str] = getattr(module, "_JSON_NAMES", {})
    kinds = [(one, resolve(one.type, module)) for one in attrs.fields(model) if one.init]
    return {
        names.get(one.name, one.name): (one, kind, any(map(is_unset, members(kind))))
        for one, kind in kinds
    }


@functools.cache
def others_of(model: _Any) -> object:
    """Return the type of the fields that the contract does not name, `object` if it says none."""
    field = attrs.fields_dict(model).get("additional_properties")
    if field is None or field.init:
        return object
    return typing.get_args(resolve(field.type, sys.modules[model.__module__]))[-1]


class Declared:
    """A declared type, which tells what values fit it.

    Attributes:
        plain: The exact types of the values that fit as they are.
    """

    __slots__ = ("_deep", "_kind", "plain")

    def __init__(self, kind: object) -> None:
        plain: set[type] = set()
        looks: dict[type, list[_Look | _Model]] = {}
        for member in members(kind):
            for accepted, look in _looks(member, kind):
                if look is None:
                    plain.add(accepted)
                else:
                    looks.setdefault(accepted, []).append(look)
        self._kind = kind
        self.plain = _ANYTHING if object in plain else frozenset(plain)
        self._deep = {
            accepted: found[0] if len(found) == 1 else functools.partial(_either, found)
            for accepted, found in looks.items()
        }

    def validate(self, value: object, lenient: bool = False) -> object:
        """Return the value to keep, ready to be parsed.

        Args:
            value: A decoded document, or a value inside one.
            lenient: Whether numbers in strings, and strings in numbers, are converted if nothing
                is lost, and an integer that is missing or null is 0. A wait does so: a video must
                not be lost for the spelling of its id.

        Raises:
            Mismatch: It is not of the declared type.
        """
        kind = type(value)
        if kind in self.plain:
            return value
        if kind in self._deep:
            return self._deep[kind](value, lenient)
        if lenient and kind in _CONVERSIONS:
            target, convert = _CONVERSIONS[kind]
            converted = convert(value) if target in self.plain else None
            if converted is not None:
                return converted
        raise Mismatch(self._kind, value)

    def within(self, place: str | int, value: object, lenient: bool) -> object:
        """Return the value to keep at a place in a larger one."""
        try:
            return self.validate(value, lenient)
        except Mismatch as mismatch:
            mismatch.path.append(place)
            raise


def _looks(member: object, declared: object) -> Iterable[tuple[type, _Look | _Model | None]]:
    """Return the types of the values a member of a union takes, with how to look at each."""
    origin, arguments = typing.get_origin(member) or member, typing.get_args(member)
    if origin is None:
        return [(type(None), None)]
    listed = _listed(member)
    if listed is not None:
        look = functools.partial(_taken, listed.index, declared)
        return [(kind, look) for kind in {type(value) for value in listed}]
    if origin is typing.Any or not isinstance(origin, type):
        return [(object, None)]
    if hasattr(origin, "from_dict"):
        return [(dict, _MODELS.setdefault(origin, _Model(origin)))]
    make = getattr(origin, "fromisoformat", origin if origin.__name__ == "UUID" else None)
    if make is not None:
        return [(str, functools.partial(_taken, make, declared))]
    if origin in (list, dict) and arguments:
        inner = Declared(arguments[-1])
        free = inner.plain is _ANYTHING
        return [(origin, None if free else functools.partial(_inside, inner))]
    return [(int, None), (float, None)] if origin is float else [(origin, None)]


def _listed(member: object) -> tuple[object, ...] | None:
    """Return the values of an enumeration, None if it is no enumeration."""
    if typing.get_origin(member) is typing.Literal:
        return typing.get_args(member)
    if isinstance(member, type) and issubclass(member, enum.Enum):
        return tuple(one.value for one in member)
    return None


class _Model:
    """Look at the fields of a model; their types are resolved when the first object comes."""

    def __init__(self, model: _Any) -> None:
        self.model = model

    def __call__(self, document: _Any, lenient: bool) -> object:
        for name, inner, needed in self._fields:
            if lenient and needed is int and document.get(name) is None:
                document[name] = 0  # such as the time of a task, which no video may be lost for
            elif name in document:
                value = document[name]
                if type(value) not in inner.plain:
                    document[name] = inner.within(name, value, lenient)
            elif needed is not None:
                raise Mismatch(needed, None, name, missing=True)
        if self._others is not None:
            inner, named = self._others
            _inside(inner, document, lenient, named)
        return document

    @functools.cached_property
    def _fields(self) -> list[tuple[str, Declared, object]]:
        """The names in the document, and the type of a field that must not be left out."""
        return [
            (name, Declared(kind), None if optional or field.default is None else kind)
            for name, (field, kind, optional) in fields_of(self.model).items()
        ]

    @functools.cached_property
    def _others(self) -> tuple[Declared, frozenset[str]] | None:
        """What other fields have to be, if the contract says so, and which are not others."""
        inner = Declared(others_of(self.model))
        return None if inner.plain is _ANYTHING else (inner, frozenset(fields_of(self.model)))


# Only classes can be kept: two unions are equal in any order of their members, which counts here.
_MODELS: dict[type, _Model] = {}


def _inside(inner: Declared, values: _Any, lenient: bool, but: Container[object] = ()) -> object:
    """Look at what a list or an object holds, but for the fields of these names."""
    for place, value in enumerate(values) if type(values) is list else values.items():
        if type(value) not in inner.plain and place not in but:
            values[place] = inner.within(place, value, lenient)
    return values


def _taken(take: Callable[[_Any], object], declared: object, value: object, _: bool) -> object:
    """Look at a value with what takes it: a list of values, or what makes a date or a UUID."""
    try:
        take(value)
    except ValueError:
        raise Mismatch(declared, value) from None
    return value


def _either(looks: list[_Look | _Model], value: object, lenient: bool) -> object:
    """Look as the first does that generated parsing takes: its result is what the caller gets."""
    for look in looks[:-1]:
        try:
            look.model.from_dict(value) if isinstance(look, _Model) else look(value, False)
        except (Mismatch, *_PARSING):
            continue
        return look(value, lenient)
    return looks[-1](value, lenient)


_CONVERSIONS: dict[type, tuple[type, Callable[[_Any], object]]] = {
    str: (int, lambda text: int(text) if re.fullmatch(_NUMBER, text) else None),
    # Beyond 2**53 a float no longer names one integer.
    float: (int, lambda real: int(real) if abs(real) <= 2**53 and real.is_integer() else None),
    int: (str, str),
}


class Mismatch(Exception):
    """A value that is not of its declared type; the path grows on the way out."""

    def __init__(
        self, declared: object, found: object, *path: str | int, missing: bool = False
    ) -> None:
        super().__init__()
        self.path = [*path]
        self.declared = declared
        self.found = found
        self._missing = missing

    def field(self, secrets: Iterable[str] = ()) -> str | None:
        """Return the path as text, such as `detail.items[3].status`, or None for the whole."""
        steps = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in self.path[::-1])
        return redact_text("".join(steps).removeprefix("."), secrets, _LONGEST_PATH) or None

    def sentence(self, secrets: Iterable[str] = ()) -> str:
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
    values = _listed(kind)
    if values is not None:
        some = ", ".join(map(_shown, values[:_MOST_WORDS]))
        return f"one of {some}" + (", …" if len(values) > _MOST_WORDS else "")
    origin = typing.get_origin(kind) or kind
    if hasattr(origin, "from_dict"):
        return "an object"
    return _WORDS.get(getattr(origin, "__name__", "NoneType"), "something else")


def _shown(value: object, secrets: Iterable[str] = ()) -> str:
    if value is None or isinstance(value, bool):
        return "null" if value is None else str(value).lower()
    if isinstance(value, float) or (isinstance(value, int) and abs(value) < _LARGEST_SHOWN):
        return repr(value)
    if isinstance(value, int):
        return f"an integer of {value.bit_length()} bits"
    if isinstance(value, str):
        return f'"{redact_text(value, secrets, _LONGEST_TEXT)}"'
    return "a list" if isinstance(value, list) else "an object"
