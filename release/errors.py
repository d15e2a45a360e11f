"""The exception of this package: the person who makes the release has to change something."""

from __future__ import annotations


class Problem(Exception):
    """Stop with one clear sentence."""
