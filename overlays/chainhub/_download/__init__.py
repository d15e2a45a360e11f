"""The bytes of a URL, safely on disk: whole and checked, or an error and a part to resume from.

A `Download` fetches one file, with a `Session` and a function that returns a new URL when one has
expired; `download_all` runs many in threads, `in_thread` does it for asyncio. A file appears under
its own name only when it is complete; until then its bytes are in a `.part` beside it, with a
`.part.json` that says what they are. No request goes to an address that is not public.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from chainhub._download.disk import (
    UNSUPPORTED,
    IfExists,
    Place,
    is_ours,
    lock_file,
    make_folder,
    target_path,
    unlock_file,
)
from chainhub._download.download import Download
from chainhub._download.media import Kind
from chainhub._download.request import DownloadOptions, FetchRequest, Progress
from chainhub._download.threads import DownloadOutcome, Job, download_all, in_loop, in_thread
from chainhub._download.url_policy import URLPolicy

if TYPE_CHECKING:
    from chainhub._download.threads import AnyDownloadOutcome as AnyDownloadOutcome

__all__ = [
    "UNSUPPORTED", "Download", "DownloadOptions", "DownloadOutcome", "FetchRequest", "IfExists",
    "Job", "Kind", "Place", "Progress", "URLPolicy", "download_all", "in_loop", "in_thread",
    "is_ours", "lock_file", "make_folder", "target_path", "unlock_file",
]  # fmt: skip
