"""Which faults of published YAML are mended, and which are refused."""

from __future__ import annotations

import pytest

from tools.documents import Json
from tools.errors import Problem
from tools.yaml_fixes import mended


@pytest.mark.parametrize(
    ("text", "document", "told"),
    [
        ("description: fine\n", {"description": "fine"}, []),
        (
            "a: 1\ndescription: Range: 1-5, it's open  # all\n",
            {"a": 1, "description": "Range: 1-5, it's open  # all"},
            [
                "p:11 is mended: description: Range: 1-5, it's open  # all → "
                "description: 'Range: 1-5, it''s open  # all'"
            ],
        ),
        (
            "a:\n- summary: One: two\n\n    three\n  name: x\n",
            {"a": [{"summary": "One: two\nthree", "name": "x"}]},
            [
                "p:11 is mended: - summary: One: two → - summary: 'One: two",
                "p:13 is mended: three → three'",
            ],
        ),
        (
            "example: one\n  two, and: three\n",
            {"example": "one two, and: three"},
            ["p:10 is mended: example: one → example: 'one", "p:11 is mended: two, and: three → "],
        ),
        (
            "description: Ends with: \r\nb: 1\r\n",
            {"description": "Ends with:", "b": 1},
            ["p:10 is mended: description: Ends with: → description: 'Ends with:'"],
        ),
        (
            "description: |>-\n  a\n   b\n",
            {"description": "a\n b"},
            ["p:10 is mended: description: |>- → description: |-"],
        ),
        (
            "servers:\n  - url: https:/api.example\n",
            {"servers": [{"url": "https://api.example"}]},
            ["p:11 is mended: - url: https:/api.example → - url: https://api.example"],
        ),
    ],
)
def test_certain_faults_are_mended_and_told(
    text: str, document: dict[str, Json], told: list[str]
) -> None:
    """With file, line, before and after; the mended text reads the same."""
    new, read, made = mended(text, "p", 10)
    assert read == document
    assert mended(new, "p", 10) == (new, document, [])
    assert len(made) == len(told)
    for mend, sentence in zip(made, told, strict=True):
        assert str(mend).startswith(sentence)


@pytest.mark.parametrize(
    "text",
    [
        "type: string: x\n",
        "description: one\n  type: string\n",
        "description: one: two\n  type: string\n",
        "description: 'one': two\n",
        "a: |>-\n  x\n",
        "a: [\n",
        "a: 1\na: 2\n",
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    """A mend that could mean something else is none."""
    with pytest.raises(Problem, match=r"^p:1\d"):
        mended(text, "p", 10)


def test_the_number_of_mends_is_bounded() -> None:
    """A page full of faults is refused in the end."""
    text = "".join(f"a{number}:\n  description: a: b\n" for number in range(300))
    with pytest.raises(Problem, match="mapping values are not allowed"):
        mended(text, "p", 1)
