"""`chainhub sandbox`: run a mock server of the service on this machine until Ctrl-C."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import attrs

from chainhub.cli._records import Exit
from chainhub.cli._running import Command

if TYPE_CHECKING:
    from chainhub.cli._terminal import Terminal


@attrs.frozen(kw_only=True)
class Play(Command):
    """Starts a sandbox and says how to use it. The attributes are the arguments of `Sandbox`."""

    host: str
    port: int
    speed: float
    allow_remote: bool
    key: str | None = None
    json: bool = attrs.field(default=False, init=False)

    def run(self, terminal: Terminal) -> Exit:
        """Serve until somebody ends it, which is a good end."""
        from chainhub.sandbox import Sandbox, SandboxError, task_ids

        try:
            with Sandbox(
                key=self.key,
                host=self.host,
                port=self.port,
                speed=self.speed,
                allow_remote=self.allow_remote,
            ) as sandbox:
                terminal.result(
                    f"The sandbox runs at {sandbox.base_url} until Ctrl-C. In another terminal:\n"
                )
                for name, value in sandbox.environment.items():
                    terminal.result(f"export {name}={value}")
                terminal.result(f"chainhub wait veo3.1-fast:completes\n\n{task_ids()}")
                try:
                    while True:
                        time.sleep(3600)
                except KeyboardInterrupt:
                    return Exit.DONE
        except (SandboxError, ValueError) as mistake:
            terminal.say(f"chainhub: {mistake}")
        return Exit.USAGE
