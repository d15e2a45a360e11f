"""How a task is displayed in a notebook: as a card; everywhere else as text.

A notebook is a file that is stored, sent and committed together with its output. A signed URL
works like a key, so it is written there only on request.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any, Final

from chainhub._redaction import one_line, redact_text
from chainhub._tasks import status
from chainhub._tasks.outcome import Outcome
from chainhub._tasks.status import State
from chainhub._tasks.table import Task, task_models, task_of, values_at
from chainhub_api import models

_PROMPTS: Final = (("enhanced_prompt",), ("prompt",), ("detail", "prompt"))
_LONGEST_TEXT = 2000
_LONGEST_PROMPT = 500
_BOX = (
    "border:1px solid rgba(128,128,128,.5);border-radius:8px;padding:.75em 1em;"
    "max-width:40em;line-height:1.5"
)
_BADGE = "color:#fff;background:{};border-radius:1em;padding:.1em .7em;font-weight:600"
# White text on each is readable: a contrast of 4.5 or more.
_COLOURS: Final[Mapping[State, str]] = {
    State.RUNNING: "#0b5fc0",
    State.SUCCEEDED: "#1a7f37",
    State.FAILED: "#b42318",
    State.CANCELLED: "#57606a",
    State.EXPIRED: "#57606a",
}
_LEFT_OUT = (
    "▶ The {kind} is ready. Its URL is signed, so it is not stored in the notebook: "
    "<code>chainhub.show(task, url=True)</code> shows it here, "
    "<code>client.{holder}.download(task, &quot;{kind}{suffix}&quot;)</code> keeps it."
)
# The element that shows a result, and the suffix of its file.
_ELEMENTS: Final = {
    "video": ('<video controls preload="metadata" src="{}" style="{}"></video>', ".mp4"),
    "audio": ('<audio controls preload="metadata" src="{}" style="{}"></audio>', ".mp3"),
    "image": ('<img src="{}" style="{}">', ".png"),
    "file": ('<a href="{0}">{0}</a>', ""),
}


def register() -> None:
    """Register how tasks are displayed, if an IPython session is running."""
    shell = _shell()
    if shell is None:
        return
    formatters = shell.display_formatter.formatters
    kinds: list[Any] = [getattr(models, model) for model in task_models()]
    for kind in kinds:
        formatters["text/html"].for_type(kind, card)
    # A notebook keeps the text beside the card, and texts of lists and outcomes hold tasks.
    for kind in (*kinds, Outcome):
        formatters["text/plain"].for_type(
            kind, lambda value, printer, cycle: printer.text(_line(value))
        )


def show(task: object, *, url: bool = False) -> None:
    """Display a task: as a card in a notebook, as a line of text elsewhere.

    Args:
        task: The task.
        url: Whether to write the signed URL of the result into the notebook and show it there.
            Everybody who has the notebook can then load the file, until the URL expires. A URL
            without a signature is always shown.
    """
    text = repr(task) if url else _line(task)
    if _shell() is None:
        sys.stdout.write(f"{text}\n")
        return
    from IPython import display

    display.display({"text/html": card(task, url=url), "text/plain": text}, raw=True)  # type: ignore[no-untyped-call]  # as IPython has it


def card(task: object, *, url: bool = False) -> str:
    """Return a task as HTML: status, id, prompt, progress and result."""
    spec = task_of(task)
    state = status.known_state(task, None, spec) or State.RUNNING
    badge = _BADGE.format(_COLOURS[state])
    word = _escaped(status.status_in(spec, task)) or state.value
    ids = "".join(_escaped(value) for value in [*values_at(task, spec.id)][:1])
    parts = [f'<span style="{badge}">{word}</span> <code>{ids}</code>']
    values = values_at(task, _PROMPTS)
    prompts = (value for value in values if isinstance(value, str) and value.strip())
    parts += [_escaped(prompt, _LONGEST_PROMPT) for prompt in prompts][:1]
    if state is State.SUCCEEDED:
        parts.append(_result(spec, status.urls_in(spec, task), url=url))
    elif state is not State.RUNNING:
        parts.append(_escaped(status.reason_in(spec, task) or "The service does not say why."))
    elif (progress := status.progress_in(spec, task)) is not None:
        bar = f'<progress max="1" value="{progress:.3f}" aria-label="done"></progress>'
        parts.append(f"{bar} {progress:.0%}")
    html = "".join(part if part.startswith("<video") else f"<div>{part}</div>" for part in parts)
    if moment := status.updated_at(task):
        html += f'<div style="opacity:.8"><small>{moment:%Y-%m-%d %H:%M:%S} UTC</small></div>'
    return f'<div class="chainhub-task" style="{_BOX}">{html}</div>'


def _result(spec: Task, urls: list[str], *, url: bool) -> str:
    if not urls:
        return f"There is no {spec.kind} URL."
    element, suffix = _ELEMENTS.get(spec.kind, _ELEMENTS["file"])
    # By default only URLs without any part that may contain a signature or a password.
    schemes = ("https://", "http://") if url else ("https://",)
    for address in urls:
        if not address.lower().startswith(schemes) or (not url and set("?#;@") & set(address)):
            return _LEFT_OUT.format(kind=spec.kind, holder=spec.holder, suffix=suffix)
    style = "max-width:100%;border-radius:4px"
    return "".join(element.format(_escaped(address, len(address)), style) for address in urls)


def _line(value: object) -> str:
    """Return the repr of a task, or of an object that contains one, with signed URLs masked."""
    return redact_text(repr(value), limit=_LONGEST_TEXT)


def _escaped(value: object, limit: int = 300) -> str:
    from html import escape

    return escape(one_line(str(value), limit))


def _shell() -> Any:  # noqa: ANN401 - IPython, which is not imported to find out whether it is in use
    get = getattr(sys.modules.get("IPython"), "get_ipython", None)
    return get() if callable(get) else None
