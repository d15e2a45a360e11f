"""Foreign exceptions in, one value of our own out."""

import ssl

import httpcore
import httpx
import pytest

from chainhub._body import BodyError
from chainhub._network import LeftOver, NameLookupError
from chainhub._session.retry import AttemptFailure
from chainhub._trouble import trouble_of

KEY = "sk-test-trouble-123456"


def caused(error: Exception, cause: Exception) -> Exception:
    """Give an exception a cause."""
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "reached", "kind", "still_reached"),
    [
        (httpcore.ConnectError("refused"), False, "connect", False),
        (httpx.ConnectError("refused"), True, "connect", False),
        (httpcore.ConnectTimeout("slow"), False, "connect_timeout", False),
        (httpcore.ReadTimeout("slow"), True, "timeout", True),
        (httpx.WriteTimeout("slow"), True, "timeout", True),
        (httpcore.PoolTimeout("busy"), False, "timeout", False),
        (httpcore.ReadError("reset"), True, "closed", True),
        (httpx.WriteError("pipe"), True, "closed", True),
        (httpcore.ProxyError("407 Proxy Authentication Required"), True, "proxy", True),
        (httpcore.RemoteProtocolError("illegal status line"), True, "protocol", True),
        (LeftOver("bytes"), False, "protocol", False),
        (httpcore.RemoteProtocolError("Server disconnected without"), True, "closed", True),
        (httpx.RemoteProtocolError("peer closed connection without"), True, "truncated", True),
        (httpx.DecodingError("bad data"), True, "decode", True),
        (httpcore.LocalProtocolError("illegal header"), False, "local", False),
        (OSError("strange"), False, "local", False),
        (BodyError("too_large", "larger"), False, "too_large", True),
        (NameLookupError("not found", passing=False), True, "lookup", False),
        (
            caused(httpcore.ConnectError("ssl"), ssl.SSLEOFError(8, "EOF occurred")),
            False,
            "tls",
            False,
        ),
    ],
)
def test_every_failure_has_a_kind(error, reached, kind, still_reached):
    """The kind decides about another attempt, and so does whether the server was reached."""
    trouble = trouble_of(error, host="api.example", reached=reached, heard=b"", secrets=())
    assert (trouble.kind, trouble.reached) == (kind, still_reached)
    assert trouble.text


def test_passing_name_trouble_is_told_from_lasting():
    """A resolver that did not answer may answer the next time."""
    trouble = trouble_of(
        NameLookupError("later", passing=True), host="x", reached=False, heard=b"", secrets=()
    )
    assert trouble == AttemptFailure("lookup", reached=False, text="later", passing=True)


def test_texts_are_redacted_and_never_empty():
    """A foreign text may echo the key; an exception without a text still has a name."""
    echoing = httpcore.ReadError(f"peer said {KEY}")
    assert KEY not in trouble_of(echoing, host="x", reached=True, heard=b"", secrets=(KEY,)).text
    assert trouble_of(OSError(), host="x", reached=False, heard=b"", secrets=()).text == "OSError"
