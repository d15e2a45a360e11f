"""Ready-made scripts by name, so that a sandbox has tasks without any call of `add`.

An id `<model>:<name>` or `<model>:<name>-<anything>` begins its script with the first request.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from chainhub.sandbox import _script as steps
from chainhub.sandbox._script import Step, status

# The contract's own example id, ready in every sandbox: its task completes.
EXAMPLE_ID = "veo3.1-fast:1760545785-euexscdeL8"

_START = (
    steps.pending(seconds=2),
    steps.image_downloading(seconds=2),
    steps.video_generating(seconds=6),
)
_STAGES = (*_START, steps.video_generation_completed(seconds=1), steps.video_upsampling(seconds=4))
_LEFTOVERS: Mapping[str, steps.Json] = {
    "detail": {
        "status": "completed",
        "retry_count": 3,
        "error_message": "[403] the first attempt was refused",
        "video_generation_error": "the second attempt was refused",
    }
}

# By name: a summary of the script, and the script.
SCENARIOS: Mapping[str, tuple[str, tuple[Step, ...]]] = {
    "completes": ("goes through every stage and completes", (*_STAGES, steps.completed)),
    "fails": (
        "fails with a reason while the video is generated",
        (*_START, steps.failed("the prompt was refused as unsafe", code="unsafe_prompt")),
    ),
    "upsampling-fails": (
        "fails in the last stage",
        (*_STAGES, steps.video_upsampling_failed("no upsampler is free")),
    ),
    "is-cancelled": ("is cancelled", (steps.pending(seconds=4), steps.cancelled)),
    "expires": ("expires in the queue", (steps.queued(seconds=8), steps.expired)),
    "has-no-url": ("completes, but never has a URL", (*_START, steps.completed_without_url)),
    "has-a-late-url": (
        "completes, and has its URL 3 s later",
        (*_START, steps.completed_without_url(seconds=3), steps.completed),
    ),
    "has-leftovers": (
        "completes with errors of earlier attempts left in its detail",
        (*_START, steps.completed(extra=_LEFTOVERS)),
    ),
    "says-a-new-word": (
        "goes through an unknown status, then completes",
        (steps.pending(seconds=2), steps.state("video_polishing", seconds=6), steps.completed),
    ),
    "is-flaky": (
        "answers with 503, 429, a reset and a web page, then completes",
        (
            steps.pending,
            status(503),
            status(429, retry_after=1),
            steps.video_generating,
            steps.reset,
            steps.html(),
            steps.completed,
        ),
    ),
    "never-ends": ("stays in the queue forever", (steps.queued,)),
}
COMPLETES = SCENARIOS["completes"][1]
# The script of the tasks of a create operation, unless a test sets another one.
CREATED_TASK = (steps.pending(seconds=2), steps.processing(seconds=8), steps.completed)

# The longest first: `completes` must not match a longer name.
_NAMES = "|".join(sorted(map(re.escape, SCENARIOS), key=len, reverse=True))
_PATTERN = re.compile(rf"[^:]+:({_NAMES})(?:-.*)?", re.DOTALL)


def script_for(task_id: str) -> tuple[Step, ...] | None:
    """Return the script that an id names, None for an id that names none."""
    if task_id == EXAMPLE_ID:
        return COMPLETES
    match = _PATTERN.fullmatch(task_id)
    return None if match is None else SCENARIOS[match[1]][1]


def task_ids() -> str:
    """Return the ids that work in every sandbox, as lines for a person."""
    lines = (f"  veo3.1-fast:{name:<17}{summary}" for name, (summary, _) in SCENARIOS.items())
    return "\n".join(
        [
            "Task ids; each task starts with its first query. For more tasks of a kind, add",
            "-anything to the id. Other models have other response formats: grok, sora-2.",
            "",
            *lines,
        ]
    )
