"""How a task is displayed in a notebook: as a card; everywhere else as text.

A notebook is a file that is stored, sent and committed together with its output. A signed URL
works like a key, so it is written there only on request. IPython is not imported to find out
whether it is in use.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Final, Protocol, cast

from chainhub._redaction import one_line, redact_text
from chainhub._tasks.status import (
    State,
    known_state,
    progress_of,
    stated_reason,
    updated_at,
    video_url_of,
)

if TYPE_CHECKING:
    from chainhub_api.models import VideoTask

TASK: Final = ("chainhub_api.models.video_task", "VideoTask")
OUTCOME: Final = ("chainhub._tasks.outcome", "Outcome")

_LONGEST_TEXT = 2000
_LONGEST_PROMPT = 500
_BOX = (
    "border:1px solid rgba(128,128,128,.5);border-radius:8px;padding:.75em 1em;"
    "max-width:40em;line-height:1.5"
)
_BADGE = "color:#fff;background:{};border-radius:1em;padding:.1em .7em;font-weight:600"
# Each is readable under white letters: a contrast of 4.5 or more.
_COLOURS: Final[Mapping[State, str]] = {
    State.RUNNING: "#0b5fc0",
    State.SUCCEEDED: "#1a7f37",
    State.FAILED: "#b42318",
    State.CANCELLED: "#57606a",
    State.EXPIRED: "#57606a",
}
_LEFT_OUT = (
    "▶ The video is ready. Its URL is signed, so it is not stored in the notebook: "
    "<code>chainhub.show(task, url=True)</code> plays it here, "
    "<code>client.video.download(task, &quot;video.mp4&quot;)</code> keeps it."
)


class _Printer(Protocol):
    def text(self, text: str) -> None: ...


class _Formatter(Protocol):
    def for_type_by_name(self, module: str, name: str, show: Callable[..., object]) -> object: ...


class _Display(Protocol):
    formatters: Mapping[str, _Formatter]


class _Shell(Protocol):
    display_formatter: _Display


def register() -> None:
    """Register how tasks are displayed, if an IPython session is running."""
    shell = _shell()
    if shell is None:
        return
    formatters = shell.display_formatter.formatters
    formatters["text/html"].for_type_by_name(*TASK, card)
    # A notebook keeps the text beside the card, and texts of lists and outcomes hold tasks.
    for module, name in (TASK, OUTCOME):
        formatters["text/plain"].for_type_by_name(module, name, _print)


def show(task: VideoTask, *, url: bool = False) -> None:
    """Display a task: as a card in a notebook, as a line of text elsewhere.

    Args:
        task: The task.
        url: Whether to write the signed URL of the video into the notebook and play it there.
            Everybody who has the notebook can then load the video, until the URL expires. A URL
            without a signature is always played.
    """
    text = repr(task) if url else line(task)
    if _shell() is None:
        sys.stdout.write(f"{text}\n")
        return
    from IPython.display import display

    bundle = {"text/html": card(task, url=url), "text/plain": text}
    cast(Callable[..., object], display)(bundle, raw=True)


def line(value: object) -> str:
    """Return the repr of a task, or of an object that contains one, with signed URLs masked."""
    return redact_text(repr(value), limit=_LONGEST_TEXT)


def card(task: VideoTask, *, url: bool = False) -> str:
    """Return a task as HTML: status, id, prompt, progress and result."""
    state = known_state(task) or State.RUNNING
    parts = (
        f"<div>{_badge(task, state)} <code>{_escaped(task.id)}</code></div>",
        *_described(task),
        *_ending(task, state, url=url),
        *_dated(task),
    )
    return f'<div class="chainhub-task" style="{_BOX}">{"".join(parts)}</div>'


def _badge(task: VideoTask, state: State) -> str:
    word = _escaped(task.status) or state.value
    return f'<span style="{_BADGE.format(_COLOURS[state])}">{word}</span>'


def _described(task: VideoTask) -> Iterator[str]:
    holders = (task.additional_properties, task.additional_properties.get("detail"))
    told = (holder.get("prompt") for holder in holders if isinstance(holder, Mapping))
    for prompt in (task.enhanced_prompt, *told):
        if isinstance(prompt, str) and prompt.strip():
            yield f"<div>{_escaped(prompt, _LONGEST_PROMPT)}</div>"
            return


def _ending(task: VideoTask, state: State, *, url: bool) -> Iterator[str]:
    if state is State.SUCCEEDED:
        yield _video(video_url_of(task), url=url)
    elif state is not State.RUNNING:
        yield f"<div>{_escaped(stated_reason(task) or 'The service does not say why.')}</div>"
    elif (done := progress_of(task)) is not None:
        yield (
            f'<div><progress max="1" value="{done:.3f}" aria-label="done"></progress>'
            f" {done:.0%}</div>"
        )


def _video(address: str | None, *, url: bool) -> str:
    if address is None:
        return "<div>There is no video URL.</div>"
    if not _may_play(address, url=url):
        return f"<div>{_LEFT_OUT}</div>"
    style = "max-width:100%;border-radius:4px"
    source = _escaped(address, len(address))
    return f'<video controls preload="metadata" src="{source}" style="{style}"></video>'


def _may_play(address: str, *, url: bool) -> bool:
    if url:
        return address.lower().startswith(("https://", "http://"))
    # What a signature, or a password, could stand in.
    return address.lower().startswith("https://") and not set("?#;@") & set(address)


def _dated(task: VideoTask) -> Iterator[str]:
    if moment := updated_at(task):
        yield f'<div style="opacity:.8"><small>{moment:%Y-%m-%d %H:%M:%S} UTC</small></div>'


def _escaped(value: object, limit: int = 300) -> str:
    from html import escape

    return escape(one_line(str(value), limit))


def _print(value: object, printer: _Printer, cycle: bool) -> None:
    printer.text(line(value))


def _shell() -> _Shell | None:
    get = getattr(sys.modules.get("IPython"), "get_ipython", None)
    return cast("_Shell | None", get()) if callable(get) else None
