"""`python -m chainhub.sandbox`: start a sandbox, print how to use it, serve until Ctrl-C."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from functools import partial
from typing import NoReturn

from chainhub.sandbox import SandboxError, serve

_PROGRAM = "python -m chainhub.sandbox"
_USE = """\
curl -H "Authorization: Bearer $CHAINHUB_API_KEY" \\
     "$CHAINHUB_BASE_URL/v1/video/query?id=veo3.1-fast:completes\""""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Print the mistake in one sentence and end with status 2."""
        self.exit(2, f"{self.prog}: {message}\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status: 0 after Ctrl-C, 2 for a mistake, else 1."""
    description = "Run a mock of the video service on this machine."
    parser = _Parser(prog=_PROGRAM, description=description, allow_abbrev=False)
    add = parser.add_argument
    add("--host", default="127.0.0.1", help="address to listen on (%(default)s)")
    add("--port", type=int, default=8765, help="port, 0 for a free one (%(default)s)")
    add("--key", help="API key to accept (random)")
    speed = "speed of the tasks, 5 is five times as fast (%(default)s)"
    add("--speed", type=float, default=1.0, help=speed)
    add("--allow-remote", action="store_true", help="allow a host that is not loopback")
    try:
        serve(partial(print, flush=True), _USE, **vars(parser.parse_args(arguments)))
    except (SandboxError, ValueError) as error:
        print(f"{_PROGRAM}: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"{_PROGRAM}: cannot print how to use it: {error.strerror}", file=sys.stderr)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # or Python complains when it ends
        return 1
    return 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(main())
