"""Where the bytes of a video may come from, and who is told what."""

import httpx
import pytest

import chainhub
from chainhub._download import URLPolicy
from chainhub._session import Key
from chainhub._transport import refuse_private
from chainhub.errors import AddressRefusedError


@pytest.mark.parametrize(
    ("address", "refused"),
    [("93.184.216.34", False), ("10.0.0.1", True), ("::1", True), ("169.254.169.254", True)],
)
def test_private_addresses_are_refused(address, refused):
    """Whatever name led there."""
    if refused:
        with pytest.raises(AddressRefusedError, match=r"cdn\.example"):
            refuse_private("cdn.example", 443, address)
    else:
        refuse_private("cdn.example", 443, address)


def policy(allow_hosts=(), **settings):
    """Return the policy of a client."""
    client = chainhub.Client("sk-test-key", **{"base_url": "https://api.example"} | settings)
    return URLPolicy(client._transport, allow_hosts)


def test_a_key_goes_with_the_headers_of_the_client():
    """Except those that this request needs for itself."""
    headers = {"Host": "h", "X-Mine": "1", "accept": "a", "Range": "r"}
    made = policy(headers=headers)
    sent = made.headers(Key("sk-test-key"))
    names = ["user-agent", "x-mine", "accept", "accept-encoding", "connection", "authorization"]
    assert [name.decode().lower() for name, _ in sent] == names
    assert sent[-1] == (b"Authorization", b"Bearer sk-test-key")
    assert "sk-test-key" not in repr(made)


@pytest.mark.parametrize(
    ("url", "own"),
    [
        ("https://api.example/v", True),
        ("https://api.example:443/v", True),
        ("HTTPS://API.example/v", True),
        ("http://api.example/v", False),
        ("https://api.example:8443/v", False),
        ("https://api.example.evil.example/v", False),
        ("https://cdn.api.example/v", False),
    ],
)
def test_only_one_origin_is_the_api_itself(url, own):
    """The same scheme, host and port."""
    assert policy().is_own(httpx.URL(url)) is own


@pytest.mark.parametrize(
    ("url", "options", "checks"),
    [
        ("https://cdn.example/v", {}, True),
        ("https://api.example/v", {}, False),
        ("https://cdn.example/v", {"allow_hosts": ("cdn.example",)}, False),
        ("https://cdn.example/v", {"proxy": "http://10.0.0.1:3128"}, False),
        ("http://cdn.example/v", {"proxy": "https://10.0.0.1:3128"}, False),
        ("http://cdn.example/v", {}, True),
    ],
)
def test_addresses_are_checked_where_they_can_be(url, options, checks):
    """Behind a proxy the address connected to is the proxy's."""
    connection = policy(**options).open(httpx.URL(url))
    assert connection._route.check is (refuse_private if checks else None)
    connection.close()


@pytest.mark.parametrize(
    ("base_url", "verify", "allow_hosts", "expected"),
    [
        ("http://127.0.0.1", False, (), "bundled"),
        ("http://127.0.0.1", False, ("cdn.example",), "nothing"),
        ("https://api.example", False, (), "nothing"),
        ("http://127.0.0.1", "system", (), "system"),
    ],
)
def test_any_certificate_is_accepted_only_where_that_was_said(
    monkeypatch, base_url, verify, allow_hosts, expected
):
    """`verify_ssl=False` for this machine does not hold for the world."""
    trusted = []
    monkeypatch.setattr("chainhub._transport.tls_context", trusted.append)
    made = policy(allow_hosts, base_url=base_url, verify_ssl=verify, allow_insecure=True)
    made.open(httpx.URL("https://cdn.example/v")).close()
    assert [trust.kind for trust in trusted] == [expected]
