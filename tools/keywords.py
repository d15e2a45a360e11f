"""What a body's fields are called and take when a caller gives them by name.

`client.video.create(model=…, prompt=…)` is how people call: nobody wants to import and make a model
first. The fields of all models that a body may be become keywords of the method.
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
        """The first field that says what it is."""
        return next((one for one in self.fields if one.description), self.fields[0])


class Keywords:
    """What methods take for the bodies of their operations; templates ask it.

    Args:
        models: What was parsed, by name: a reference may have been made before its model was read.
    """

    def __init__(self, models: Iterable[ModelProperty]) -> None:
        self._models = {model.class_info.name: model for model in models}
        self._fields: dict[int, list[Keyword]] = {}

    def body(self, endpoint: Endpoint) -> str:
        """Return the type of a method's `body`."""
        found = [kind for body in endpoint.bodies for kind in _kinds(body.prop)]
        if not all(body.prop.required for body in endpoint.bodies) or self.fields(endpoint):
            found.append("Unset")
        return " | ".join(dict.fromkeys(found))

    def fields(self, endpoint: Endpoint) -> list[Keyword]:
        """Return the fields of a body as keywords, those that must be there first.

        One that is called as a parameter of the operation is left out: `body` takes it. There are
        none where a body may be something else than an object with named fields.
        """
        if id(endpoint) not in self._fields:  # the templates ask for each place in a method
            self._fields[id(endpoint)] = self._found(endpoint)
        return self._fields[id(endpoint)]

    def _found(self, endpoint: Endpoint) -> list[Keyword]:
        models = [*self._bodies(endpoint)]
        found: dict[str, list[PropertyProtocol]] = {}
        for model in models:
            for field in named_fields(model):
                found.setdefault(field.python_name, []).append(field)
        taken = {"self", "body", *(one.python_name for one in endpoint.list_all_parameters())}
        keywords = [
            Keyword(
                name,
                " | ".join(dict.fromkeys(kind for one in fields for kind in _kinds(one))),
                len(fields) == len(models) and all(one.required for one in fields),
                fields,
            )
            for name, fields in found.items()
            if name not in taken
        ]
        return sorted(keywords, key=lambda one: not one.required)

    def _bodies(self, endpoint: Endpoint) -> Iterator[ModelProperty]:
        members = [
            one
            for body in endpoint.bodies
            for one in getattr(body.prop, "inner_properties", [body.prop])
        ]
        if all(isinstance(one, ModelProperty) for one in members):
            yield from (self._models[one.class_info.name] for one in members)


def _kinds(field: PropertyProtocol) -> list[str]:
    """Return the types of what a caller may give: an object for a model too, at any depth."""
    match field:
        case ModelProperty():
            return [field.class_info.name, _OBJECT]
        case ListProperty(inner_property=item) if any(_OBJECT in one for one in _kinds(item)):
            return [f"Sequence[{' | '.join(_kinds(item))}]"]
        case UnionProperty():
            return [kind for one in field.inner_properties for kind in _kinds(one)]
    return [field.get_type_string(no_optional=True).as_unembedded_code()]
