"""Generating 1, 100 and 1,000 operations against the plain generator; importing one (P17)."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.processes import Failed, program, python
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
    described: dict[str, Json] = {
        name: {"type": kinds[place % 4]} for place, name in enumerate(names)
    }
    return {"type": "object", "properties": described, "required": [names[0]]}


def contract(count: int) -> dict[str, Json]:
    """Return a contract of so many operations, each with a request and an answer of its own."""
    paths: dict[str, Json] = {}
    for number in range(count):
        word = "".join(chr(ord("a") + number // 26**place % 26) for place in range(3))
        asked: Json = {"schema": fields("model", "seed", "loop", "size")}
        answer: Json = {"schema": fields("id", "progress", "done", "cost", "status")}
        good: Json = {"description": "", "content": {"application/json": answer}}
        operation: Json = {
            "summary": word,
            "requestBody": {"content": {"application/json": asked}},
            "responses": {"200": good},
        }
        paths[f"/v1/group-{number % 20}/make/{word}"] = {"post": operation}
    return {"openapi": "3.0.1", "info": {"title": "Many", "version": "1"}, "paths": paths}


def generation(run: Run) -> Iterator[Row]:
    """Measure P17; the formatter that both run is in the figures."""
    sizes = run.sized((1, 100, 1000), (1,))
    with TemporaryDirectory() as place:
        folder = Path(place)
        found: list[Entry] = []
        goals: list[Goal] = []
        for size in sizes:
            for form in FORMS:
                listed = entries(_generated(run, folder, size, form), "s", yardstick=PLAIN)
                found += [_named(one, size, form) for one in listed]
                if form == "yaml":  # what contracts are published in, and what this one is
                    value = next(one.ratio for one in listed if one.name == OURS)
                    what = f"generating {size:,} ÷ the plain generator"
                    goals.append(Goal(what, "≤", LIMIT, value))
        imported, why = _imported(run, folder / f"ours-{sizes[-1]}")
    name = f"importing one of {sizes[-1]:,}"
    goals.append(Goal(f"{name} operations, over httpx", "≤", 25.0, imported, "ms"))
    notes = [NOTE, *([why] if why else [])]
    yield Row("P17", "generating a client: CPU", "s", PLAIN, goals, found, notes)


def _named(one: Entry, size: int, form: str) -> Entry:
    name = f"{one.name}, {size:,}, {form.upper()}"
    return Entry(name, one.value, one.ratio, one.low, one.high, note=one.note)


def _generated(run: Run, folder: Path, size: int, form: str) -> dict[str, Samples]:
    source = folder / f"{size}.{form}"
    described = contract(size)
    text = json.dumps(described) if form == "json" else text_of(described)
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
        OURS: partial(_spent, ours, folder / f"ours-{size}"),
        PLAIN: partial(_spent, plain, folder / "plain"),
    }
    return run.in_turn(measures, 3)


def _spent(arguments: list[str], result: Path) -> dict[str, float]:
    shutil.rmtree(result, ignore_errors=True)
    spent = python(*arguments)
    if not result.exists():
        raise Failed(spent.output.strip()[-200:].replace("\n", " "))
    return {"s": spent.cpu}


def _imported(run: Run, package: Path) -> tuple[float | None, str]:
    """Return the ms it takes to import an operation after httpx, and why there is none."""
    found = sorted(package.glob("chainhub_api/api/*/[a-z]*.py"))
    if not found:
        return None, "No operation was generated that could be imported."
    name = ".".join(found[0].relative_to(package).with_suffix("").parts)
    measure = partial(_import_once, run, package, name)
    measure()
    samples = run.in_turn({OURS: measure}, 9)[OURS]
    values = sorted(samples.of("ms"))
    return (values[len(values) // 2], "") if values else (None, samples.why)


def _import_once(run: Run, package: Path, name: str) -> dict[str, float]:
    spent = program(IMPORT, name, core=run.cores.client, path=package)
    return {"ms": float(spent.output)}
