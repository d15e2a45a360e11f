"""From a host name to the addresses to try, in the order in which they are tried."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from itertools import zip_longest

from chainhub._transport.failure import Failure, os_text

AddressCheck = Callable[[str, int, str], None]
"""Called with host, port and numeric address before connecting; raises to refuse the address."""

AddressInfo = tuple[int, int, int, str, tuple[str, int] | tuple[str, int, int, int]]
Found = list[AddressInfo] | BaseException

HEAD_START = 0.25
"""Seconds an address has before the next one is tried beside it (RFC 8305, section 5)."""


def address_info(host: str, port: int) -> AddressInfo | None:
    """Return how to connect to a plain numeric address, None for a name, which must be looked up.

    A lookup of an address would first load the tables of international names.
    """
    for family in (socket.AF_INET, socket.AF_INET6):
        with suppress(OSError, ValueError):
            socket.inet_pton(family, host)
            place = (host, port) if family == socket.AF_INET else (host, port, 0, 0)
            return family, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", place
    return None


def start_look_up(host: str, port: int, tell: Callable[[Found], object]) -> None:
    """Look a name up in a thread that is left behind when nobody wants to wait any longer.

    The system's resolver has no time limit and cannot be interrupted.

    Args:
        host: The name.
        port: The port, which becomes part of the addresses.
        tell: Called in that thread with what was found, or with what was raised.
    """

    def look_up() -> None:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except BaseException as error:  # noqa: BLE001 - it is raised where the look-up was asked for
            tell(error)
        else:
            tell(found)  # type: ignore[arg-type]  # typeshed also describes Pythons built without IPv6

    try:
        threading.Thread(target=look_up, name="chainhub-look-up", daemon=True).start()
    except RuntimeError:  # no further thread can be had
        look_up()


def addresses(host: str, port: int, found: Found, check: AddressCheck | None) -> list[AddressInfo]:
    """Return the addresses to try, after the check has passed each of them.

    Families take turns (RFC 8305, section 4), so that a network without one of them costs a moment.

    Raises:
        Failure: the name has no address.
    """
    if isinstance(found, OSError | UnicodeError):
        raise _not_found(host, found)
    if isinstance(found, BaseException):
        raise found
    infos = list({info[4][0]: info for info in found}.values())
    if not infos:
        raise Failure("lookup", f"the host name {host[:100]!r} has no address")
    if check is not None:
        for info in infos:
            check(host, port, info[4][0])
    return _taking_turns(infos)


def _taking_turns(infos: list[AddressInfo]) -> list[AddressInfo]:
    first = [info for info in infos if info[0] == infos[0][0]]
    others: Iterable[AddressInfo] = [info for info in infos if info[0] != infos[0][0]]
    return [info for pair in zip_longest(first, others) for info in pair if info is not None]


def _not_found(host: str, error: OSError | UnicodeError) -> Failure:
    passing = isinstance(error, socket.gaierror) and error.errno == socket.EAI_AGAIN
    detail = "no host name"
    if isinstance(error, OSError):
        detail = (isinstance(error, socket.gaierror) and error.strerror) or os_text(error)
    text = f"the host name {host[:100]!r} was not found ({detail})"
    return Failure("lookup", text, passing=passing)


def head_starts(count: int, limit: float) -> list[float]:
    """Return how long each of so many addresses is waited for before the next one is tried too."""
    return [*[HEAD_START] * (count - 1), limit]
