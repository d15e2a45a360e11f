"""Errors when a sandbox starts; the message says what to do."""

from __future__ import annotations


class SandboxError(Exception):
    """The sandbox cannot be started with these arguments."""


class MissingExtraError(SandboxError, ImportError):
    """The packages of the extra `chainhub[sandbox]` are not installed."""
