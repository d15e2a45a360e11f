"""A sandbox: a mock server of the service, used as a context manager."""

from __future__ import annotations

import math
import os
import re
import secrets
import time
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from chainhub._extras import missing_extra
from chainhub.sandbox._contract import Operation, read_contract
from chainhub.sandbox._scenarios import COMPLETES, task_ids
from chainhub.sandbox._script import Step, as_script
from chainhub.sandbox._state import Clock, Recorded, SandboxError, Tasks, as_faults

if TYPE_CHECKING:
    from chainhub.sandbox._server import Background


class MissingExtraError(SandboxError, ImportError):
    """The packages of the extra `chainhub[sandbox]` are not installed."""


_REQUESTS = 100_000  # a bound, because a sandbox may run for weeks
# The characters that are valid in an Authorization header.
_KEY = re.compile(r"[\x21-\x7e]+")


class Sandbox:
    """A mock server of the video service on loopback; its tasks follow scripts.

    Use it as a context manager. It runs in a separate thread; its methods are thread-safe.
    """

    def __init__(
        self,
        *,
        key: str | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
        speed: float = 1.0,
        url_lifetime: float = 3600.0,
        video: bytes | None = None,
        allow_remote: bool = False,
        contract: str | os.PathLike[str] | None = None,
    ) -> None:
        """Configure the mock server.

        Args:
            key: the API key it accepts; random if None.
            host: the address to listen on.
            port: the port to listen on, 0 for a free one.
            speed: how fast scripts run; 50 is fifty times as fast, with 0 the clock stops until
                `advance` is called.
            url_lifetime: seconds of the script's clock for which a video URL is valid.
            video: the bytes behind video URLs; a small MP4 if None.
            allow_remote: allow a host that is not loopback.
            contract: a `contract.json` of another client; that of the installed one if None.

        Raises:
            ValueError: the key, the speed or the lifetime is invalid.
        """
        if key is not None and not _KEY.fullmatch(key):
            raise ValueError("The sandbox's key must be visible ASCII characters without spaces.")
        if not 1 <= url_lifetime < math.inf:
            raise ValueError(f"url_lifetime must be 1 second or more, not {url_lifetime}.")
        self._key = f"sk-sandbox-{secrets.token_hex(8)}" if key is None else key
        self._address = (host, port, allow_remote)
        self._clock = Clock(speed)
        self._tasks = Tasks(self._clock)
        self._log: deque[Recorded] = deque(maxlen=_REQUESTS)
        self._lifetime = url_lifetime
        self._video = video
        self._contract = None if contract is None else Path(contract)
        self._task_count = 0
        self._base_url: str | None = None
        self._background: Background | None = None

    def __repr__(self) -> str:
        return f"<Sandbox {self._base_url or 'not started'}, {len(self._tasks)} tasks>"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *details: object) -> None:
        self.close()

    @property
    def base_url(self) -> str:
        """The base URL for a client.

        Raises:
            SandboxError: the sandbox was never started.
        """
        if self._base_url is None:
            raise SandboxError("The sandbox is not started; use `with Sandbox() as sandbox:`.")
        return self._base_url

    @property
    def key(self) -> str:
        """The API key the sandbox accepts."""
        return self._key

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables that point a client at this sandbox."""
        return {"CHAINHUB_BASE_URL": self.base_url, "CHAINHUB_API_KEY": self.key}

    @property
    def requests(self) -> tuple[Recorded, ...]:
        """The last 100,000 requests, oldest first, without credentials."""
        return tuple(self._log.copy())  # in one step: the server adds at the same time

    def start(self) -> None:
        """Start the server and wait until it responds, 10 s at most.

        Raises:
            SandboxError: it is running already, an extra is missing, or the address is in use.
        """
        if self._background is not None:
            raise SandboxError("This sandbox is already running.")
        try:  # only now: scripts can be written, and pytest can import this, without the extra
            from chainhub.sandbox._app import Service, build
            from chainhub.sandbox._server import Background, listen, origin
        except ImportError as error:
            package = str(error.name).partition(".")[0]
            message = missing_extra("the sandbox needs", package, "sandbox")
            raise MissingExtraError(message, name=package) from None
        video = self._video
        try:
            if video is None:
                video = files("chainhub.sandbox").joinpath("sample.mp4").read_bytes()
        except FileNotFoundError:
            raise SandboxError(
                "The file sample.mp4 of chainhub.sandbox is not in this program; bundle it, or give"
                " the sandbox a video of your own with `video=`."
            ) from None
        operations = self._operations
        service = Service(operations, self._tasks, self._clock, self._key, video, self._lifetime)
        host, port, allow_remote = self._address
        listener = listen(host, port, allow_remote=allow_remote)
        background = Background(build(service, self._log), listener)
        background.start()
        self._background, self._base_url = background, origin(host, listener)

    def close(self) -> None:
        """Stop the server and close every connection; a second call does nothing."""
        if self._background is not None:
            self._background.stop()
            self._background = None

    def add(
        self,
        script: Step | str | Iterable[Step | str] = COMPLETES,
        *,
        id: str | None = None,
        media: Iterable[Step] = (),
        operation: str | None = None,
    ) -> str:
        """Add a task that follows a script and return its id.

        Args:
            script: the steps; the last one stays. By default every stage, then completed.
            id: the task's id; random if None. A task with this id is replaced.
            media: faults for the first requests of the video, before it is served whole.
            operation: the task operation that knows it, such as `video.query`; all if None.

        Raises:
            TypeError: a script contains something that is not a step.
            ValueError: the script or the id is empty, or there is no such operation.
        """
        if id == "":
            raise ValueError("A task's id must not be empty.")
        self._task_count += 1
        task_id = f"veo3.1-fast:{1_760_545_785 + self._task_count}-sandbox" if id is None else id
        task = None if operation is None else self._find(operation, "task").task
        steps = as_script(script, task.words if task else {})
        self._tasks.add(operation, task_id, steps, as_faults(media, "the media script"))
        return task_id

    def task(
        self,
        *script: Step | str,
        id: str | None = None,
        media: Iterable[Step] = (),
        operation: str | None = None,
    ) -> str:
        """Add a task with these steps and return its id.

        Raises:
            TypeError: an argument is not a step.
            ValueError: there is no step, the id is empty, or there is no such operation.
        """
        return self.add(script, id=id, media=media, operation=operation)

    def creates(self, *script: Step | str, operation: str, media: Iterable[Step] = ()) -> None:
        """Set the script of the tasks that an operation creates from now on.

        Without it they are pending, then processing, and completed after 10 s of the script's
        clock.

        Args:
            script: the steps; the last one stays.
            operation: the create operation, such as `video.create`.
            media: faults for the first requests of each task's results.

        Raises:
            TypeError: an argument is not a step.
            ValueError: there is no step, or no such operation.
        """
        task = self._find(str(self._find(operation, "create").creates), "task").task
        steps = as_script(script, task.words if task else {})
        self._tasks.plans[operation] = steps, as_faults(media, "the media script")

    def faults(self, *steps: Step, operation: str) -> None:
        """Let the next requests of an operation meet these faults, one each, before it responds.

        After `cut`, `slow` and `trickle` it has done its work, as a create operation whose response
        is lost; after every other fault it has not.

        Raises:
            TypeError: an argument is not a fault.
            ValueError: there is no such operation.
        """
        faults = as_faults(steps, "the faults")
        single_faults = [fault for fault in faults for _ in range(fault.polls)]
        self._tasks.faults[self._find(operation).name] += single_faults

    @cached_property
    def _operations(self) -> dict[str, Operation]:
        try:
            return read_contract(self._contract)
        except FileNotFoundError as error:
            raise SandboxError(
                f"The contract {error.filename} is not there; bundle the files of chainhub_api."
            ) from None

    def _find(self, name: str, role: str = "") -> Operation:
        """Return an operation by its name; with a role ("task", "create") it must have that."""
        operations = {
            candidate: operation
            for candidate, operation in self._operations.items()
            if not role or {"task": operation.task, "create": operation.creates}[role] is not None
        }
        if name not in operations:
            names, kind = ", ".join(operations) or "none", f"{role} operations".lstrip()
            raise ValueError(f"{name!r} is not one of the {kind} of the contract: {names}.")
        return operations[name]

    def advance(self, seconds: float) -> None:
        """Move the script's clock on by `seconds` at once.

        Raises:
            ValueError: that would be backwards.
        """
        self._clock.advance(seconds)


def serve(show: Callable[[str], object], example: str, speed: float, **options: Any) -> None:
    """Run a sandbox until Ctrl-C; `show` prints how to use it, with an example of a command."""
    # With 0 the clock stands still: from here nobody can move it on.
    if not 0 < speed < float("inf"):
        raise ValueError(f"The speed must be a number above 0, not {speed}.")
    with suppress(KeyboardInterrupt), Sandbox(speed=speed, **options) as sandbox:
        show(f"The sandbox runs at {sandbox.base_url} until Ctrl-C. In another terminal:\n")
        for name, value in sandbox.environment.items():
            show(f"export {name}={value}")
        show(f"{example}\n\n{task_ids()}")
        while True:  # the server has a thread of its own
            time.sleep(3600)
