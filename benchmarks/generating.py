"""Generating 1, 100 and 1,000 operations against the plain generator; importing one (P17)."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.processes import JobError, program, python
from benchmarks.report import Entry, Goal, Row
from benchmarks.running import OURS, Run, Samples, entries
from tools.documents import Json, text_of

FORMS = ("yaml", "json")
NOTE = (
    "Both run ruff. Ours repairs and validates the contract and writes the surface too, with"
    " templates that an earlier run has compiled. The goals are for contracts in YAML."
)
LIMIT = 1.0
PLAIN = "plain generator"
IMPORT = """
import sys, time
import httpx
begin = time.process_time()
if len(sys.argv) > 1:
    import importlib
    importlib.import_module(sys.argv[1])
print((time.process_time() - begin) * 1e3)
"""


def fields(*names: str) -> dict[str, Json]:
    """Describe an object of plain fields."""
    kinds = ("string", "integer", "boolean", "number")
    properties: dict[str, Json] = {
        name: {"type": kinds[index % 4]} for index, name in enumerate(names)
    }
    return {"type": "object", "properties": properties, "required": [names[0]]}


def contract(count: int) -> dict[str, Json]:
    """Return a contract of so many operations, each with its own request and response schemas."""
    paths: dict[str, Json] = {}
    for number in range(count):
        word = "".join(chr(ord("a") + number // 26**index % 26) for index in range(3))
        request: Json = {"schema": fields("model", "seed", "loop", "size")}
        response: Json = {"schema": fields("id", "progress", "done", "cost", "status")}
        success: Json = {"description": "", "content": {"application/json": response}}
        operation: Json = {
            "summary": word,
            "requestBody": {"content": {"application/json": request}},
            "responses": {"200": success},
        }
        paths[f"/v1/group-{number % 20}/make/{word}"] = {"post": operation}
    return {"openapi": "3.0.1", "info": {"title": "Many", "version": "1"}, "paths": paths}


def generation(run: Run) -> Iterator[Row]:
    """Measure P17; the figures include the formatter, which both run."""
    sizes = run.size((1, 100, 1000), (1,))
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        lines: list[Entry] = []
        goals: list[Goal] = []
        for size in sizes:
            for form in FORMS:
                pair = entries(_generate(run, folder, size, form), "s", yardstick=PLAIN)
                lines += [_with_size(line, size, form) for line in pair]
                if form == "yaml":  # the format of published contracts, and of this one
                    value = next(line.ratio for line in pair if line.name == OURS)
                    goal = f"generating {size:,} ÷ the plain generator"
                    goals.append(Goal(goal, "≤", LIMIT, value))
        import_ms, why = _import_time(run, folder / f"ours-{sizes[-1]}")
    name = f"importing one of {sizes[-1]:,}"
    goals.append(Goal(f"{name} operations, over httpx", "≤", 25.0, import_ms, "ms"))
    notes = [NOTE, *([why] if why else [])]
    yield Row("P17", "generating a client: CPU", "s", PLAIN, goals, lines, notes)


def _with_size(line: Entry, size: int, form: str) -> Entry:
    name = f"{line.name}, {size:,}, {form.upper()}"
    return Entry(name, line.value, line.ratio, line.low, line.high, note=line.note)


def _generate(run: Run, folder: Path, size: int, form: str) -> dict[str, Samples]:
    source = folder / f"{size}.{form}"
    document = contract(size)
    text = json.dumps(document) if form == "json" else text_of(document)
    source.write_text(text, "utf-8")
    ours = [
        "-m",
        "tools",
        "generate",
        "--untried",  # the plain generator tries nothing either
        "--contract",
        str(source),
        "--into",
        str(folder / f"ours-{size}"),
    ]
    plain = ["-m", "openapi_python_client", "generate", "--path", str(source), "--meta", "none"]
    plain += ["--output-path", str(folder / "plain")]
    measures: dict[str, Callable[[], dict[str, float]]] = {
        OURS: partial(_run_once, ours, folder / f"ours-{size}"),
        PLAIN: partial(_run_once, plain, folder / "plain"),
    }
    return run.measure(measures, 3)


def _run_once(arguments: list[str], result: Path) -> dict[str, float]:
    shutil.rmtree(result, ignore_errors=True)
    usage = python(*arguments)
    if not result.exists():
        raise JobError(usage.output.strip()[-200:].replace("\n", " "))
    return {"s": usage.cpu}


def _import_time(run: Run, package: Path) -> tuple[float | None, str]:
    """Return the ms that importing an operation takes after httpx, or None and the reason."""
    modules = sorted(package.glob("chainhub_api/api/*/[a-z]*.py"))
    if not modules:
        return None, "No operation was generated that could be imported."
    module = ".".join(modules[0].relative_to(package).with_suffix("").parts)
    measure = partial(_import_once, run, package, module)
    measure()
    samples = run.measure({OURS: measure}, 9)[OURS]
    values = sorted(samples.of("ms"))
    return (values[len(values) // 2], "") if values else (None, samples.why)


def _import_once(run: Run, package: Path, name: str) -> dict[str, float]:
    usage = program(IMPORT, name, core=run.cores.client, path=package)
    return {"ms": float(usage.output)}
