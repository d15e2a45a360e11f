"""The package itself: light to import, whole to look at."""

import ast
import importlib
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

import chainhub
from chainhub import _tasks, errors


def test_import_loads_next_to_nothing():
    """Neither httpx nor attrs, and no server code, before something is used."""
    program = (
        "import sys; before = set(sys.modules); import chainhub;"
        "print(sorted(set(sys.modules) - before))"
    )
    done = subprocess.run(
        [sys.executable, "-S", "-c", program],
        capture_output=True,
        text=True,
        env={"PYTHONPATH": ":".join(sys.path)},
        timeout=30,
    )
    assert done.stdout.strip() == "['chainhub']"


def test_client_loads_no_server_code():
    """The sandbox and what it needs stay out of programs that only ask."""
    program = (
        "import sys, chainhub; chainhub.Client, chainhub.VideoTask;"
        "print([n for n in ('starlette', 'uvicorn', 'chainhub.sandbox') if n in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60
    )
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("name", chainhub.__all__)
def test_every_name_is_there(name):
    """A name can be used, and is listed."""
    assert getattr(chainhub, name) is not None
    assert name in dir(chainhub)


@pytest.mark.parametrize("package", [chainhub, _tasks])
def test_unknown_name_is_an_attribute_error(package):
    """As with any module, also where names are loaded late."""
    with pytest.raises(AttributeError, match="has no attribute 'nonsense'"):
        package.nonsense  # noqa: B018 - looking is the test


def test_type_checkers_see_what_there_is():
    """The stub exports, as PEP 484 asks, what there is at run time; of models it takes all."""
    stub = ast.parse(Path(chainhub.__file__).with_suffix(".pyi").read_text("utf-8"))
    lines = [
        (f"{node.module}.{alias.name}", alias.asname)
        for node in stub.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    ]
    made = {node.targets[0].id for node in stub.body if isinstance(node, ast.Assign)}
    made |= {node.target.id for node in stub.body if isinstance(node, ast.AnnAssign)}
    unions = {name for name in made if not name.startswith("_")}
    # What the stub needs for itself is no name of the package's.
    lines = [line for line in lines if not re.match("_(?!_)", line[1] or "")]
    models = importlib.import_module("chainhub_api.models").__all__
    assert ("chainhub_api.models.*", None) in lines
    assert unions | {shown for _, shown in lines if shown} == set(chainhub.__all__) - set(models)
    for place, shown in lines:
        module, _, name = place.rpartition(".")
        assert name == "*" or getattr(importlib.import_module(module), name) is getattr(
            chainhub, shown
        )


def test_a_star_brings_everything():
    """`from chainhub import *` brings the models as well."""
    found = {}
    exec("from chainhub import *", found)
    assert set(found) - {"__builtins__"} == set(chainhub.__all__)


def test_every_error_is_exported_and_documented():
    """Whoever catches an error can name it, and reads what to do."""
    for name, error in vars(errors).items():
        if inspect.isclass(error) and issubclass(error, errors.ChainhubError):
            assert name in chainhub.__all__, name
            assert error.__doc__, name


def test_generated_package_is_not_needed_for_everyday_work():
    """The models of the contract are re-exported."""
    models = importlib.import_module("chainhub_api.models")
    assert set(models.__all__) <= set(dir(chainhub))
    for name in models.__all__:
        assert getattr(chainhub, name) is getattr(models, name)


def test_marked_as_typed():
    """Both packages carry the marker of PEP 561."""
    for package in ("chainhub", "chainhub_api"):
        folder = Path(importlib.import_module(package).__file__).parent
        assert (folder / "py.typed").is_file()
