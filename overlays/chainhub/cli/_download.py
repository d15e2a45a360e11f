"""`chainhub download`: download the videos of finished tasks."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import attrs

from chainhub import _clock
from chainhub._cancel import Cancel
from chainhub._tasks import State
from chainhub.cli._client_factory import Service, open_client
from chainhub.cli._display import display_for
from chainhub.cli._fetching import Fetching, Place
from chainhub.cli._ids import chosen
from chainhub.cli._messages import again, plain
from chainhub.cli._progress import LiveProgress
from chainhub.cli._records import record_of, state_shown
from chainhub.cli._results import Results
from chainhub.errors import ConfigurationError, ResultMissing

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from chainhub.cli._exit_codes import Exit
    from chainhub.cli._terminal import Terminal
    from chainhub.errors import ChainhubError


@attrs.define(kw_only=True)
class Download:
    """Downloads the videos of finished tasks.

    Attributes:
        ids: What was given: ids, or `-` for those of standard input.
        service: How the service is asked.
        place: Where the videos go.
        json: Whether results are records.
    """

    ids: list[str]
    service: Service
    place: Place
    json: bool
    board: LiveProgress | None = None

    def run(self, terminal: Terminal) -> Exit:
        """Download, and print each file as it is complete."""
        ids = chosen(self.ids, terminal.read)
        place = checked(self.place, len(ids))
        with open_client(self.service, terminal) as client:
            self.board = board = LiveProgress(ids, _clock.monotonic)
            with display_for(board, terminal) as display:
                results = Results(terminal, display, json=self.json)
                with Fetching(client, place, board, Cancel()) as fetching:
                    for task_id in ids:
                        fetching.begin(task_id, task_id, self._teller(task_id, board, results))
                    fetching.finish()
        return results.code

    def resume_hint(self) -> str:
        """Return the command that resumes the downloads."""
        pending = [] if self.board is None else self.board.pending
        if not pending:
            return ""
        place = self.place
        options = {
            "--into": place.into,
            "--output": place.dest,
            "--base-url": self.service.base_url,
        }
        given = [word for name, value in options.items() if value for word in (name, value)]
        command = again("download", pending, given)
        return f"the partial files are kept; resume with: {command}"

    def _teller(
        self, task_id: str, board: LiveProgress, results: Results
    ) -> Callable[[Path | None, ChainhubError | None], None]:
        began = _clock.monotonic()

        def tell(path: Path | None, error: ChainhubError | None) -> None:
            board.ended(task_id, good=error is None)
            file = None if path is None else str(path)
            record = record_of(task_id, None, error, path=file, elapsed=_clock.monotonic() - began)
            line = None if file is None else plain(file)
            note = advice(task_id, error) if error is not None else None
            results.add(record, line, error=error, note=note)

        return tell


def checked(place: Place, count: int) -> Place:
    """Return where the videos go; a folder given as the file is taken as a folder.

    Raises:
        ConfigurationError: One file, or one checksum, is given for several videos.
    """
    dest = place.dest
    if dest is not None and (dest.endswith(os.sep) or os.path.isdir(dest)):
        place = attrs.evolve(place, dest=None, into=dest)
    if count > 1 and place.dest is not None:
        raise ConfigurationError("--output names one file; use --into for several videos")
    if count > 1 and place.sha256 is not None:
        raise ConfigurationError("--sha256 is for one video; download them one by one")
    if place.dest is None and place.into is None:
        return attrs.evolve(place, into=os.curdir)
    return place


def advice(task_id: str, error: ChainhubError) -> str | None:
    """Return what helps with a task that is not finished, or None if it is."""
    task = error.task if isinstance(error, ResultMissing) else None
    if task is None or state_shown(task) is not State.RUNNING:
        return None
    command = again("wait", [task_id], ["--download", os.curdir])
    return f"chainhub: the task is still running; wait for it with: {command}"
