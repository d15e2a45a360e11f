"""Whether a document is what the contract declares, before generated code parses it.

Generated parsing checks little: it takes a number where the contract says string, makes an object
of a list of pairs, and its exceptions name no field. `TypeValidator.validate` walks the decoded
document beside the annotations of the models, once, and refuses what does not fit with a
`Mismatch`, which names the place and what the contract asks for there. The checks of a type are
compiled once; a field of a plain type then costs one lookup of its value's type.

Exact types count: true is no integer. An integer is a number. Fields that are not declared are not
changed.
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
_Check = Callable[[_Any, bool], object]

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
_PARSING_ERRORS = (AttributeError, KeyError, TypeError, ValueError)


def resolve(annotation: object, module: types.ModuleType) -> object:
    """Return the type that an annotation, or its text, stands for in a generated module.

    Annotations are strings whose names are imported for type checkers only, so neither `attrs` nor
    `typing` can resolve them.
    """
    # The text is code of the generated package, which has been imported already.
    return eval(annotation, {}, _Names(vars(module))) if isinstance(annotation, str) else annotation


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
    """Return the fields of the contract by JSON name: attribute, type, whether it is optional."""
    module = sys.modules[model.__module__]
    # The generator notes names that it has had to change.
    names: dict[str, str] = getattr(module, "_JSON_NAMES", {})
    kinds = [(field, resolve(field.type, module)) for field in attrs.fields(model) if field.init]
    return {
        names.get(field.name, field.name): (field, kind, any(map(is_unset, members(kind))))
        for field, kind in kinds
    }


@functools.cache
def additional_type_of(model: _Any) -> object:
    """Return the type of the fields that the contract does not name, `object` without one."""
    field = attrs.fields_dict(model).get("additional_properties")
    if field is None or field.init:
        return object
    return typing.get_args(resolve(field.type, sys.modules[model.__module__]))[-1]


class TypeValidator:
    """Compares values with a declared type.

    Attributes:
        plain_types: The exact types of the values that need no further check.
    """

    __slots__ = ("_checks", "_kind", "plain_types")

    def __init__(self, kind: object) -> None:
        plain_types: set[type] = set()
        checks: dict[type, list[_Check | _ModelCheck]] = {}
        for member in members(kind):
            for value_type, check in _checks(member, kind):
                if check is None:
                    plain_types.add(value_type)
                else:
                    checks.setdefault(value_type, []).append(check)
        self._kind = kind
        self.plain_types = _ANYTHING if object in plain_types else frozenset(plain_types)
        self._checks = {
            value_type: group[0] if len(group) == 1 else functools.partial(_check_union, group)
            for value_type, group in checks.items()
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
        if kind in self.plain_types:
            return value
        if kind in self._checks:
            return self._checks[kind](value, lenient)
        if lenient and kind in _CONVERSIONS:
            target, convert = _CONVERSIONS[kind]
            result = convert(value) if target in self.plain_types else None
            if result is not None:
                return result
        raise Mismatch(self._kind, value)

    def validate_at(self, place: str | int, value: object, lenient: bool) -> object:
        """Return the value to keep, as `validate` does; a `Mismatch` gets its place in the path."""
        try:
            return self.validate(value, lenient)
        except Mismatch as mismatch:
            mismatch.path.append(place)
            raise


def _checks(
    member: object, declared_type: object
) -> Iterable[tuple[type, _Check | _ModelCheck | None]]:
    """Return the types of the values that a member of a union takes, each with its check."""
    origin, arguments = typing.get_origin(member) or member, typing.get_args(member)
    if origin is None:
        return [(type(None), None)]
    values = _enum_values(member)
    if values is not None:
        check = functools.partial(_check_by, values.index, declared_type)
        return [(kind, check) for kind in {type(value) for value in values}]
    if origin is typing.Any or not isinstance(origin, type):
        return [(object, None)]
    if hasattr(origin, "from_dict"):
        return [(dict, _MODEL_CHECKS.setdefault(origin, _ModelCheck(origin)))]
    parse = getattr(origin, "fromisoformat", origin if origin.__name__ == "UUID" else None)
    if parse is not None:
        return [(str, functools.partial(_check_by, parse, declared_type))]
    if origin in (list, dict) and arguments:
        inner = TypeValidator(arguments[-1])
        accepts_all = inner.plain_types is _ANYTHING
        return [(origin, None if accepts_all else functools.partial(_check_items, inner))]
    return [(int, None), (float, None)] if origin is float else [(origin, None)]


def _enum_values(member: object) -> tuple[object, ...] | None:
    """Return the values of an enumeration, None if it is no enumeration."""
    if typing.get_origin(member) is typing.Literal:
        return typing.get_args(member)
    if isinstance(member, type) and issubclass(member, enum.Enum):
        return tuple(item.value for item in member)
    return None


class _ModelCheck:
    """Checks the fields of a model; their types are resolved for the first object."""

    def __init__(self, model: _Any) -> None:
        self.model = model

    def __call__(self, document: _Any, lenient: bool) -> object:
        for name, inner, required_type in self._fields:
            if lenient and required_type is int and document.get(name) is None:
                document[name] = 0  # such as the time of a task, which no video may be lost for
            elif name in document:
                value = document[name]
                if type(value) not in inner.plain_types:
                    document[name] = inner.validate_at(name, value, lenient)
            elif required_type is not None:
                raise Mismatch(required_type, None, name, missing=True)
        if self._additional_properties is not None:
            inner, names = self._additional_properties
            _check_items(inner, document, lenient, names)
        return document

    @functools.cached_property
    def _fields(self) -> list[tuple[str, TypeValidator, object]]:
        """Each name in the document, its validator, and its type if it must not be left out."""
        return [
            (name, TypeValidator(kind), None if optional or field.default is None else kind)
            for name, (field, kind, optional) in fields_of(self.model).items()
        ]

    @functools.cached_property
    def _additional_properties(self) -> tuple[TypeValidator, frozenset[str]] | None:
        """The validator of further fields if the contract has one, and the names of its fields."""
        inner = TypeValidator(additional_type_of(self.model))
        return None if inner.plain_types is _ANYTHING else (inner, frozenset(fields_of(self.model)))


# Only classes can be kept: two unions are equal in any order of their members, which counts here.
_MODEL_CHECKS: dict[type, _ModelCheck] = {}


def _check_items(
    inner: TypeValidator, values: _Any, lenient: bool, skip_names: Container[object] = ()
) -> object:
    """Check the items of a list, or the fields of an object except those of some names."""
    for place, value in enumerate(values) if type(values) is list else values.items():
        if type(value) not in inner.plain_types and place not in skip_names:
            values[place] = inner.validate_at(place, value, lenient)
    return values


def _check_by(
    accept: Callable[[_Any], object], declared_type: object, value: object, _: bool
) -> object:
    """Check a value with a function that accepts it: `index` of a list, or a parser of dates."""
    try:
        accept(value)
    except ValueError:
        raise Mismatch(declared_type, value) from None
    return value


def _check_union(checks: list[_Check | _ModelCheck], value: object, lenient: bool) -> object:
    """Use the first check whose type generated parsing takes: the caller gets its result."""
    for check in checks[:-1]:
        try:
            check.model.from_dict(value) if isinstance(check, _ModelCheck) else check(value, False)
        except (Mismatch, *_PARSING_ERRORS):
            continue
        return check(value, lenient)
    return checks[-1](value, lenient)


_CONVERSIONS: dict[type, tuple[type, Callable[[_Any], object]]] = {
    str: (int, lambda text: int(text) if re.fullmatch(_NUMBER, text) else None),
    # Beyond 2**53 a float no longer names one integer.
    float: (int, lambda real: int(real) if abs(real) <= 2**53 and real.is_integer() else None),
    int: (str, str),
}


class Mismatch(Exception):
    """A value that is not of its declared type; the path grows on the way out."""

    def __init__(
        self, declared_type: object, value: object, *path: str | int, missing: bool = False
    ) -> None:
        super().__init__()
        self.path = [*path]
        self.declared_type = declared_type
        self.value = value
        self._missing = missing

    def field(self, secrets: Iterable[str] = ()) -> str | None:
        """Return the path as text, such as `detail.items[3].status`, or None for the whole."""
        steps = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in self.path[::-1])
        return redact_text("".join(steps).removeprefix("."), secrets, _LONGEST_PATH) or None

    def sentence(self, secrets: Iterable[str] = ()) -> str:
        """Return what is wrong, the value masked and cut."""
        field = self.field(secrets)
        place = f"the field {field}" if field else "the answer"
        words = _describe(self.declared_type)
        if self._missing:
            return f"{place} is missing; it should be {words}"
        return f"{place} should be {words} but is {_describe_value(self.value, secrets)}"


def members(kind: object) -> tuple[object, ...]:
    """Return the members of a union, or the type alone."""
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        return typing.get_args(kind)
    return (kind,)


def is_unset(kind: object) -> bool:
    """Tell whether this is the generator's class for a field that was left out."""
    return isinstance(kind, type) and kind.__name__ == "Unset"


def _describe(kind: object) -> str:
    """Return what a declared type asks for, in the words of JSON."""
    words = [_describe_member(member) for member in members(kind) if not is_unset(member)]
    return " or ".join(dict.fromkeys(words)) or "anything"


def _describe_member(kind: object) -> str:
    values = _enum_values(kind)
    if values is not None:
        examples = ", ".join(map(_describe_value, values[:_MOST_WORDS]))
        return f"one of {examples}" + (", …" if len(values) > _MOST_WORDS else "")
    origin = typing.get_origin(kind) or kind
    if hasattr(origin, "from_dict"):
        return "an object"
    return _WORDS.get(getattr(origin, "__name__", "NoneType"), "something else")


def _describe_value(value: object, secrets: Iterable[str] = ()) -> str:
    if value is None or isinstance(value, bool):
        return "null" if value is None else str(value).lower()
    if isinstance(value, float) or (isinstance(value, int) and abs(value) < _LARGEST_SHOWN):
        return repr(value)
    if isinstance(value, int):
        return f"an integer of {value.bit_length()} bits"
    if isinstance(value, str):
        return f'"{redact_text(value, secrets, _LONGEST_TEXT)}"'
    return "a list" if isinstance(value, list) else "an object"
