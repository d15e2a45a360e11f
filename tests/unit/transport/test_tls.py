"""One context per kind of trust, late and shared; handshakes that fail are explained."""

import contextlib
import errno
import os
import ssl
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import certifi
import httpx
import pytest

from chainhub._transport import (
    Connector,
    Failure,
    TLSConfig,
    proxies_of,
    read_tls_config,
    tls_context,
)
from chainhub._transport import tls as _tls
from chainhub._transport.tls import hardened, tls_failure
from chainhub.errors import ConfigurationError
from release import index_client
from tests.faults import identities

CERTIFICATES = identities.FOLDER
AUTHORITY = str(identities.AUTHORITY)


@pytest.fixture(autouse=True)
def _no_shared_contexts(monkeypatch):
    monkeypatch.setattr(_tls, "_contexts", {})


def trust(verify=True, **environ):
    """Read the trust for a public host."""
    return read_tls_config(verify, environ=environ, host="api.example.com")


def server(name="server", ask_client=False):
    """Return a server's context with one of the test certificates."""
    made = identities.server_context(name)
    if ask_client:
        made.load_verify_locations(AUTHORITY)
        made.verify_mode = ssl.CERT_REQUIRED
    return made


def handshake(client, other, host="127.0.0.1"):
    """Shake hands in memory; raise what the client sees, return its side."""
    here, there = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours = client.wrap_bio(here, there, server_hostname=host)
    theirs = other.wrap_bio(there, here, server_side=True)
    for _ in range(4):
        for side in (ours.do_handshake, theirs.do_handshake):
            try:
                side()
            except ssl.SSLWantReadError:
                continue
            except ssl.SSLError:
                if side == ours.do_handshake:
                    raise
    with contextlib.suppress(ssl.SSLWantReadError):
        ours.read()
    return ours


def failure(action):
    """Return the TLS error an action raises."""
    with pytest.raises(ssl.SSLError) as caught:
        action()
    return caught.value


@pytest.mark.parametrize(
    ("verify", "environ", "expected"),
    [
        (True, {}, TLSConfig("bundled")),
        (True, {"SSL_CERT_FILE": "", "SSL_CERT_DIR": ""}, TLSConfig("bundled")),
        (True, {"SSL_CERT_FILE": AUTHORITY}, TLSConfig("file", AUTHORITY)),
        (True, {"SSL_CERT_DIR": str(CERTIFICATES)}, TLSConfig("directory", str(CERTIFICATES))),
        (
            True,
            {"SSL_CERT_FILE": AUTHORITY, "SSL_CERT_DIR": "/nowhere"},
            TLSConfig("file", AUTHORITY),
        ),
        (
            True,
            {"SSL_CERT_DIR": f"/nowhere{os.pathsep}{CERTIFICATES}"},
            TLSConfig("directory", f"/nowhere{os.pathsep}{CERTIFICATES}"),
        ),
        ("system", {"SSL_CERT_FILE": "/nowhere"}, TLSConfig("system")),
        (AUTHORITY, {"SSL_CERT_FILE": "/nowhere"}, TLSConfig("file", AUTHORITY)),
        (Path(AUTHORITY), {}, TLSConfig("file", AUTHORITY)),
        (CERTIFICATES, {}, TLSConfig("directory", str(CERTIFICATES))),
    ],
)
def test_what_is_trusted_is_decided_without_reading_it(verify, environ, expected):
    """The argument goes before the environment, a file before a directory."""
    assert trust(verify, **environ) == expected
    assert _tls._contexts == {}


@pytest.mark.parametrize(
    ("verify", "environ", "words"),
    [
        (True, {"SSL_CERT_FILE": "/nowhere"}, "SSL_CERT_FILE names a file that does not exist"),
        (True, {"SSL_CERT_FILE": str(CERTIFICATES)}, "SSL_CERT_FILE is a directory"),
        (True, {"SSL_CERT_DIR": "/nowhere"}, "SSL_CERT_DIR is not a directory"),
        (True, {"SSL_CERT_DIR": AUTHORITY}, "SSL_CERT_DIR is not a directory"),
        ("/nowhere", {}, "verify_ssl= names a file that does not exist"),
        ("sytem", {}, "verify_ssl= names a file that does not exist"),
        (None, {}, "not NoneType"),
        (1, {}, "not int"),
        (ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), {}, "made for servers"),
    ],
)
def test_a_trust_that_cannot_be_is_a_sentence(verify, environ, words):
    """The variable or argument is named before any connection is made."""
    with pytest.raises(ConfigurationError, match=words):
        trust(verify, **environ)


@pytest.mark.parametrize("source", ["verify", "SSL_CERT_FILE"])
def test_a_file_without_certificates_is_a_sentence(source, tmp_path):
    """What is there but holds no authority is named at the first connection."""
    path = tmp_path / "ca.pem"
    path.write_text("hello")
    found = trust(path) if source == "verify" else trust(SSL_CERT_FILE=str(path))
    with pytest.raises(ConfigurationError, match=source) as caught:
        tls_context(found)
    assert "ca.pem" in str(caught.value)
    assert caught.value.__context__ is None


@pytest.mark.parametrize("verify", [True, AUTHORITY])
def test_a_key_log_that_cannot_be_written_is_named(verify, monkeypatch):
    """The certificates are good; the variable is what the user must look at."""
    monkeypatch.setenv("SSLKEYLOGFILE", "/nowhere/keys.log")
    with pytest.raises(ConfigurationError, match="SSLKEYLOGFILE: '/nowhere/keys\\.log'") as caught:
        tls_context(trust(verify))
    assert "certificate" not in str(caught.value)
    assert caught.value.__context__ is None


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE])
def test_certificates_without_a_descriptor_are_read_later(number, monkeypatch):
    """That no file can be opened at present is not the user's mistake."""

    def refuse(**_):
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patched:
        patched.setattr(ssl, "create_default_context", refuse)
        with pytest.raises(Failure, match="Too many open files") as caught:
            tls_context(trust())
    assert (caught.value.kind, caught.value.__context__) == ("connect", None)
    assert tls_context(trust())


def loose():
    """Return a context that accepts a certificate made for any name."""
    made = ssl.create_default_context(cafile=AUTHORITY)
    made.check_hostname = False
    return made


@pytest.mark.parametrize(
    "verify",
    [False, tls_context(TLSConfig("nothing")), loose()],
    ids=["False", "unchecked", "any name"],
)
def test_unchecked_connections_need_permission(verify):
    """Accepting any certificate is for loopback, or for who says so."""
    with pytest.raises(ConfigurationError, match="allow_insecure=True"):
        trust(verify)
    read_tls_config(verify, environ={}, host="127.0.0.1")
    read_tls_config(verify, environ={}, host="localhost")
    read_tls_config(verify, environ={}, host="api.example.com", allow_insecure=True)


def test_equal_trust_shares_one_context():
    """However it was asked for, the same authorities are read once."""
    assert tls_context(trust()) is tls_context(trust(SSL_CERT_FILE=""))
    assert tls_context(trust(AUTHORITY)) is tls_context(trust(SSL_CERT_FILE=AUTHORITY))
    assert tls_context(trust(AUTHORITY)) is not tls_context(trust())


def test_threads_build_one_context(monkeypatch):
    """Sixteen threads at the first connection read the certificates once."""
    built, start = [], threading.Barrier(16)

    def load(asked):
        built.append(asked)
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)

    def first(_):
        start.wait(5)
        return tls_context(trust())

    monkeypatch.setattr(_tls, "_build", load)
    with ThreadPoolExecutor(16) as threads:
        found = list(threads.map(first, range(16)))
    assert len(set(found)) == len(built) == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_child_is_not_blocked_by_its_parent_s_threads():
    """A lock that was held while the process forked is a new one in the child."""
    code = (
        "import os\n"
        "from chainhub._transport import tls as _tls\n"
        "_tls._contexts_lock.acquire()\n"
        "child = os.fork()\n"
        "if not child:\n"
        "    os._exit(0 if _tls._contexts_lock.acquire(blocking=False) else 1)\n"
        "raise SystemExit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
    before = _tls._contexts_lock
    _tls._renew_lock()
    assert _tls._contexts_lock is not before


def test_importing_reads_no_certificate():
    """The bundle of certificates is loaded with the first context."""
    code = (
        "import sys\n"
        "from chainhub._transport import read_tls_config\n"
        "read_tls_config(environ={}, host='x')\n"
        "raise SystemExit('certifi' in sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


@pytest.mark.parametrize("verify", [True, "system", AUTHORITY, CERTIFICATES])
def test_contexts_check_everything(verify):
    """Certificate and name are checked, and HTTP/1.1 is offered."""
    made = tls_context(trust(verify))
    assert made.verify_mode == ssl.CERT_REQUIRED
    assert made.check_hostname


@pytest.fixture
def no_minimum(monkeypatch):
    """Make contexts as Debian's Python does where openssl.cnf names no minimum."""
    new = ssl.SSLContext.__new__

    def without(cls, *arguments):
        made = new(cls, *arguments)
        made.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
        return made

    monkeypatch.setattr(ssl.SSLContext, "__new__", without)


def connector(verify=True, proxy=None):
    """Return what opens the connections of a client."""
    found = read_tls_config(verify, environ={}, host="localhost")
    proxies = proxies_of(proxy, {})
    return Connector(base_url="https://localhost", trust=found, proxies=proxies, max_connections=1)


@pytest.mark.usefixtures("no_minimum")
@pytest.mark.parametrize(
    "make",
    [
        *(partial(tls_context, trust(each)) for each in (True, "system", AUTHORITY, CERTIFICATES)),
        lambda: tls_context(read_tls_config(False, environ={}, host="localhost")),
        lambda: connector().httpx_settings({})["verify"],
        lambda: connector().httpx_settings({"verify": True})["verify"],
        lambda: connector().httpx_settings({"verify": False})["verify"],
        lambda: connector().httpx_settings({"cert": "client.pem"})["verify"],
        lambda: connector().httpx_settings({"proxy": "https://p"})["proxy"].ssl_context,
        lambda: connector(proxy="https://p").httpx_settings({})["proxy"].ssl_context,
        index_client._ssl_context,
    ],
)
def test_nothing_older_than_tls_1_2_is_spoken(make):
    """Whatever the system's openssl.cnf says, for servers, proxies and the index of a release."""
    assert make().minimum_version == ssl.TLSVersion.TLSv1_2


def test_a_higher_minimum_is_kept():
    """A system that asks for TLS 1.3 gets it."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.minimum_version = ssl.TLSVersion.TLSv1_3
    assert hardened(made).minimum_version == ssl.TLSVersion.TLSv1_3


# Before OpenSSL 3 there was nothing to switch off: a cut connection was always noticed.
@pytest.mark.skipif(not hasattr(ssl, "OP_IGNORE_UNEXPECTED_EOF"), reason="OpenSSL 3 has it")
def test_an_end_without_notice_is_not_ignored():
    """Python 3.11.2 asks OpenSSL to ignore it, and a body could be cut unseen."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.options |= ssl.OP_IGNORE_UNEXPECTED_EOF
    assert not hardened(made).options & ssl.OP_IGNORE_UNEXPECTED_EOF


def test_httpx_gets_our_trust_and_proxy_unless_told_otherwise():
    """`proxy=`, `verify_ssl=` and `trust_env=` hold on httpx's own path too."""
    ours = connector(AUTHORITY, "http://ann:sk-test-1@127.0.0.1:8080")
    made = ours.httpx_settings({"http2": False})
    assert made["verify"] is ours.trust_context()
    assert (made["http2"], made["trust_env"]) == (False, False)
    assert str(made["proxy"].url) == "http://127.0.0.1:8080"
    assert made["proxy"].auth == ("ann", "sk-test-1")
    own = ssl.create_default_context()
    transport = httpx.MockTransport(lambda request: httpx.Response(200))
    assert "proxy" not in ours.httpx_settings({"transport": transport})
    theirs = httpx.Proxy("https://[::1]:1", ssl_context=own)
    made = ours.httpx_settings({"verify": own, "proxy": theirs, "trust_env": True})
    assert (made["verify"], made["proxy"], made["trust_env"]) == (own, theirs, True)


def test_a_client_certificate_given_to_httpx_is_not_shared():
    """What httpx loads into the context it is given, other clients must not present."""
    ours = connector(AUTHORITY)
    assert ours.httpx_settings({"cert": "client.pem"})["verify"] is not ours.trust_context()


def test_the_bundle_is_certifi_s():
    """By default the authorities are certifi's, whatever the system has."""
    expected = ssl.create_default_context(cafile=certifi.where()).cert_store_stats()
    assert tls_context(trust()).cert_store_stats() == expected


@pytest.mark.parametrize(("verify", "name"), [(AUTHORITY, "server"), (False, "self-signed")])
def test_a_trusted_server_is_spoken_to(verify, name):
    """With its authority named, or without any check where that is permitted; over HTTP/1.1."""
    other = server(name)
    other.set_alpn_protocols(["h2", "http/1.1"])
    found = read_tls_config(verify, environ={}, host="localhost")
    assert handshake(tls_context(found), other).selected_alpn_protocol() == "http/1.1"


def test_a_given_context_is_used_as_it_is():
    """Client certificates travel in a context of the user's own."""
    given = ssl.create_default_context(cafile=AUTHORITY)
    identities.load(given, "client")
    assert tls_context(trust(given)) is given
    handshake(given, server(ask_client=True))


def explained(error, host="h"):
    """Return the failure that an error of TLS is."""
    assert isinstance(error, ssl.SSLError)
    found = tls_failure(error, host)
    assert found.kind == "tls"
    return found


@pytest.mark.parametrize(
    ("name", "host", "authority", "words"),
    [
        (
            "server",
            "127.0.0.1",
            certifi.where(),
            "the certificate authority that signed it is not trusted",
        ),
        ("self-signed", "127.0.0.1", AUTHORITY, "self-signed"),
        ("expired", "127.0.0.1", AUTHORITY, "expired"),
        ("other-name", "localhost", AUTHORITY, "is for another host name"),
        ("server", "127.0.0.9", AUTHORITY, "not valid for this IP address"),
    ],
)
def test_a_refused_certificate_is_explained(name, host, authority, words):
    """What is wrong with it and what can be done, without OpenSSL's own words."""
    error = failure(lambda: handshake(tls_context(trust(authority)), server(name), host))
    found = explained(error, host)
    assert not found.passing
    assert words in found.text
    assert found.text.startswith(f"the certificate of {host} was refused: ")


def test_a_certificate_error_without_a_known_code_keeps_its_words():
    """An error that carries no code of ours is shown in OpenSSL's words, on one line."""
    error = ssl.SSLCertVerificationError(1, "text")
    error.verify_message = "odd\nthing"
    assert explained(error).text == "the certificate of h was refused: odd thing"
    bare = explained(ssl.SSLCertVerificationError())
    assert bare.text == "the certificate of h was refused: not valid"


def old_client():
    """Return a context for TLS 1.2 only."""
    made = ssl.create_default_context(cafile=AUTHORITY)
    made.maximum_version = ssl.TLSVersion.TLSv1_2
    return made


def new_server():
    """Return a context for TLS 1.3 only."""
    made = server()
    made.minimum_version = ssl.TLSVersion.TLSv1_3
    return made


@pytest.mark.parametrize(
    ("client", "other", "words"),
    [
        (
            lambda: tls_context(trust(AUTHORITY)),
            lambda: server(ask_client=True),
            "requires a client certificate",
        ),
        (old_client, new_server, "no common version of TLS"),
    ],
)
def test_a_handshake_without_agreement_is_explained(client, other, words):
    """A missing client certificate says where to put one."""
    assert words in explained(failure(lambda: handshake(client(), other()))).text


@pytest.mark.parametrize(
    ("came", "words", "passing"),
    [(b"HTTP/1.1 400 Bad Request\r\n\r\n", "http://", False), (b"", "closed the connection", True)],
)
def test_a_server_without_tls_is_explained(came, words, passing):
    """A response names the likely mistake; an end says nothing, so it may be asked again."""
    incoming = ssl.MemoryBIO()
    incoming.write(came)
    incoming.write_eof()
    client = tls_context(trust()).wrap_bio(incoming, ssl.MemoryBIO(), server_hostname="h")
    found = explained(failure(client.do_handshake))
    assert (words in found.text, found.passing) == (True, passing)


def ssl_error(reason):
    """Return an error with OpenSSL's word for it."""
    error = ssl.SSLError(1, "text")
    error.reason = reason
    return error


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("WRONG_VERSION_NUMBER", "does not speak TLS"),
        ("HTTP_REQUEST", "does not speak TLS"),
        ("record layer failure", "does not speak TLS"),
        ("PACKET_LENGTH_TOO_LONG", "does not speak TLS"),
        ("TLSV1_ALERT_PROTOCOL_VERSION", "no common version of TLS"),
        ("TLSV1_ALERT_INSUFFICIENT_SECURITY", "no common version of TLS"),
        ("TLSV13_ALERT_CERTIFICATE_REQUIRED", "requires a client certificate"),
        ("TLSV1_ALERT_UNKNOWN_CA", "refused the client certificate"),
        ("SSLV3_ALERT_CERTIFICATE_EXPIRED", "refused the client certificate"),
        ("TLSV1_UNRECOGNIZED_NAME", "does not recognise this host name"),
        (
            "SSLV3_ALERT_HANDSHAKE_FAILURE",
            "no cipher in common, or it requires a client certificate",
        ),
        ("SSLV3_ALERT_ILLEGAL_PARAMETER", "failed: sslv3 alert illegal parameter"),
        ("DECRYPTION_FAILED_OR_BAD_RECORD_MAC", "corrupted"),
        ("UNEXPECTED_EOF_WHILE_READING", "closed the connection"),
        ("", "failed: no reason given"),
        (None, "failed: no reason given"),
    ],
)
def test_openssl_s_words_are_translated(reason, words):
    """Every reason has a sentence; only what may pass is called passing."""
    found = explained(ssl_error(reason))
    assert found.text.startswith(("h ", "the TLS handshake with h ", "what h "))
    assert words in found.text
    assert found.passing is (words in ("corrupted", "closed the connection"))


def test_an_end_in_the_handshake_may_pass():
    """Whatever class Python gives it."""
    for kind in (ssl.SSLEOFError, ssl.SSLZeroReturnError, ssl.SSLSyscallError):
        assert explained(kind(8, "text")).passing
