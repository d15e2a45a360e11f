"""What the options of several commands say: how the service is asked, and where videos go."""

from __future__ import annotations

import math
from typing import Literal, NamedTuple


class Service(NamedTuple):
    """How the service is asked.

    Attributes:
        base_url: Where; None for the usual place.
        timeout: Seconds for one attempt.
        task: The operation that asks for tasks; None for the contract's main one.
        parameters: Its further parameters, as `NAME=VALUE`.
    """

    base_url: str | None
    timeout: float
    task: str | None = None
    parameters: list[str] | None = None

    @property
    def options(self) -> list[tuple[str, str | None]]:
        """The options that lead another command to the same tasks."""
        further = [("--parameter", one) for one in self.parameters or ()]
        return [("--base-url", self.base_url), ("--task", self.task), *further]


class Place(NamedTuple):
    """Where videos go, and from where they may come: the arguments of `client.video.download`.

    A deadline without limit is infinite.
    """

    into: str | None = None
    dest: str | None = None
    if_exists: Literal["error", "replace", "keep"] = "error"
    sha256: str | None = None
    allow_hosts: tuple[str, ...] = ()
    deadline: float = math.inf
