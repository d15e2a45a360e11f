"""What can be wrong with starting a sandbox; the message says in one sentence what to do."""

from __future__ import annotations


class SandboxError(Exception):
    """The sandbox cannot be started as it was asked to."""


class MissingExtraError(SandboxError, ImportError):
    """The packages of the extra `chainhub[sandbox]` are not installed."""
