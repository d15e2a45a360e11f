"""The command line: `chainhub get`, `wait`, `watch`, `download`, `batch`, `sandbox`, `doctor`.

Results go to standard output, everything else to standard error. What a command decides (exit
codes, lines, records, findings) is pure and in separate modules; the commands are thin.
It needs the extra `chainhub[cli]`; nothing that a program imports leads here.
"""

from collections.abc import Sequence

__all__ = ("main",)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code.

    Args:
        arguments: The words after `chainhub`; those of the process if None.

    Raises:
        ImportError: The extra `chainhub[cli]` is not installed.
    """
    from chainhub.cli._app import run_app

    return run_app(arguments)
