"""The bytes of a URL, safely on disk: whole and checked, or an error and a part to resume from.

A `Download` fetches one file, with a `Session` and a function that returns a new URL when one has
expired; `download_all` runs many in threads, `in_thread` does it for asyncio. A file appears under
its own name only when it is complete; until then its bytes are in a `.part` beside it, with a
`.part.json` that says what they are. No request goes to an address that is not public.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from chainhub._download.disk import UNSUPPORTED as UNSUPPORTED
from chainhub._download.disk import IfExists as IfExists
from chainhub._download.disk import Place as Place
from chainhub._download.disk import is_ours as is_ours
from chainhub._download.disk import lock_file as lock_file
from chainhub._download.disk import make_folder as make_folder
from chainhub._download.disk import sync_folder as sync_folder
from chainhub._download.disk import target_path as target_path
from chainhub._download.disk import unlock_file as unlock_file
from chainhub._download.download import Download as Download
from chainhub._download.media import Kind as Kind
from chainhub._download.state import DownloadOptions as DownloadOptions
from chainhub._download.state import FetchRequest as FetchRequest
from chainhub._download.state import Progress as Progress
from chainhub._download.threads import DownloadOutcome as DownloadOutcome
from chainhub._download.threads import Job as Job
from chainhub._download.threads import download_all as download_all
from chainhub._download.threads import in_loop as in_loop
from chainhub._download.threads import in_thread as in_thread
from chainhub._download.url_policy import URLPolicy as URLPolicy

if TYPE_CHECKING:
    from chainhub._download.threads import AnyDownloadOutcome as AnyDownloadOutcome
