"""Give the models of answers types without `Unset`: callers see None for what was left out.

A model that requests reach too keeps `Unset` in its types, because there a field that is left out
and one that is null differ; what comes in an answer is None all the same.
"""

from __future__ import annotations

from collections.abc import Iterable
from copy import copy
from typing import TypeAlias

from openapi_python_client.parser import GeneratorData
from openapi_python_client.parser.properties import AnyProperty, ModelProperty, Property
from openapi_python_client.parser.properties.list_property import ListProperty
from openapi_python_client.parser.properties.none import NoneProperty
from openapi_python_client.parser.properties.protocol import PropertyProtocol, Value
from openapi_python_client.parser.properties.union import UnionProperty
from openapi_python_client.strings import ClassName, PythonCode

_Models: TypeAlias = dict[ClassName, ModelProperty]


def adapt(data: GeneratorData) -> set[ClassName]:
    """Change the models that only come in answers, and return the names of all that do.

    A field changes if null is in its type. The overlay sees to that for every field that an answer
    may leave out.
    """
    groups = data.endpoint_collections_by_tag.values()
    endpoints = [endpoint for group in groups for endpoint in group.endpoints]
    models = {model.class_info.name: model for model in data.models}
    sent = _reached((one for each in endpoints for one in each.list_all_parameters()), models)
    received = _reached((one.prop for each in endpoints for one in each.responses), models)
    for name in received - sent:
        model = models[name]
        model.optional_properties = [*map(_without_unset, model.optional_properties or ())]
    return received


def _without_unset(field: Property) -> Property:
    if not takes_none(field):
        return field
    field = copy(field)
    field.required = True  # beside the optional ones: it has a value, and need not be given
    field.default = Value(PythonCode("None"), None)  # what the schema says is for requests
    return field


def takes_none(field: PropertyProtocol) -> bool:
    """Tell whether null is a value of this field."""
    members = field.inner_properties if isinstance(field, UnionProperty) else [field]
    return any(isinstance(one, AnyProperty | NoneProperty) for one in members)


def _reached(begin: Iterable[PropertyProtocol], models: _Models) -> set[ClassName]:
    """Name the models in these values, and in their fields."""
    names: set[ClassName] = set()
    waiting = list(begin)
    while waiting:
        one = waiting.pop()
        if isinstance(one, ModelProperty):
            name = one.class_info.name
            if name in names:
                continue
            names.add(name)
            one = models[name]  # a reference may have been made before its model was read
        waiting += inner(one)
    return names


def inner(one: PropertyProtocol) -> Iterable[PropertyProtocol]:
    """Return what a value holds: the items of a list, the members of a union, fields of a model."""
    match one:
        case ListProperty():
            return [one.inner_property]
        case UnionProperty():
            return one.inner_properties
        case ModelProperty():
            return fields_of(one)
    return ()


def fields_of(model: ModelProperty) -> list[PropertyProtocol]:
    """Return the fields of a model, and what every further one must be if the contract says so."""
    return [one for one in [*named_fields(model), model.additional_properties] if one]


def named_fields(model: ModelProperty) -> list[PropertyProtocol]:
    """Return the fields that a model names, the required ones first."""
    return [*(model.required_properties or ()), *(model.optional_properties or ())]
