"""Ready-made scripts by name, so that a sandbox has tasks to ask for before anybody adds one.

An id `<model>:<name>` or `<model>:<name>-<anything>` begins its script with the first request.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from chainhub.sandbox import _script as say
from chainhub.sandbox._script import Step, status

# The contract's own example id, ready in every sandbox: its task completes.
EXAMPLE_ID = "veo3.1-fast:1760545785-euexscdeL8"

_START = (
    say.pending(seconds=2),
    say.image_downloading(seconds=2),
    say.video_generating(seconds=6),
)
_STAGES = (*_START, say.video_generation_completed(seconds=1), say.video_upsampling(seconds=4))
_LEFTOVERS: Mapping[str, say.Json] = {
    "detail": {
        "status": "completed",
        "retry_count": 3,
        "error_message": "[403] the first attempt was refused",
        "video_generation_error": "the second attempt was refused",
    }
}

# By name: what the script shows, and the script.
SCENARIOS: Mapping[str, tuple[str, tuple[Step, ...]]] = {
    "completes": ("goes through every stage and completes", (*_STAGES, say.completed)),
    "fails": (
        "fails with a reason while the video is generated",
        (*_START, say.failed("the prompt was refused as unsafe", code="unsafe_prompt")),
    ),
    "upsampling-fails": (
        "fails in the last stage",
        (*_STAGES, say.video_upsampling_failed("no upsampler is free")),
    ),
    "is-cancelled": ("is cancelled", (say.pending(seconds=4), say.cancelled)),
    "expires": ("expires in the queue", (say.queued(seconds=8), say.expired)),
    "has-no-url": ("completes, but never has a URL", (*_START, say.completed_without_url)),
    "has-a-late-url": (
        "completes, and has its URL 3 s later",
        (*_START, say.completed_without_url(seconds=3), say.completed),
    ),
    "has-leftovers": (
        "completes with errors of earlier attempts left in its detail",
        (*_START, say.completed(extra=_LEFTOVERS)),
    ),
    "says-a-new-word": (
        "goes through an unknown status, then completes",
        (say.pending(seconds=2), say.state("video_polishing", seconds=6), say.completed),
    ),
    "is-flaky": (
        "answers with 503, 429, a reset and a web page, then completes",
        (
            say.pending,
            status(503),
            status(429, retry_after=1),
            say.video_generating,
            say.reset,
            say.html(),
            say.completed,
        ),
    ),
    "never-ends": ("stays in the queue forever", (say.queued,)),
}
COMPLETES = SCENARIOS["completes"][1]
# What a task does that a create operation has made, unless a test says more.
CREATED = (say.pending(seconds=2), say.processing(seconds=8), say.completed)

# The longest first: `completes` must not take what names another.
_NAMES = "|".join(sorted(map(re.escape, SCENARIOS), key=len, reverse=True))
_PATTERN = re.compile(rf"[^:]+:({_NAMES})(?:-.*)?", re.DOTALL)


def script_for(task_id: str) -> tuple[Step, ...] | None:
    """Return the script that an id names, None for an id that names none."""
    if task_id == EXAMPLE_ID:
        return COMPLETES
    found = _PATTERN.fullmatch(task_id)
    return None if found is None else SCENARIOS[found[1]][1]


def task_ids() -> str:
    """Return the ids that work in every sandbox, as lines for a person."""
    shown = (f"  veo3.1-fast:{name:<17}{about}" for name, (about, _) in SCENARIOS.items())
    return "\n".join(
        [
            "Task ids; each task starts with its first query. For more tasks of a kind, add",
            "-anything to the id. Other models have other response formats: grok, sora-2.",
            "",
            *shown,
        ]
    )
