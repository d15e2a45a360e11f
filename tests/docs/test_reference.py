"""What the reference makes of generated docstrings, whose sentences are the vendor's."""

import runpy
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest


@pytest.fixture(scope="module")
def prepare(project: Path) -> Callable[..., list[str]]:
    """Give the function that Sphinx hands a docstring to; it returns the lines."""
    functions: dict[str, Any] = runpy.run_path(str(project / "docs" / "docstrings.py"))

    def prepared(what: str, name: str, *lines: str) -> list[str]:
        made = [*lines]
        thing = SimpleNamespace(__module__="sphinx" if what == "attribute" else name)
        functions["prepare"](None, what, name, thing, None, made)
        return made

    return prepared


def test_markup_of_the_vendor_is_text(prepare: Callable[..., list[str]]) -> None:
    """Of a field as of anything else; indentation means nothing."""
    said = prepare("attribute", "chainhub_api.models.A.b", '"a_": [', "    *one", "]")
    assert said == [': \\"a\\_": [', "\\*one", "]"]
    assert prepare("attribute", "chainhub.A.b", "*one*") == [": *one*"]


def test_a_long_type_may_be_wrapped(prepare: Callable[..., list[str]]) -> None:
    """It is read as one, and says nothing of Unset."""
    said = prepare(
        *("method", "chainhub_resources.a.A.b", "Send it.", "", "Args:"),
        *("    body (Body | Mapping[str, object] |", "        Unset): The body (of all).", ""),
        "    cursor (str): Where (see above to begin.",
    )
    assert said[3:] == [
        "    body (Body | Mapping[str, object]): The body (of all).",
        "",
        "    cursor (str): Where (see above to begin.",
    ]
