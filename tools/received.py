"""Remove `Unset` from the types of response models: a field that is left out is None.

A model that is in requests too keeps `Unset` in its types, because there a field that is left out
and a field that is null differ; in a response both are None.
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
    """Change the models that are only in responses, and return the names of all in responses.

    A field changes if null is in its type. The overlay adds null to every field that an answer may
    leave out.
    """
    groups = data.endpoint_collections_by_tag.values()
    endpoints = [endpoint for group in groups for endpoint in group.endpoints]
    models = {model.class_info.name: model for model in data.models}
    parameters = (prop for endpoint in endpoints for prop in endpoint.list_all_parameters())
    in_requests = _reached(parameters, models)
    responses = (response for endpoint in endpoints for response in endpoint.responses)
    in_responses = _reached((response.prop for response in responses), models)
    for name in in_responses - in_requests:
        model = models[name]
        model.optional_properties = [*map(_without_unset, model.optional_properties or ())]
    return in_responses


def _without_unset(field: Property) -> Property:
    if not takes_none(field):
        return field
    field = copy(field)
    field.required = True  # it stays among the optional ones: with a value, it need not be given
    field.default = Value(PythonCode("None"), None)  # a default in the schema is for requests
    return field


def takes_none(field: PropertyProtocol) -> bool:
    """Tell whether null is a value of this field."""
    members = field.inner_properties if isinstance(field, UnionProperty) else [field]
    return any(isinstance(member, AnyProperty | NoneProperty) for member in members)


def _reached(properties: Iterable[PropertyProtocol], models: _Models) -> set[ClassName]:
    """Name the models in these values, and in their fields."""
    names: set[ClassName] = set()
    stack = list(properties)
    while stack:
        prop = stack.pop()
        if isinstance(prop, ModelProperty):
            name = prop.class_info.name
            if name in names:
                continue
            names.add(name)
            prop = models[name]  # a reference may have been made before its model was read
        stack += inner(prop)
    return names


def inner(prop: PropertyProtocol) -> Iterable[PropertyProtocol]:
    """Return inner properties: items of a list, members of a union, fields of a model."""
    match prop:
        case ListProperty():
            return [prop.inner_property]
        case UnionProperty():
            return prop.inner_properties
        case ModelProperty():
            return fields_of(prop)
    return ()


def fields_of(model: ModelProperty) -> list[PropertyProtocol]:
    """Return the fields of a model, and its additionalProperties if the contract allows them."""
    return [field for field in [*named_fields(model), model.additional_properties] if field]


def named_fields(model: ModelProperty) -> list[PropertyProtocol]:
    """Return the fields that a model names, the required ones first."""
    return [*(model.required_properties or ()), *(model.optional_properties or ())]
