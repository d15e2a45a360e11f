"""A body from what a caller gave: models, objects and lists, at any depth."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import attrs
import pytest

from chainhub._session import Operation
from chainhub.errors import ConfigurationError
from chainhub_api.types import UNSET, Unset


class Model:
    """As much of a generated model as matters here."""

    def from_dict(self) -> None:
        """Be known for a model."""


@attrs.define
class Style(Model):
    name: str
    kind_: str | Unset = UNSET
    additional_properties: dict[str, Any] = attrs.field(init=False, factory=dict)


@attrs.define
class Prompt(Model):
    text: str
    style: Style | Unset = UNSET
    layers: list[Style] | Unset = UNSET


@attrs.define
class Image(Model):
    url: str
    size: int | Unset = UNSET


@pytest.fixture(autouse=True)
def _json_names(monkeypatch):
    module = ModuleType("style")
    vars(module).update(_JSON_NAMES={"kind_": "kind"}, Any=Any, Unset=Unset)
    monkeypatch.setitem(sys.modules, "style", module)
    monkeypatch.setattr(Style, "__module__", "style")


RED = Style(name="red")


def sent(kind, given, default=...):
    """Return the body that an operation of this type sends."""

    def required(*, body):
        return {"url": "/", "json": body}

    def optional(*, body=UNSET):
        return {"url": "/", "json": body}

    make = required if default is ... else optional
    make.__annotations__["body"] = kind
    module = SimpleNamespace(
        __name__="chainhub_api.api.video.create", _get_kwargs=make, _parse_response=None
    )
    return Operation(module, "Any").request({"body": given})["json"]


@pytest.mark.parametrize(
    ("kind", "given", "expected"),
    [
        (Prompt, {"text": "a"}, Prompt("a")),
        (Prompt, Prompt("a"), Prompt("a")),
        (Prompt, {"text": "a", "style": {"name": "red"}}, Prompt("a", RED)),
        (Prompt, {"text": "a", "style": RED}, Prompt("a", RED)),
        (Prompt, {"text": "a", "layers": ({"name": "red"}, RED)}, Prompt("a", layers=[RED, RED])),
        (Style, {"name": "red", "kind": "x"}, Style("red", "x")),
        (Style, {"name": "red", "kind_": "x"}, Style("red", "x")),
        (Prompt | Image, {"url": "u", "size": 1}, Image("u", 1)),
        (Prompt | Image, {"text": "a"}, Prompt("a")),
        (list[Style], [{"name": "red"}], [RED]),
        (object, {"any": 1}, {"any": 1}),
        (object, ["a", {"b": 1}], ["a", {"b": 1}]),
        (list[Style] | str, "red", "red"),
    ],
)
def test_body(kind, given, expected):
    """An object is the model that fits it, at any depth."""
    assert sent(kind, given) == expected


def test_none_is_needed_where_it_is_optional():
    """A body that may be left out is left out."""
    assert sent(Prompt | Unset, UNSET, default=UNSET) is UNSET


def test_further_fields_are_kept_where_the_contract_leaves_room():
    """A field that is not declared is sent where the contract does not forbid it."""
    made = sent(Style, {"name": "red", "depth": 3})
    assert made.additional_properties == {"depth": 3}


@pytest.mark.parametrize(
    ("kind", "given", "sentence"),
    [
        (Prompt, {}, "video.create needs text"),
        (Prompt, UNSET, "video.create needs text"),
        (Prompt, {"text": "a", "style": {}}, "video.create.style needs name"),
        (Prompt, {"text": "a", "layers": [RED, {}]}, "video.create.layers[1] needs name"),
        (
            Image,
            {"url": "u", "sise": 1},
            "video.create has no field 'sise'; its fields are url, size",
        ),
        (Prompt, {"text": "a", "layers": ""}, "video.create.layers must be a list, not a str"),
        (list[Style], b"red", "video.create must be a list, not a bytes"),
    ],
)
def test_refused(kind, given, sentence):
    """The sentence names the operation, the way to the place, and the field."""
    with pytest.raises(ConfigurationError) as caught:
        sent(kind, given)
    assert caught.value.message == sentence
