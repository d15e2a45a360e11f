"""The bytes of a URL, safely on disk: whole and checked, or an error and a part to resume from.

`run_download` (`run_async_download` for asyncio) fetches one file, `download_all` many. A file
appears under its own name only when it is complete; until then its bytes are in a `.part` beside
it, with a `.part.json` that says what they are. No request goes to an address that is not public.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from chainhub._download.destination import IfExists, Place, make_folder
from chainhub._download.download import Progress, run_async_download, run_download
from chainhub._download.fetch import Fetch
from chainhub._download.filelock import lock_file
from chainhub._download.many import (
    DownloadOutcome,
    download_all,
    download_all_async,
)
from chainhub._download.options import DownloadOptions, unheard

if TYPE_CHECKING:
    from chainhub._download.many import AnyDownloadOutcome as AnyDownloadOutcome

__all__ = [
    "DownloadOptions",
    "DownloadOutcome",
    "Fetch",
    "IfExists",
    "Place",
    "Progress",
    "download_all",
    "download_all_async",
    "lock_file",
    "make_folder",
    "run_async_download",
    "run_download",
    "unheard",
]
