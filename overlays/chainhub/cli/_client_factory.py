"""The client of a command: base URL and limits from its options, the key from elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from chainhub.cli._durations import limit

if TYPE_CHECKING:
    from collections.abc import Callable

    from chainhub import Client
    from chainhub._session import RetryEvent
    from chainhub.cli._terminal import Terminal


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
    from chainhub.cli._key import key_for

    return Client(
        key_for(terminal, loopback=_is_loopback(service, terminal)),
        base_url=service.base_url,
        timeout=limit(service.timeout),
        deadline=DEADLINE if deadline is None else limit(deadline),
        on_retry=on_retry,
    )


def _is_loopback(service: Service, terminal: Terminal) -> bool:
    from urllib.parse import urlsplit

    from chainhub._session import base_url_from
    from chainhub._transport import is_loopback
    from chainhub_api.servers import SERVERS

    # A base URL that cannot be used is a mistake to hear of before a missing key.
    url = base_url_from(service.base_url, terminal.environ, SERVERS, allow_insecure=False)
    return is_loopback(urlsplit(url).hostname or "")
