"""Results as lines: columns for programs, a few words for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chainhub._tasks import progress_of, reason_of, updated_at, video_url_of
from chainhub.cli._durations import clock
from chainhub.cli._messages import plain
from chainhub.cli._records import state_shown

if TYPE_CHECKING:
    from chainhub_api.models import VideoTask


def columns(task_id: str, task: VideoTask) -> str:
    """Return id, state, status, progress and URL with tabs between; what is absent is `-`."""
    return "\t".join([plain(task_id), state_shown(task).value, *_cells(task)])


def change_columns(elapsed: float, task: VideoTask) -> str:
    """Return seconds, state, status, progress and URL with tabs between."""
    return "\t".join([f"{elapsed:.1f}", state_shown(task).value, *_cells(task)])


def sentence(task_id: str, task: VideoTask) -> str:
    """Return the status of a task for a person, with its video on a separate line."""
    told = [plain(task_id), *_words(task)]
    if (changed := updated_at(task)) is not None:
        told.append(f"(updated {changed:%Y-%m-%d %H:%M:%S} UTC)")
    return "\n".join(["  ".join(told), *_below(task)])


def change_sentence(elapsed: float, task: VideoTask) -> str:
    """Return a change for a person, with its video on a separate line."""
    return "\n".join(["  ".join([clock(elapsed), *_words(task)]), *_below(task)])


def _cells(task: VideoTask) -> list[str]:
    progress = progress_of(task)
    url = video_url_of(task)
    return [
        plain(str(task.status)) or "-",
        "-" if progress is None else f"{progress:.0%}",
        "-" if url is None else plain(url),
    ]


def _words(task: VideoTask) -> list[str]:
    progress = progress_of(task)
    shown = [] if progress is None else [f"{progress:.0%}".replace("%", " %")]
    return [plain(str(task.status)) or "no status", *shown]


def _below(task: VideoTask) -> list[str]:
    told = (reason_of(task), video_url_of(task))
    return [f"  {plain(text)}" for text in told if text]
