"""The fields of a body as keyword arguments of a method: their names and types.

`client.video.create(model=…, prompt=…)` needs no import of a model. The fields of all models that a
body may be become keywords of the method.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from openapi_python_client.parser.openapi import Endpoint
from openapi_python_client.parser.properties import ModelProperty
from openapi_python_client.parser.properties.list_property import ListProperty
from openapi_python_client.parser.properties.protocol import PropertyProtocol
from openapi_python_client.parser.properties.union import UnionProperty

from tools.received import named_fields

_OBJECT = "Mapping[str, object]"


class Keyword(NamedTuple):
    """A field of a body as a keyword of a method."""

    name: str
    kind: str
    required: bool
    fields: list[PropertyProtocol]

    @property
    def described(self) -> PropertyProtocol:
        """The first field with a description."""
        return next((field for field in self.fields if field.description), self.fields[0])


class Keywords:
    """The arguments of methods for the bodies of their operations; used by templates.

    Args:
        models: The parsed models: a reference may have been made before its model was read.
    """

    def __init__(self, models: Iterable[ModelProperty]) -> None:
        self._models = {model.class_info.name: model for model in models}
        self._fields: dict[int, list[Keyword]] = {}

    def body(self, endpoint: Endpoint) -> str:
        """Return the type of a method's `body`."""
        types = [kind for body in endpoint.bodies for kind in _kinds(body.prop)]
        if not all(body.prop.required for body in endpoint.bodies) or self.fields(endpoint):
            types.append("Unset")
        return " | ".join(dict.fromkeys(types))

    def fields(self, endpoint: Endpoint) -> list[Keyword]:
        """Return the fields of a body as keywords, the required ones first.

        A field with the name of a parameter of the operation is left out: `body` takes it. There
        are none where a body may be something other than an object with named fields.
        """
        if id(endpoint) not in self._fields:  # the templates ask for each place in a method
            self._fields[id(endpoint)] = self._keywords(endpoint)
        return self._fields[id(endpoint)]

    def _keywords(self, endpoint: Endpoint) -> list[Keyword]:
        models = [*self._bodies(endpoint)]
        fields_by_name: dict[str, list[PropertyProtocol]] = {}
        for model in models:
            for field in named_fields(model):
                fields_by_name.setdefault(field.python_name, []).append(field)
        reserved = {"self", "body", *(prop.python_name for prop in endpoint.list_all_parameters())}
        keywords = [
            Keyword(
                name,
                " | ".join(dict.fromkeys(kind for field in fields for kind in _kinds(field))),
                len(fields) == len(models) and all(field.required for field in fields),
                fields,
            )
            for name, fields in fields_by_name.items()
            if name not in reserved
        ]
        return sorted(keywords, key=lambda keyword: not keyword.required)

    def _bodies(self, endpoint: Endpoint) -> Iterator[ModelProperty]:
        members = [
            prop
            for body in endpoint.bodies
            for prop in getattr(body.prop, "inner_properties", [body.prop])
        ]
        if all(isinstance(prop, ModelProperty) for prop in members):
            yield from (self._models[prop.class_info.name] for prop in members)


def _kinds(field: PropertyProtocol) -> list[str]:
    """Return the types that a caller may pass: a mapping for a model too, at any depth."""
    match field:
        case ModelProperty():
            return [field.class_info.name, _OBJECT]
        case ListProperty(inner_property=item) if any(_OBJECT in kind for kind in _kinds(item)):
            return [f"Sequence[{' | '.join(_kinds(item))}]"]
        case UnionProperty():
            return [kind for member in field.inner_properties for kind in _kinds(member)]
    return [field.get_type_string(no_optional=True).as_unembedded_code()]
