"""The videos behind URLs: signed links that stop working, and parts of a file. Pure."""

from __future__ import annotations

import hashlib
import hmac
import math
import re

from attrs import field, frozen

_SINGLE = re.compile(r"bytes=\s*([0-9]{0,18})-([0-9]{0,18})\s*", re.IGNORECASE)


@frozen
class Signer:
    """Signs and checks links with a secret of its own."""

    secret: bytes = field(repr=False)
    lifetime: float

    def link(self, token: str, *, since: float, now: float) -> str:
        """Return path and query of a link that works for half to all of the lifetime from `now`.

        Times are Unix seconds. The link stays the same until half of its life is over, so that
        somebody who watches a finished task does not see a new URL with every answer.
        """
        half = self.lifetime / 2
        expires = math.ceil(since + half * (2 + (now - since) // half))
        return f"/media/{token}.mp4?expires={expires}&signature={self._sign(token, str(expires))}"

    def accepts(self, token: str, expires: str, signature: str, *, now: float) -> bool:
        """Return whether the signature is right and the link has not expired at `now`."""
        right = hmac.compare_digest(signature.encode(), self._sign(token, expires).encode())
        return right and now < int(expires)

    def _sign(self, token: str, expires: str) -> str:
        text = f"{token}\n{expires}".encode()
        return hmac.new(self.secret, text, hashlib.sha256).hexdigest()[:40]


def requested_range(
    asked: str | None, if_range: str | None, *, etag: str, size: int
) -> range | None:
    """Return the bytes of a file of `size` bytes that Range and If-Range (RFC 9110) ask for.

    None is the whole file: for several ranges, other units, bad syntax, and an If-Range that is not
    exactly the file's strong entity tag. An empty range cannot be satisfied.
    """
    found = _SINGLE.fullmatch(asked or "")
    if found is None or (if_range is not None and if_range != etag):
        return None
    first, last = found.groups()
    if not first:  # the last bytes of the file, of this number
        return range(max(0, size - int(last)), size) if last else None
    if last and int(last) < int(first):
        return None
    return range(int(first), min(int(last or size - 1), size - 1) + 1)
