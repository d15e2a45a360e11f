"""What the surface shows, and what it refuses to be read from."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.changes.surface import called, surface
from tools.errors import PipelineError


def package(folder: Path, **files: str) -> Path:
    """Write what looks like a generated package with one resource per tag."""
    for name, text in files.items():
        path = folder / f"{name.replace('__', '/')}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (folder / "models").mkdir(exist_ok=True)
    (folder / "models" / "__init__.py").write_text("")
    (folder / "api").mkdir(exist_ok=True)
    for tag in (folder / "api").iterdir():
        (tag / "__init__.py").write_text("class R:\n    def call(self, a: 'int', b=1): ...\n")
    return folder


def test_a_package_without_models_has_no_such_chapter(tmp_path: Path) -> None:
    """And an unannotated signature is shown as it stands."""
    call = (
        "import x\n\ndef _get_kwargs():\n"
        "  _kwargs: dict[str, Any] = {'method': 'get', 'url': '/a'}\n"
    )
    text = surface(package(tmp_path, api__video__call=call))
    assert text.endswith("- `client.video.call(a: int, b=1) -> None` — `GET /a`\n")


def test_only_names_of_fields_are_json_names(tmp_path: Path) -> None:
    """Other entries that `to_dict` makes are none."""
    model = (
        "class A:\n    a_: int\n    c: int\n\n    def to_dict(self):\n"
        "        d.update({'b': 1, \"c \\\"d\\\"\": c})\n        d['a'] = a_\n"
    )
    text = surface(package(tmp_path, models__a=model))
    assert text.endswith(
        '### A\n\n- `a_: int` — required, JSON `a`\n- `c: int` — required, JSON `c "d"`\n'
    )


def test_what_the_contract_says_stands_below(tmp_path: Path) -> None:
    """Of a call and its arguments, of a model and its fields; in one line each."""
    folder = package(
        tmp_path,
        api__video__call="\ndef _get_kwargs():\n  _kwargs: D = {'method': 'get', 'url': '/a'}\n",
        models__a=(
            'class A:\n    """A thing.\n\n    Attributes:\n        b (int): Not here.\n    """\n\n'
            '    b: int\n    """ How\n    long, in seconds. """\n    c: int = None\n'
            "\n    def x(self): ...\n"
        ),
        models__b='class B(str):\n    """ """\n\n    D = 1\n',
    )
    (folder / "api" / "video" / "__init__.py").write_text(
        "class R:\n    def call(self, a: 'int', b: 'str'):\n"
        '        """Ask\n\n        More\n        words.\n\n        Args:\n'
        "            a (int): How many\n                (at most).\n            b (str):\n"
        '        """\n'
    )
    assert surface(folder).partition("client.video\n\n")[2] == (
        "- `client.video.call(a: int, b: str) -> None` — `GET /a`\n"
        "  Ask — More words.\n"
        "  - `a`: How many (at most).\n"
        "\n## Models\n"
        "\n### A\n\nA thing.\n\n"
        "- `b: int` — required\n"
        "  How long, in seconds.\n"
        "- `c: int` — optional\n"
        "\n### B\n\n- `D = 1`\n"
    )


@pytest.mark.parametrize(
    ("files", "sentence"),
    [
        ({"api__video__call": "x = 1\n"}, "call.py is not what the generator writes"),
        (
            {"api__video__call": "x = 1\ndef _get_kwargs():\n    a = = 1\n"},
            "call.py:3 is not Python: invalid syntax.",
        ),
        ({"models__task": "class A:\n  a: = 1\n"}, "task.py:2 is not Python: invalid syntax."),
    ],
)
def test_edited_code_is_named(tmp_path: Path, files: dict[str, str], sentence: str) -> None:
    """With its line where there is one."""
    with pytest.raises(PipelineError) as caught:
        surface(package(tmp_path, **files))
    assert sentence in str(caught.value)


def test_a_missing_package_is_named(tmp_path: Path) -> None:
    """Rather than an empty surface written."""
    with pytest.raises(PipelineError, match="nowhere holds no generated package"):
        surface(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("chainhub_api.api.video.VideoResource", None),
        ("chainhub_api.api.video.AsyncVideoResource.query", "client.video.query"),
        ("chainhub_api.api.video.query.sync", None),
        ("chainhub_api.api.video", "client.video"),
        ("chainhub_api.api.Resources.video", "client.video"),
        ("chainhub_api.api.Resources", None),
        ("chainhub_api.api.AsyncRunner", None),
        ("chainhub_api.tasks.TASKS", None),
        ("chainhub_api.models.VideoTask.id", "VideoTask.id"),
        ("chainhub_api.models.video_task.VideoTask", "VideoTask"),
        ("chainhub_api.models.video_task", None),
        ("chainhub_api.servers.SERVERS", "chainhub_api.servers.SERVERS"),
    ],
)
def test_code_has_a_name_in_the_surface(path: str, name: str | None) -> None:
    """Where it is a call or a model; the modules that hold them have none."""
    assert called(path) == name
