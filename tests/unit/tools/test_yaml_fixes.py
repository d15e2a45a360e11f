"""Which faults of published YAML are fixed, and which are refused."""

from __future__ import annotations

import pytest

from tools.documents import Json
from tools.errors import PipelineError
from tools.pages.yaml_fixes import fixed


@pytest.mark.parametrize(
    ("text", "document", "told"),
    [
        ("description: fine\n", {"description": "fine"}, []),
        (
            "a: 1\ndescription: Range: 1-5, it's open  # all\n",
            {"a": 1, "description": "Range: 1-5, it's open  # all"},
            [
                "p:11 is fixed: description: Range: 1-5, it's open  # all → "
                "description: 'Range: 1-5, it''s open  # all'"
            ],
        ),
        (
            "a:\n- summary: One: two\n\n    three\n  name: x\n",
            {"a": [{"summary": "One: two\nthree", "name": "x"}]},
            [
                "p:11 is fixed: - summary: One: two → - summary: 'One: two",
                "p:13 is fixed: three → three'",
            ],
        ),
        (
            "example: one\n  two, and: three\n",
            {"example": "one two, and: three"},
            ["p:10 is fixed: example: one → example: 'one", "p:11 is fixed: two, and: three → "],
        ),
        (
            "description: Ends with: \r\nb: 1\r\n",
            {"description": "Ends with:", "b": 1},
            ["p:10 is fixed: description: Ends with: → description: 'Ends with:'"],
        ),
        (
            "description: |>-\n  a\n   b\n",
            {"description": "a\n b"},
            ["p:10 is fixed: description: |>- → description: |-"],
        ),
        (
            "servers:\n  - url: https:/api.example\n",
            {"servers": [{"url": "https://api.example"}]},
            ["p:11 is fixed: - url: https:/api.example → - url: https://api.example"],
        ),
    ],
)
def test_certain_faults_are_fixed_and_reported(
    text: str, document: dict[str, Json], told: list[str]
) -> None:
    """With file, line, before and after; the fixed text reads the same."""
    new, read, made = fixed(text, "p", 10)
    assert read == document
    assert fixed(new, "p", 10) == (new, document, [])
    assert len(made) == len(told)
    for fix, sentence in zip(made, told, strict=True):
        assert fix.startswith(sentence)


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
    """A fix that could mean something else is none."""
    with pytest.raises(PipelineError, match=r"^p:1\d"):
        fixed(text, "p", 10)


def test_the_number_of_fixes_is_bounded() -> None:
    """A page full of faults is refused in the end."""
    text = "".join(f"a{number}:\n  description: a: b\n" for number in range(300))
    with pytest.raises(PipelineError, match="mapping values are not allowed"):
        fixed(text, "p", 1)
