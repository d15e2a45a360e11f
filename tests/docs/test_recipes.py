"""The recipes work: each runs against the sandbox, as a user who copies it would run it."""

import asyncio
import importlib.util
import json
import os
import runpy
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest

import chainhub
from chainhub import _clock
from tests.docs.test_blocks import blocks
from tests.processes import output

HERE = Path(__file__).resolve().parent
RECIPES = HERE.parent.parent / "examples" / "recipes"
SIGNED = "signature="


@pytest.fixture
def world(sandbox_variables: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Let clients use the sandbox, with short sleeps, in this process and in those it starts."""
    for name, value in sandbox_variables.items():
        monkeypatch.setenv(name, value)
    for name in ("monotonic", "timeout", "sleep", "asleep"):
        monkeypatch.setattr(_clock, name, getattr(_clock, name))
    runpy.run_path(str(HERE / "fast" / "sitecustomize.py"))
    return {**os.environ, "PYTHONPATH": str(HERE / "fast")}


def recipe(name: str) -> ModuleType:
    """Load a recipe."""
    spec = importlib.util.spec_from_file_location(name, RECIPES / f"{name}.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run(world: dict[str, str], folder: Path, *command: str | Path) -> str:
    """Run a program in a folder and return what it prints."""
    return output(sys.executable, *command, cwd=folder, env={**world, "IPYTHONDIR": str(folder)})


def test_fastapi(world: dict[str, str]) -> None:
    """The application returns a task, streams its changes, and translates errors."""
    app = recipe("fastapi_app").app

    async def main() -> None:
        browser = httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url="http://app.invalid", timeout=60
        )
        async with app.router.lifespan_context(app), browser:
            events = (await browser.get("/videos/demo:completes-fastapi/events")).text
            assert events.startswith("data: running\n\n")
            assert events.endswith("data: succeeded\n\n")
            body = (await browser.get("/videos/demo:completes-fastapi")).json()
            assert body["state"] == "succeeded"
            assert SIGNED in body["url"]
            whole = (await browser.get("/videos/demo:completes-fastapi/task")).json()
            assert (whole["id"], whole["status"]) == ("demo:completes-fastapi", "completed")
            response = await browser.get("/videos/nobody-knows-this")
            assert (response.status_code, response.json()["error"]) == (404, "TaskNotFoundError")
            events = (await browser.get("/videos/nobody-knows-this/events")).text
            assert events == "event: failure\ndata: TaskNotFoundError\n\n"

    asyncio.run(main())


def test_celery(world: dict[str, str], tmp_path: Path) -> None:
    """The task fetches a video, fails for good with a failed one, and comes back for a slow one."""
    module = recipe("celery_task")
    fetched = module.fetch.apply(args=["demo:completes-celery", str(tmp_path)])
    assert Path(fetched.get()).read_bytes()[4:8] == b"ftyp"
    failed = module.fetch.apply(args=["demo:fails", str(tmp_path)])
    assert isinstance(failed.result, chainhub.TaskFailed)
    slow = module.fetch.apply(args=["demo:never-ends", str(tmp_path)], retries=30)
    assert isinstance(slow.result, chainhub.WaitTimeout)
    module.client().close()


@pytest.mark.parametrize(
    ("task_id", "seconds", "status", "message"),
    [
        ("demo:completes-serverless", 900, 200, SIGNED),
        ("demo:never-ends", 3, 202, "running"),
        ("demo:fails", 900, 200, "the prompt was refused"),
        ("nobody-knows-this", 900, 404, "no such task"),
    ],
)
def test_serverless(
    world: dict[str, str], task_id: str, seconds: int, status: int, message: str
) -> None:
    """The function responds before its time is over, whatever the outcome of the task is."""

    class Context:
        def get_remaining_time_in_millis(self) -> int:
            return seconds * 1000

    module = recipe("serverless_handler")
    answer = module.handler({"pathParameters": {"id": task_id}}, Context())
    assert answer["statusCode"] == status
    assert message in answer["body"]
    module.client().close()


def test_serverless_names_no_secret(
    world: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The caller gets the class of an error, the platform's log its line without the key."""
    monkeypatch.setenv("CHAINHUB_API_KEY", "sk-test-wrong-key")
    module = recipe("serverless_handler")

    class Context:
        def get_remaining_time_in_millis(self) -> int:
            return 900_000

    answer = module.handler({"pathParameters": {"id": "demo:completes"}}, Context())
    assert answer["statusCode"] == 502
    assert json.loads(answer["body"]) == {"error": "AuthenticationError"}
    assert "sk-test" not in capsys.readouterr().out
    module.client().close()


def test_asyncio_batch(world: dict[str, str], tmp_path: Path) -> None:
    """The batch downloads every video; run again, it continues where it stopped."""
    ids = ["demo:completes-a", "demo:completes-b", "demo:fails", "nobody-knows-this"]
    (tmp_path / "ids.txt").write_text("\n".join(ids), "utf-8")
    program = (RECIPES / "asyncio_batch.py", "ids.txt", "videos")
    for _ in range(2):
        last = run(world, tmp_path, "-W", "error", *program).splitlines()[-1]
        assert sorted(last.strip("{}").split(", ")) == [
            "'TaskFailed': 1",
            "'TaskNotFoundError': 1",
            "'downloaded': 2",
        ]
    assert len(list((tmp_path / "videos").glob("*.mp4"))) == 2


def test_shards(world: dict[str, str], tmp_path: Path) -> None:
    """Every id comes back once, whatever the size of a shard."""
    ids = ["demo:completes-1", "demo:completes-2", "demo:fails"]
    with ThreadPoolExecutor(2) as pool:
        ends = list(recipe("dask_shards").wait_everywhere(pool, ids, tmp_path, size=2))
    assert sorted(ends) == [
        ("demo:completes-1", "succeeded"),
        ("demo:completes-2", "succeeded"),
        ("demo:fails", "TaskFailed"),
    ]
    assert len(list(tmp_path.glob("shard-*.jsonl"))) == 2


@pytest.mark.slow
def test_shards_on_dask(world: dict[str, str], project: Path, tmp_path: Path) -> None:
    """The same with Dask's own scheduler and worker processes."""
    python = project / ".venv-index" / "bin" / "python"
    if not python.exists():
        pytest.skip("Dask is in .venv-index, which `make test-all` makes")
    (tmp_path / "ids.txt").write_text("demo:completes-1\ndemo:fails", "utf-8")
    packages = os.pathsep.join(str(project / name) for name in ("overlays", "generated"))
    variables = {**world, "PYTHONPATH": packages, "DASK_DISTRIBUTED__DASHBOARD__LINK": ""}
    program = (python, RECIPES / "dask_shards.py", "ids.txt", ".")
    lines = output(*program, cwd=tmp_path, env=variables).splitlines()
    assert sorted(lines) == ["demo:completes-1 succeeded", "demo:fails TaskFailed"]


def test_notebook(world: dict[str, str], tmp_path: Path) -> None:
    """The notebook runs from the top to the end, shows a card, and keeps no signed address."""
    # chainhub is imported after IPython, as in Jupyter; the program makes it wait less by itself.
    variables = {name: value for name, value in world.items() if name != "PYTHONPATH"}
    text = run(variables, tmp_path, HERE / "run_notebook.py", RECIPES / "notebook.ipynb")
    outputs: list[dict[str, Any]] = [
        json.loads(line.removeprefix("shown: "))
        for line in text.splitlines()
        if line.startswith("shown: ")
    ]
    assert "chainhub-task" in outputs[1]["text/html"]
    assert "<video" in outputs[2]["text/html"]
    assert "TaskFailed" in outputs[3]["text/plain"]
    assert SIGNED not in text.replace(f"{SIGNED}***", "")


def test_notebook_is_committed_without_what_it_showed() -> None:
    """Nothing that a run left is in the file."""
    cells = json.loads((RECIPES / "notebook.ipynb").read_text("utf-8"))["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert [cell["outputs"] for cell in code] == [[]] * len(code)
    assert [cell["execution_count"] for cell in code] == [None] * len(code)


def test_fastapi_returns_tasks(world: dict[str, str]) -> None:
    """The two routes of the page: all that came, and a pydantic model of some of it."""
    (page,) = (HERE.parent.parent / "docs").glob("calls.md")
    (program,) = (
        block.text for block in blocks(page, page.read_text("utf-8")) if "FastAPI" in block.text
    )
    names: dict[str, Any] = {"__name__": "program"}
    exec(compile(program, str(page), "exec", dont_inherit=True), names)

    async def main() -> None:
        app = httpx.ASGITransport(names["app"])
        async with httpx.AsyncClient(transport=app, base_url="http://app.invalid") as browser:
            whole = (await browser.get("/tasks/demo:completes-json")).json()
            short = (await browser.get("/tasks/demo:completes-json/short")).json()
        assert whole.keys() > short.keys() == {"id", "status", "video_url"}
        assert whole["id"] == short["id"] == "demo:completes-json"
        await names["client"].aclose()

    asyncio.run(main())
