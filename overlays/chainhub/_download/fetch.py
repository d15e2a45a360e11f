"""One attempt at the bytes of a video: its own connection, redirects by hand, straight to disk."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing, suppress
from typing import TYPE_CHECKING

import attrs

from chainhub import _clock
from chainhub._download.body import PartWriter, Received, Surplus
from chainhub._download.media import (
    BodyRange,
    Failed,
    Redirect,
    ResumePoint,
    StartOver,
    judge_head,
    range_headers,
)
from chainhub._download.media_line import Line
from chainhub._download.partial import Partial
from chainhub._download.url_policy import Address, URLPolicy
from chainhub._responses import APIResponse
from chainhub._session import UNDER_WAY, AttemptFailure, logger, trouble_of
from chainhub._transport import Failure, Head
from chainhub.errors import DownloadError

if TYPE_CHECKING:
    from chainhub._cancel import Cancel
    from chainhub._session import Key

REDIRECTS = 5
STALLED = 16 * 1024
"""Bytes that must come within the time limit of an attempt: some 1 KiB/s by default."""

_ERROR_BODY = 64 * 1024

Outcome = Received | StartOver | APIResponse | AttemptFailure


@attrs.frozen(kw_only=True)
class FetchRequest:
    """What one attempt is to fetch, and its limits.

    Attributes:
        url: A checked address.
        key: The key, if the address is the API's own.
        timeout: Seconds for the head, and for every 16 KiB of the body.
        connect: Seconds to connect.
        deadline_at: The instant (monotonic) at which everything ends.
        max_bytes: The largest file that is wanted.
    """

    url: Address = attrs.field(repr=False)
    key: Key | None = attrs.field(repr=False)
    timeout: float
    connect: float
    deadline_at: float
    max_bytes: float

    def until(self) -> float:
        """Return the instant by which the next thing must have come."""
        return min(_clock.monotonic() + self.timeout, self.deadline_at)


class Fetch:
    """One attempt: asks, follows redirects, writes what comes.

    Args:
        route: Where media may come from.
        order: What to fetch.
        partial: The file to write.
        halt: Ends the attempt when it is set.
        tell: Called with bytes done and bytes in all.
    """

    def __init__(
        self,
        route: URLPolicy,
        order: FetchRequest,
        partial: Partial,
        halt: Cancel,
        tell: Callable[[int, int | None], None],
    ) -> None:
        self._route = route
        self._order = order
        self._partial = partial
        self._halt = halt
        self._tell = tell
        self.url = order.url
        self.status: int | None = None

    def run(self) -> Outcome:
        """Make the attempt and return its result.

        Raises:
            DownloadError: what came, or where it leads, is refused; or the disk refuses.
        """
        outer = UNDER_WAY.get()
        UNDER_WAY.set((None, self._route.secrets))
        try:
            return self._follow()
        except Failure as failure:
            return trouble_of(failure, self._route.secrets())
        finally:
            UNDER_WAY.set(outer)

    def _follow(self) -> Outcome:
        kept = self._partial.kept
        key = self._order.key
        for _ in range(REDIRECTS + 1):
            found = self._exchange(kept, key)
            if not isinstance(found, Redirect):
                return found
            target = self._route.joined(self.url, found.location)
            # Once elsewhere the key stays home, even if the way leads back.
            key = key if self._route.is_own(target) else None
            self.url = target
        raise DownloadError(f"the video URL redirects more than {REDIRECTS} times")

    def _exchange(self, kept: ResumePoint | None, key: Key | None) -> Outcome | Redirect:
        headers = [*self._route.headers(key), *range_headers(kept)]
        line = self._route.open(self.url)
        with closing(line), self._halt.watching(line.shut):
            head = line.ask(self.url, headers, self._order.until(), self._order.connect)
            self.status = head.status
            found = judge_head(head.status, head.headers, kept)
            if logger.isEnabledFor(10):  # logging.DEBUG
                logger.debug("download to %s: %s", self._partial.target.name, _told(found, kept))
            if isinstance(found, Failed):
                return self._error(head, line)
            if isinstance(found, BodyRange):
                return self._receive(found, head, line)
            return found

    def _error(self, head: Head, line: Line) -> APIResponse:
        body = bytearray()
        with suppress(Failure):  # the status says enough, even if its page breaks off
            for chunk in line.body():
                body += chunk
                if len(body) >= _ERROR_BODY:
                    break
        return APIResponse(
            head.status, head.headers, bytes(body[:_ERROR_BODY]), "GET", str(self.url)
        )

    def _receive(self, take: BodyRange, head: Head, line: Line) -> Outcome:
        writer = PartWriter(take, self._partial, self._order.max_bytes, head.headers)
        try:
            self._take_in(writer, line, take.length)
            if take.announced is None or not line.surplus:
                return self._finished(writer, take.length)
        except Surplus:
            pass
        return StartOver("the server sent more bytes than it had announced")

    def _finished(self, writer: PartWriter, length: int | None) -> Outcome:
        told = self._partial.position
        found = writer.finish()
        if isinstance(found, Received) and told != length:
            self._tell(self._partial.position, self._partial.position)
        return found

    def _take_in(self, writer: PartWriter, line: Line, length: int | None) -> None:
        mark = arrived = 0
        for chunk in line.body():
            arrived += len(chunk)
            writer.feed(chunk)
            if arrived - mark >= STALLED:
                mark = arrived
                line.extend(self._order.until())
            self._tell(self._partial.position, length)


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
