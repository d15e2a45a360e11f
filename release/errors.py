"""The one exception of a release: something the person who makes it has to change."""

from __future__ import annotations


class Problem(Exception):
    """Stop with one clear sentence."""
