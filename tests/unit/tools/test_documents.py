"""What is read as a document, and what is refused with its place."""

from __future__ import annotations

from math import isfinite
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tools import documents
from tools.documents import Json
from tools.errors import PipelineError


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"a": "\\ud83c\\udfac"}', "\U0001f3ac"),
        ('{"a": "\\\\\\uD83C\\uDFAC"}', "\\\U0001f3ac"),
        ('{"a": "\\\\ud83c\\\\udfac"}', "\\ud83c\\udfac"),
    ],
)
def test_json_may_write_a_letter_as_two_escapes(text: str, value: str) -> None:
    """As `json.dumps` writes every emoji; an escaped backslash begins no escape."""
    assert documents.parse(text, "x.json") == {"a": value}


def test_yaml_gives_plain_json_values() -> None:
    """Dates stay text, number keys become text, and aliases are copied."""
    text = "day: 2025-10-06\n200: ok\nlist: [-1, 2.5, 0x1F, true, ~, &a {x: '1'}, *a]\nyes: no\n"
    assert documents.parse(text, "x.yaml") == {
        "day": "2025-10-06",
        "200": "ok",
        "list": [-1, 2.5, 31, True, None, {"x": "1"}, {"x": "1"}],
        "yes": "no",
    }


@pytest.mark.parametrize(
    ("text", "merged"),
    [
        ("<<: *a\nz: 3", {"x": 1, "y": {"b": 2}, "z": 3}),
        ("x: 2\n<<: *a", {"x": 2, "y": {"b": 2}}),
        ("<<: [{x: 0, w: 1}, *a]", {"x": 0, "y": {"b": 2}, "w": 1}),
        ("'<<': 1", {"<<": 1}),
    ],
)
def test_mappings_are_merged_as_people_write_them(text, merged):
    """What stands there itself counts, then what is named first."""
    lines = "".join(f"  {line}\n" for line in text.splitlines())
    found = documents.parse(f"a: &a {{x: 1, y: {{b: 2}}}}\nm:\n{lines}", "x.yaml")
    assert found["m"] == merged


@pytest.mark.parametrize("text", ['{"a": [1]}', "{a: [1]}"])
def test_json_and_flow_yaml_are_read(text: str) -> None:
    """A text that begins with a brace may be either."""
    assert documents.parse(text, "x") == {"a": [1]}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a: 1\nb: c: d\n", "x:12:5 is not valid YAML: mapping values are not allowed"),
        ("a: 1\na: 2\n", "x:12 has the key “a” twice in one mapping."),
        ('{"a": 1,\n "a": 2}', "x:12 has the key “a” twice in one mapping."),
        ("a: !!python/object:os.system {}\n", "x:11 has a value of the kind tag:yaml.org,2002:py"),
        ("- a\n", "x does not hold a mapping"),
        ("", "x does not hold a mapping"),
        ("a: .nan\n", "x:11 has a number that JSON does not have at /a."),
        ("a: 1e999\n", "x:11 has a number that JSON does not have at /a."),
        ("a: " + "9" * 5000 + "\n", "x:11 has a number that JSON does not have at /a."),
        ("a: !!binary aGk=\n", "x:11 has a value of the kind tag:yaml.org,2002:binary at /a."),
        ("a:\n  <<: 1\n", "x:12 merges what is no mapping at /a."),
        ("<<: [{a: 1}, 2]\n", "x:11 merges what is no mapping at /."),
        ("? [1]\n: 2\n", "x:11 has a key that is not text at /."),
        ("a: &a [*a]\n", "x:11 is too large or too deep at /a/0/0"),
        ("a: \x00\n", "x is not text: unacceptable character"),
        ("{" + '"a": [' * 5000, "x:11:6001 is not valid YAML: exceeded maximum nesting depth."),
    ],
)
def test_what_is_no_document_is_refused_with_its_place(text: str, sentence: str) -> None:
    """One sentence names the file, and the line where there is one."""
    with pytest.raises(PipelineError) as caught:
        documents.parse(text, "x", line=11)
    assert str(caught.value).startswith(sentence)
    assert "\n" not in str(caught.value)


def test_aliases_cannot_exhaust_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """What aliases repeat is counted each time."""
    monkeypatch.setattr(documents, "MAX_VALUES", 1000)
    lines = ["a0: &a0 [x, x]"] + [f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 30)]
    with pytest.raises(PipelineError, match="too large or too deep"):
        documents.parse("\n".join(lines), "x")


def test_files_are_read_within_bounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that is missing, no text, or too large is refused by name."""
    path = tmp_path / "a.yaml"
    with pytest.raises(PipelineError, match=r"a\.yaml cannot be read: No such file"):
        documents.read(path)
    path.write_bytes(b"\xef\xbb\xbfa: 1\n")
    assert documents.read(path) == {"a": 1}
    path.write_bytes(b"a: \xff\n")
    with pytest.raises(PipelineError, match=r"a\.yaml is not UTF-8 text: byte 3"):
        documents.read(path)
    monkeypatch.setattr(documents, "MAX_BYTES", 3)
    with pytest.raises(PipelineError, match=r"a\.yaml is larger than"):
        documents.read(path)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text()
    | st.floats(allow_nan=False).filter(isfinite),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=200, deadline=None)
@given(JSON)
def test_what_is_written_is_read_again(value: Json) -> None:
    """Whatever a value holds, down to odd letters, words of YAML, and numbers in quotes."""
    assert documents.parse(documents.text_of({"a": value}), "x") == {"a": value}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({}, "{}\n"),
        (
            {"a": {"b c": ["d", {"e": []}]}, "/v1": "yes"},
            'a:\n  b c:\n    - d\n    -\n      e: []\n/v1: "yes"\n',
        ),
    ],
)
def test_documents_are_written_in_blocks(value: Json, text: str) -> None:
    """Plain where that is safe, quoted elsewhere."""
    assert documents.text_of(value) == text
