"""The one exception of the pipeline: something the person who runs it has to change."""

from __future__ import annotations

from collections.abc import Callable


class PipelineError(Exception):
    """Stop with one clear sentence that names the file and the place in it."""


def refusal_of(step: Callable[[], object]) -> str | None:
    """Carry out a step, and give the sentence that it is refused with, if it is."""
    try:
        step()
    except PipelineError as error:
        return str(error)
    return None
