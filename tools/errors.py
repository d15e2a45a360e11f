"""The one exception of the pipeline: something the person who runs it has to change."""

from __future__ import annotations


class PipelineError(Exception):
    """Stop with one clear sentence that names the file and the place in it."""
