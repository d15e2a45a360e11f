"""Signed links: right, wrong, and too old."""

from urllib.parse import parse_qs, urlsplit

import pytest

from chainhub.sandbox._media import Signer

SIGNER = Signer(b"secret", lifetime=100.0)
TOKEN = "f00"


def parts(link: str) -> tuple[str, str]:
    """Return the expiry and the signature in a link."""
    query = parse_qs(urlsplit(link).query)
    return query["expires"][0], query["signature"][0]


@pytest.mark.parametrize(("now", "good"), [(1000.0, True), (1099.9, True), (1100.0, False)])
def test_a_link_works_for_its_lifetime(now: float, good: bool) -> None:
    """A link made at 1000 s that lives for 100 s is refused at 1100 s."""
    link = SIGNER.link(TOKEN, since=1000.0, now=1000.0)
    assert SIGNER.accepts(TOKEN, *parts(link), now=now) is good


@pytest.mark.parametrize(
    ("now", "expires"), [(1000, 1100), (1049.9, 1100), (1050, 1150), (1099, 1150), (9999, 10050)]
)
def test_a_link_stays_until_half_its_life_is_over(now: float, expires: int) -> None:
    """The link asked for later is the same one, until it has only half its life left."""
    link = SIGNER.link(TOKEN, since=1000.0, now=now)
    assert parts(link)[0] == str(expires)


@pytest.mark.parametrize(
    ("token", "expires", "flip"),
    [("other", None, False), (TOKEN, "9999", False), (TOKEN, None, True), (TOKEN, "", True)],
)
def test_a_changed_link_is_refused(token: str, expires: str | None, flip: bool) -> None:
    """Neither the video, nor the expiry, nor the signature can be changed."""
    own, signature = parts(SIGNER.link(TOKEN, since=1000.0, now=1000.0))
    signature = signature[::-1] if flip else signature
    assert not SIGNER.accepts(token, own if expires is None else expires, signature, now=1000.0)


def test_a_signature_with_odd_letters_is_refused() -> None:
    """A signature outside of ASCII is wrong, not an accident."""
    assert not SIGNER.accepts(TOKEN, "1100", "ü", now=1000.0)


def test_the_secret_is_not_shown() -> None:
    """The secret does not appear in the signer's repr."""
    assert "secret=" not in repr(SIGNER)
    assert "b'secret'" not in repr(SIGNER)
