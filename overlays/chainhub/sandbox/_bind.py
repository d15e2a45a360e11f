"""The socket a sandbox listens on: loopback unless more is allowed, one sentence for an error."""

from __future__ import annotations

import errno
import ipaddress
import socket

from chainhub.sandbox._errors import SandboxError

_BACKLOG = 2048


def listen(host: str, port: int, *, allow_remote: bool) -> socket.socket:
    """Return a listening socket, on a free port if `port` is 0.

    Raises:
        SandboxError: the host is unknown or not loopback, or the port cannot be had.
    """
    if not host:
        raise SandboxError("The host must not be empty.")
    if not 0 <= port <= 65535:
        raise SandboxError(f"The port must be from 0 to 65535, not {port}.")
    family, address = _resolve(host, port)
    if not allow_remote and not ipaddress.ip_address(address.partition("%")[0]).is_loopback:
        raise SandboxError(
            f"{host} is not a loopback address: anybody who reaches it could use the sandbox;"
            " allow that with --allow-remote (allow_remote=True)."
        )
    try:
        return socket.create_server((address, port), family=family, backlog=_BACKLOG)
    except OSError as trouble:
        reason = _reason(trouble)
    raise SandboxError(f"Cannot listen on {host}, port {port}: {reason}.")


def origin(host: str, listener: socket.socket) -> str:
    """Return the origin under which this machine reaches the listener."""
    port: int = listener.getsockname()[1]
    name = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"http://[{name}]:{port}" if ":" in name else f"http://{name}:{port}"


def _resolve(host: str, port: int) -> tuple[socket.AddressFamily, str]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        found = []
    if not found:
        raise SandboxError(f"The host {host!r} cannot be resolved.")
    family, _, _, _, address = min(found, key=lambda entry: entry[0] != socket.AF_INET)
    return family, str(address[0])


def _reason(trouble: OSError) -> str:
    if trouble.errno == errno.EADDRINUSE:
        return "another program uses it; choose another port, or 0 for a free one"
    if trouble.errno == errno.EACCES:
        return "that is not allowed; choose a port of 1024 or more"
    return trouble.strerror or "the system refuses"
