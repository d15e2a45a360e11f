"""Bodies: which text the bytes are, and strict, bounded JSON."""

from __future__ import annotations

import json
import math
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainhub._responses import charset_of
from chainhub._responses import response as _json
from chainhub._responses.response import (
    DEEPEST,
    MOST_BYTES,
    NotJSON,
    lenient_text,
    parse,
    parse_text,
    strict_text,
)
from chainhub._transport import Response

TASK = {"id": "a", "prompt": "é 服务 😀"}
TEXT = json.dumps(TASK, ensure_ascii=False)


def parsed(body: bytes, charset: str | None = None) -> object:
    """Return the document of a body."""
    kind = (
        []
        if charset is None
        else [(b"Content-Type", f"a/b; charset={charset}".encode("utf-8", "replace"))]
    )
    return parse(Response(200, kind, body))


ENCODINGS = [
    "utf-8",
    "utf-8-sig",
    "utf-16",
    "utf-16-le",
    "utf-16-be",
    "utf-32",
    "utf-32-le",
    "utf-32-be",
]


@pytest.mark.parametrize(
    ("encoding", "charset"),
    [
        *((encoding, None) for encoding in ENCODINGS),
        ("gb18030", "gb18030"),
        ("gb18030", "GB18030"),
        # UTF-8 is recognised whatever the header says.
        *(
            ("utf-8", wrong)
            for wrong in ("utf-16", "x-klingon", "iso-8859-1", "a\0b", "", "\udc00")
        ),
    ],
)
def test_every_honest_encoding_is_read(encoding: str, charset: str | None) -> None:
    """UTF-8 first, then marks and zero bytes, then what the header says."""
    assert parsed(TEXT.encode(encoding), charset) == TASK


UNKNOWN = ["x-klingon", "ascii", "base64", "idna", "unicode-escape", "raw-unicode-escape", "a\x00b"]


@pytest.mark.parametrize("charset", [None, "", *UNKNOWN])
def test_bytes_of_no_known_encoding_are_refused(charset: str | None) -> None:
    """Bytes that are neither UTF-8 and not what the header says are no document."""
    with pytest.raises(NotJSON, match="neither UTF-8"):
        parsed(b'{"id": "\xff\xfe\xfa"}', charset)


@pytest.mark.parametrize(
    ("header", "charset"),
    [
        (None, None),
        ("application/json", None),
        ("application/json; charset=", None),
        ('text/html; Charset="GB2312"; x=y', "gb2312"),
        ("text/html;charset= utf-8 ", "utf-8"),
    ],
)
def test_the_charset_is_read_from_the_header(header: str | None, charset: str | None) -> None:
    """Quotes, case and other parameters do not matter."""
    headers = [] if header is None else [(b"Content-Type", header.encode("latin-1"))]
    assert charset_of(Response(200, headers, b"")) == charset


def test_lenient_text_never_fails() -> None:
    """Bytes that are no text are marked; the declared charset is tried before."""
    assert lenient_text("é".encode("latin-1") + b" x", "latin-1") == "é x"
    assert lenient_text(b"\xff x", "x-klingon") == "\ufffd x"
    assert lenient_text("é".encode()[:1]) == "\ufffd"
    assert lenient_text(b"plain") == "plain"
    assert strict_text(b"\xff") is None


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "Expecting value"),
        (" \r\n\t ", "Expecting value"),
        ('{"a": NaN}', "NaN"),
        ('{"a": Infinity}', "Infinity"),
        ("-Infinity", "-Infinity"),
        ('{"a": 1e400}', "too large"),
        ("-1e400", "too large"),
        ('{"a": 1}{"a": 1}', "extra data after the end"),
        ('{"a": 1}<!-- -->', "extra data after the end"),
        (")]}',\n{}", "Expecting value"),
        ("data: {}", "Expecting value"),
        ('{"a": 1', "delimiter"),
        ('{"a', "Unterminated string starting at character 1$"),
        ("'a'", "Expecting value"),
        ('{"a": "\x01"}', "control character"),
        ('{"status": "done", "status": "failed"}', "'status' twice"),
        ('{"x": [{"a": 1, "a": 2}]}', "'a' twice"),
        ('{"a": 1, "a": true}', "'a' twice"),
        ('{"' + "a" * 61 + '": 1, "' + "a" * 61 + '": 2}', "contains a key twice"),
        ("[" * 99 + "[[]],[]" + "]" * 99, "nested"),
        ("9" * 5000, "too many digits"),
        ('{"a": -' + "9" * 5000 + "}", "too many digits"),
        ("[" * 101 + "]" * 101, "nested"),
        ('{"a":[' * 51 + "]}" * 51, "nested"),
        ('{"a":' * 100_000 + "1" + "}" * 100_000, "nested"),
        ("[" * 100_000, "nested"),
        ('["' + "[" * 20_000 + '",' + "[" * 200, "nested"),
    ],
)
def test_what_is_no_document_is_refused_with_a_reason(text: str, why: str) -> None:
    """Each kind of nonsense is named, without a piece of the body."""
    with pytest.raises(NotJSON, match=why) as caught:
        parse_text(text)
    assert caught.value.__context__ is None
    assert len(str(caught.value)) < 150


@pytest.mark.parametrize(
    ("text", "document"),
    [
        ("null", None),
        (" [1, 2.5, -0.0] ", [1, 2.5, -0.0]),
        ('{"a": 1, "a": 1}', {"a": 1}),
        ('"\\udc00"', "\udc00"),
        ('{"": ""}', {"": ""}),
        ("9" * 4300, int("9" * 4300)),
        ("1e-400", 0.0),
        ("[" * 100 + "]" * 100, None),
        ("[" * 99 + "[],[]" + "]" * 99, None),
        (json.dumps("[{" * 500), "[{" * 500),
        (json.dumps(['"[' * 500, "\\"]), ['"[' * 500, "\\"]),
        ("[" + "[]," * 500 + "1]", [*([[]] * 500), 1]),
    ],
)
def test_what_is_a_document_is_taken(text: str, document: object) -> None:
    """Brackets in strings, many flat ones, equal double keys and lone surrogates do no harm."""
    parsed = parse_text(text)
    assert parsed == document or text.startswith("[" * (DEEPEST - 1))


def test_the_size_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit itself is allowed; a body above it is not even decoded."""
    with pytest.raises(NotJSON, match="16 MiB"):
        parsed(b" " * (MOST_BYTES + 1))
    monkeypatch.setattr(_json, "MOST_BYTES", 4)
    assert parsed(b"null") is None
    with pytest.raises(NotJSON, match="larger"):
        parsed(b" null")


def test_long_numbers_are_refused_even_if_the_interpreter_takes_them() -> None:
    """Somebody's setting does not allow quadratic work."""
    before = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(0)
    try:
        with pytest.raises(NotJSON, match="too many digits"):
            parse_text("9" * 5000)
        assert parse_text('["1", 2]') == ["1", 2]
    finally:
        sys.set_int_max_str_digits(before)


def test_a_stack_that_is_nearly_used_up_gives_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parsing close to the interpreter's limit of recursion is no foreign exception."""

    class Deep:
        def decode(self, text: str) -> object:
            raise RecursionError

    monkeypatch.setattr(_json, "_DECODER", Deep())
    with pytest.raises(NotJSON, match="remaining stack"):
        parse_text("[]")


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(json_values)
def test_every_document_comes_back_as_it_was(document: object) -> None:
    """What the standard library writes is read unchanged."""
    text = json.dumps(document)
    assert parsed(text.encode(), None) == document


@given(
    st.binary(max_size=200)
    | st.text(max_size=200).map(lambda text: text.encode("utf-8", "replace"))
)
def test_no_bytes_raise_anything_foreign(body: bytes) -> None:
    """There is a document without infinities, or a sentence."""
    try:
        document = parsed(body, "gb18030")
    except NotJSON:
        return
    assert not isinstance(document, float) or math.isfinite(document)
