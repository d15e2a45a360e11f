"""The examples in docstrings, which the reference shows, do what they show."""

import ast
import asyncio
import inspect
import re
import signal
import textwrap
from collections.abc import Awaitable, Iterator
from typing import Any

import pytest

import chainhub

EXAMPLE = re.compile(r"^Example:\n((?: {4}.*\n|\n)+)", re.MULTILINE)


def examples() -> Iterator[Any]:
    """Find the code under `Example:` in the docstrings of public classes and functions."""
    for name in chainhub.__all__:
        match = EXAMPLE.search(f"{inspect.getdoc(getattr(chainhub, name))}\n")
        if match:
            yield pytest.param(textwrap.dedent(match[1]), id=name)


def test_there_are_examples() -> None:
    """Of what one begins with, and of what is not obvious."""
    assert {"AsyncClient", "Cancel", "Client"} <= {str(param.id) for param in examples()}


@pytest.mark.parametrize("example", list(examples()))
def test_an_example_runs(
    example: str, sandbox_variables: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given the names that its reader has."""
    for name, value in sandbox_variables.items():
        monkeypatch.setenv(name, value)
    handler = signal.getsignal(signal.SIGTERM)
    try:
        with chainhub.Client() as client:
            names: dict[str, Any] = {"chainhub": chainhub, "client": client, "signal": signal}
            names["task_id"] = "veo3.1-fast:1760545785-euexscdeL8"
            code = compile(example, "example", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
            result = eval(code, names)
            if inspect.isawaitable(result):
                asyncio.run(await_result(result))
    finally:
        signal.signal(signal.SIGTERM, handler)


async def await_result(result: Awaitable[Any]) -> None:
    """Run what an example awaits."""
    await result
