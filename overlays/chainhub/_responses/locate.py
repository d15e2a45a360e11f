"""Where a document does not fit a declared type, when generated parsing has only thrown.

The exceptions of generated parsing name no field. This walks the raw document beside the
annotations and finds the first place that cannot be parsed. Only errors need it.
"""

from __future__ import annotations

import datetime
import enum
import re
import types
import typing
import uuid

import attrs

from chainhub._responses.annotations import fields_of, is_unset, members, resolve
from chainhub._responses.fault import Fault

_SEPARATORS = re.compile(r"[^a-z0-9]")


def locate(document: object, declared: object, namespace: types.ModuleType) -> Fault | None:
    """Return the first fault of a raw document, or None if there is none to be seen.

    Args:
        document: The decoded answer.
        declared: The type it should have, or its text.
        namespace: The package of the models.
    """
    try:
        _probe(document, resolve(declared, namespace), namespace)
    except Fault as fault:
        return fault
    return None


def _probe(value: object, kind: object, namespace: types.ModuleType) -> None:
    """Look at the members of a union; a fault deeper inside tells more than one here."""
    deeper: Fault | None = None
    for member in members(kind):
        try:
            if _stands(value, member, namespace):
                return
        except Fault as fault:
            deeper = fault
    raise deeper or Fault(kind, value)


def _stands(value: object, member: object, namespace: types.ModuleType) -> bool:
    origin, arguments = typing.get_origin(member) or member, typing.get_args(member)
    if origin is typing.Literal:
        return value in arguments
    if origin in (list, dict):
        return _holds(value, typing.cast("type", origin), arguments, namespace)
    if origin is typing.Any or not isinstance(origin, type):
        return origin is not None or value is None
    if attrs.has(origin) and hasattr(origin, "from_dict"):
        return isinstance(value, dict) and _has_fields(value, origin, namespace)
    return not is_unset(origin) and _is_plain(value, origin)


def _holds(
    value: object, origin: type, arguments: tuple[object, ...], namespace: types.ModuleType
) -> bool:
    if not isinstance(value, origin):
        return False
    items = (
        value.items() if isinstance(value, dict) else enumerate(typing.cast("list[object]", value))
    )
    for place, item in items if arguments else ():
        _within(place, item, arguments[-1], namespace)
    return True


def _has_fields(value: dict[str, object], model: type, namespace: types.ModuleType) -> bool:
    """Look at the fields of a model; names differ from keys in case and separators only."""
    keys = {_bare(key): key for key in value}
    for name, kind in fields_of(model, namespace):
        key, field = keys.get(_bare(name)), attrs.fields_dict(model)[name]
        if not field.init:
            continue
        if key is not None:
            _within(key, value[key], kind, namespace)
        elif field.default is not None and not any(map(is_unset, members(kind))):
            fault = Fault(kind, None, missing=True)
            fault.path.append(name)
            raise fault
    return True


def _within(place: str | int, value: object, kind: object, namespace: types.ModuleType) -> None:
    try:
        _probe(value, kind, namespace)
    except Fault as fault:
        fault.path.append(place)
        raise


def _is_plain(value: object, kind: type) -> bool:
    if kind in (datetime.datetime, datetime.date, uuid.UUID) or issubclass(kind, enum.Enum):
        return _is_made_of(value, kind)
    if kind in (str, int, float, bool, type(None)):
        return type(value) is kind or (kind is float and type(value) is int)
    return True


def _is_made_of(value: object, kind: type) -> bool:
    make = getattr(kind, "fromisoformat", kind)
    try:
        make(value)
    except (ValueError, TypeError, AttributeError):
        return False
    return True


def _bare(name: str) -> str:
    return _SEPARATORS.sub("", name.lower())
