"""Clients of contracts that tests write themselves: generated, imported, called."""

import importlib
import json
import pkgutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from chainhub._tasks import journal, notebook, table
from chainhub_api import errors, types
from tools import commands

JSON = "application/json"
TEXT = {"type": "string"}


def parameter(
    name: str, place: str = "path", schema: Any = None, required: bool = True
) -> dict[str, Any]:
    """Return a parameter of an operation, a text unless its schema says otherwise."""
    return {"name": name, "in": place, "required": required, "schema": schema or TEXT}


def answers(schema: Any, status: str = "200") -> dict[str, Any]:
    """Return the responses of an operation that answers with JSON."""
    return {status: {"description": "", "content": {JSON: {"schema": schema}}}}


def operation(name: str, responses: Any, **more: Any) -> dict[str, Any]:
    """Return an operation of the tag `things`."""
    return {"operationId": name, "tags": ["things"], "responses": responses, **more}


def generated(
    factory: pytest.TempPathFactory, name: str, paths: dict[str, Any], **more: Any
) -> ModuleType:
    """Generate a package of a contract, and import it under a name of its own."""
    load(_generate(factory, name, paths, more), name)
    return importlib.import_module(f"{name}.things")


@contextmanager
def installed(
    factory: pytest.TempPathFactory, name: str, paths: dict[str, Any], **more: Any
) -> Iterator[ModuleType]:
    """Do the same, and let the tasks of the contract be those that the client knows."""
    load(_generate(factory, name, paths, more), name)
    with pytest.MonkeyPatch.context() as patch:
        try:
            yield install(name, patch)
        finally:
            for cached in (table._find_task, table.task_named):
                cached.cache_clear()


def _generate(
    factory: pytest.TempPathFactory, name: str, paths: dict[str, Any], more: dict[str, Any]
) -> Path:
    folder = factory.mktemp(name)
    info = {"title": name, "version": "1.0.0"}
    servers = [{"url": "https://api.example.com"}]
    contract = {"openapi": "3.0.1", "info": info, "servers": servers, "paths": paths, **more}
    (folder / "contract.json").write_text(json.dumps(contract), "utf-8")
    commands.generate(folder / "contract.json", folder / "out")
    (folder / "out" / "chainhub_api").rename(folder / name)
    resources = (folder / "out" / "chainhub_resources" / "things.py").read_text("utf-8")
    text = resources.replace("chainhub_api.", f"{name}.")
    (folder / name / "things.py").write_text(text, "utf-8")
    return folder


def load(folder: Path, name: str) -> None:
    """Import a generated package of this name."""
    sys.path.insert(0, str(folder))
    # What stands for "not given", and what generated code raises, are the client's own.
    for module in (types, errors):
        sys.modules[f"{name}.{module.__name__.rpartition('.')[2]}"] = module
    try:
        for part in ("models", "servers", "api.things"):
            importlib.import_module(f"{name}.{part}")
    finally:
        sys.path.remove(str(folder))


def install(name: str, patch: pytest.MonkeyPatch) -> ModuleType:
    """Let the tasks of a package be those that the client knows; return its resources."""
    tables, models = (importlib.import_module(f"{name}.{part}") for part in ("tasks", "models"))
    operations = importlib.import_module(f"{name}.api.things")
    for _, operation, _ in pkgutil.iter_modules(operations.__path__):
        module = importlib.import_module(f"{operations.__name__}.{operation}")
        patch.setitem(sys.modules, f"chainhub_api.api.things.{operation}", module)
    patch.setattr(table, "TASKS", tables.TASKS)
    patch.setattr(table, "CREATES", tables.CREATES)
    for module in (journal, notebook):
        patch.setattr(module, "models", models)
    return importlib.import_module(f"{name}.things")


def things(package: ModuleType, mode: Any, client: Any) -> Any:
    """Return the resource of the tag `things` for a client."""
    if mode.asynchronous:
        return package.AsyncThingsResource(client._async_transport)
    return package.ThingsResource(client._transport)
