"""Options that several commands share: how to query the service, and where videos go."""

from __future__ import annotations

import math
from typing import Literal, NamedTuple


class Service(NamedTuple):
    """How to query the service.

    Attributes:
        base_url: None for that of the environment, else of the contract.
        timeout: Seconds for one attempt.
        task: The operation that queries tasks; None for the contract's main one.
        parameters: Its further parameters, as `NAME=VALUE`.
    """

    base_url: str | None
    timeout: float
    task: str | None = None
    parameters: list[str] | None = None

    @property
    def options(self) -> list[tuple[str, str | None]]:
        """The options with which another command finds the same tasks."""
        parameters = [("--parameter", parameter) for parameter in self.parameters or ()]
        return [("--base-url", self.base_url), ("--task", self.task), *parameters]


class Place(NamedTuple):
    """Where videos go, and which hosts may serve them: the arguments of `client.video.download`.

    The deadline is infinite for none.
    """

    into: str | None = None
    dest: str | None = None
    if_exists: Literal["error", "replace", "keep"] = "error"
    sha256: str | None = None
    allow_hosts: tuple[str, ...] = ()
    deadline: float = math.inf
