"""Type checkers and editors with the wheel: every block of the documents, and more.

It is in an environment of its own; its dependencies are in that of the tests.
"""

import ast
import json
import os
import sys
import sysconfig
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from textwrap import indent

import jedi
import pytest

import chainhub
from chainhub import testing
from chainhub_api import models
from tests.docs.test_blocks import blocks, documents
from tests.processes import output

UV = (sys.executable, "-m", "uv")
UNTYPED = ("celery_task.py", "dask_shards.py")  # their frameworks have no types
STRICT = {
    "typeCheckingMode": "strict",  # which asks for all that `basic` does
    "reportUnusedExpression": False,  # the last line of a notebook's cell
}
DOT = "import chainhub\nclient = chainhub.Client()\nclient.video."


@pytest.fixture(scope="module")
def python(dists: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the Python of an environment with the wheel in it."""
    folder = tmp_path_factory.mktemp("editors") / "environment"
    python = folder / "bin" / "python"
    output(*UV, "venv", "--quiet", "--python", sys.executable, str(folder))
    target = ("--quiet", "--offline", "--no-deps", "--python", str(python))
    output(*UV, "pip", "install", *target, str(dists[".whl"]))
    (packages,) = folder.glob("lib/python*/site-packages")
    (packages / "needed.pth").write_text(sysconfig.get_path("purelib") + "\n", "utf-8")
    return python


@pytest.fixture(scope="module")
def programs(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder with the documents' blocks, the recipes and the files of tests/typing."""
    folder = tmp_path_factory.mktemp("programs")
    for document in documents():
        for block in blocks(document, document.read_text("utf-8")):
            if block.language == "python" and not block.skipped:
                name = f"{document.stem.replace('-', '_')}_{block.line}.py"
                # Empty lines in front make a checker name the line of the document.
                (folder / name).write_text("\n" * block.line + block.text, "utf-8")
    for folder_name in ("examples/recipes", "tests/typing"):
        for path in (project / folder_name).glob("*.py"):
            if path.name not in UNTYPED:
                (folder / path.name).write_bytes(path.read_bytes())
    return folder


def test_mypy_finds_no_fault(python: Path, programs: Path, project: Path) -> None:
    """Strict, which also asks that names are exported."""
    cache = project / "build" / "mypy"  # kept for the next run, as Jedi's
    options = ("--strict", "--cache-dir", cache, "--config-file", os.devnull)
    files = [path.name for path in sorted(programs.glob("*.py"))]
    mypy = (sys.executable, "-m", "mypy", *options, "--python-executable", python)
    output(*mypy, *files, cwd=programs)


@pytest.mark.slow  # mypy finds most of it in a third of the time, `make check` reads the sources
@pytest.mark.skipif(
    find_spec("basedpyright") is None,
    reason="basedpyright is not installed: `make check` brings it, with 300 MB of Node",
)
def test_pyright_finds_no_fault(python: Path, programs: Path, tmp_path: Path) -> None:
    """As Pylance has it too; a wheel asks more of what it exports than sources do."""
    configuration = tmp_path / "pyrightconfig.json"
    configuration.write_text(json.dumps({**STRICT, "include": [str(programs)]}), "utf-8")
    pyright = (sys.executable, "-m", "basedpyright", "--project", tmp_path)
    output(*pyright, "--pythonpath", python)


def test_jedi_completes(
    python: Path, programs: Path, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every public name, and whatever stands behind a dot in the documents."""
    # Kept for the next run: most of the time goes into reading what the programs import.
    monkeypatch.setattr(jedi.settings, "cache_directory", str(project / "build" / "jedi"))
    names = {"chainhub": chainhub, "chainhub.testing": testing, "chainhub_api.models": models}
    dots = [f"{name}.{attribute}" for name, module in names.items() for attribute in module.__all__]
    # One script, in which what was read of the packages is kept; a function for each program.
    texts = {"names": "\n".join([*(f"import {module}" for module in names), *dots])} | {
        path.stem: path.read_text("utf-8") for path in programs.glob("*_[0-9]*.py")
    }
    text = "".join(f"def {name}():\n{indent(text, '    ')}\n" for name, text in texts.items())
    lines = text.splitlines()
    environment = jedi.create_environment(python.parent.parent, safe=False)
    script = jedi.Script(text, environment=environment)
    unknown = [
        lines[node.end_lineno - 1]
        for program in ast.parse(text).body
        for node in attributes(program, foreign(program))
        if node.end_lineno and not script.goto(node.end_lineno, (node.end_col_offset or 0) - 1)
    ]
    assert unknown == []
    completions = jedi.Script(DOT, environment=environment).complete()
    methods = {completion.name for completion in completions}
    assert methods >= {"query", "wait", "watch", "as_completed", "wait_many", "download"}


def attributes(node: ast.AST, foreign_names: set[str]) -> Iterator[ast.Attribute]:
    """Walk through the attributes, but those in conditions of comprehensions: Jedi reads none."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Attribute) and root(child) not in foreign_names:
            yield child
        parts = [child.target, child.iter] if isinstance(child, ast.comprehension) else [child]
        for part in parts:
            yield from attributes(part, foreign_names)


def foreign(program: ast.AST) -> set[str]:
    """Return the names from other libraries in a program: Jedi takes seconds to read them."""
    imports = [node for node in ast.walk(program) if isinstance(node, ast.Import | ast.ImportFrom)]
    names = {
        alias.asname or alias.name.partition(".")[0]
        for node in imports
        for alias in node.names
        if not (getattr(node, "module", None) or alias.name).startswith("chainhub")
    }
    for node in ast.walk(program):
        match node:
            case (
                ast.Assign([ast.Name(name)], ast.Call(function))
                | ast.withitem(ast.Call(function), ast.Name(name))
                | ast.ClassDef(name=name, bases=[function, *_])
            ) if root(function) in names:
                names.add(name)
    return names


def root(node: ast.expr) -> str:
    """Return the part before the first dot."""
    return ast.unparse(node).partition(".")[0]
