"""`chainhub sandbox`: run a mock server of the service on this machine until Ctrl-C."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import attrs

from chainhub.cli._exit_codes import Exit

if TYPE_CHECKING:
    from chainhub.cli._terminal import Terminal
    from chainhub.sandbox import Sandbox

_LONG = 3600.0


@attrs.define(kw_only=True)
class Play:
    """Starts a sandbox and says how to use it.

    Attributes:
        host: The address to listen on.
        port: The port, 0 for a free one.
        speed: How fast tasks run; 5 is five times as fast.
        allow_remote: Whether a host that is not loopback is allowed.
        key: The made-up key that it accepts, or None to have one made up.
    """

    host: str
    port: int
    speed: float
    allow_remote: bool
    key: str | None = None
    json: bool = False

    def run(self, terminal: Terminal) -> Exit:
        """Serve until somebody ends it, which is a good end."""
        from chainhub.sandbox import Sandbox, SandboxError

        try:
            with Sandbox(
                key=self.key,
                host=self.host,
                port=self.port,
                speed=self.speed,
                allow_remote=self.allow_remote,
            ) as sandbox:
                terminal.result(welcome(sandbox))
                try:
                    _wait_for_ever()
                except KeyboardInterrupt:
                    return Exit.DONE
        except (SandboxError, ValueError) as mistake:
            terminal.say(f"chainhub: {mistake}")
        return Exit.USAGE

    def resume_hint(self) -> str:
        """Return nothing: there is nothing to resume."""
        return ""


def welcome(sandbox: Sandbox) -> str:
    """Return what a person needs to use the sandbox from another terminal."""
    from chainhub.sandbox import STORIES

    stories = (f"  veo3.1-fast:{name:<17}{story.about}" for name, story in STORIES.items())
    variables = (f"export {name}={value}" for name, value in sandbox.environment.items())
    return "\n".join(
        [
            f"The sandbox runs at {sandbox.base_url} until Ctrl-C. In another terminal:",
            "",
            *variables,
            "chainhub wait veo3.1-fast:completes",
            "",
            "Task ids; each task starts with its first query. For more tasks of a kind, add",
            "-anything to the id. Other models have other response formats: grok, sora-2.",
            "",
            *stories,
        ]
    )


def _wait_for_ever() -> None:
    event = threading.Event()
    while True:
        event.wait(_LONG)
