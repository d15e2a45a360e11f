"""The client of a command: base URL and limits from its options, the key from elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs

from chainhub.cli._durations import limit
from chainhub.errors import CredentialsError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from chainhub import Client
    from chainhub._session import RetryEvent
    from chainhub.cli._terminal import Terminal

_QUESTION: Final = "chainhub: no API key is set. API key (input is hidden): "
_SANDBOX: Final = (
    "; for a sandbox on this machine use the two export lines that `chainhub sandbox` has printed"
)


@attrs.frozen(kw_only=True)
class Service:
    """How the service is asked.

    Attributes:
        base_url: Where it is, or None for the environment's or the contract's.
        timeout: Seconds for one attempt, infinite for no limit.
    """

    base_url: str | None
    timeout: float


def open_client(
    service: Service,
    terminal: Terminal,
    deadline: float | None = None,
    on_retry: Callable[[RetryEvent], None] | None = None,
) -> Client:
    """Return a client for the service.

    Args:
        service: How it is asked.
        terminal: Where the key may be asked for.
        deadline: Seconds for a whole call, infinite for no limit; None for the usual ones.
        on_retry: Called for failed attempts and polls that are followed by another one.

    Raises:
        ConfigurationError: An option or a variable cannot be used.
        CredentialsError: There is no key, or one that cannot be used.
    """
    from chainhub._client import Client
    from chainhub._session import DEADLINE

    return Client(
        key_for(terminal, loopback=_is_loopback(service, terminal)),
        base_url=service.base_url,
        timeout=limit(service.timeout),
        deadline=DEADLINE if deadline is None else limit(deadline),
        on_retry=on_retry,
    )


def key_for(terminal: Terminal, *, loopback: bool) -> str | None:
    """Return the key that the client cannot find by itself, or None if it finds one.

    Args:
        terminal: Where to prompt for the key if no other place has one.
        loopback: Whether the base URL is on this machine, where a sandbox may run.

    Raises:
        CredentialsError: There is no key, or one that cannot be used.
    """
    from chainhub._session import check_key, find_key, keyring_installed, no_key

    if find_key(terminal.environ) is not None:
        return None
    if keyring_installed() and (key := key_of_keyring(terminal.environ)):
        return key
    if terminal.can_ask:
        from getpass import getpass

        return check_key(getpass(_QUESTION), "the prompt")
    message = no_key(terminal.environ).message
    raise CredentialsError(message + _SANDBOX if loopback else message)


def key_of_keyring(environ: Mapping[str, str]) -> str | None:
    """Return the key the keyring holds, None if it holds none or does not open.

    Raises:
        CredentialsError: It holds one that cannot be used.
    """
    from chainhub._session import KEYRING, ask_keyring, check_key

    try:
        held = ask_keyring(environ)
    except Exception:  # noqa: BLE001 - it is foreign code, whatever it raises
        return None
    return check_key(held, KEYRING)


def _is_loopback(service: Service, terminal: Terminal) -> bool:
    from urllib.parse import urlsplit

    from chainhub._session import base_url_from
    from chainhub._transport import is_loopback
    from chainhub_api.servers import SERVERS

    # A base URL that cannot be used is a mistake to hear of before a missing key.
    url = base_url_from(service.base_url, terminal.environ, SERVERS, allow_insecure=False)
    return is_loopback(urlsplit(url).hostname or "")
