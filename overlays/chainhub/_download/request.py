"""What a download is for, what holds for all downloads of a call, and the reports of progress."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from chainhub._cancel import Cancel
    from chainhub._download.disk import IfExists
    from chainhub._download.media import Kind
    from chainhub._download.url_policy import URLPolicy
    from chainhub._session import Key, Options, Session

    RefreshURL = Callable[[Options], str]
    GetKey = Callable[[float], Key]


@attrs.frozen
class Progress:
    """The progress of a download.

    Attributes:
        id: The id of the task.
        done: Bytes on disk, including those of an earlier call. It decreases if the download
            starts again from the beginning.
        total: Bytes of the whole file, None if the server does not say.
        resumable: Whether a later call can resume: the server gives a strong ETag and a length.
        number: Which of several results of the task, from 1; None if there is one only.
    """

    id: str
    done: int
    total: int | None
    resumable: bool = False
    number: int | None = None

    @property
    def fraction(self) -> float | None:
        """The fraction that is done, from 0.0 to 1.0, or None if `total` is unknown."""
        return None if self.total is None else self.done / self.total


Tell = Callable[[Progress], object]


@attrs.frozen(kw_only=True)
class DownloadOptions:
    """What holds for all downloads of one call.

    The limits of `call` are those of one attempt and of a query for a new URL: `timeout` seconds
    for the head of a response, and for every 16 KiB of its body.
    """

    session: Session  # whose credentials and observers are used
    call: Options
    policy: URLPolicy  # where the bytes may come from
    if_exists: IfExists
    max_bytes: float  # of a file; or infinity
    deadline_at: float  # the instant (monotonic) at which everything ends, or infinity
    cancel: Cancel | None  # the caller's switch
    halt: Cancel  # ends all of them when it is set
    operation: str = "video.download"  # the name of these downloads among operations


@attrs.frozen(kw_only=True)
class FetchRequest:
    """What one download is for.

    Attributes:
        id: Names it in messages and progress; a part is resumed by the same id only.
        url: Where the bytes are, or None if that must be asked first.
        refresh: Returns another URL, within the limits that it is given. None if the URL is an
            operation of the API whose answer is the file: it never expires, what the API answers
            instead of a file is an error of the API, and where it redirects to may expire.
        key: Returns the key, within so many seconds; called if the URL is the API's own.
        target: The file to write, absolute: the result of `target_path`.
        makes_folder: Whether the folder of the file was named, and not the file.
        sha256: The checksum the file must have, in lower case, or None.
        kind: What the content must be.
        number: Which of several results of a task, from 1; None if there is one only.
    """

    id: str
    url: str | None = attrs.field(repr=False)
    refresh: RefreshURL | None
    key: GetKey
    target: Path
    makes_folder: bool = False
    sha256: str | None = None
    kind: Kind = "video"
    number: int | None = None

    @property
    def takes_suffix(self) -> bool:
        """Whether the name of the file gets a suffix, which follows from the content."""
        return self.makes_folder and (self.kind != "video" or self.number is not None)
