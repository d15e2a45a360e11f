"""What is generated from a contract of every kind, and from ones that mean harm."""

from __future__ import annotations

import copy
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from openapi_python_client.parser import GeneratorData
from openapi_python_client.parser.errors import GeneratorError

from tools import commands, directories, generation, layout
from tools.changes import surface
from tools.contract import at, mapping, operations
from tools.documents import Json
from tools.errors import PipelineError

GROWN = layout.ROOT / "tests" / "golden" / "grown.yaml"

CALLER = """
import asyncio, sys
import chainhub_api, chainhub_api.models
assert not {"httpx", "attrs"} & set(sys.modules), "importing the package is lazy"
from chainhub_resources import AsyncResources, Resources
assert not {"httpx", "attrs"} & set(sys.modules), "importing the resources is lazy"

seen = []
class Runner:
    def run(self, operation, returns, arguments, timeout, deadline, headers):
        assert (timeout, deadline, headers) == expected_options
        seen.append((operation.__name__.rpartition(".")[2], returns, arguments))
        return "answer"
class AsyncRunner:
    async def run(self, *arguments):
        return Runner().run(*arguments)
class Client(Resources):
    def _resource(self, kind):
        return kind(Runner())
class AsyncClient(AsyncResources):
    def _resource(self, kind):
        return kind(AsyncRunner())

from chainhub_api.types import UNSET
client = Client()
expected_options = (1, None, {"X-A": "b"})
assert client.video.query("a", timeout=1, deadline=None, headers={"X-A": "b"}) == "answer"
seen.clear()
expected_options = (UNSET, UNSET, None)
assert client.video.query("a") == "answer"
client.video.list_tasks("owner", cursor="c")
client.video.remix("a", x_trace="t")
client.files.delete(7)
client.files.get(7)
client.catalogue.list_models()
client.catalogue.status()
client.account.usage(query="words")
client.video.content("a")
assert asyncio.run(AsyncClient().video.query("b")) == "answer"
try:
    Resources().video
except NotImplementedError:
    pass

assert repr(client.films.content) == "<client.films.content>"
assert repr(client.clips.find) == "<client.clips.find>"

from chainhub_api.models import Variant, VideoCreate
import inspect
from chainhub_resources.video import VideoResource
expected = [
    ("query", "VideoTask", {"id": "a"}),
    ("list_tasks", "TaskPage", {"owner": "owner", "limit": 20, "cursor": "c", "since": UNSET,
                                "variant": Variant.PLAIN}),
    ("remix", "CreatedTask", {"task_id": "a", "x_trace": "t", "x_priority": UNSET, "body": UNSET}),
    ("delete", "None", {"file_id": 7}),
    ("get", "None | StoredFile", {"file_id": 7}),
    ("list_models", "list[Model]", {}),
    ("status", "str", {}),
    ("usage", "Usage", {"query": "words"}),
    ("content", "File", {"task_id": "a", "variant": UNSET}),
    ("query", "VideoTask", {"id": "b"}),
]
assert seen == expected, seen
assert "Start a task; ask for its state with `query`." in inspect.getdoc(VideoResource.create)
assert "VideoCreate" in dir(chainhub_api.models) and "UUID" not in dir(chainhub_api.models)
task = chainhub_api.models.VideoTask.from_dict(
    {"id": "a", "status": "b", "status_update_time": 1, "more": 2}
)
assert task["more"] == 2 and task.video_url is None
assert chainhub_api.Client.__name__ == "Client"
for module in (chainhub_api, chainhub_api.models):
    try:
        module.Nope
    except AttributeError as error:
        assert "has no attribute 'Nope'" in str(error)
    else:
        raise AssertionError
"""

BOTH_WAYS = """
import copy, pickle
from chainhub_api.models import Callback, CreatedTask, VideoCreate
from chainhub_api.types import UNSET

came = Callback.from_dict({"url": "u"})
assert came.headers is None and came.to_dict() == {"url": "u"}
assert Callback.from_dict({"url": "u", "headers": None}).to_dict() == {"url": "u", "headers": None}
came.headers = UNSET
assert came.to_dict() == {"url": "u"}
assert Callback(url="u").to_dict() == {"url": "u"}
assert Callback(url="u", headers=None).to_dict() == {"url": "u", "headers": None}
for sent in (VideoCreate("m", "p"), copy.deepcopy(VideoCreate("m", "p"))):
    assert pickle.loads(pickle.dumps(sent)).to_dict() == {"model": "m", "prompt": "p"}
    assert sent.seed is UNSET and "seed=UNSET" in repr(sent)

task = CreatedTask.from_dict({"id": "a", "status": "s", "variant": None})
assert task.parent is None and task == CreatedTask("a", "s") and "left_out" not in repr(task)
assert task.to_dict() == {"id": "a", "status": "s", "variant": None}
task.parent = CreatedTask("b", "s")
assert task.to_dict()["parent"]["files"] is None
"""

HOSTILE = '"""\'\\"); import os; os._exit(77)\n{{ 7*7 }}{% raw %}\\N{DASH} \\'


def python(*arguments: str, path: Path) -> None:
    """Run Python on a generated package, with warnings as errors."""
    environment = {**os.environ, "PYTHONPATH": str(path), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, "-W", "error", *arguments],
        env=environment,
        cwd=path,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_kind_of_operation_can_be_called(grown: Path) -> None:
    """Through the resources, sync and async, with the arguments and types of the contract."""
    python("-c", CALLER, path=grown)


def test_what_an_answer_left_out_is_none(grown: Path) -> None:
    """And is left out again; what is sent leaves out by UNSET, in models of both kinds too."""
    python("-c", BOTH_WAYS, path=grown)
    models = grown / layout.PACKAGE / "models"
    assert "    parent: CreatedTask | None = None\n" in (models / "created_task.py").read_text()
    assert (
        "    headers: CallbackHeaders | None | Unset = UNSET\n"
        in (models / "callback.py").read_text()
    )


def test_without_null_in_its_type_a_field_may_be_unset(tmp_path: Path) -> None:
    """The overlay puts null into the type of every field that an answer may leave out."""
    schema: Json = {"type": "object", "title": "Task", "properties": {"a": {"type": "string"}}}
    write(document(schema), tmp_path / "new")
    text = (tmp_path / "new" / "models" / "task.py").read_text()
    assert "    a: str | Unset = UNSET\n" in text


LEFTOVER = (
    "Given a hint, the model will return one or more complete predictions, and may also return "
    "the probability of an alternative label at each location.\n\n"
    "Complete creation for the provided hint and parameters\n\n"
)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        (LEFTOVER, None),
        (f"{LEFTOVER}Official documentation: https://example.com/docs\n", None),
        (f"{LEFTOVER}It costs 3 credits.", f"{LEFTOVER}It costs 3 credits."),
        ("Given a hint, the model will return a video.",) * 2,
    ],
)
def test_the_words_of_another_service_are_removed(text: str, kept: str | None) -> None:
    """On any path, where a description is nothing but them."""
    contract = document()
    mapping(at(contract, ("paths", "/0", "post")))["description"] = text
    repaired = commands.repaired_document(contract, "c").document
    assert at(repaired, ("paths", "/0", "post", "description")) == kept


def test_arguments_are_described(tmp_path: Path) -> None:
    """What is said beside a schema, of a path or a component too; the schema's own words first."""
    contract = document()
    path = mapping(at(contract, ("paths", "/0")))
    path["parameters"] = [
        {"name": "a", "in": "query", "description": "How many.", "schema": {"type": "integer"}},
        {"$ref": "#/components/parameters/B"},
    ]
    kind: Json = {"type": "string", "enum": ["x", "y"], "title": "Kind"}
    mapping(path["post"])["parameters"] = [
        {
            "name": "c",
            "in": "query",
            "description": "Not this.",
            "example": "e",
            "schema": {"type": "string", "description": "But this."},
        },
        {
            "name": "d",
            "in": "query",
            "description": "d",
            "schema": {"$ref": "#/components/schemas/K"},
        },
    ]
    contract["components"] = {
        "parameters": {
            "B": {"name": "b", "in": "query", "description": "Which.", "schema": {"type": "string"}}
        },
        "schemas": {"K": kind},
    }
    before = copy.deepcopy(contract)
    write(contract, tmp_path / "new")
    assert contract == before
    text = (tmp_path / "chainhub_resources" / "video.py").read_text()
    for line in (
        "a (int | Unset): How many.",
        "b (str | Unset): Which.",
        ": But this. Example: e.",
    ):
        assert line in text


def test_everything_generated_is_typed(grown: Path, tmp_path: Path) -> None:
    """By mypy's strict reading, and callers see the model and not a union with errors."""
    user = tmp_path / "user.py"
    user.write_text(
        "from pathlib import Path\n"
        "from chainhub_resources import AsyncResources, Resources\n"
        "from chainhub_api.models import Clip, CreatedTask, Pictures, VideoCreate, VideoTask\n"
        "def make(client: Resources, body: VideoCreate) -> CreatedTask:\n"
        "    return client.video.create(body=body)\n"
        "def wait(client: Resources) -> VideoTask:\n"
        "    return client.video.query.wait(client.video.create(prompt='a'))\n"
        "def other(client: Resources) -> Clip:\n"
        "    return client.clips.wait(client.video.create(prompt='a'))"
        "  # type: ignore[arg-type]\n"
        "def further(client: Resources) -> Pictures:\n"
        "    return client.pictures.wait('a', model='m')\n"
        "async def download(client: AsyncResources) -> Path:\n"
        "    return await client.films.content.download('a', into='b')\n"
    )
    # What it knows of the dependencies is kept: to find it out takes three quarters of the time.
    options = ["--strict", "--cache-dir", str(layout.BUILD / "mypy")]
    python("-m", "mypy", *options, str(user), "chainhub_api", "chainhub_resources", path=grown)


def test_the_surface_shows_calls_and_fields(grown: Path) -> None:
    """A line per call with method and path, and per field with its JSON name where it differs."""
    lines = (grown / layout.SURFACE).read_text().splitlines()
    for line in (
        "- `client.video.query(id: str) -> VideoTask` — `GET /v1/video/query`",
        "- `client.files.get(file_id: int) -> None | StoredFile` — `GET /v1/files/{file_id}`",
        "- `client.files.upload(*, file: File | Unset=UNSET, purpose: str | Unset=UNSET, "
        "width: int | Unset=UNSET, body: FileUpload | Mapping[str, object] | Unset=UNSET) "
        "-> StoredFile` — `POST /v1/files`",
        "  `client.pictures.pictures` is a task; `client.pictures.paint` starts it;"
        " `client.pictures` has its methods too.",
        "  `client.films.get` is a task; `client.films.shoot` starts it;"
        " `client.films.content` is its file; `client.films` has its methods too.",
        "  `client.films.shoot` starts a task of `client.films.get`.",
        "- `video_url: str` — optional, nullable",
        "- `variant: Variant | str` — optional, nullable",
        "- `from_: str` — optional, nullable, JSON `from`",
        "- any other field: `Any`",
        "- `PLAIN = 'plain'`",
    ):
        assert line in lines
    assert [line for line in lines if line.startswith("## ")] == [
        "## client.account",
        "## client.catalogue",
        "## client.clips",
        "## client.files",
        "## client.films",
        "## client.pictures",
        "## client.video",
        "## Models",
    ]


def test_the_same_bytes_everywhere(grown: Path, tmp_path: Path) -> None:
    """In another folder, under another umask, with another PATH."""
    folder = tmp_path / "build" / "dist" / "venv"
    before = os.umask(0o077)
    try:
        made = commands.generate(GROWN, folder)
    finally:
        os.umask(before)
    assert sum(1 for _ in operations(made.document)) == 19
    assert directories.differences(grown, folder) == []
    paths = list(folder.rglob("*"))
    assert {path.stat().st_mode & 0o777 for path in paths if path.is_dir()} == {0o755}
    assert {path.stat().st_mode & 0o777 for path in paths if path.is_file()} == {0o644}
    assert (folder / layout.PACKAGE / "py.typed").read_bytes() == b""


def test_a_changed_template_counts_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was compiled of it before is kept, and not taken for it."""
    templates = tmp_path / "templates"
    shutil.copytree(layout.TEMPLATES, templates)
    monkeypatch.setattr(layout, "TEMPLATES", templates)
    monkeypatch.setattr(layout, "BUILD", tmp_path / "build")
    found = []
    for number in range(3):
        into = tmp_path / str(number) / "new"
        write(document(), into)
        found.append((into / "__init__.py").read_text("utf-8").count("# changed"))
        if number == 1:
            with (templates / "package_init.py.jinja").open("a") as file:
                file.write("# changed\n")
    assert found == [0, 0, 1]
    compiled = [path for path in (tmp_path / "build" / "templates").rglob("*") if path.is_file()]
    assert len(compiled) > 10


def document(
    schema: Json = None, body: Json = None, names: tuple[str, ...] = ("query",), **info: Json
) -> dict[str, Json]:
    """Make a small contract with one answer schema."""
    answer: Json = {"description": "", "content": {"application/json": {"schema": schema or {}}}}
    return {
        "openapi": "3.0.1",
        "info": {"title": "t", "version": "1", **info},
        "paths": {
            f"/{number}": {
                "post": {
                    "operationId": name,
                    "tags": ["video"],
                    "responses": {"200": answer},
                    **({"requestBody": body} if body else {}),
                }
            }
            for number, name in enumerate(names)
        },
    }


def test_an_answer_without_a_schema_is_any_object(tmp_path: Path) -> None:
    """The runner is told `Any`, and the caller gets an `object`."""
    write(document(), tmp_path / "new")
    text = (tmp_path / "chainhub_resources" / "video.py").read_text()
    assert ') -> "object":' in text
    assert 'return self._transport.run(_operation, "Any", {}, timeout, deadline, headers)' in text


def test_a_parameter_of_the_operations_own_hides_an_option(tmp_path: Path) -> None:
    """It is what the contract says; the client's `with_options` serves in its place."""
    contract = document(names=("query",))
    own: Json = {"name": "timeout", "in": "query", "schema": {"type": "string"}}
    mapping(at(contract, ("paths", "/0", "post")))["parameters"] = [own]
    write(contract, tmp_path / "new")
    text = (tmp_path / "chainhub_resources" / "video.py").read_text()
    assert text.count('timeout: "str | Unset" = UNSET') == text.count("timeout (str | Unset):") == 2
    assert text.count('{"timeout": timeout}, UNSET, deadline, headers)') == 2
    (line,) = re.findall("- `client.*", surface.surface(tmp_path / "new"))
    assert line == ("- `client.video.query(*, timeout: str | Unset=UNSET) -> object` — `POST /0`")


def test_extensions_beside_status_codes_are_left_out(tmp_path: Path) -> None:
    """They are allowed there, and the generator takes them for status codes."""
    contract = document({"type": "string"})
    responses = mapping(at(contract, ("paths", "/0", "post", "responses")))
    responses["x-200:ok"] = responses["200"]
    write(contract, tmp_path / "new")
    assert "x-200:ok" in responses
    text = (tmp_path / "new" / "api" / "video" / "query.py").read_text()
    assert text.count("if response.status_code ==") == 1


def test_contract_text_never_becomes_code(tmp_path: Path) -> None:
    """Titles, summaries, names, values and defaults that try to are only text afterwards."""
    parameter: Json = {
        "name": HOSTILE,
        "in": "query",
        "description": HOSTILE,
        "example": HOSTILE,
        "schema": {"type": "string", "default": HOSTILE},
    }
    schema: Json = {
        "type": "object",
        "title": "Task" + HOSTILE,
        "description": HOSTILE,
        "properties": {
            HOSTILE: {"type": "string", "description": HOSTILE},
            "kind": {"type": "string", "enum": [HOSTILE, "b"], "default": "b"},
            "const": {"const": HOSTILE},
        },
    }
    contract = document(schema, names=("query" + HOSTILE,), description=HOSTILE)
    operation = mapping(at(contract, ("paths", "/0", "post")))
    operation |= {"tags": ["video" + HOSTILE], "parameters": [parameter]}
    operation |= {"summary": HOSTILE, "description": HOSTILE}
    mapping(contract["info"])["title"] = HOSTILE
    package = tmp_path / layout.PACKAGE
    write(contract, package)
    walk = (
        "import importlib, pkgutil, chainhub_api as package\n"
        "for module in pkgutil.walk_packages(package.__path__, 'chainhub_api.'):\n"
        "    importlib.import_module(module.name)\n"
    )
    python("-c", walk, path=tmp_path)


def write(contract: dict[str, Json], into: Path) -> None:
    """Parse a contract and write its package."""
    generation.generate(contract, generation.parse(contract, "c"), "c", into)


def crash(*_: object, **__: object) -> None:
    """Fail as the generator does on endless schemas."""
    raise RecursionError("too deep")


@pytest.mark.parametrize(
    ("contract", "sentence"),
    [
        (
            document(body={"content": {"application/json": {}}}),
            "c cannot be generated: WARNING parsing POST /0 within video.",
        ),
        (
            document({"type": "string", "format": "date", "default": "x"}),
            "Cannot parse response for",
        ),
        (document(names=("a_b", "aB", "c")), "c has 3 operations, but 2 of them were generated."),
        (
            document(
                {
                    "type": "object",
                    "title": "Answer",
                    "properties": {
                        "a": {"type": "object", "title": "AbC"},
                        "b": {"type": "object", "title": "Ab_C"},
                        "c": {"type": "object", "title": "ABC"},
                    },
                }
            ),
            "c cannot be generated: ",
        ),
        ({"openapi": "3.0.1", "info": {}, "paths": {}}, "Failed to parse OpenAPI document"),
        ({"openapi": "3.0.1", "info": 1, "paths": {}}, "c cannot be generated: "),
    ],
)
def test_what_the_generator_cannot_do_is_refused(
    tmp_path: Path, contract: dict[str, Json], sentence: str
) -> None:
    """A warning, an error, a name twice: one sentence with the place."""
    with pytest.raises(PipelineError) as caught:
        write(contract, tmp_path / "new")
    assert sentence in str(caught.value)
    assert str(caught.value).startswith("c ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "contract",
    [
        document(body={"content": {"application/json": {}}}),
        {"openapi": "3.0.1", "info": {}, "paths": {}},
        {"openapi": "3.0.1", "info": 1, "paths": {}},
    ],
)
def test_the_same_is_refused_without_writing(tmp_path: Path, contract: dict[str, Json]) -> None:
    """With the same sentence."""
    with pytest.raises(PipelineError) as checked:
        generation.parse(contract, "c")
    with pytest.raises(PipelineError) as generated:
        write(contract, tmp_path / "new")
    assert str(checked.value) == str(generated.value)
    generation.parse(document(), "c")


def test_plain_bytes_may_be_of_any_medium(tmp_path: Path) -> None:
    """Images, sounds and videos, also of kinds that the configuration does not list."""
    contract = document()
    answer = mapping(at(contract, ("paths", "/0", "post", "responses", "200")))
    binary: Json = {"schema": {"type": "string", "format": "binary"}}
    answer["content"] = {"video/quicktime": binary}
    write(contract, tmp_path / "new")
    assert "File" in (tmp_path / "new" / "api" / "video" / "query.py").read_text()


def test_a_module_with_two_kinds_of_body_imports_what_it_uses(tmp_path: Path) -> None:
    """Whoever imports it gets its functions, not a NameError."""
    order: Json = {"schema": {"type": "object", "title": "Order"}}
    form: Json = {"schema": {"type": "object", "title": "OrderForm"}}
    kinds: Json = {"application/json": order, "application/x-www-form-urlencoded": form}
    write(document(body={"required": True, "content": kinds}), tmp_path / "new")
    text = (tmp_path / "new" / "api" / "video" / "query.py").read_text()
    assert "from ...types import UNSET, Response, Unset\n" in text


def test_models_that_share_a_file_are_refused(tmp_path: Path) -> None:
    """Class names that differ only in how their words are written would overwrite each other."""
    task: Json = {"type": "object", "properties": {"a": {"type": "string"}}}
    schemas: Json = {"schemas": {"HTTPTask": task, "HttpTask": task}}
    contract: dict[str, Json] = {**document(), "components": schemas}
    with pytest.raises(PipelineError, match="c has 2 models, but 1 of them were generated"):
        write(contract, tmp_path / "new")


def test_a_crash_of_the_generator_is_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the search path is what it was before."""
    before = os.environ["PATH"]
    monkeypatch.setattr(GeneratorData, "from_dict", crash)
    with pytest.raises(PipelineError, match="c cannot be generated: RecursionError: too deep"):
        write(document(), tmp_path / "new")
    with pytest.raises(PipelineError, match="c cannot be generated: RecursionError: too deep"):
        generation.parse(document(), "c")
    assert os.environ["PATH"] == before


def test_a_failure_while_writing_is_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether the generator crashes or says what it could not do."""
    data = generation.parse(document(), "c")
    monkeypatch.setattr(generation, "_run", crash)
    with pytest.raises(PipelineError, match="c cannot be generated: RecursionError: too deep"):
        generation.generate(document(), data, "c", tmp_path / "new")
    monkeypatch.setattr(generation, "_run", lambda *_: [GeneratorError(header="A hook failed")])
    with pytest.raises(PipelineError, match=r"^c cannot be generated: A hook failed "):
        generation.generate(document(), data, "c", tmp_path / "new")


def test_a_bad_configuration_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is wrong with it."""
    config = tmp_path / "generator-config.yaml"
    config.write_text("post_hooks: 7\n")
    monkeypatch.setattr(layout, "CONFIG", config)
    with pytest.raises(
        PipelineError, match=r"generator-config\.yaml cannot be used: 1 validation error"
    ):
        write(document(), tmp_path / "new")


def test_a_template_that_has_changed_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An edit that finds nothing would be lost in silence."""
    monkeypatch.setattr(generation, "_EDITS", {"client.py.jinja": [("nothing of this", "")]})
    with pytest.raises(PipelineError, match=r"client\.py\.jinja .* has no 'nothing of this'"):
        commands.generate(layout.CONTRACT, tmp_path / "made")
