"""What was generated is tried before it is swapped in, in a process that has no more than users."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from tools import commands, layout, trial
from tools.errors import PipelineError

TWO = """
openapi: 3.0.3
info: {title: two, version: "1"}
servers: [{url: "https://a.example"}]
paths:
  /v1/video/create:
    post: {responses: {"200": {description: "", content: {text/plain: {schema: {type: string}}}}}}
  /v1/video/list:
    get: {responses: {"200": {description: "", content: {text/plain: {schema: {type: string}}}}}}
"""


@pytest.fixture(scope="module")
def grown(grown: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copy the client of a contract with operations of every kind."""
    return Path(shutil.copytree(grown, tmp_path_factory.mktemp("copy") / "grown"))


def edited(path: Path, before: str, after: str) -> None:
    """Replace a piece of generated code, which is there."""
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after))


@pytest.mark.parametrize(
    ("name", "before", "after", "reason"),
    [
        ("api/video/create.py", "body.to_dict()", "body.to_dct()", "AttributeError: .*to_dct"),
        ("api/video/create.py", "def _get_kwargs(", "def _get(", "AttributeError: .*_get_kwargs"),
        (
            "api/video/create.py",
            "from http import HTTPStatus\n",
            "from http import HTTPStatus\nimport jinja2\n",
            "imports jinja2, which",
        ),
        ("api/video/create.py", '"/v1/video/create"', '"/v1/{gap}"', "its path keeps a gap"),
        ("api/video/create.py", ".from_dict(", ".from_dct(", "AttributeError: .*from_dct"),
    ],
)
def test_an_operation_that_breaks_is_named(grown, name, before, after, reason):
    """With the reason, and the line of the generated code where there is one."""
    path = grown / layout.PACKAGE / name
    kept = path.read_text()
    try:
        edited(path, before, after)
        (found,) = trial.faults(grown).items()
    finally:
        path.write_text(kept)
    assert found[0] == "video.create"
    assert re.search(reason, found[1])


def test_all_is_well(grown):
    """Nothing is said of a package that works."""
    assert trial.faults(grown) == {}


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("client.py", "def broken(:", "SyntaxError"),
        ("models/video_remix.py", "import nothing_of_this_name", "nothing_of_this_name"),
        ("models/__init__.py", "import os\nos._exit(3)", "the process that tried it died"),
    ],
)
def test_what_no_operation_is_to_blame_for(grown, name, text, reason):
    """A module that breaks, or a process that dies, refuses the package."""
    path = grown / layout.PACKAGE / name
    kept = path.read_text()
    try:
        path.write_text(text)
        found = trial.faults(grown)
    finally:
        path.write_text(kept)
    assert reason in found[""] if "" in found else reason in found["video.remix"]


def test_code_that_does_not_end_is_stopped(grown, monkeypatch):
    """After a while."""
    monkeypatch.setattr(trial, "_SECONDS", 0.001)
    assert "was stopped" in trial.faults(grown)[""]


def test_it_is_left_out_and_told(tmp_path, monkeypatch):
    """The client comes without it; where nothing is to blame, there is none."""
    contract = tmp_path / "openapi.yaml"
    contract.write_text(TWO)
    tried = iter([{"video.create": "it breaks."}, {}])
    monkeypatch.setattr(trial, "faults", lambda _: next(tried))
    made = commands.generate(contract, tmp_path / "out")
    assert made.left_out == ["POST /v1/video/create is left out: it breaks."]
    assert not (tmp_path / "out" / layout.PACKAGE / "api" / "video" / "create.py").exists()
    assert "it breaks." in (tmp_path / "out" / layout.REPAIRS).read_text()
    monkeypatch.setattr(trial, "faults", lambda _: {"": "all breaks."})
    with pytest.raises(PipelineError, match="a package that does not work: all breaks"):
        commands.generate(contract, tmp_path / "other")
    assert not (tmp_path / "other" / layout.PACKAGE).exists()
    tried = iter([{"video.create": "it breaks."}, {}])
    monkeypatch.setattr(trial, "faults", lambda _: next(tried))
    with pytest.raises(PipelineError, match="it breaks"):
        commands.generate(contract, tmp_path / "other", strict=True)
