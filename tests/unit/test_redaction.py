"""What may be shown: no key in any spelling, no signed query, one bounded line."""

from __future__ import annotations

import base64
import json
import time
import urllib.parse

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainhub._redaction import (
    mask,
    one_line,
    redact_addresses,
    redact_text,
    redact_url,
)

KEY = "sk-test-Zm9v/+=_ÄÖ7x"
PLAIN = "Kp7Qw2Xv9Lm4Rt6Yb1Nc"


@pytest.mark.parametrize(
    "spelt",
    [
        KEY,
        f"Bearer {KEY}",
        urllib.parse.quote(KEY, safe=""),
        urllib.parse.quote(KEY, safe="").lower(),
        urllib.parse.quote(KEY),
        json.dumps(KEY),
        json.dumps(json.dumps(KEY)),
        "".join(f"\\u{ord(c):04x}" for c in KEY),
        "".join(f"\\u{ord(c):04X}" for c in KEY),
        "".join(f"&#{ord(c)};" for c in KEY),
        "".join(f"&#x{ord(c):x};" for c in KEY),
        base64.b64encode(KEY.encode()).decode(),
        base64.urlsafe_b64encode(KEY.encode()).decode(),
        base64.b64encode(f"a:{KEY}".encode()).decode(),
        base64.b64encode(f"user:{KEY}!".encode()).decode(),
        base64.b64encode(f"token={KEY}&b".encode()).decode(),
    ],
)
def test_a_key_is_masked_in_every_spelling(spelt: str) -> None:
    """Percent, JSON, HTML and base64 spellings of the key are recognised."""
    text = redact_text(f"wrong: {spelt}; bye", (KEY,))
    assert "***" in text
    assert text.endswith("bye")
    for part in (KEY[8:], "test-Zm", base64.b64encode(KEY.encode()).decode()[4:-4]):
        assert part not in text


@pytest.mark.parametrize(
    "shape", ["sk-abcdefghijkl", "Bearer abcdefghijkl", "bearer%20abcdefghijkl"]
)
def test_what_looks_like_a_key_is_masked_unasked(shape: str) -> None:
    """A key of somebody else, or an old one of ours, is masked by its shape."""
    assert redact_text(f"got {shape} here") in (
        "got *** here",
        "got Bearer *** here",
        "got bearer%20*** here",
    )


@pytest.mark.parametrize(
    "text", ["task-abcdefghijkl", "risk-averse-people-like", "the bearer of news"]
)
def test_what_only_resembles_a_key_stays(text: str) -> None:
    """Task ids and words are not masked."""
    assert redact_text(text) == text


def test_a_secret_of_three_characters_is_none() -> None:
    """Masking it would make every text unreadable."""
    assert mask("abc abcd", ("abc",)) == "abc abcd"
    assert mask("abc abcd", ("abcd",)) == "abc ***"


@given(st.text(max_size=40), st.text(max_size=40), st.integers(0, 3))
def test_no_surroundings_reveal_the_key(before: str, after: str, spaces: int) -> None:
    """Whatever stands around the key, it does not come through."""
    text = redact_text(before + PLAIN + " " * spaces + after, (PLAIN,))
    assert PLAIN not in text
    assert PLAIN[1:-1] not in text


@given(st.binary(max_size=20), st.binary(max_size=20))
def test_no_alignment_of_base64_reveals_the_key(before: bytes, after: bytes) -> None:
    """Whatever is encoded together with the key, decoding what is shown does not give it."""
    encoded = base64.b64encode(before + PLAIN.encode() + after).decode()
    text = mask(encoded, (PLAIN,))
    assert "***" in text
    for piece in text.split("***"):
        for start in range(4):
            usable = piece[start:].rstrip("=")
            usable = usable[: len(usable) // 4 * 4]
            assert PLAIN[6:14].encode() not in base64.b64decode(usable)


def test_a_key_cut_at_the_end_of_the_window_is_not_shown() -> None:
    """The text is looked at in a window; blanks do not bring its cut end into view."""
    limit = 300
    for size in range(6780, 6810):
        text = redact_text("a" + " " * size + PLAIN + "b" * 50_000, (PLAIN,), limit)
        assert PLAIN[:4] not in text


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://h/p", "https://h/p"),
        ("https://h/p?id=a%3Ab", "https://h/p?id=a%3Ab"),
        (
            "https://h/p?id=a:b&sig=s&X-Amz-Signature=t",
            "https://h/p?id=a:b&sig=***&X-Amz-Signature=***",
        ),
        ("https://u:p@h:8/p#f", "https://h:8/p"),
        ("https://u:p/w@h/p", "https://h/p"),
        ("https://token@h/p", "https://h/p"),
        ("https://u:p@w@h/p", "https://h/p"),
        ("https://h:80/@me", "https://h:80/@me"),
        ("https://h/@me", "https://h/@me"),
        ("//u:p@h/p", "//h/p"),
        ("u:p@h/p", "h/p"),
        ("/p?token", "/p?***"),
        ("/p?", "/p?"),
        ("/p?a=1&&id=2", "/p?a=***&&id=2"),
        ("/p?id=1;sig=2", "/p?id=***"),
        ("/p?id=1\u0026amp;sig=2", "/p?id=1&***"),
        ("/p?sk test=2", "/p?***"),
        (r"https:\/\/u:p@h\/p?sig=2", "https://h/p?sig=***"),
        ("https://h/\r\nX: y", "https://h/ X: y"),
        ("https://[::1/p?x=1", "https://[::1/p?x=***"),
    ],
)
def test_an_address_keeps_only_what_is_harmless(url: str, shown: str) -> None:
    """User, password, fragment and all query values but the id are gone."""
    assert redact_url(url, own=True) == shown
    assert redact_url(shown, own=True) == shown


def test_id_of_a_foreign_address_is_masked_too() -> None:
    """Whoever knows it may fetch the video: only the API's own ids name tasks."""
    assert redact_url("https://cdn/v.mp4?id=a&sig=b") == "https://cdn/v.mp4?id=***&sig=***"


def test_an_address_is_bounded() -> None:
    """A very long address is cut."""
    assert len(redact_url("https://h/" + "x" * 10_000)) == 300


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("see https://h/v.mp4?sig=abc.", "see https://h/v.mp4?sig=***."),
        ('{"u":"https:\\/\\/h\\/v?a=1\\u0026id=2"}', '{"u":"https://h/v?a=***&id=***"}'),
        ("<a href='https://u:p@h/'>", "<a href='https://h/'>"),
        ("wss://h/x?token=1 end", "wss://h/x?token=*** end"),
        ("[GET http://h/q?id=a%3Ab; 1 attempt]", "[GET http://h/q?id=***; 1 attempt]"),
        ("(https://h/v?sig=abc), then", "(https://h/v?sig=***), then"),
        ("[v](https://h/v?sig=abc)and more", "[v](https://h/v?sig=***)and more"),
        ("{url:https://h/v?sig=abc}x", "{url:https://h/v?sig=***}x"),
        ("{'u': 'https://h/v?sig=abc', 'n': 1}", "{'u': 'https://h/v?sig=***', 'n': 1}"),
        ("`https://h/v?sig=abc`?", "`https://h/v?sig=***`?"),
        ("is it https://h/v?a=1&sig=abc?!", "is it https://h/v?a=***&sig=***?!"),
        ("见 https://h/v?sig=abc。请稍后", "见 https://h/v?sig=***。请稍后"),
        ("“https://h/v?sig=abc”…", "“https://h/v?sig=***”…"),
        (r'"{\"u\":\"https://h/v?sig=abc\"}"', r'"{\"u\":\"https://h/v?sig=***\"}"'),
        ("https://h/v#part, then", "https://h/v, then"),
        ("https://h/v_(1), then", "https://h/v_(1), then"),
        # What may still be a value is masked rather than shown.
        ("https://h/v?a=b)c&sig=abc", "https://h/v?a=***&sig=***"),
        ("https://h/v?f=g(a)b", "https://h/v?f=***"),
        ("https://h/v?a=b。c&sig=abc", "https://h/v?a=***&sig=***"),
        ("https://h/v?a=b)https://h/w?sig=abc", "https://h/v?a=***"),
        ("https://h/v?a=b,c;sig=abc", "https://h/v?a=***"),
    ],
)
def test_addresses_inside_texts_are_redacted(text: str, shown: str) -> None:
    """Signed addresses in bodies lose their values, and the text around them loses nothing."""
    assert redact_text(text) == shown
    assert redact_text(shown) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("GET https://api/v1/q?id=a%3Ab&k=c;", "GET https://api/v1/q?id=a%3Ab&k=***;"),
        ("https://api?id=a", "https://api?id=a"),
        ("https://api", "https://api"),
        ("https://api.evil/q?id=a", "https://api.evil/q?id=***"),
        ("https://api@evil/q?id=a", "https://evil/q?id=***"),
        ("http://api/q?id=a", "http://api/q?id=***"),
    ],
)
def test_ids_of_the_api_itself_are_kept(text: str, shown: str) -> None:
    """Those of its own scheme, host and port, and no others."""
    assert redact_addresses(text, "https://api") == shown


@pytest.mark.unmeasured
@pytest.mark.parametrize(
    "piece",
    [
        "http://",
        "http://a?b=c",
        "http://a?b=c。",
        "http://a?b=(c)",
        "http://a?",
        "&a",
        "http:" + "\\" * 8,
        "\\",
        "?",
    ],
)
def test_cost_grows_with_the_text_and_no_faster(piece: str) -> None:
    """Twice the text takes about twice the time; with the square, half a minute."""
    once, twice = (_seconds("http://h/?a=" + piece * (n // len(piece))) for n in (10**5, 2 * 10**5))
    assert twice < max(3 * once, 1.0)


def _seconds(text: str) -> float:
    began = time.process_time()
    redact_addresses(text)
    mask(text, (PLAIN,))
    return time.process_time() - began


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\r\n\tb\u2028c\x85d", "a b c d"),
        ("\x1b[2J\x00", "\\x1b[2J\\x00"),
        ("\u202eabc\u2066", "\\u202eabc\\u2066"),
        ("\udc00", "\\udc00"),
        ("服务器繁忙 é", "服务器繁忙 é"),
        ("x" * 30, "x" * 9 + "…"),
    ],
)
def test_a_line_cannot_move_the_cursor(text: str, shown: str) -> None:
    """Line ends become blanks, invisible characters are spelt, the rest is cut."""
    assert one_line(text, 10 if len(text) == 30 else 100) == shown


@given(st.text(max_size=300), st.integers(20, 120))
def test_every_line_is_printable_and_bounded(text: str, limit: int) -> None:
    """No text breaks the two promises of a line."""
    for shown in (one_line(text, limit), redact_text(text, (), limit), redact_url(text)):
        assert shown.isprintable()
        assert len(shown) <= max(limit, 300)
    assert len(redact_text(text, (), limit)) <= limit


AROUND = st.text("ab1 .,:;!?()[]{}<>'\"`。，）】…=&%\\/#@-", max_size=12)


@given(
    AROUND, st.sampled_from([("(", ")"), ("[", "]"), ('"', '"'), ("'", "'"), (" ", " ")]), AROUND
)
def test_the_text_around_an_address_stays(before: str, marks: tuple[str, str], after: str) -> None:
    """Whatever is written before it and behind its end."""
    opening, closing = marks
    text = f"{before}{opening}https://h/v?sig=abc{closing} {after}"
    assert redact_addresses(text) == text.replace("sig=abc", "sig=***")


@given(st.text("abcxyz-skKp7Qw2Xv9Lm4Rt6Yb1Nc._", max_size=60), st.sampled_from([30, 300]))
def test_a_word_is_redacted_like_any_text(word: str, limit: int) -> None:
    """The short way for ids shows what the long way does, which the blank makes it take."""
    for text in (word, f"{PLAIN}{word}", f"{word}.sk-12345678"):
        assert redact_text(text, (PLAIN,), limit) == redact_text(f"{text} ", (PLAIN,), limit)


@pytest.mark.parametrize(
    "url",
    [
        "https://x.example/v1/query?id=a%3Ab-1",
        "http://127.0.0.1:8000/v1/query",
        "https://x.example/v1/query?id=a&id=b",
        "https://x.example/v1/query?key=a",
        "https://user:pass@x.example/v1/query?id=a",
        "https://x.example/v1/query?id=a?b",
        "https://x.example/v1/query?id=ä",
        "https://x.example/v1/" + "a" * 400,
    ],
)
def test_an_own_url_is_redacted_like_any(url: str) -> None:
    """The short way shows what the long way does, which the fragment makes it take."""
    assert redact_url(url, own=True) == redact_url(f"{url}#x", own=True)
