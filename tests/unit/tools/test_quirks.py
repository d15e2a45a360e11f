"""Small pages with every quirk that published ones have, from the page to the generated client.

The module tests say how each is dealt with; here each goes all the way, alone and in a folder.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.tools.places import use_compiled_templates, work_in
from tools import commands, documents, layout
from tools.contract import operations
from tools.documents import Json
from tools.errors import PipelineError

HEAD = "openapi: 3.0.1\ninfo: {title: '', version: 1.0.0}\nservers: [{url: 'https://a.example'}]\n"
ANSWER = """
      responses:
        '200':
          description: ''
          content:
            application/json:
              schema: {type: object, properties: {id: {type: string}}, required: [id]}
"""
GET = f"    get:{ANSWER}"
QUERY = f"paths:\n  /v1/film/query:\n{GET}"

# Every quirk is on a path of its own, but for the version, the server and its missing slash.
QUIRKS = f"""\
openapi: 3.1.0
info: {{title: '', version: 1.0.0}}
servers:
  - url: https:/a.example
paths:
  /v1/film/colon:
    get:
      summary: Note: free{ANSWER}
  /v1/film/block:
    get:
      description: |>-
        Free.{ANSWER}
  /v1/film/fetch/{{任务id}}:
    get:
      parameters: [{{name: 任务id, in: path, required: true, schema: {{type: string}}}}]{ANSWER}
  /v1/film/undeclared/{{Task ID}}:
{GET}
  /v1/film/breadcrumbs:
    get:
      tags: ['视频\\/生成', 'a/b']{ANSWER}
  /v1/film/a:
    get:
      operationId: get{ANSWER}
  /v1/film/b:
    get:
      operationId: get{ANSWER}
  /v1/film/anchor:
{GET.replace("{type: string}", "&text {type: string}")}
  /v1/film/alias:
    get:
      responses: {{'200': {{description: '', content: {{text/plain: {{schema: *text}}}}}}}}
  /v1/film/nullable:
{GET.replace("{type: string}", "{type: [string, 'null']}")}
  /v1/film/headers:
    get:
      parameters:
        - {{name: Authorization, in: header, schema: {{type: string}}}}
        - {{name: X-Forwarded-Host, in: header, schema: {{type: string}}}}
      requestBody: {{content: {{}}}}{ANSWER}
  /v1/film/nothing:
{GET.replace("{id: {type: string}}", "{id: {type: 'null', description: null}}")}
"""
CALLS = [
    "client.film.fetch_by_id(id: str) -> FilmFetchByIdAnswer",
    "client.film.get() -> FilmGetAnswer",
    "client.film.get_anchor() -> FilmGetAnchorAnswer",
    "client.film.get_b() -> FilmGetBAnswer",
    "client.film.get_block() -> FilmGetBlockAnswer",
    "client.film.get_colon() -> FilmGetColonAnswer",
    "client.film.get_nothing() -> FilmGetNothingAnswer",
    "client.film.get_nullable() -> FilmGetNullableAnswer",
    "client.film.get_undeclared_by_id(task_id: str) -> FilmGetUndeclaredByIdAnswer",
    "client.film.list_alias() -> str",
    "client.film.list_breadcrumbs() -> FilmListBreadcrumbsAnswer",
    "client.film.list_headers() -> FilmListHeadersAnswer",
]
FIXED = (
    "is fixed: summary: Note: free → summary: 'Note: free'",
    "is fixed: description: |>- → description: |-",
    "is fixed: - url: https:/a.example → - url: https://a.example",
)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep what is written inside a folder of its own; there is no contract in place."""
    root = tmp_path / "project"
    use_compiled_templates(root)
    work_in(root, monkeypatch)
    return root


def page(folder: Path, text: str, name: str = "page.md") -> Path:
    """Write a page around a contract."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(f"# A page\n\n````yaml\n{text}````\n", "utf-8")
    return path


def calls(project: Path, contract: Path) -> list[str]:
    """Generate a contract and list its calls."""
    commands.generate(contract, project / "out")
    surface = (project / "out" / layout.SURFACE).read_text("utf-8")
    return re.findall(r"^- `(client.*)` — ", surface, re.MULTILINE)


def described(contract: Path) -> list[Json]:
    """List a contract's operations in one order, without the empty lists that a merge writes."""
    repaired = commands.repaired_document(documents.read(contract), contract.name).document
    return sorted(
        (
            [*place, {key: value for key, value in operation.items() if value != []}]
            for place, operation in operations(repaired)
        ),
        key=str,
    )


def imported_and_generated(given: Path, out: Path) -> None:
    """Take a page all the way."""
    commands.spec([given], (), layout.CONTRACT)
    commands.generate(layout.CONTRACT, out)


def refusal(given: Path, out: Path) -> str | None:
    """Take a page all the way and give the sentence that it was refused with, if it was."""
    try:
        imported_and_generated(given, out)
    except PipelineError as problem:
        return str(problem)
    return None


def test_a_page_with_quirks_becomes_a_client(project: Path) -> None:
    """Whether it is given alone or in a folder; what was fixed is reported."""
    path = page(project / "pages", QUIRKS)
    alone, in_folder = project / "alone.yaml", project / "openapi.yaml"
    for given, contract in ((path, alone), (path.parent, in_folder)):
        imported = commands.spec([given], (), contract)
        assert imported.refused == []
        assert all(any(told in note for note in imported.notes) for told in FIXED)
    assert described(alone) == described(in_folder)
    assert calls(project, in_folder) == CALLS


def test_several_contracts_in_one_page(project: Path) -> None:
    """Are merged as if each had a page, exported JSON beside them."""
    second = HEAD + QUERY.replace("/film/", "/music/")
    path = page(project / "pages", f"{HEAD}{QUERY}````\n\n## More\n\n````yaml\n{second}")
    export = project / "pages" / "export.json"
    document: Json = {
        "openapi": "3.1.0",
        "info": {"title": "t", "version": "1"},
        "paths": {"/v1/image/query": {"get": {"responses": {"200": {"description": ""}}}}},
    }
    export.write_text(json.dumps(document))
    contract = project / "openapi.yaml"
    commands.spec([path, export], (), contract)
    assert [call.partition("(")[0] for call in calls(project, contract)] == [
        "client.film.query",
        "client.image.query",
        "client.music.query",
    ]


CANARY = "print(open('canary', 'w'))"
PAYLOADS = (
    f'"""\n{CANARY}\n"""',
    "../../../../canary",
    f"'''\n{CANARY}\n'''",
    f'"); {CANARY}; ("',
    f'\\"); {CANARY} #',
    f"\\N{{x}} {{{{ self }}}} {{% raw %}} {{{CANARY}}}",
    f"x\n    {CANARY}\n",
    f"a]: {CANARY}\r\n{CANARY}",
    "/tmp/canary",
    "..\\..\\canary",
    "__import__('os').abort()",
    f"{CANARY}\x85\u2028{CANARY}",
    "-" * 300,
)


def poisoned(payload: str) -> Iterator[tuple[str, dict[str, Json]]]:
    """Put a payload in each place where a contract has text, one at a time, then in all texts."""

    def made(**poison: str) -> dict[str, Json]:
        def at(place: str, otherwise: str) -> str:
            return poison.get(place, poison.get("*", otherwise))

        field: Json = {
            "type": "string",
            "title": at("field title", "Field"),
            "description": at("field description", "d"),
            "default": at("default", "a"),
            "example": at("example", "e"),
            "format": at("format", "f"),
            "pattern": at("pattern", "(a+)+$"),
        }
        listed: Json = {"type": "string", "enum": [poison.get("enum", "a"), "b"]}
        model: Json = {
            "type": "object",
            "title": at("title", "Task"),
            "description": at("description", "d"),
            "properties": {poison.get("field", "id"): field, "listed": listed},
            "required": [poison.get("required", "id")],
            "example": {poison.get("example key", "id"): at("example value", "x")},
        }
        content: Json = {poison.get("media", "application/json"): {"schema": model}}
        name = poison.get("component", "Shared")
        shared: Json = {"application/json": {"schema": {"$ref": f"#/components/schemas/{name}"}}}
        post: Json = {
            "operationId": at("operationId", "make"),
            "tags": [at("tag", "sample")],
            "summary": at("summary", "s"),
            "description": at("operation description", "d"),
            "parameters": [
                {
                    "name": poison.get("parameter", "size"),
                    "in": "query",
                    "description": at("parameter description", "d"),
                    "example": at("parameter example", "e"),
                    "schema": {"type": "string", "default": at("parameter default", "x")},
                },
                {"name": poison.get("header", "X-A"), "in": "header", "schema": field},
            ],
            "requestBody": {"content": content, "description": at("body description", "d")},
            "responses": {
                poison.get("status", "200"): {
                    "description": at("answer", "a"),
                    "content": shared,
                }
            },
            "x-odd": at("extension", "x"),
        }
        return {
            "openapi": "3.0.1",
            "info": {"title": at("info title", "t"), "version": at("info version", "1")},
            "servers": [
                {
                    "url": "https://a.example" + poison.get("server", ""),
                    "description": at("server description", "d"),
                }
            ],
            "paths": {poison.get("path", "/v1/film/make"): {"post": post}},
            "components": {
                "schemas": {name: {"type": "object", "properties": {"id": field}}},
                "securitySchemes": {
                    poison.get("scheme", "bearer"): {"type": "http", "scheme": "b"}
                },
            },
        }

    for place in (
        *("enum", "field", "required", "media", "component", "parameter", "header", "status"),
        *("server", "path", "scheme", "title", "operationId", "tag", "default", "format"),
    ):
        yield place, made(**{place: payload})
    yield "all texts", made(**{"*": payload})


@pytest.mark.unmeasured
@pytest.mark.parametrize(
    "payload",
    # Each takes as long as a hundred other tests; the first one would end a docstring.
    [PAYLOADS[0], *(pytest.param(one, marks=pytest.mark.slow) for one in PAYLOADS[1:])],
)
def test_text_never_becomes_code_or_a_place(project: Path, tmp_path: Path, payload: str) -> None:
    """Each contract is refused in a sentence, or its client can be imported and holds only text."""
    generated = []
    for number, (_, document) in enumerate(poisoned(payload)):
        export = tmp_path / f"{number}.json"
        export.write_text(json.dumps(document))
        out = project / f"out{number}"
        sentence = refusal(export, out)
        if sentence is not None:
            assert "\n" not in sentence
            assert not out.exists()
        else:
            generated.append(str(out))
            outside = [path for path in out.rglob("*") if not re.fullmatch(r"[\w.]+", path.name)]
            assert outside == []
    assert len(generated) >= 5  # texts are harmless, so most of them make a client
    walk = (
        "import importlib, pkgutil, sys\n"
        f"for folder in {generated!r}:\n"
        "    sys.path.insert(0, folder)\n"
        "    import chainhub_api\n"
        "    for module in pkgutil.walk_packages(chainhub_api.__path__, 'chainhub_api.'):\n"
        "        importlib.import_module(module.name)\n"
        "    for name in [name for name in sys.modules if name.startswith('chainhub_api')]:\n"
        "        del sys.modules[name]\n"
        "    sys.path.remove(folder)\n"
    )
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", walk],
        cwd=project,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    kept = {"openapi.yaml", "build", *(Path(folder).name for folder in generated)}
    assert {path.name for path in project.iterdir()} <= kept
    assert not list(tmp_path.rglob("canary"))
    assert not Path("/tmp/canary").exists()
