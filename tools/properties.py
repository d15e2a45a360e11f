"""Replace properties of the generator: open enumerations, optional bodies, distinct names.

It parses every enumeration as a closed one and sends nothing but its members: a word that the
contract does not list was an error in an answer, and a plain string one in a request. A body that
may be one of several models was converted even where none was given. And it looks neither at what
its own templates call their variables, nor at letters that Python takes for the same.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator
from typing import ClassVar, Final

from openapi_python_client.parser import GeneratorData
from openapi_python_client.parser.bodies import BodyType
from openapi_python_client.parser.properties import EnumProperty, ModelProperty
from openapi_python_client.parser.properties.protocol import PropertyProtocol
from openapi_python_client.parser.properties.union import UnionProperty
from openapi_python_client.schema import UntrustedString
from openapi_python_client.strings import ClassName, PythonCode, PythonIdentifier

from tools.received import fields_of, inner, named_fields

# What the methods of a model, and the function that makes a request, are or use themselves.
OF_MODELS: Final = (
    *("additional_keys", "additional_properties", "cast", "cls", "d", "field_dict", "from_dict"),
    *("prop", "prop_dict", "prop_name", "src_dict", "to_dict", "to_multipart"),
)
_OF_REQUESTS: Final = ("body", "cookies", "headers", "params", "quote")


class _OpenEnum(EnumProperty):
    """An enumeration in responses: a value that is not listed is kept unchanged."""

    __slots__ = ()
    sent: ClassVar[bool] = False

    def get_base_type_string(self) -> PythonCode:
        return PythonCode(f"{self.class_info.name} | {self.value_type.__name__}")

    def get_instance_type_string(self) -> PythonCode:
        return PythonCode(self.value_type.__name__)  # which its members are too


class _RequestEnum(_OpenEnum):
    """An enumeration in requests: type checkers know its values; others are sent with a warning."""

    __slots__ = ()
    sent: ClassVar[bool] = True

    def get_base_type_string(self) -> PythonCode:
        # The generator has escaped the texts for a literal in double quotes.
        quote = '"' if self.value_type is str else ""
        values = ", ".join(f"{quote}{value}{quote}" for value in self.values.values())
        return PythonCode(f"{self.class_info.name} | Literal[{values}]")


class _OptionalBody(UnionProperty):
    """A body of one of several types that may be left out."""

    __slots__ = ()
    template: ClassVar[str] = "optional_body.py.jinja"


def adapt(data: GeneratorData, received: set[ClassName]) -> None:
    """Change the properties in what was parsed, where they are used.

    Args:
        data: What was parsed.
        received: The names of the models that come in answers.
    """
    groups = data.endpoint_collections_by_tag.values()
    forms: set[ClassName] = set()  # of a choice of forms the generator makes no form
    for endpoint in (endpoint for group in groups for endpoint in group.endpoints):
        _change(endpoint.list_all_parameters(), _RequestEnum)
        _change((response.prop for response in endpoint.responses), _OpenEnum)
        for body in endpoint.bodies:
            if type(body.prop) is UnionProperty:
                if body.body_type == BodyType.FILES:
                    members = [prop for prop in inner(body.prop) if isinstance(prop, ModelProperty)]
                    forms |= {model.class_info.name for model in members}
                if not body.prop.required:
                    body.prop.__class__ = _OptionalBody
        endpoint.relative_imports |= {
            "from typing import Literal",
            "from ...types import in_text as _in_text, text as _text",
            "from ...types import listed as _listed, sent as _sent",
        }
    for model in data.models:
        model.is_multipart_body |= model.class_info.name in forms
        _change(fields_of(model), _OpenEnum if model.class_info.name in received else _RequestEnum)


def _change(properties: Iterable[PropertyProtocol], kind: type[_OpenEnum]) -> None:
    for prop in properties:
        if type(prop) is EnumProperty:
            prop.__class__ = (
                kind  # every use is an object of its own, and the parser keeps it in many places
            )
        elif not hasattr(prop, "required_properties"):  # the fields of models have their turn
            _change(inner(prop), kind)


def distinct(data: GeneratorData) -> list[str]:
    """Rename fields and parameters whose Python names would not work; a sentence for each."""
    notes: list[str] = []
    for model in data.models:
        notes += _rename(named_fields(model), OF_MODELS, str(model.class_info.name))
    for tag, group in data.endpoint_collections_by_tag.items():
        for endpoint in group.endpoints:
            parameters: list[PropertyProtocol] = [
                prop for _, prop in endpoint.iter_all_parameters()
            ]
            old_names = [str(prop.python_name) for prop in endpoint.path_parameters]
            notes += _rename(parameters, _OF_REQUESTS, f"{tag}.{endpoint.name}")
            path = endpoint.path.get_untrusted_value()
            for old, prop in zip(old_names, endpoint.path_parameters, strict=True):
                path = path.replace(f"{{{old}}}", f"{{{prop.python_name}}}")
            endpoint.path = UntrustedString(path)
    return notes


def unique(names: Iterable[str], reserved_names: Iterable[str]) -> list[str]:
    """Return names that differ from each other, to Python too, and from the reserved ones."""
    reserved, used = {*reserved_names}, set[str]()
    result = []
    for original in names:
        plain = unicodedata.normalize("NFKC", original)
        name = plain = f"{plain}_" if plain in reserved else plain
        count = 1
        while name in used:
            count += 1
            name = f"{plain}_{count}"
        used.add(name)
        result.append(name)
    return result


def _rename(
    fields: list[PropertyProtocol], reserved_names: Iterable[str], owner: str
) -> Iterator[str]:
    names = unique((field.python_name for field in fields), reserved_names)
    for field, name in zip(fields, names, strict=True):
        if name != field.python_name:
            identifier = PythonIdentifier(name, prefix="", skip_snake_case=True)
            object.__setattr__(field, "python_name", identifier)
            yield f"{field.name.get_untrusted_value()} of {owner} is called {name}."
