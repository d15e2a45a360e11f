"""Where the command line takes the key from: environment, key file, keyring, else a prompt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from chainhub._session import (
    KEYRING,
    ask_keyring,
    check_key,
    find_key,
    keyring_installed,
)
from chainhub.errors import CredentialsError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from chainhub.cli._terminal import Terminal

PROMPT: Final = "the prompt"
_QUESTION: Final = "chainhub: no API key is set. API key (input is hidden): "
_SANDBOX: Final = (
    "; for a sandbox on this machine use the two export lines that `chainhub sandbox` has printed"
)


def key_for(terminal: Terminal, *, loopback: bool) -> str | None:
    """Return the key that the client cannot find by itself, or None if it finds one.

    Args:
        terminal: Where to prompt for the key if no other place has one.
        loopback: Whether the base URL is on this machine, where a sandbox may run.

    Raises:
        CredentialsError: There is no key, or one that cannot be used.
    """
    if find_key(terminal.environ) is not None:
        return None
    if keyring_installed() and (key := key_of_keyring(terminal.environ)):
        return key
    if terminal.can_ask:
        return check_key(_asked(), PROMPT)
    raise missing(terminal.environ, loopback=loopback)


def key_of_keyring(environ: Mapping[str, str]) -> str | None:
    """Return the key the keyring holds, None if it holds none or does not open.

    Raises:
        CredentialsError: It holds one that cannot be used.
    """
    try:
        held = ask_keyring(environ)
    except Exception:  # noqa: BLE001 - it is foreign code, whatever it raises
        return None
    return check_key(held, KEYRING)


def missing(environ: Mapping[str, str], *, loopback: bool) -> CredentialsError:
    """Return the error that lists where a key may be put."""
    from chainhub._session import no_key

    told = no_key(environ).message
    return CredentialsError(told + _SANDBOX if loopback else told)


def _asked() -> str:
    from getpass import getpass

    return getpass(_QUESTION)
