"""How a contract is found in a published page."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools import pages
from tools.problem import Problem

CONTRACT = "openapi: 3.0.1\npaths:\n  example: |\n    ```\n    a cow\n    ```\nservers: []\n\n"
PAGE = f"# Title\n\n```json\n{{}}\n```\n\n````yaml\n{CONTRACT}````\n\n```\nother\n```\n"


def page(folder: Path, text: str, name: str = "page.md") -> Path:
    """Write a page."""
    path = folder / name
    path.write_bytes(text.encode())
    return path


def test_a_fence_ends_only_at_one_as_long(tmp_path: Path) -> None:
    """A shorter fence inside an example does not cut the contract; every byte survives."""
    assert pages.contract([page(tmp_path, PAGE)]) == CONTRACT


def test_odd_line_ends_and_letters_survive(tmp_path: Path) -> None:
    """What a text reader would call a line end is left alone."""
    text = "openapi: 3.0.1\r\nx: a\u2028b\r\n"
    assert pages.contract([page(tmp_path, f"~~~ yaml\r\n{text}~~~~\r\n")]) == text


def test_blocks_tell_their_line_and_language() -> None:
    """So that a fault inside is found in the page; the language is the first word."""
    found = list(pages.blocks("\n```YAML title=x\na\n```\n```\n```", "p"))
    assert [(block.text, block.line, block.language) for block in found] == [
        ("a\n", 3, "yaml"),
        ("", 6, ""),
    ]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("# no fence\n", "page.md holds 0 OpenAPI documents; one is needed."),
        ("```yaml\na: 1\n```\n", "page.md holds 0 OpenAPI documents; one is needed."),
        ("```\nopenapi: 3.0.1\n```\n", "page.md holds 0 OpenAPI documents; one is needed."),
        (PAGE + PAGE, "page.md holds 2 OpenAPI documents; one is needed."),
        (PAGE.replace("\n````\n", "\n```\n"), "page.md:7: the fence ```` is never closed."),
        ("\n```yaml\na: b: c\n```\n", "page.md:3:5 is not valid YAML: mapping values are not"),
    ],
)
def test_a_page_is_refused_rather_than_half_read(tmp_path: Path, text: str, sentence: str) -> None:
    """One sentence names the page, and the line where there is one."""
    with pytest.raises(Problem) as caught:
        pages.contract([page(tmp_path, text)])
    assert str(caught.value).startswith(f"{tmp_path}/{sentence}")


def test_one_page_at_a_time(tmp_path: Path) -> None:
    """Several pages are not merged blindly."""
    with pytest.raises(Problem, match="Only one page"):
        pages.contract([tmp_path, tmp_path])
