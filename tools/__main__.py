"""Run one step of the contract pipeline; stopped at any moment, it says so in a sentence."""

from __future__ import annotations

import gc
import sys
from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Carry out a command and give its exit status, 130 if it was interrupted."""
    try:
        from tools.cli import run  # takes a second, in which a person may press Ctrl-C

        return run(argv)
    except KeyboardInterrupt:
        print("Stopped; nothing was changed.", file=sys.stderr)
        return 130


if __name__ == "__main__":
    gc.disable()  # a short life that builds large trees: looking for garbage costs a fifth of it
    sys.exit(main())
