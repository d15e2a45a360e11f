"""Whether a parsed model holds what its annotations say.

Generated parsing checks little: a number where the contract says string is taken as it comes.
`settle` looks at every declared field and refuses what does not fit. The look at a class is
compiled once; a field of a plain type then costs one lookup of its value's type.

Exact types count: true is no integer. An integer is a number. Fields that are not declared
stay as they came.
"""

from __future__ import annotations

import functools
import re
import types
import typing
from collections.abc import Callable, Container

import attrs

from chainhub._responses.annotations import fields_of, members, resolve
from chainhub._responses.fault import Fault
from chainhub.errors import ResponseError

T = typing.TypeVar("T")
Descend = Callable[[typing.Any, bool], object]

# Beyond, a float no longer names one integer.
_EXACT = 2**53
_NUMBER = r"-?[0-9]{1,18}"
# Lists an object can be made of: empty ones, and those that begin with what may be a pair.
_LIST = rb'\[\s*[\]\["{]'


def settle(
    model: T,
    declared: object,
    namespace: types.ModuleType,
    *,
    body: bytes | None = None,
    secrets: tuple[str, ...] = (),
    lenient: bool = False,
) -> T:
    """Return the model if it is what was declared.

    Args:
        model: What generated code has made of an answer: a model, a list, a plain value.
        declared: The type of the answer, or its text.
        namespace: The package of the models.
        body: The answer itself, which tells an object from a list of pairs.
        secrets: Keys that must not be shown.
        lenient: Whether numbers in strings, and strings in numbers, are converted if nothing
            is lost. A wait does so: a video must not be lost for the spelling of its id.

    Raises:
        ResponseError: If a value is not of its declared type; it names the field.
    """
    try:
        if body is not None and attrs.has(type(model)):
            _look_at(body)
        settled = typing.cast("T", _shape(declared, namespace).fit(model, lenient))
        if body is not None and _nests(declared, namespace) and re.search(_LIST, body):
            _look_inside(body, declared, namespace)
        return settled
    except Fault as fault:
        found = _deepest(fault, namespace)
    raise ResponseError(found.sentence(secrets), field=found.field(secrets))


def _deepest(fault: Fault, namespace: types.ModuleType) -> Fault:
    """Return the fault inside an object that generated parsing left as it came."""
    from chainhub._responses.locate import locate  # a good answer needs none of it

    deeper = locate(fault.found, fault.kind, namespace) or fault
    if deeper is not fault:
        deeper.path += fault.path
    return deeper


def _look_at(body: bytes) -> None:
    """Refuse a list or a string: generated parsing makes an object of a list of pairs."""
    first = body.lstrip(b" \t\r\n\xef\xbb\xbf")[:1]
    if first in (b"[", b'"'):
        raise Fault(dict, [] if first == b"[" else "…")


@functools.cache
def _nests(declared: object, namespace: types.ModuleType) -> bool:
    """Tell whether models stand inside the type, where a list could have been taken for one."""
    return any(
        _mentions_model(kind)
        for member in members(resolve(declared, namespace))
        for kind in (
            [kind for _, kind in fields_of(member, namespace)]
            if isinstance(member, type) and attrs.has(member)
            else typing.get_args(member)
        )
    )


def _mentions_model(kind: object) -> bool:
    if isinstance(kind, type) and hasattr(kind, "from_dict"):
        return True
    return any(map(_mentions_model, typing.get_args(kind)))


def _look_inside(body: bytes, declared: object, namespace: types.ModuleType) -> None:
    """Refuse a list deeper inside where an object belongs."""
    from chainhub._responses.locate import locate
    from chainhub._responses.strict_json import NotJSON, parse

    try:
        fault = locate(parse(body, lambda: None), declared, namespace)
    except NotJSON:
        return  # read by another charset; what came of it has been looked at
    if fault is not None and type(fault.found) is list:
        raise fault


class _Shape:
    """Tell which values fit a type.

    Args:
        kind: The type.
        plain: The exact types of the values that fit as they are.
        deep: For the other types, what looks at the value itself.
    """

    __slots__ = ("deep", "kind", "plain")

    def __init__(self, kind: object, plain: Container[type], deep: dict[type, Descend]) -> None:
        self.kind = kind
        self.plain = plain
        self.deep = deep

    def fit(self, value: object, lenient: bool) -> object:
        """Return the value to keep.

        Raises:
            Fault: If it does not fit.
        """
        kind = type(value)
        if kind in self.plain:
            return value
        if kind in self.deep:
            return self.deep[kind](value, lenient)
        if lenient and kind in _CONVERSIONS:
            target, convert = _CONVERSIONS[kind]
            converted = convert(value) if target in self.plain else None
            if converted is not None:
                return converted
        raise Fault(self.kind, value)


class _Everything(Container[type]):
    """Contain every type."""

    def __contains__(self, kind: object) -> bool:
        return True


@functools.cache
def _shape(declared: object, namespace: types.ModuleType) -> _Shape:
    kind = resolve(declared, namespace)
    plain: set[type] = set()
    deep: dict[type, Descend] = {}
    for member in members(kind):
        looks = _looks(member, namespace)
        for accepted, look in looks.items():
            if look is None:
                plain.add(accepted)
            else:
                deep[accepted] = _either(deep[accepted], look) if accepted in deep else look
    fitting: Container[type] = _Everything() if object in plain else frozenset(plain)
    return _Shape(kind, fitting, deep)


def _looks(member: object, namespace: types.ModuleType) -> dict[type, Descend | None]:
    """Return the types of the values a member of a union takes, with how to look at each."""
    origin, arguments = typing.get_origin(member) or member, typing.get_args(member)
    if origin is None:
        return {type(None): None}
    if origin is typing.Literal:
        return dict.fromkeys(map(type, arguments), functools.partial(_listed, member))
    if origin in (list, dict) and arguments:
        inner = _shape(arguments[-1], namespace)
        look = functools.partial(_items if origin is list else _values, inner)
        return {origin: None if isinstance(inner.plain, _Everything) else look}
    if origin is typing.Any or not isinstance(origin, type):
        return {object: None}
    if attrs.has(origin) and hasattr(origin, "from_dict"):
        return {origin: _Model(origin, namespace)}
    return {int: None, float: None} if origin is float else {origin: None}


class _Model:
    """Look at the fields of a model; their shapes are made when the first one comes."""

    def __init__(self, model: type, namespace: types.ModuleType) -> None:
        self._model = model
        self._namespace = namespace

    def __call__(self, model: object, lenient: bool) -> object:
        for name, shape in self._fields:
            value = getattr(model, name)
            if type(value) not in shape.plain:
                kept = _within(name, shape, value, lenient)
                if kept is not value:
                    setattr(model, name, kept)
        return model

    @functools.cached_property
    def _fields(self) -> tuple[tuple[str, _Shape], ...]:
        fields = fields_of(self._model, self._namespace)
        return tuple((name, _shape(kind, self._namespace)) for name, kind in fields)


def _within(place: str | int, shape: _Shape, value: object, lenient: bool) -> object:
    try:
        return shape.fit(value, lenient)
    except Fault as fault:
        fault.path.append(place)
        raise


def _items(shape: _Shape, items: list[object], lenient: bool) -> object:
    for place, item in enumerate(items):
        if type(item) not in shape.plain:
            items[place] = _within(place, shape, item, lenient)
    return items


def _values(shape: _Shape, values: dict[str, object], lenient: bool) -> object:
    for name, value in values.items():
        if type(value) not in shape.plain:
            values[name] = _within(name, shape, value, lenient)
    return values


def _listed(kind: object, value: object, _lenient: bool) -> object:
    if value not in typing.get_args(kind):
        raise Fault(kind, value)
    return value


def _either(first: Descend, second: Descend) -> Descend:
    def look(value: object, lenient: bool) -> object:
        try:
            return first(value, lenient)
        except Fault:
            return second(value, lenient)

    return look


def _digits(text: str) -> int | None:
    return int(text) if re.fullmatch(_NUMBER, text) else None


def _integer(number: float) -> int | None:
    return int(number) if abs(number) <= _EXACT and number.is_integer() else None


_CONVERSIONS: dict[type, tuple[type, Callable[[typing.Any], object]]] = {
    str: (int, _digits),
    float: (int, _integer),
    int: (str, str),
}
