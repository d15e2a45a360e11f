"""The body of a request, from what a caller gave: a model, an object with its fields, or a list."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from functools import cache
from typing import Any, NamedTuple, get_args, get_origin

import attrs

from chainhub._responses import is_unset, members, resolve
from chainhub.errors import ConfigurationError


class _Field(NamedTuple):
    attribute: str
    argument: str
    kind: object
    required: bool


def build_body(kind: object, given: object, place: str) -> object:
    """Return the value that generated code sends, models where the contract declares them.

    Args:
        kind: The declared type.
        given: What the caller gave.
        place: What it is called in an error, such as `body` or `body.input`.

    Raises:
        ConfigurationError: A field is missing, or unknown where the contract allows no others.
    """
    if isinstance(given, list | tuple):
        kinds = [member for member in members(kind) if get_origin(member) is list]
        inner = get_args(kinds[0])[0] if kinds else object
        return [build_body(inner, item, f"{place}[{at}]") for at, item in enumerate(given)]
    models: list[Any] = [member for member in members(kind) if hasattr(member, "from_dict")]
    if not isinstance(given, Mapping) or not models:
        return given
    # Of several, the one that misses the least and knows the most of what was given.
    model = min(models, key=lambda one: (len(_missing(one, given)), len(_others(one, given))))
    if missing := _missing(model, given):
        raise ConfigurationError(f"{place} needs {' and '.join(missing)}")
    others = _others(model, given)
    fields = _fields(model)
    made: Any = model(
        **{
            fields[name].argument: build_body(fields[name].kind, value, f"{place}.{name}")
            for name, value in given.items()
            if name in fields
        }
    )
    if others and not hasattr(made, "additional_properties"):
        known = ", ".join(one.attribute for one in dict.fromkeys(fields.values()))
        raise ConfigurationError(f"{place} has no field {others[0]!r}; its fields are {known}")
    for name in others:
        made.additional_properties[name] = given[name]
    return made


@cache
def _fields(model: Any) -> dict[str, _Field]:  # noqa: ANN401 - a class of generated code
    """Return the fields of a model by their names in Python and in JSON."""
    module = sys.modules[model.__module__]
    names: dict[str, str] = getattr(module, "_JSON_NAMES", {})
    found: dict[str, _Field] = {}
    for field in attrs.fields(model):
        if field.init:
            kind = resolve(field.type, module)
            needed = field.default is attrs.NOTHING and not any(map(is_unset, members(kind)))
            found[field.name] = _Field(field.name, field.alias, kind, needed)
    return found | {wire: found[name] for name, wire in names.items()}


def _missing(model: object, given: Mapping[str, object]) -> list[str]:
    fields = _fields(model)
    there = {fields[name] for name in given if name in fields}
    return [
        one.attribute for one in dict.fromkeys(fields.values()) if one.required and one not in there
    ]


def _others(model: object, given: Mapping[str, object]) -> list[str]:
    return [name for name in given if name not in _fields(model)]
