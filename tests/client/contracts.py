"""Clients of contracts that tests write themselves: generated, imported, called."""

import importlib
import json
import pkgutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import pytest

from chainhub._tasks import journal, notebook, table
from chainhub_api import errors, types
from tools import commands

JSON = "application/json"


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
    folder = factory.mktemp(name)
    info = {"title": name, "version": "1.0.0"}
    servers = [{"url": "https://api.example.com"}]
    contract = {"openapi": "3.0.1", "info": info, "servers": servers, "paths": paths, **more}
    (folder / "contract.json").write_text(json.dumps(contract), "utf-8")
    commands.generate(folder / "contract.json", folder / "out")
    (folder / "out" / "chainhub_api").rename(folder / name)
    resources = (folder / "out" / "chainhub_resources" / "things.py").read_text("utf-8")
    text = resources.replace("chainhub_api.", f"{name}.")
    (folder / name / "resources").mkdir()
    (folder / name / "resources" / "things.py").write_text(text, "utf-8")
    sys.path.insert(0, str(folder))
    # What stands for "not given", and what generated code raises, are the client's own.
    for module in (types, errors):
        sys.modules[f"{name}.{module.__name__.rpartition('.')[2]}"] = module
    try:
        importlib.import_module(f"{name}.models")
        importlib.import_module(f"{name}.servers")
        return importlib.import_module(f"{name}.api.things")
    finally:
        sys.path.remove(str(folder))


def things(package: ModuleType, mode: Any, client: Any) -> Any:
    """Return the resource of the tag `things` for a client."""
    resources = importlib.import_module(f"{package.__name__.partition('.')[0]}.resources.things")
    if mode.asynchronous:
        return resources.AsyncThingsResource(client._async_transport)
    return resources.ThingsResource(client._transport)


@contextmanager
def installed(package: ModuleType) -> Iterator[None]:
    """Let the operations of a generated tag, and the tasks of its contract, be the client's."""
    name = package.__name__.partition(".")[0]
    tables, models = (importlib.import_module(f"{name}.{part}") for part in ("tasks", "models"))
    with pytest.MonkeyPatch.context() as patch:
        for _, operation, _ in pkgutil.iter_modules(package.__path__):
            module = importlib.import_module(f"{name}.api.things.{operation}")
            patch.setitem(sys.modules, f"chainhub_api.api.things.{operation}", module)
        patch.setattr(table, "TASKS", tables.TASKS)
        patch.setattr(table, "CREATES", tables.CREATES)
        for module in (journal, notebook):
            patch.setattr(module, "models", models)
        try:
            yield
        finally:
            for cached in (table._find_task, table.task_named):
                cached.cache_clear()
