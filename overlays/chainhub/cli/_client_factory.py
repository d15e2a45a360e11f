"""The client of a command: base URL and limits from its options, the key from elsewhere."""

from __future__ import annotations

import getpass
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import urlsplit

from chainhub._client import Client
from chainhub._session import (
    DEADLINE,
    KEYRING,
    ask_keyring,
    base_url_from,
    check_key,
    find_key,
    keyring_installed,
    no_key,
)
from chainhub._transport import is_loopback
from chainhub.cli._messages import limit
from chainhub.errors import CredentialsError
from chainhub_api.servers import SERVERS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from chainhub._session import RetryEvent
    from chainhub.cli._terminal import Terminal

_QUESTION: Final = "chainhub: no API key is set. API key (input is hidden): "
_SANDBOX: Final = (
    "; for a sandbox on this machine use the two export lines that `chainhub sandbox` has printed"
)


class Service(NamedTuple):
    """How the service is asked: where, None for the usual place; seconds for one attempt."""

    base_url: str | None
    timeout: float


def open_client(
    service: Service,
    terminal: Terminal,
    deadline: float = DEADLINE,
    on_retry: Callable[[RetryEvent], None] | None = None,
) -> Client:
    """Return a client for the service; seconds for a whole call are infinite for no limit.

    Raises:
        ConfigurationError: An option or a variable cannot be used.
        CredentialsError: There is no key, or one that cannot be used.
    """
    # A base URL that cannot be used is a mistake to hear of before a missing key.
    url = base_url_from(service.base_url, terminal.environ, SERVERS, allow_insecure=False)
    return Client(
        key_for(terminal, loopback=is_loopback(urlsplit(url).hostname or "")),
        base_url=service.base_url,
        timeout=limit(service.timeout),
        deadline=limit(deadline),
        on_retry=on_retry,
    )


def key_for(terminal: Terminal, *, loopback: bool) -> str | None:
    """Return the key that the client cannot find by itself, or None if it finds one.

    `loopback` says whether the base URL is on this machine, where a sandbox may run.

    Raises:
        CredentialsError: There is no key, or one that cannot be used.
    """
    if find_key(terminal.environ) is not None:
        return None
    if key := key_of_keyring(terminal.environ):
        return key
    if terminal.can_ask:
        return check_key(getpass.getpass(_QUESTION), "the prompt")
    message = no_key(terminal.environ).message
    raise CredentialsError(message + _SANDBOX if loopback else message)


def key_of_keyring(environ: Mapping[str, str]) -> str | None:
    """Return the key the keyring holds, None if there is none or it does not open.

    Raises:
        CredentialsError: It holds one that cannot be used.
    """
    if not keyring_installed():
        return None
    try:
        held = ask_keyring(environ)
    except Exception:  # noqa: BLE001 - it is foreign code, whatever it raises
        return None
    return check_key(held, KEYRING)
