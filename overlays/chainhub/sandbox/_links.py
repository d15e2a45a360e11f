"""Signed links to a task's video that stop working after a while."""

from __future__ import annotations

import hashlib
import hmac
import math

from attrs import field, frozen


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
        if not hmac.compare_digest(signature.encode(), self._sign(token, expires).encode()):
            return False
        return now < int(expires)

    def _sign(self, token: str, expires: str) -> str:
        text = f"{token}\n{expires}".encode()
        return hmac.new(self.secret, text, hashlib.sha256).hexdigest()[:40]
