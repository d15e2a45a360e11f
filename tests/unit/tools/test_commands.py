"""The pipeline's commands: what they write, what they say, and that a failure changes nothing."""

from __future__ import annotations

import difflib
import gc
import json
import os
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.tools.places import (
    PUBLISHED,
    overlay_of_published,
    use_compiled_templates,
    work_in,
)
from tools import commands, documents, generation, layout
from tools.__main__ import main
from tools.changes import snapshots
from tools.contract import mapping
from tools.errors import PipelineError


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a folder with a contract of one page, and the overlay, to work in."""
    root = tmp_path / "project"
    (root / "overlays").mkdir(parents=True)
    use_compiled_templates(root)
    shutil.copy(layout.CONFIG, root / "generator-config.yaml")
    shutil.copy(PUBLISHED, root / "openapi.yaml")
    (root / "overlays" / "openapi.overlay.yaml").write_text(overlay_of_published())
    work_in(root, monkeypatch, "OVERLAY", "CONFIG")
    return root


def snapshot(folder: Path) -> dict[str, bytes]:
    """Note all that a folder holds."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else b""
        for path in folder.rglob("*")
    }


def test_every_step_runs_alone(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each says what it did; what was generated is what the project has committed."""
    for command in ("repair", "validate", "generate", "surface", "drift"):
        assert main([command]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "build/openapi.json is written.",
        "openapi.yaml is good once repaired: 1 operation(s).",
        "generated/ holds the client for 1 operation.",
        "generated/API.md is written.",
    ]
    surface = (project / "generated" / "API.md").read_text()
    assert "- `client.video.query(id: str) -> VideoTask` — `GET /v1/video/query`\n" in surface
    assert sorted(path.name for path in (project / "build").iterdir()) == [
        "openapi.json",
        "templates",
    ]


def test_the_repaired_contract_is_what_the_service_does(project: Path) -> None:
    """No leftovers, names for callers, and only what is always there is required."""
    main(["repair"])
    repaired = json.loads((project / "build" / "openapi.json").read_text())
    operation = repaired["paths"]["/v1/video/query"]["get"]
    assert repaired["info"]["title"] == "chainhub"
    assert (operation["operationId"], operation["tags"]) == ("query", ["video"])
    assert [parameter["name"] for parameter in operation["parameters"]] == ["id"]
    assert "requestBody" not in operation
    schema = operation["responses"]["200"]["content"]["application/json"]["schema"]
    described = [operation, *operation["parameters"], schema, *schema["properties"].values()]
    assert all(one.pop("description").endswith(".") for one in described)
    assert schema == {
        "type": "object",
        "title": "VideoTask",
        "properties": {
            "id": {"type": "string"},
            "status": {"type": "string"},
            "video_url": {"type": "string", "nullable": True},
            "enhanced_prompt": {"type": "string", "nullable": True},
            "status_update_time": {"type": "integer"},
        },
        "required": ["id", "status", "status_update_time"],
    }


def test_validate_tells_which_examples_contradict_their_schema(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The contract is good all the same."""
    text = layout.CONTRACT.read_text()
    assert "type: integer" in text
    layout.CONTRACT.write_text(text.replace("type: integer", "type: boolean"))
    assert main(["validate"]) == 0
    first, last = capsys.readouterr().out.splitlines()
    assert first.startswith("GET /v1/video/query: an example (application/json) does not fit at ")
    assert last == "openapi.yaml is good once repaired: 1 operation(s)."


def test_drift_is_named(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An edited, a missing and a left-over file are each a line, and nothing is changed."""
    main(["generate"])
    package = project / "generated" / "chainhub_api"
    (package / "client.py").write_text("edited")
    (package / "types.py").unlink()
    (package / "more.py").write_text("")
    before = snapshot(project)
    assert main(["drift"]) == 1
    assert capsys.readouterr().err.splitlines() == [
        "generated/chainhub_api/client.py differs; make generate restores it.",
        "generated/chainhub_api/more.py is left over; make generate restores it.",
        "generated/chainhub_api/types.py is missing; make generate restores it.",
    ]
    assert snapshot(project) == before


def test_an_action_of_our_own_overlay_has_a_reason(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The specification wants none; what is committed here has one, which drift looks at."""
    path = project / "overlays" / "openapi.overlay.yaml"
    with path.open("a") as file:
        file.write("  - {target: $.info, update: {x-a: 1}}\n")
    assert main(["generate"]) == 0
    assert "($.info) (1 place)" in (project / "generated" / "REPAIRS.md").read_text()
    capsys.readouterr()
    assert main(["drift"]) == 1
    assert "($.info) gives no reason in its `description`.\n" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["repair", "validate", "generate", "drift"])
@pytest.mark.parametrize(
    ("name", "old", "new", "sentence"),
    [
        ("openapi.yaml", "openapi: 3.0.1", "openapi: [", "openapi.yaml:3:8 is not valid"),
        ("openapi.yaml", "\npaths:", "\nroutes:", "openapi.yaml is not an OpenAPI document"),
        (
            "openapi.yaml",
            "title: ''",
            "title: t",
            "overlay.yaml: action 1 ($[?@.title == '']) finds",
        ),
        (
            "openapi.yaml",
            "  version: 1.0.0",
            "  version: 1\n  version: 2",
            "openapi.yaml:6 has the key",
        ),
        (
            "overlays/openapi.overlay.yaml",
            "\nactions:",
            "\nx-actions:",
            "has no list of `actions`.",
        ),
    ],
)
def test_a_failure_is_one_sentence_and_changes_nothing(
    project: Path,
    capsys: pytest.CaptureFixture[str],
    command: str,
    name: str,
    old: str,
    new: str,
    sentence: str,
) -> None:
    """Whichever step meets the fault."""
    path = project / name
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new, 1))
    before = snapshot(project)
    assert main([command]) == 1
    captured = capsys.readouterr()
    assert sentence in captured.err
    assert captured.err.count("\n") == 1
    assert captured.out == ""
    assert snapshot(project) == before


@pytest.mark.parametrize("stop", [KeyboardInterrupt, PipelineError("stop")])
def test_a_generation_that_stops_leaves_the_old_package(
    project: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    stop: BaseException,
) -> None:
    """Whole, with nothing beside it, whether it fails or is interrupted."""
    main(["generate"])
    before = snapshot(project)

    def stopping(_: object, __: object, ___: str, into: Path, ____: object) -> None:
        into.mkdir()
        raise stop

    monkeypatch.setattr(generation, "generate", stopping)
    assert main(["generate"]) == (1 if isinstance(stop, PipelineError) else 130)
    assert capsys.readouterr().err in ("stop\n", "Stopped; nothing was changed.\n")
    assert snapshot(project) == before
    assert main(["generate", "--into", str(project / "elsewhere")]) != 0
    assert snapshot(project) == before


def test_another_contract_may_lack_faults(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The actions that find nothing in it are told, and it is written elsewhere."""
    other = project / "other.yaml"
    other.write_text(layout.CONTRACT.read_text().replace("title: ''", "title: t", 1))
    assert main(["repair", "--contract", str(other)]) == 0
    assert capsys.readouterr().out.splitlines()[0] == (
        "overlays/openapi.overlay.yaml: action 1 ($[?@.title == '']) finds nothing in other.yaml."
    )
    assert (
        main(["generate", "--contract", str(other), "--into", str(project / "out" / "there")]) == 0
    )
    assert sorted(path.name for path in (project / "out" / "there").iterdir()) == [
        "API.md",
        "REPAIRS.md",
        "chainhub_api",
        "chainhub_resources",
    ]
    assert not (project / "generated").exists()


CREATED = """# Create a film

```yaml
openapi: 3.0.1
info: {title: "", version: 1.0.0}
servers: [{url: "https://api.chainhub.tech"}]
paths:
  /v1/film/create:
    post:
      requestBody: {content: {application/json: {schema: {$ref: "#/components/schemas/Film"}}}}
      responses: {"200": {description: "", content: {application/json: {schema: {type: string}}}}}
components:
  schemas:
    Film: {type: object, properties: {prompt: {type: string}}}
```
"""


def test_spec_adds_a_page_and_changes_no_other_line(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Once more it changes nothing, and stale overlay actions are still errors."""
    page = project / "page.md"
    page.write_text(CREATED)
    before = layout.CONTRACT.read_text().splitlines()
    assert main(["spec", str(page)]) == 0
    assert capsys.readouterr().out == "openapi.yaml is written.\n"
    after = layout.CONTRACT.read_text().splitlines()
    assert [line for line in difflib.ndiff(before, after) if line.startswith("- ")] == [
        "-   schemas: {}"
    ]
    assert main(["spec", str(page), str(PUBLISHED)]) == 0
    assert layout.CONTRACT.read_text().splitlines() == after
    capsys.readouterr()
    assert main(["generate"]) == 0
    assert capsys.readouterr().out == "generated/ holds the client for 2 operations.\n"
    layout.CONTRACT.write_text(layout.CONTRACT.read_text().replace("title: ''", "title: t"))
    assert main(["generate"]) == 1
    assert "action 1 ($[?@.title == '']) finds nothing" in capsys.readouterr().err


def test_spec_says_what_it_drops(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Only where it is asked to replace the contract."""
    page = project / "page.md"
    page.write_text(CREATED)
    assert main(["spec", "--replace", str(page)]) == 0
    assert capsys.readouterr().out == "GET /v1/video/query is gone.\nopenapi.yaml is written.\n"
    assert list(mapping(documents.read(layout.CONTRACT)["paths"])) == ["/v1/film/create"]


def test_an_operation_that_cannot_be_generated_is_left_out(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With its reason, here and in REPAIRS.md; strictly it is an error."""
    contract = project / "grown.yaml"
    contract.write_text(
        "openapi: 3.0.1\ninfo: {title: t, version: '1'}\npaths:\n"
        "  /v1/film/query: {get: {}}\n"
        "  /v1/film/create: {post: {parameters: [{name: x, in: body}]}}\n"
    )
    assert main(["generate", "--contract", str(contract), "--strict"]) == 1
    sentence = "POST /v1/film/create is left out: not valid OpenAPI at "
    assert sentence in capsys.readouterr().err
    assert main(["generate", "--contract", str(contract)]) == 0
    said = capsys.readouterr()
    assert said.err.startswith(sentence)
    assert said.out == "generated/ holds the client for 1 operation; 1 left out.\n"
    assert f"## Left out\n\n- {sentence}" in (project / "generated" / "REPAIRS.md").read_text()


def test_spec_writes_the_contract_of_a_page(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Byte for byte, and a bad page leaves the contract as it was."""
    page = project / "page.md"
    published = layout.CONTRACT.read_bytes()
    page.write_bytes(b"# Query task\n\n````yaml\n" + published + b"````\n")
    layout.CONTRACT.unlink()
    assert main(["spec", str(page)]) == 0
    assert layout.CONTRACT.read_bytes() == published
    page.write_text("# no contract\n")
    assert main(["spec", str(page)]) == 1
    assert layout.CONTRACT.read_bytes() == published
    assert "page.md holds no OpenAPI document." in capsys.readouterr().err


def test_a_misspelt_host_is_refused_even_alone(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The contract in place tells which one is right; another service altogether is told."""
    page = project / "page.md"
    published = layout.CONTRACT.read_text()
    assert "https://api.chainhub.tech" in published

    def spec(host: str, *options: str) -> int:
        text = published.replace("https://api.chainhub.tech", host)
        page.write_text(f"````yaml\n{text}````\n")
        layout.CONTRACT.write_text(published)
        return main(["spec", *options, str(page)])

    assert spec("https://api.chainhubb.tech") == 1
    assert layout.CONTRACT.read_text() == published
    assert capsys.readouterr().err == (
        "page.md is refused: the key would go to its server api.chainhubb.tech, which is not "
        "api.chainhub.tech; --allow-host takes it by name.\n"
    )
    assert spec("https://api.chainhubb.tech", "--allow-host=a.b, api.chainhubb.tech") == 0
    capsys.readouterr()
    assert spec("https://gateway.example.org") == 1
    assert "its server gateway.example.org, which is not" in capsys.readouterr().err
    assert spec("https://gateway.example.org", "--replace") == 0
    assert capsys.readouterr().out.splitlines()[0] == (
        "The server is gateway.example.org, no longer api.chainhub.tech: the key will go there."
    )


def test_spec_tells_what_it_did(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Fixes and choices as they are made, refused pages apart from them."""
    folder = project / "pages"
    folder.mkdir()
    operation = "paths: {{/v1/video/create: {{post: {{summary: {}, parameters: {}}}}}}}\n"
    for name, limit in (("a", 1), ("b", 2)):
        parameters = f"[{{name: n, in: query, schema: {{maximum: {limit}}}}}]"
        contract = "openapi: 3.0.1\n" + operation.format(name, parameters)
        (folder / f"{name}.md").write_text(f"```yaml\n{contract}```\n")
    (folder / "c.md").write_text("```yaml\na: [\n```\n")
    assert main(["spec", str(folder)]) == 0
    told = capsys.readouterr()
    assert told.out.splitlines() == [
        "POST /v1/video/create is described differently by 2 pages; they are combined.",
        "openapi.yaml is written; 1 page(s) refused.",
    ]
    assert told.err.startswith("pages/c.md:3:1 is not valid YAML")
    layout.CHOICES.write_text("POST /v1/video/create: b.md\n")
    assert main(["spec", "--replace", str(folder)]) == 0
    assert "summary: b" in layout.CONTRACT.read_text()
    assert "described differently" not in capsys.readouterr().out
    layout.CHOICES.write_text("POST /v1/video/cerate: b.md\n")
    assert main(["spec", str(folder)]) == 1
    assert capsys.readouterr().err == (
        "pages.yaml: POST /v1/video/cerate names no operation of the pages.\n"
    )


CODE = "class A:\n    def to_dict(self): ...\n"


def packaged(folder: Path, version: str, **models: str) -> Path:
    """Write a state: generated/ with models, overlays/ with a client of a version."""
    package = folder / "generated" / "chainhub_api"
    for name, text in {
        package / "__init__.py": "",
        package / "models" / "__init__.py": "",
        **{package / "models" / f"{name}.py": text for name, text in models.items()},
        folder / "overlays" / "chainhub" / "__init__.py": f"def ask(): ...\n# {version}\n",
        folder / "overlays" / "chainhub" / "_version.py": f'__version__ = "{version}"\n',
    }.items():
        name.parent.mkdir(parents=True, exist_ok=True)
        name.write_text(text)
    return folder


def test_diff_tells_what_changed_for_callers(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A draft of the changelog, and the version it asks for."""
    old = packaged(project / "old", "1.2.0", a=CODE, b=CODE.replace("A", "B"))
    for name in ("openapi.yaml", "overlays/openapi.overlay.yaml"):
        shutil.copy(project / name, old / name)
    packaged(project, "1.9.0", a='class A:\n    """What it is."""\n\n    def to_dict(self): ...\n')
    assert main(["diff", str(old)]) == 0
    told = capsys.readouterr()
    assert told.err == ""
    assert told.out == (
        "### Contract\n\n- Breaking: `B` is gone.\n- Changed documentation: `A`.\n\n"
        "After 1.2.0 this asks for 2.0.0 or more.\n"
    )
    client = project / "overlays" / "chainhub" / "__init__.py"
    client.write_text("def ask(more=1): ...\n")
    assert main(["diff", str(old), "--previous", "0.1.0"]) == 0
    assert capsys.readouterr().out.endswith(
        "\n\n### Client\n\n- Added: The parameter `more` of `chainhub.ask`.\n\n"
        "After 0.1.0 this asks for 0.2.0 or more.\n"
    )


def test_diff_says_what_it_could_not_compare(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An API.md has no code, a contract has no client."""
    packaged(project, "1.2.0", a=CODE)
    surface = project / "old.md"
    surface.write_text("# Public surface\n\n### A\n")
    assert main(["diff", str(surface)]) == 0
    told = capsys.readouterr()
    assert told.out == (
        "### Contract\n\n- Nothing that callers see.\n\nAfter 1.2.0 this asks for 1.2.0 or more.\n"
    )
    assert told.err == (
        f"{surface} lacks the contract with its limits, defaults and security: not compared.\n"
        f"{surface} lacks the code of chainhub_api: not compared.\n"
        f"{surface} lacks the code of chainhub: not compared.\n"
    )
    (project / "overlays" / "chainhub" / "_version.py").unlink()
    assert main(["diff", str(layout.CONTRACT)]) == 0
    told = capsys.readouterr()
    assert "- Breaking: `client.video.query(…)` is gone.\n- Added: `A`.\n" in told.out
    assert "asks for" not in told.out
    assert told.err == f"{layout.CONTRACT} lacks the code of chainhub: not compared.\n"


def test_an_earlier_contract_that_is_refused_today_is_not_compared(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What can be compared is."""
    old = packaged(project / "old", "1.2.0", a=CODE)
    (old / "openapi.yaml").write_text("openapi: 3.0.3\n")
    shutil.copy(layout.OVERLAY, old / "overlays")
    packaged(project, "1.2.0", a=CODE, b=CODE.replace("A", "B"))
    assert main(["diff", str(old)]) == 0
    told = capsys.readouterr()
    assert f"{old} lacks the contract with its limits, defaults and security" in told.err
    assert "- Added: " in told.out


def test_release_check_refuses_a_version_too_small(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The one written down or the one given, after that of the base or the one given."""
    old = str(packaged(project / "old", "1.2.0", a=CODE, b=CODE.replace("A", "B")))
    packaged(project, "1.9.0", a=CODE)
    sentence = f"1.9.0 is too small: what changed since {old} asks for 2.0.0.\n"
    assert main(["release-check", old]) == 1
    assert capsys.readouterr().err == sentence
    assert main(["release-check", old, "--version", "2.0.0"]) == 0
    assert capsys.readouterr().out == (
        f"2.0.0 is enough: what changed since {old} asks for 2.0.0.\n"
    )
    assert main(["release-check", old, "--previous", "0.8.1"]) == 0
    (project / "overlays" / "chainhub" / "_version.py").unlink()
    assert main(["release-check", old]) == 1
    assert capsys.readouterr().err == "No version is given, and the working copy says none.\n"
    (project / "old.md").write_text("# Public surface\n\n### A\n")
    assert main(["release-check", str(project / "old.md"), "--version", "1.0.0"]) == 1
    assert "old.md is no version such as 1.2.3." in capsys.readouterr().err


def test_the_first_release_may_have_any_version(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a base the newest tag is taken, where there is one."""
    monkeypatch.setattr(snapshots, "latest_tag", lambda: None)
    assert main(["release-check"]) == 0
    assert capsys.readouterr().out == "No earlier version has a tag; any version will do.\n"
    old = packaged(project / "old", "0.1.0", a=CODE)
    packaged(project, "0.1.0", a=CODE)
    monkeypatch.setattr(snapshots, "latest_tag", lambda: str(old))
    assert main(["release-check"]) == 0
    assert "0.1.0 is enough: what changed since " in capsys.readouterr().out


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """And no part of it stays."""
    with pytest.raises(PipelineError, match=r"nowhere/x cannot be written: No such file"):
        commands.write(tmp_path / "nowhere" / "x", "text")
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_written_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until the last step the old one stands."""
    target = tmp_path / "x"
    target.write_text("old")

    def full(_: Path, __: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(PipelineError, match="x cannot be written: No space left on device"):
        commands.write(target, "new")
    assert [path.read_text() for path in tmp_path.iterdir()] == ["old"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "python -m tools: the following arguments are required: COMMAND; "),
        (["spec"], "python -m tools spec: the following arguments are required: PAGE; "),
        (["nope"], "python -m tools: argument COMMAND: invalid choice: 'nope'"),
        (["repair", "--nope"], "python -m tools: unrecognized arguments: --nope; "),
    ],
)
def test_bad_usage_is_one_sentence(
    capsys: pytest.CaptureFixture[str], arguments: list[str], sentence: str
) -> None:
    """And exit status 2."""
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith(sentence)
    assert error.count("\n") == 1


def test_help_of_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    """Each takes --help."""
    for command in ("spec", "repair", "validate", "generate", "surface", "drift", "diff"):
        with pytest.raises(SystemExit) as caught:
            main([command, "--help"])
        assert caught.value.code == 0
    assert "usage: python -m tools drift" in capsys.readouterr().out


def test_the_package_can_be_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """As `python -m tools`."""
    monkeypatch.setattr(sys, "argv", ["tools", "--help"])
    monkeypatch.delitem(sys.modules, "tools.__main__")
    try:
        with pytest.raises(SystemExit) as caught:
            runpy.run_module("tools", run_name="__main__")
    finally:
        gc.enable()
    assert caught.value.code == 0


def test_an_interrupt_while_the_pipeline_is_loaded(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Is a sentence too: before that, nothing of it is loaded."""

    class Pressed:
        def find_spec(self, name: str, *_: object) -> None:
            if name == "tools.cli":
                raise KeyboardInterrupt

    code = "import sys, tools.__main__; print([name for name in sys.modules if 'tools.' in name])"
    loaded = subprocess.check_output([sys.executable, "-c", code], cwd=layout.ROOT, text=True)
    assert loaded == "['tools.__main__']\n"
    monkeypatch.delitem(sys.modules, "tools.cli", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Pressed(), *sys.meta_path])
    assert main(["drift"]) == 130
    assert capsys.readouterr().err == "Stopped; nothing was changed.\n"


def test_a_page_of_which_no_client_can_be_made_is_left_out(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Alone, with its reason; the others are imported. One that was named is an error."""
    folder = project / "pages"
    folder.mkdir()
    page = "```yaml\nopenapi: 3.0.1\npaths: {{/{}: {{post: {}}}}}\n```\n"
    part = "{{properties: {{a: {{type: array, items: {{type: {}}}}}}}}}"
    both = f"{{allOf: [{part.format('string')}, {part.format('integer')}]}}"
    bad = f"{{requestBody: {{content: {{application/json: {{schema: {both}}}}}}}}}"
    (folder / "a.md").write_text(page.format("a", "{summary: fine}"))
    (folder / "b.md").write_text(page.format("b", bad))
    (folder / "c.md").write_text(page.format("c", "{parameters: [{name: x, in: body}]}"))
    before = layout.CONTRACT.read_bytes()
    assert main(["spec", str(folder), str(folder / "a.md")]) == 1
    assert main(["spec", str(folder / "b.md"), str(folder / "c.md")]) == 1
    assert layout.CONTRACT.read_bytes() == before
    capsys.readouterr()
    assert main(["spec", str(folder)]) == 0
    told = capsys.readouterr()
    assert told.out == "openapi.yaml is written; 2 page(s) refused.\n"
    first, second = told.err.splitlines()
    assert first.startswith("pages/b.md cannot be generated: WARNING parsing POST /b within b.")
    assert second == (
        "pages/c.md: not valid OpenAPI at paths//c/post/parameters/0/in: "
        "'body' is not one of ['path', 'query', 'header', 'cookie']."
    )
    assert "fine" in layout.CONTRACT.read_text()


def test_a_page_cannot_steer_the_terminal(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What it holds is shown with its control characters spelt out."""
    folder = project / "pages"
    folder.mkdir()
    operation = "paths: {/a: {get: {}}}\nsummary: a: \u202eb\n"
    (folder / "a\x1b]0;x.md").write_text(f"```yaml\nopenapi: 3.0.1\n{operation}```\n")
    (folder / "b\n\udcff.md").write_text("```yaml\nopenapi: 3.0.1\na: [\n```\n")
    assert main(["spec", str(folder)]) == 0
    told = capsys.readouterr()
    assert told.out.splitlines()[0] == (
        "pages/a\\x1b]0;x.md:4 is fixed: summary: a: \\u202eb → summary: 'a: \\u202eb'"
    )
    assert told.err.isascii()
