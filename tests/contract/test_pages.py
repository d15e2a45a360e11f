"""The vendor's real pages: imported, generated, typed, and every answer comes back.

The pages are third-party text and stand beside the project, not in it.
"""

import json
import os
import re
import sys
from pathlib import Path

import pytest

from tests.processes import run
from tools import commands, layout
from tools.contract import at, called, mapping, operations, pointer, sequence
from tools.pages import reading
from tools.repair import examples

PROJECT = Path(__file__).resolve().parent.parent.parent
PAGES = Path(os.environ.get("VENDOR_PAGES", PROJECT.parent / "shared" / "vendor-pages"))

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not PAGES.is_dir(), reason="the published pages are not here"),
]


class Generated:
    """The client of all pages, and what the import refused."""

    def __init__(self, folder: Path) -> None:
        self.contract = folder / "openapi.yaml"
        self.out = folder / "out"
        self.imported = reading.imported([PAGES])
        self.contract.write_text(self.imported.text, "utf-8")
        commands.generate(self.contract, self.out)
        self.document = commands.repair(self.contract).document
        self.count = sum(1 for _ in operations(self.document))


@pytest.fixture(scope="module")
def generated(tmp_path_factory):
    """Import and generate all pages once."""
    return Generated(tmp_path_factory.mktemp("pages"))


def python(*arguments, generated, **variables):
    """Run Python on the generated client and our package."""
    path = os.pathsep.join([str(generated.out), str(PROJECT / "overlays")])
    variables = {**os.environ, "PYTHONPATH": path, **variables}
    return run(sys.executable, *arguments, cwd=PROJECT, env=variables, timeout=560)


def cases(document):
    """Find an answer for every operation: the published examples, else a value of its schema."""
    answered = set()
    for place, kind, content in examples.good_answers(document):
        answered.add(called(place))
        found = list(examples.published(content))
        for number, answer in enumerate(found or [made(document, content.get("schema"))]):
            mismatch = bool(found and examples.mismatch(document, content, answer))
            yield case(document, place, kind, answer, number, mismatch=mismatch)
    for place, operation in operations(document):
        if called(place) not in answered:
            statuses = [one for one in mapping(operation["responses"]) if one.startswith("2")]
            yield case(document, (*place, *statuses[:1]), "", None, 0, mismatch=False)


def case(document, place, kind, answer, number, *, mismatch):
    """Describe one answer to the tests that run over the generated client."""
    operation = at(document, place[:3])
    tag, name = operation["tags"][0], operation["operationId"]
    return {
        "id": f"{tag}.{name}-{kind}-{number}",
        "tag": tag,
        "name": name,
        "kind": kind,
        "status": int(place[3]) if len(place) > 3 else 204,
        "answer": answer,
        "empty": not kind,
        "text": isinstance(answer, str) and not kind.endswith("json"),
        "mismatch": mismatch,
    }


def made(document, schema, depth=0):
    """Make a JSON value that a schema allows, with all its fields."""
    schema = mapping(schema)
    if "$ref" in schema:
        return made(document, at(document, pointer(schema["$ref"])), depth + 1) if depth < 8 else {}
    if schema.get("enum"):
        return schema["enum"][0]
    for choice in ("anyOf", "oneOf"):
        if schema.get(choice):
            return made(document, schema[choice][0], depth + 1)
    whole = {}
    for part in sequence(schema.get("allOf")):
        whole |= mapping(made(document, part, depth + 1))
    if schema.get("type") == "array":
        return [made(document, schema.get("items"), depth + 1)]
    if schema.get("type") == "object" or "properties" in schema or whole:
        fields = mapping(schema.get("properties")).items()
        return whole | {name: made(document, inner, depth + 1) for name, inner in fields}
    texts = {"date-time": "2026-11-25T10:00:00+00:00", "date": "2026-11-25"}
    texts["uuid"] = "00000000-0000-0000-0000-000000000007"
    plain = {"string": texts.get(str(schema.get("format")), "text"), "integer": 7, "number": 0.5}
    return {**plain, "boolean": True}.get(str(schema.get("type")), {"any": "thing"})


def test_almost_all_contracts_are_imported(generated):
    """At least 97 of 100; each page left out is named with its reason."""
    contracts = sum(
        len(re.findall(r"^openapi: 3", page.read_text("utf-8"), re.MULTILINE))
        for page in PAGES.rglob("*.md")
    )
    assert len(generated.imported.refused) <= contracts * 0.03
    assert all(
        " is refused: " in one or re.search(r":\d+ ", one) for one in generated.imported.refused
    )


def test_every_operation_is_generated(generated):
    """Each imported operation has its method; the surface has a line for it."""
    calls = (generated.out / layout.SURFACE).read_text("utf-8").count("\n- `client.")
    assert calls == generated.count == sum(1 for _ in operations(generated.document))


def test_everything_generated_is_typed(generated, tmp_path):
    """By mypy's strict reading."""
    options = ("--strict", "--no-incremental", "--cache-dir", tmp_path)
    done = python("-m", "mypy", *options, generated.out / layout.PACKAGE, generated=generated)
    assert done.returncode == 0, done.stdout[-4000:]


def test_every_operation_answers_its_own_example(generated, tmp_path, capsys):
    """In sync and async; examples that contradict their own schema are counted and shown."""
    found = list(cases(generated.document))
    (tmp_path / "cases.json").write_text(json.dumps(found), "utf-8")
    options = ("-q", "-p", "no:xdist", "-p", "no:cacheprovider", "--no-header")
    done = python(
        "-m",
        "pytest",
        *options,
        PROJECT / "tests" / "contract" / "pages_answers.py",
        generated=generated,
        PAGES_CASES=str(tmp_path / "cases.json"),
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-1000:]
    assert int(re.search(r"(\d+) passed", done.stdout)[1]) == 2 * len(found) + 1
    mismatches = list(examples.mismatches(generated.document))
    summary = f"{len(found)} answers, {len(mismatches)} published ones contradict their schema:"
    with capsys.disabled():
        sys.stdout.write("\n".join(["", summary, *mismatches, ""]))


def test_every_task_is_waited_for(generated, tmp_path):
    """It ends on the page's own example too; and every operation that creates one leads to it."""
    names = {}
    exec((generated.out / "chainhub_api" / "tasks.py").read_text("utf-8"), names)
    asking = [
        called(place)
        for place, operation in operations(generated.document)
        if operation.get("x-task")
    ]
    assert len(names["TASKS"]) == len(asking) >= 24
    assert len(names["CREATES"]) >= 50
    options = ("-q", "-p", "no:xdist", "-p", "no:cacheprovider", "--no-header")
    shown = {}
    for place, _, content in examples.good_answers(generated.document):
        operation = at(generated.document, place[:3])
        name = f"{operation['tags'][0]}.{operation['operationId']}"
        shown.setdefault(name, []).extend(examples.published(content))
    assert sum(bool(shown.get(name)) for name in names["TASKS"]) >= 8
    (tmp_path / "shown.json").write_text(json.dumps(shown, default=str), "utf-8")
    tests = PROJECT / "tests" / "contract" / "pages_tasks.py"
    variables = {"PAGES_SHOWN": str(tmp_path / "shown.json")}
    done = python("-m", "pytest", *options, tests, generated=generated, **variables)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-1000:]
