"""What people's tests are given: a scripted sandbox, clients, and a clock that skips sleeps."""

import asyncio
import importlib.metadata
import json
import os
import re
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import pytest

import chainhub
from chainhub import testing
from chainhub.testing import failed, pending, reset, status

PROJECT = Path(__file__).resolve().parents[3]
POINTS = importlib.metadata.entry_points(group="pytest11")
INSTALLED = any(point.value == "chainhub.testing.plugin" for point in POINTS)
# Where the package is installed, pytest has loaded the plugin by itself; twice is an error.
pytest_plugins = () if INSTALLED else ("chainhub.testing.plugin",)


def environment() -> dict[str, str]:
    """Return an environment in which the package is found, wherever it is."""
    paths = os.pathsep.join([str(PROJECT / "overlays"), str(PROJECT / "generated")])
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    return {**kept, "PYTHONPATH": paths, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}


def run(folder: Path, *files: tuple[str, str], expect: int = 0, ours: bool = True) -> str:
    """Run pytest in a project of its own, with our plugin or not, and return what it says."""
    for name, text in files:
        (folder / name).write_text(text, "utf-8")
    # By the name of its entry point, if there is one: so that is tried too.
    plugin = ("-p", "chainhub" if INSTALLED else "chainhub.testing.plugin") if ours else ()
    command = [sys.executable, "-W", "error", "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*command, *plugin, "-c", os.devnull, "--rootdir", str(folder), str(folder)],
        capture_output=True,
        cwd=folder,
        text=True,
        env=environment(),
        timeout=120,
    )
    assert done.returncode == expect, done.stdout + done.stderr
    return done.stdout


def test_pytest_finds_the_plugin_by_itself() -> None:
    """The distribution names it."""
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text("utf-8"))["project"]
    assert project["entry-points"]["pytest11"] == {"chainhub": "chainhub.testing.plugin"}


def test_example_of_the_page_passes(tmp_path: Path) -> None:
    """The first two blocks of docs/testing.md, an application and its tests, work as they stand."""
    page = (PROJECT / "docs" / "testing.md").read_text("utf-8")
    app, tests = re.findall(r"```python\n(.*?)```", page, re.DOTALL)[:2]
    assert "3 passed" in run(tmp_path, ("app.py", app), ("test_app.py", tests))


def test_nothing_is_left_open(tmp_path: Path) -> None:
    """After a test its service answers no more, and its clients are closed."""
    tests = """
import asyncio, socket, pytest, chainhub

kept = []

def test_use(chainhub_sandbox, chainhub_client, chainhub_async_client):
    task_id = chainhub_sandbox.task("completed")
    chainhub_client.video.query(task_id)
    asyncio.run(chainhub_async_client.video.query(task_id))
    kept.extend((chainhub_sandbox.base_url, chainhub_client, chainhub_async_client, task_id))

def test_after():
    url, client, other, task_id = kept
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])))
    with pytest.raises(chainhub.ClientClosedError):
        client.video.query(task_id)
    with pytest.raises(chainhub.ClientClosedError):
        asyncio.run(other.video.query(task_id))
"""
    assert "2 passed" in run(tmp_path, ("test_mine.py", tests))


def test_missing_packages_are_one_sentence(tmp_path: Path) -> None:
    """Whoever lacks the server's packages reads what to install, and no traceback."""
    conftest = "import sys\nsys.modules['starlette'] = sys.modules['uvicorn'] = None\n"
    tests = "def test_mine(chainhub_sandbox): pass\n"
    said = run(tmp_path, ("conftest.py", conftest), ("test_mine.py", tests), expect=1)
    sentence = 'needs the package starlette, which comes with the extra "testing": pip install '
    assert f"\nthe fixture chainhub_sandbox {sentence}" in said
    assert "Traceback" not in said


def test_plugin_costs_next_to_nothing(tmp_path: Path) -> None:
    """A session that uses no fixture of it loads nothing but the plugin itself."""
    tests = """
import json, pathlib, sys

def test_little():
    pathlib.Path("modules").write_text(json.dumps(sorted(sys.modules)))
"""
    loaded = []
    for ours in (True, False):
        assert "1 passed" in run(tmp_path, ("test_mine.py", tests), ours=ours)
        loaded.append(set(json.loads((tmp_path / "modules").read_text("utf-8"))))
    # What pytest loads by itself differs from one Python to another.
    assert loaded[0] - loaded[1] == {"chainhub", "chainhub.testing", "chainhub.testing.plugin"}


def test_a_script_of_everything(chainhub_sandbox, chainhub_client, chainhub_clock) -> None:
    """Words, answers and broken connections make a task's life, which takes no time."""
    task_id = chainhub_sandbox.task("pending", status(503), reset, failed("unsafe prompt"))
    with pytest.raises(chainhub.TaskFailed, match="unsafe prompt"):
        chainhub_client.video.wait(task_id)
    assert chainhub_clock.skipped > 5
    for word in ("completed", "SUCCESS"):  # a word that completes a task comes with a video
        task = chainhub_client.video.wait(chainhub_sandbox.task("pending", "pending", word))
        assert (task.status, bool(task.video_url)) == (word, True)


def test_an_hour_takes_no_time(chainhub_sandbox, chainhub_client, chainhub_clock) -> None:
    """The sandbox's tasks live by the time that the client skips, at its usual pace."""
    began = time.monotonic()
    task_id = chainhub_sandbox.task(pending(seconds=3600), "completed")
    assert chainhub_client.video.wait(task_id, deadline=7200).video_url
    # A slow machine takes real time too, which passes on the clock as well.
    took = time.monotonic() - began
    assert 3590 < chainhub_clock.skipped + took < 3610 + took
    assert took < 100


def test_asynchronous_client_works_in_any_loop(
    chainhub_sandbox, chainhub_async_client, chainhub_clock
) -> None:
    """It is closed when the test is over, whatever loops it was used in."""
    task_id = chainhub_sandbox.task(pending(seconds=60), "completed")
    for _ in range(2):
        assert asyncio.run(chainhub_async_client.video.wait(task_id)).video_url
    assert 55 < chainhub_clock.skipped < 70


@pytest.mark.parametrize(
    ("before", "after"),
    [("", "127.0.0.1"), ("a.example, b", "a.example,b,127.0.0.1"), ("*", "*")],
)
def test_clients_of_the_environment_reach_it(request, monkeypatch, before, after) -> None:
    """Code that makes its own client is led to the sandbox, past a proxy that others need."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", before)
    variables = request.getfixturevalue("chainhub_environment")
    assert {name: os.environ[name] for name in variables} == variables
    assert variables["no_proxy"] == after
    task_id = request.getfixturevalue("chainhub_sandbox").task("completed")
    with chainhub.Client() as client:
        assert client.video.query(task_id).status == "completed"


def test_missing_packages_fail_the_test(request, monkeypatch) -> None:
    """Seen from inside, the sentence names what is missing."""
    monkeypatch.setitem(sys.modules, "chainhub.sandbox._app", None)
    with pytest.raises(pytest.fail.Exception, match="needs the package chainhub, which"):
        request.getfixturevalue("chainhub_sandbox")


def test_names_are_found_when_asked_for() -> None:
    """The lazy package has the names it promises, lists them, and no others."""
    assert set(testing.__all__) <= set(dir(testing))
    assert all(getattr(testing, name) is not None for name in testing.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        testing.nonsense  # noqa: B018 - asking is the test
