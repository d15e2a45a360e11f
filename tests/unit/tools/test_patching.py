"""The text of a contract changes only where it says something else."""

from __future__ import annotations

import pytest

from tools.documents import Json, parse
from tools.pages.patching import patched

TEXT = """# kept
a:
  b: 1   # beside
  c:
    - x

    # behind
d: |
  text

e: {f: 1}
"""
A: Json = {"b": 1, "c": ["x"]}
BEFORE: dict[str, Json] = {"a": A, "d": "text\n", "e": {"f": 1}}


@pytest.mark.parametrize(
    ("after", "text"),
    [
        (BEFORE, TEXT),
        ({**BEFORE, "new": [1]}, TEXT + "new:\n  - 1\n"),
        ({**BEFORE, "a": {"b": 2, "c": ["x"]}}, TEXT.replace("b: 1   # beside", "b: 2")),
        (
            {**BEFORE, "a": {"b": 1, "c": ["x"], "new": {}}},
            TEXT.replace("    - x\n", "    - x\n  new: {}\n"),
        ),
        ({**BEFORE, "e": {"f": 1, "g": 2}}, TEXT.replace("e: {f: 1}", "e:\n  f: 1\n  g: 2")),
        ({**BEFORE, "d": "other"}, TEXT.replace("d: |\n  text\n\n", "d: other\n")),
        (
            {"a": {"c": ["x"]}, "e": {"f": 1}},
            "# kept\na:\n  c:\n    - x\n\n    # behind\ne: {f: 1}\n",
        ),
        ({**BEFORE, "a": 7}, "# kept\na: 7\n" + TEXT[TEXT.index("\n    # behind") :]),
    ],
)
def test_only_what_changes_is_written(after: dict[str, Json], text: str) -> None:
    """Comments, blank lines and the layout of everything else stay."""
    assert patched(TEXT, after) == text
    assert parse(patched(TEXT, after), "x") == after


def test_a_last_line_without_an_end_is_ended() -> None:
    """Before a line is added behind it."""
    assert patched("a: 1", {"a": 1, "b": 2}) == "a: 1\nb: 2\n"


@pytest.mark.parametrize(
    "text", ["{a: {b: 1}, c: 2}\n", "a: &x {b: 1}\nc: *x\n", '{"a": {"b": 1},\n "c": 2}\n']
)
def test_what_cannot_be_changed_in_place_is_written_whole(text: str) -> None:
    """A document in one line, or one that repeats itself by name."""
    assert patched(text, {"a": {"b": 2}, "c": 3}) == "a:\n  b: 2\nc: 3\n"
