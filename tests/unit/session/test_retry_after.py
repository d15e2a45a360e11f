"""How long a server asks to wait."""

from __future__ import annotations

import pytest

from chainhub._session.retry import date_of, poll_hint_of, retry_after_of
from chainhub._transport import Response

WALL = 1_445_412_480.0  # Wed, 21 Oct 2015 07:28:00 GMT


def answer(*headers: tuple[str, str]) -> Response:
    """Return a 429 with these headers."""
    raw = [(name.encode(), value.encode("latin-1")) for name, value in headers]
    return Response(429, raw, b"")


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0.0),
        ("3", 3.0),
        ("3.", 3.0),
        ("2.5", 2.5),
        (" 7\t", 7.0),
        ("007", 7.0),
        ("36000", 36000.0),
        ("999999999", 999_999_999.0),
        ("1445412510", 30.0),
        ("1445412510.5", 30.5),
        ("1445412510000", 30.0),
        ("1445412000", 0.0),
        ("9" * 400, 1e9),
        ("", None),
        ("-5", None),
        ("+5", None),
        (".5", None),
        ("1e3", None),
        ("1_0", None),
        ("0x10", None),
        ("5 s", None),
        ("1, 2", None),
        ("nan", None),
        ("inf", None),
        ("Infinity", None),
        ("²", None),
        ("soon", None),
        ("Wed, 21 Oct 2015 07:28:30 GMT", 30.0),
        ("Wed, 21 Oct 2015 07:28:30 UTC", 30.0),
        ("Wed, 21 Oct 2015 07:28:30 +0000", 30.0),
        ("Wednesday, 21-Oct-15 07:28:30 GMT", 30.0),
        ("Wed Oct 21 07:28:30 2015", 30.0),
        ("Wed, 21 Oct 2015 07:27:00 GMT", 0.0),
        ("Sunday, 06-Nov-94 08:49:37 GMT", 0.0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 1e9),
        ("Fri, 31 Dec 99999 23:59:59 GMT", None),
        ("Wed, 31 Feb 2015 07:28:30 GMT", None),
        ("Wed, 21 Foo 2015 07:28:30 GMT", None),
        ("Wed, 21 Oct 2015 25:28:30 GMT", None),
        ("Wed, 21 Oct 2015 08:28:30 +0100", 30.0),
        ("Wed, 21 Oct 2015 07:28:30", 30.0),
    ],
)
def test_retry_after_value(value: str, seconds: float | None) -> None:
    """A number or date in any legal form is read, everything else is as good as absent."""
    assert retry_after_of(answer(("Retry-After", value)), WALL) == seconds


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ([], None),
        ([("retry-after-ms", "300")], 0.3),
        ([("retry-after-ms", "300"), ("Retry-After", "1")], 0.3),
        ([("RETRY-AFTER-MS", "nan"), ("Retry-After", "1")], 1.0),
        ([("retry-after-ms", "9" * 400)], 1e9),
        ([("Retry-After", "1"), ("Retry-After", "2")], 2.0),
        ([("Retry-After", "2"), ("Retry-After", "soon")], 2.0),
    ],
)
def test_several_headers(headers: list[tuple[str, str]], seconds: float | None) -> None:
    """Milliseconds go before seconds, and of two headers the longer wait counts."""
    assert retry_after_of(answer(*headers), WALL) == seconds


@pytest.mark.parametrize("skew", [-7200.0, 0.0, 7200.0])
def test_a_date_is_measured_by_the_servers_clock(skew: float) -> None:
    """A wrong clock on this machine does not change the wait if the answer has a Date."""
    headers = (
        ("Date", "Wed, 21 Oct 2015 07:28:00 GMT"),
        (
            "Retry-After",
            "Wed, 21 Oct 2015 07:28:20 GMT",
        ),
    )
    assert retry_after_of(answer(*headers), WALL + skew) == 20.0


def test_an_unreadable_date_header_is_ignored() -> None:
    """A Date that is none leaves this machine's clock as the reference."""
    headers = ("Date", "today"), ("Retry-After", "Wed, 21 Oct 2015 07:28:20 GMT")
    assert retry_after_of(answer(*headers), WALL + 5) == 15.0


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0.0),
        ("Thursday, 01-Jan-70 00:00:00 GMT", 0.0),
        ("Sunday, 01-Jan-68 00:00:00 GMT", 3_092_601_600.0),
        ("Thu Jan  1 00:00:00 1970", 0.0),
        ("Sat, 31 Dec 2016 23:59:60 GMT", 1_483_228_799.0),
    ],
)
def test_date_of(text: str, instant: float) -> None:
    """All three HTTP forms are read, two-digit years and a leap second included."""
    assert date_of(text) == instant


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ([], None),
        ([("openai-poll-after-ms", "4000")], 4.0),
        ([("openai-poll-after-ms", "4000"), ("Retry-After", "9")], 4.0),
        ([("openai-poll-after-ms", "abc"), ("Retry-After", "9")], 9.0),
        ([("openai-poll-after-ms", "0"), ("Retry-After", "9")], 9.0),
        ([("openai-poll-after-ms", "0"), ("Retry-After", "0")], None),
        ([("openai-poll-after-ms", "-100"), ("Retry-After", "-1")], None),
        ([("openai-poll-after-ms", "1")], 1.0),
        ([("openai-poll-after-ms", "36000000")], 30.0),
        ([("Retry-After", "36000")], 30.0),
    ],
)
def test_poll_hint(headers: list[tuple[str, str]], seconds: float | None) -> None:
    """A hint is kept within 1 to 30 s, and nonsense or 0 is no hint."""
    assert poll_hint_of(answer(*headers), WALL) == seconds
