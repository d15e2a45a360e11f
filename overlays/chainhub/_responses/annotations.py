"""What the annotations of generated models mean at run time.

They are strings whose names are imported for type checkers only, so neither `attrs` nor
`typing` can resolve them: a name is looked for in the module of the class, then in the package
of the models, then beside it, then among what the generator takes from the standard library.
"""

from __future__ import annotations

import functools
import sys
import types
import typing

import attrs


@functools.cache
def fields_of(model: type, namespace: types.ModuleType) -> tuple[tuple[str, object], ...]:
    """Return the fields of an attrs class with their types.

    Args:
        model: The class.
        namespace: The package of the models.

    Raises:
        NameError: If an annotation uses a name that is nowhere.
    """
    names = _Names(namespace, vars(sys.modules[model.__module__]))
    return tuple((field.name, _resolved(field.type, names)) for field in attrs.fields(model))


def resolve(declared: object, namespace: types.ModuleType) -> object:
    """Return the type that an annotation or a piece of one stands for.

    Args:
        declared: A type, or its text.
        namespace: The package of the models.

    Raises:
        NameError: If the text uses a name that is nowhere.
    """
    return _resolved(declared, _Names(namespace, {}))


def members(kind: object) -> tuple[object, ...]:
    """Return the members of a union, or the type alone."""
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        return typing.get_args(kind)
    return (kind,)


def is_unset(kind: object) -> bool:
    """Tell whether this is the generator's class for a field that was left out."""
    return isinstance(kind, type) and kind.__name__ == "Unset"


def _resolved(declared: object, names: _Names) -> object:
    # The text is code of the generated package, which has been imported already.
    return eval(declared, {}, names) if isinstance(declared, str) else declared


class _Names(dict[str, object]):
    """Look names up as they are asked for."""

    def __init__(self, namespace: types.ModuleType, known: dict[str, object]) -> None:
        super().__init__(known)
        self._namespace = namespace

    def __missing__(self, name: str) -> object:
        if hasattr(self._namespace, name):
            return getattr(self._namespace, name)
        if name in ("File", "Unset", "UNSET"):
            beside = self._namespace.__name__.rpartition(".")[0]
            return getattr(sys.modules[f"{beside}.types"], name)
        return _standard(name)


def _standard(name: str) -> object:
    if name == "datetime":
        import datetime  # most contracts have no dates

        return datetime
    if name == "UUID":
        import uuid  # nor these

        return uuid.UUID
    if name in ("Any", "Literal"):
        return getattr(typing, name)
    raise KeyError(name)
