"""`python -m chainhub`, and the command `chainhub`: the command line, if its extra is installed."""

from __future__ import annotations

import sys


def main() -> int:
    """Run the command line and return its exit code; 2 if the extra is missing."""
    try:
        from chainhub.cli import main as command_line

        return command_line()
    except KeyboardInterrupt:  # while it was loaded
        return 130
    except ImportError as error:
        name = (error.name or "").partition(".")[0]
        if name not in ("rich", "typer"):
            raise
    from chainhub._extras import missing_extra

    print(f"chainhub: {missing_extra('the command line needs', name, 'cli')}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
