"""What PyInstaller is told; without it, and without making a program of one file."""

import runpy
import sys
import types
from importlib import import_module
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

import chainhub


def test_the_hook_names_what_is_imported_lazily(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every home of a public name, every model, the sandbox's files, the metadata that is there."""

    def copied(name: str, *, recursive: bool = False) -> list[tuple[str, str]]:
        if name == "typer":
            raise PackageNotFoundError(name)
        return [(f"{name}.dist-info", str(recursive))]

    hooks = types.ModuleType("PyInstaller.utils.hooks")
    hooks.collect_submodules = lambda name: [f"{name}.every"]
    hooks.collect_data_files = lambda name, includes=("*.*",): [(includes[0], name)]
    hooks.copy_metadata = copied
    monkeypatch.setitem(sys.modules, hooks.__name__, hooks)
    (folder,) = import_module("chainhub.__pyinstaller").get_hook_dirs()
    said = runpy.run_path(str(Path(folder) / "hook-chainhub.py"))
    assert set(chainhub._HOME.values()) < set(said["hiddenimports"])
    assert said["hiddenimports"][-1] == "chainhub_api.models.every"
    assert said["datas"] == [
        ("*.*", "chainhub.sandbox"),
        ("contract.json", "chainhub_api"),
        ("chainhub.dist-info", "True"),
        ("rich.dist-info", "False"),
    ]
