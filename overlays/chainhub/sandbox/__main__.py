"""`python -m chainhub.sandbox`: start a sandbox, say how to use it, serve until Ctrl-C."""

from __future__ import annotations

import argparse
import math
import signal
import sys
import time
from collections.abc import Sequence
from types import FrameType
from typing import NoReturn

from chainhub.sandbox import Sandbox, SandboxError, task_ids

_PROGRAM = "python -m chainhub.sandbox"


class _Parser(argparse.ArgumentParser):
    """A parser whose complaint is one sentence."""

    def error(self, message: str) -> NoReturn:
        """Print the complaint and end with status 2."""
        self.exit(2, f"{self.prog}: {message}\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status: 0 after Ctrl-C, 2 for a mistake in the call."""
    options = _parser().parse_args(arguments)
    try:
        with Sandbox(
            key=options.key,
            host=options.host,
            port=options.port,
            speed=options.speed,
            allow_remote=options.allow_remote,
        ) as sandbox:
            print(_welcome(sandbox), flush=True)
            while True:
                time.sleep(3600)
    except KeyboardInterrupt:
        return 0
    except (SandboxError, ValueError) as mistake:
        print(f"{_PROGRAM}: {mistake}", file=sys.stderr)
    return 2


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog=_PROGRAM,
        description="Run a mock of the video service on this machine.",
        allow_abbrev=False,
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (%(default)s)")
    parser.add_argument(
        "--port", type=int, default=8765, help="port, 0 for a free one (%(default)s)"
    )
    parser.add_argument("--key", help="API key to accept (random)")
    parser.add_argument(
        "--speed",
        type=_speed,
        default=1.0,
        help="speed of the tasks, 5 is five times as fast (%(default)s)",
    )
    parser.add_argument(
        "--allow-remote", action="store_true", help="allow a host that is not loopback"
    )
    return parser


def _speed(text: str) -> float:
    try:
        speed = float(text)
    except ValueError:
        speed = math.nan
    if not 0 < speed < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")
    return speed


def _welcome(sandbox: Sandbox) -> str:
    variables = (f"  export {name}={value}" for name, value in sandbox.environment.items())
    return "\n".join(
        [
            f"The sandbox runs at {sandbox.base_url} until Ctrl-C. To use it:",
            "",
            *variables,
            "",
            task_ids(),
            "",
            '  curl -H "Authorization: Bearer $CHAINHUB_API_KEY" \\',
            '       "$CHAINHUB_BASE_URL/v1/video/query?id=veo3.1-fast:completes"',
        ]
    )


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _interrupt)
    sys.exit(main())
