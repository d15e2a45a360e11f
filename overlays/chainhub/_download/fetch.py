"""One attempt at the bytes of a URL: a connection, redirects by hand, straight to disk."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing, suppress
from typing import TYPE_CHECKING

import attrs

from chainhub import _clock
from chainhub._download.body import PartWriter, Received, SliceReceived, Surplus
from chainhub._download.media import (
    BodyRange,
    Failed,
    Redirect,
    ResumePoint,
    StartOver,
    judge_head,
    range_headers,
)
from chainhub._download.partial import PartChanged, Partial
from chainhub._responses import APIResponse
from chainhub._session import UNDER_WAY, logger
from chainhub._transport import Failure, Head
from chainhub.errors import DownloadError

if TYPE_CHECKING:
    from chainhub._cancel import Cancel
    from chainhub._download.destination import IfExists
    from chainhub._download.url_policy import Address, Connection, URLPolicy
    from chainhub._session import Key, Options, Session

REDIRECTS = 5
STALLED = 16 * 1024
"""Bytes that must come within the time limit of an attempt: some 1 KiB/s by default."""

PART_CHANGED = StartOver("another program has changed the partial file", on_disk=True)

UNKEPT = "the server cannot resume (it gives no strong ETag and length), so nothing is kept"

_ERROR_BODY = 64 * 1024

Outcome = Received | SliceReceived | StartOver | APIResponse | Failure


@attrs.frozen(kw_only=True)
class DownloadOptions:
    """What holds for all downloads of one call.

    Attributes:
        session: Whose credentials and observers are used.
        options: The limits of one attempt, and of a query for a new URL.
        policy: Where the bytes may come from.
        if_exists: What to do with a file that exists.
        max_bytes: The largest file that is accepted, or infinity.
        deadline_at: The instant (monotonic) at which everything ends, or infinity.
        cancel: The caller's switch.
        halt: Ends all of them when it is set.
    """

    session: Session
    options: Options
    policy: URLPolicy
    if_exists: IfExists
    max_bytes: float
    deadline_at: float
    cancel: Cancel | None
    halt: Cancel


class Fetch:
    """One attempt: asks, follows redirects, writes what comes.

    Args:
        terms: Where media may come from, and the limits: `options.timeout` seconds for the head,
            and for every 16 KiB of the body.
        url: A checked address.
        key: The key, if the address is the API's own.
        partial: The file to write.
        tell: Called with bytes done, bytes in all, and whether they can be resumed.
    """

    def __init__(
        self,
        terms: DownloadOptions,
        url: Address,
        key: Key | None,
        partial: Partial,
        tell: Callable[[int, int | None, bool], None],
    ) -> None:
        self.url = url
        self.status: int | None = None
        self.unkept: str | None = None
        self._began = 0.0
        self._terms = terms
        self._key = key
        self._partial = partial
        self._tell = tell

    def run(self) -> Outcome:
        """Make the attempt and return its result.

        Raises:
            DownloadError: what came, or where it leads, is refused; or the disk refuses.
        """
        outer = UNDER_WAY.get()
        UNDER_WAY.set((None, self._terms.policy.secrets))
        _clock.request_under_way(1)
        try:
            return self._follow()
        except Failure as failure:
            return failure.without_frames()
        except PartChanged:
            return PART_CHANGED
        finally:
            UNDER_WAY.set(outer)
            _clock.request_under_way(-1)

    def _follow(self) -> Outcome:
        policy, kept, key = self._terms.policy, self._partial.kept, self._key
        for _ in range(REDIRECTS + 1):
            found = self._exchange(kept, key)
            if not isinstance(found, Redirect):
                return found
            self.url = policy.joined(self.url, found.location)
            # Once elsewhere the key stays home, even if the way leads back.
            key = key if policy.is_own(self.url) else None
        raise DownloadError(f"the video URL redirects more than {REDIRECTS} times")

    def _exchange(self, kept: ResumePoint | None, key: Key | None) -> Outcome | Redirect:
        policy = self._terms.policy
        headers = [*policy.headers(key), *range_headers(kept)]
        self._began = _clock.monotonic()
        connection = policy.open(self.url)
        with closing(connection), self._terms.halt.watching(connection.shut):
            head = connection.ask(self.url, headers, self._until(), self._terms.options.connect)
            self.status = head.status
            found = judge_head(head.status, head.headers, kept)
            if logger.isEnabledFor(10):  # logging.DEBUG
                logger.debug("download to %s: %s", self._partial.target.name, _told(found, kept))
            if isinstance(found, Failed):
                return self._error(head, connection)
            if isinstance(found, BodyRange):
                return self._receive(found, head, connection)
            return found

    def _until(self) -> float:
        """Return the instant by which the next thing must have come."""
        return min(_clock.monotonic() + self._terms.options.timeout, self._terms.deadline_at)

    def _error(self, head: Head, connection: Connection) -> APIResponse:
        body = bytearray()
        with suppress(Failure):  # the status says enough, even if its page breaks off
            for chunk in connection.body():
                body += chunk
                if len(body) >= _ERROR_BODY:
                    break
        return APIResponse(
            head.status, head.headers, bytes(body[:_ERROR_BODY]), "GET", str(self.url)
        )

    def _receive(self, wanted: BodyRange, head: Head, connection: Connection) -> Outcome:
        resumable = wanted.etag is not None
        self.unkept = None if resumable else UNKEPT
        writer = PartWriter(wanted, self._partial, self._terms.max_bytes, head.headers)
        mark = arrived = 0
        try:
            for chunk in connection.body():
                arrived += len(chunk)
                writer.feed(chunk)
                if arrived - mark >= STALLED:
                    mark = arrived
                    connection.extend(self._until())
                self._tell(self._partial.position, wanted.length, resumable)
            if wanted.announced is not None and connection.surplus:
                raise Surplus
        except Surplus:
            return StartOver("the server sent more bytes than it had announced")
        told = self._partial.position
        elapsed = _clock.monotonic() - self._began
        fast = arrived * self._terms.options.timeout >= STALLED * elapsed
        found = writer.finish(in_time=fast)
        if isinstance(found, Received) and told != wanted.length:
            self._tell(self._partial.position, self._partial.position, resumable)
        return found


def _told(found: Failed | BodyRange | Redirect | StartOver, kept: ResumePoint | None) -> str:
    """Return what an answer means for the download, without its address."""
    if isinstance(found, BodyRange):
        begins = f"resuming at byte {found.offset}" if found.offset else "from the beginning"
        asked = "" if kept is None or found.offset else ", the server does not resume"
        can = "can be resumed" if found.etag else "cannot be resumed: no strong ETag and length"
        return f"{begins}{asked}, {found.length or 'an unknown number of'} bytes; {can}"
    if isinstance(found, StartOver):
        return f"starting over: {found.text}"
    return "a redirect" if isinstance(found, Redirect) else "an error status"
