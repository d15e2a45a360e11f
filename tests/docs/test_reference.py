"""Generated docstrings in the reference: their sentences are the vendor's."""

import runpy
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest


@pytest.fixture(scope="module")
def prepare(project: Path) -> Callable[..., list[str]]:
    """Give a function that processes a docstring as Sphinx does; it returns the lines."""
    functions: dict[str, Any] = runpy.run_path(str(project / "docs" / "docstrings.py"))

    def process(what: str, name: str, *lines: str) -> list[str]:
        copy = [*lines]
        thing = SimpleNamespace(__module__="sphinx" if what == "attribute" else name)
        functions["process_docstring"](None, what, name, thing, None, copy)
        return copy

    return process


def test_markup_of_the_vendor_is_text(prepare: Callable[..., list[str]]) -> None:
    """Of a field as of anything else; indentation means nothing."""
    lines = prepare("attribute", "chainhub_api.models.A.b", '"a_": [', "    *one", "]")
    assert lines == [': \\"a\\_": [', "\\*one", "]"]
    assert prepare("attribute", "chainhub.A.b", "*one*") == [": *one*"]


def test_a_long_type_may_be_wrapped(prepare: Callable[..., list[str]]) -> None:
    """It is read as one, and says nothing of Unset."""
    lines = prepare(
        *("method", "chainhub_resources.a.A.b", "Send it.", "", "Args:"),
        *("    body (Body | Mapping[str, object] |", "        Unset): The body (of all).", ""),
        "    cursor (str): Where (see above to begin.",
    )
    assert lines[3:] == [
        "    body (Body | Mapping[str, object]): The body (of all).",
        "",
        "    cursor (str): Where (see above to begin.",
    ]
