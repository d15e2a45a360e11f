"""What a person may put into headers: nothing that would break a request or be another header."""

from __future__ import annotations

import re
from collections.abc import Iterable

from chainhub.errors import ConfigurationError

_NAME = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_VALUE = r"[\t\x20-\x7e\x80-\xff]*"


def check_headers(headers: Iterable[tuple[str, str]], auth_header: str) -> None:
    """Refuse headers that cannot be sent, and the one that carries the key.

    Raises:
        ConfigurationError: names the header, never its value.
    """
    for name, value in headers:
        if not isinstance(name, str) or not re.fullmatch(_NAME, name):
            raise ConfigurationError(f"{ascii(name)[:60]} is not a valid header name")
        if name.lower() == auth_header.lower():
            raise ConfigurationError(
                f"the header {auth_header} carries the key; pass it as api_key= instead"
            )
        if not isinstance(value, str) or not re.fullmatch(_VALUE, value):
            raise ConfigurationError(
                f"the header {name} has a value that is not valid: "
                "line breaks, control characters or characters outside Latin-1"
            )
