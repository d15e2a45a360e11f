"""Only public addresses may be reached because somebody else's answer says so."""

import contextlib
import ipaddress
import string

import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chainhub._transport import (
    addresses,
    check_url,
    is_allowed,
    is_loopback,
    origin_of,
    refuse_private,
)
from chainhub._transport.addresses import host_refusal, literal_address, name_refusal, refusal
from chainhub.errors import AddressRefusedError


@pytest.fixture(scope="module", autouse=True)
def _nothing_is_known():
    """Forget what another test may have loaded, which coverage need not have followed."""
    addresses._networks.cache_clear()


def rows(table):
    """Return a row for each word of a table of words by their meaning."""
    return [(word, meaning) for meaning, words in table.items() for word in words.split()]


REFUSED = {
    "unspecified": "0.0.0.0 ::",
    "reserved": """
        0.1.2.3 192.0.0.1 192.0.0.9 192.88.99.1 240.0.0.1 ::127.0.0.1 ::8.8.8.8
        ::ffff:0:127.0.0.1 100::1 2001:2::1 2001:10::1 4000::1 5f00::1
    """,
    "private": """
        10.0.0.0 10.255.255.255 172.16.0.1 172.31.255.255 192.168.0.1 ::ffff:10.0.0.1
        64:ff9b::a00:1 fc00::1 fdff::1
    """,
    "shared": "100.64.0.1 100.127.255.255",
    "loopback": "127.0.0.1 127.255.255.254 ::1 ::ffff:127.0.0.1 64:ff9b::127.0.0.1",
    "link-local": "169.254.0.1 fe80::1 fe80::1%eth0 fe80::1%25eth0",
    "documentation": "192.0.2.1 198.51.100.7 203.0.113.7 2001:db8::1 3fff::1",
    "benchmarks": "198.18.0.1 198.19.255.255",
    "multicast": "224.0.0.1 239.255.255.255 ff02::1",
    "broadcast": "255.255.255.255",
    "metadata": """
        169.254.169.254 169.254.170.2 100.100.100.200 168.63.129.16 192.0.0.192 169.254.170.23
        fd00:42::42 fd00:ec2::23 fd00:ec2::254 fe80::a9fe:a9fe fd20:ce::254 ::ffff:a9fe:a9fe
        64:ff9b::169.254.169.254
    """,
    "NAT64": "64:ff9b:1::8.8.8.8",
    "Teredo": "2001::1 2001:0:4136:e378:8000:63bf:80ff:fffe",
    "6to4": "2002:7f00:1:: 2002:a9fe:a9fe::1 2002:808:808::1",
    "site-local": "fec0::1",
    "not an IP address": "example.com 127.0.0.01",
}
PUBLIC = """
    1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255
    128.0.0.1 169.253.255.255 172.15.255.255 172.32.0.0 192.0.1.0 192.167.255.255
    192.169.0.0 198.17.255.255 198.20.0.0 223.255.255.255 2001:200::1 2001:4860:4860::8888
    2606:4700::1111 2003::1 ::ffff:8.8.8.8 64:ff9b::8.8.8.8
"""


@pytest.mark.parametrize(("address", "reason"), [*rows(REFUSED), ("", "not an IP address")])
def test_addresses_that_are_not_public_are_refused(address, reason):
    """Every special range has its reason, also inside addresses that carry another."""
    assert reason in (refusal(address) or "")


@pytest.mark.parametrize("address", PUBLIC.split())
def test_public_addresses_pass(address):
    """The neighbours of the special ranges are public addresses."""
    assert refusal(address) is None
    refuse_private("h", 1, address)


@given(st.ip_addresses())
def test_every_address_ipaddress_calls_private_is_refused(address):
    """We are at least as strict as any version of `ipaddress`."""
    usual = not address.is_global or address.is_multicast or address.is_reserved
    exceptions = map(ipaddress.ip_network, ("64:ff9b::/96", "::ffff:0:0/96"))
    if usual and not any(address in network for network in exceptions):
        assert refusal(str(address)) is not None


SPELLINGS = {
    "127.0.0.1": """
        127.0.0.1 127.1 127.0.1 2130706433 0x7f000001 0X7F.0.0.1 0x7f.1 017700000001
        0177.0.0.01 127.0.0.1. 127.0.0.1... [127.0.0.1]
        \uff11\uff12\uff17.\uff10.\uff10.\uff11 127\u30020\u30020\u30021
        127\uff0e0\uff610\uff0e1 \u2460\u2461\u2466.0.0.1 %31%32%37.0.0.1
    """,
    "0.0.0.0": "0",
    "169.254.169.254": "2852039166 0xa9fea9fe 169.254.43518 169.16689662 0251.0376.0251.0376",
    "255.255.255.255": "4294967295",
    "::1": "::1 [::1] [0:0:0:0:0:0:0:1]",
    "::ffff:7f00:1": "[::ffff:127.0.0.1]",
    "fe80::1": "[fe80::1%25eth0] fe80::1%eth0",
    None: """
        4294967296 256.1.1.1 1.1.1.256 1.256.1 1.1.65536 1.16777216 1.2.3.4.5 1.2.3.4.0
        08.0.0.1 0x7g.1 0x-1 1_0.0.0.1 -1 +1 1..1 99999999999999999999999999999999999999999
        \u096b.1 . example.com 1.2.3.four [::g] :
    """,
    "0.0.0.2": "\xb2",
}


@pytest.mark.parametrize(("host", "address"), [*rows(SPELLINGS), ("", None)])
def test_every_spelling_of_an_address_is_read(host, address):
    """What a resolver takes for an address is one here; what it does not, is a name."""
    found = literal_address(host)
    # Python 3.13 writes an IPv4 address in IPv6 in another way.
    assert (found and ipaddress.ip_address(found)) == (address and ipaddress.ip_address(address))


@given(st.text(string.hexdigits + "x.", max_size=14))
@example("0x7f.0")
def test_spellings_are_those_of_the_c_library(host):
    """Whatever `inet_aton` reads, we read the same."""
    import socket

    try:
        expected = socket.inet_ntoa(socket.inet_aton(host)) if host else None
    except OSError:
        return
    assert literal_address(host) == expected


NAMES = {
    "loopback": """
        localhost LOCALHOST. localhost6 ip6-localhost ip6-loopback
        \uff4c\uff4f\uff43\uff41\uff4c\uff48\uff4f\uff53\uff54
    """,
    "private network": """
        app.localhost localhost.localdomain localhost6.localdomain6 wiki.intranet wiki.private
        wiki.corp router.home router.lan app.localtest.me lvh.me 10-0-0-1.sslip.io
        printer.local metadata.google.internal METADATA.GOOGLE.INTERNAL.
        instance-data.ec2.internal metadata.goog api.default.svc nas.home.arpa
        127.0.0.1.nip.io
    """,
    "without a dot": "metadata wiki",
    "neither a host name nor an IP address": "1.2.3.4.5 example.0x1 example.256",
    "empty": ".",
    None: "example.com cdn.example.com. local.example.com notlocalhost.com internal.com",
}


@pytest.mark.parametrize(("name", "reason"), [*rows(NAMES), ("", "empty")])
def test_names_of_private_networks_are_refused(name, reason):
    """Names that no public look-up answers are refused before one is made."""
    found = name_refusal(name)
    assert found is None if reason is None else reason in (found or "")
    assert host_refusal(name) == found


LOOPBACK = {
    True: "localhost app.localhost a.localhost. 127.0.0.1 127.1 127.9.9.9 [::1] ::ffff:127.0.0.1",
    False: "0.0.0.0 10.0.0.1 localhost.example.com notlocalhost printer.local 127.0.0.1.nip.io a.b",
}


@pytest.mark.parametrize(("host", "expected"), [*rows(LOOPBACK), ("", False)])
def test_loopback_is_this_machine_only(host, expected):
    """Only hosts that cannot be anybody else's count as loopback."""
    assert is_loopback(host) is expected


GOOD = [
    "https://cdn.example.com/v/final.mp4?sig=abc",
    "http://cdn.example.com:8080/a b.mp4",
    "HTTPS://CDN.example.com",
    "https://8.8.8.8/x",
    "https://[2606:4700::1111]:8443/x",
    "https://bücher.example/x",
    "https://under_score.example.com/",
]
BAD = [
    ("", "refused an address without http:// or https://: only"),
    ("not a url", "refused an address without http:// or https://: only"),
    ("/cdn/v.mp4", "refused an address without http:// or https://: only"),
    ("//cdn.example.com/v.mp4", "refused an address without http:// or https://: only"),
    ("file:///etc/passwd", "only http"),
    ("ftp://cdn.example.com/v.mp4", "only http"),
    ("javascript:alert(1)", "only http"),
    ("data:video/mp4;base64,AAAA", "only http"),
    ("gopher://127.0.0.1:70/x", "only http"),
    ("http:///v.mp4", "not a host name"),
    ("http:cdn.example.com", "not a host name"),
    ("https://user:hunter2@cdn.example.com/v.mp4", "user name"),
    ("https://cdn.example.com@127.0.0.1/", "user name"),
    ("https://cdn.example.com/x\r\nX-Injected: 1", "not a URL"),
    ("https://cdn.example.com/\x00", "not a URL"),
    ("https://cdn.example.com/\x85", "characters"),
    ("https://cdn.example.com/\u202e4pm.x", "characters"),
    ("https://cdn.example.com\\@127.0.0.1/", "characters"),
    ("http://127.0.0.1\\.example.com/", "characters"),
    ("https://cdn.example.com:0/x", "port"),
    ("https://cdn.example.com:65536/x", "port"),
    ("https://cdn.example.com:-1/x", "port"),
    ("https://cdn.example.com:x/", "not a URL"),
    ("https://cdn example.com/", "not a host name"),
    ("https://cdn%2eexample.com/", "not a host name"),
    ("https://cdn..example.com/", "not a host name"),
    (f"https://{'x' * 64}.example.com/", "not a host name"),
    ("https://a,b.example.com/", "not a host name"),
    ("https://xn--/", "without a dot"),
    ("https://" + "a" * 70000, "not a URL"),
    ("https://cdn\udc80.example.com/", "not a URL"),
    ("http://[::1/", "not a URL"),
    ("http://[v1.x]/", "not a URL"),
    ("http://\uff11\uff12\uff17.\uff10.\uff10.\uff11/", "not a URL"),
    ("http://127.0.0.1/x", "loopback"),
    ("http://127.1/x", "loopback"),
    ("http://0x7f000001/x", "loopback"),
    ("http://2852039166/latest/meta-data/", "metadata"),
    ("http://[::ffff:169.254.169.254]/", "metadata"),
    ("http://[::1]:8080/", "loopback"),
    ("http://[fe80::1%25eth0]/", "link-local"),
    ("http://10.0.0.1/admin", "private"),
    ("http://localhost/x", "loopback"),
    ("http://metadata.google.internal/", "private network"),
    ("http://1.2.3.4.5/", "neither"),
]


@pytest.mark.parametrize("url", GOOD)
def test_public_urls_are_returned_parsed(url):
    """What may be followed comes back in the form that is to be requested."""
    assert check_url(url) == httpx.URL(url)


@pytest.mark.parametrize(("url", "words"), BAD)
def test_urls_that_must_not_be_followed_are_refused(url, words):
    """The error says why, on one printable line, without path, query or password."""
    with pytest.raises(AddressRefusedError, match=words) as caught:
        check_url(url)
    text = str(caught.value)
    assert text.isascii()
    assert text.isprintable()
    assert len(text) < 400
    assert "hunter2" not in text
    assert "latest" not in text
    assert caught.value.__context__ is None


@pytest.mark.parametrize(
    ("previous", "url", "refused"),
    [
        ("https://cdn.example.com/a", "http://cdn.example.com/a", True),
        ("HTTPS://cdn.example.com/a", "http://cdn.example.com/a", True),
        ("https://cdn.example.com/a", "https://cdn.example.com/a", False),
        ("http://cdn.example.com/a", "http://cdn.example.com/a", False),
        ("http://cdn.example.com/a", "https://cdn.example.com/a", False),
        (None, "http://cdn.example.com/a", False),
    ],
)
def test_a_redirect_never_gives_up_encryption(previous, url, refused):
    """From https to http is refused, even to an allowed host."""
    if not refused:
        check_url(url, previous=previous)
        return
    with pytest.raises(AddressRefusedError, match="from https to http"):
        check_url(url, previous=previous, allow_hosts=["cdn.example.com"])


@pytest.mark.parametrize(
    ("url", "hosts", "own", "expected"),
    [
        ("http://127.0.0.1:81/x", [], "http://127.0.0.1:81", True),
        ("http://127.0.0.1:81/x", [], "http://127.0.0.1:81/path", True),
        ("http://127.0.0.1:81/x", [], "http://127.0.0.1:82", False),
        ("http://127.0.0.1:81/x", [], "https://127.0.0.1:81", False),
        ("http://127.0.0.2:81/x", [], "http://127.0.0.1:81", False),
        ("http://127.0.0.1/x", [], "http://127.0.0.1:80", True),
        ("https://localhost/x", [], "https://LOCALHOST:443", True),
        ("http://127.0.0.1/x", [], "http://127.0.0.1:x", False),
        ("http://127.0.0.1:81/x", ["127.0.0.1"], None, True),
        ("http://127.0.0.1:81/x", ["127.0.0.1:81"], None, True),
        ("http://127.0.0.1:81/x", ["127.0.0.1:82"], None, False),
        ("http://127.0.0.1:81/x", ["127.0.0.1:0"], None, False),
        ("http://127.0.0.1:81/x", ["127.0.0.1:80"], None, False),
        ("http://127.0.0.1/x", ["127.0.0.1:80"], None, True),
        ("http://nas.local/x", ["other", "NAS.local"], None, True),
        ("http://x.nas.local/x", ["nas.local"], None, False),
        ("http://[::1]:8080/x", ["::1"], None, True),
        ("http://[::1]:8080/x", ["[::1]"], None, True),
        ("http://[::1]:8080/x", ["[::1]:8080"], None, True),
        ("http://[::1]:8080/x", ["[::1]:80"], None, False),
        ("http://[::1]:8080/x", ["[::1"], None, False),
        ("http://bücher.local/x", ["bücher.local"], None, True),
        ("http://127.0.0.1/x", [""], None, False),
        ("http://127.0.0.1/x", ["*"], None, False),
    ],
)
def test_hosts_can_be_allowed(url, hosts, own, expected):
    """The service's own origin, and hosts the user names, may be where they are."""
    assert is_allowed(httpx.URL(url), hosts, own) is expected
    if expected:
        check_url(url, hosts, own)
    else:
        with pytest.raises(AddressRefusedError):
            check_url(url, hosts, own)


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("http://Example.com/x", ("http", "example.com", 80)),
        ("https://example.com:443/x", ("https", "example.com", 443)),
        ("https://example.com:0/x", ("https", "example.com", 0)),
        ("ftp://example.com", ("ftp", "example.com", 0)),
        ("https://bücher.example", ("https", "xn--bcher-kva.example", 443)),
    ],
)
def test_an_origin_has_its_port(url, origin):
    """Scheme, host and port are complete, so that equal origins compare equal."""
    assert origin_of(httpx.URL(url)) == origin


@given(st.text(max_size=30), st.sampled_from(["", "http://", "https://", "http://127.0.0.1", "//"]))
def test_any_text_is_refused_or_public(text, prefix):
    """No text makes the check fail otherwise, and what passes has a public host."""
    with contextlib.suppress(AddressRefusedError):
        assert host_refusal(check_url(prefix + text).raw_host.decode()) is None
