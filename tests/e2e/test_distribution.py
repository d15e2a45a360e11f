"""The wheel and the source distribution: their contents, and equal bytes from equal sources."""

import os
import sys
import tarfile
import zipfile
from collections.abc import Callable
from email.message import Message
from email.parser import Parser
from pathlib import Path

import pytest

from requirements import environment
from tests.processes import output
from tools.changes import snapshots

VERSION = snapshots.current().version

Build = Callable[[Path, Path, int], dict[str, Path]]
Sources = Callable[[Path, int], Path]


@pytest.fixture(scope="module")
def names(dists: dict[str, Path]) -> list[str]:
    """Return the names in the wheel."""
    with zipfile.ZipFile(dists[".whl"]) as wheel:
        return wheel.namelist()


@pytest.fixture(scope="module")
def metadata(dists: dict[str, Path]) -> Message:
    """Return the metadata of the wheel."""
    with zipfile.ZipFile(dists[".whl"]) as wheel:
        name = next(name for name in wheel.namelist() if name.endswith("/METADATA"))
        return Parser().parsestr(wheel.read(name).decode())


def test_wheel_holds_the_packages_and_nothing_else(names: list[str]) -> None:
    """A wheel has the generated packages, the hand-written one and its own metadata."""
    assert {name.split("/")[0] for name in names} == {
        "chainhub",
        "chainhub_api",
        "chainhub_resources",
        f"chainhub-{VERSION}.dist-info",
    }


@pytest.mark.parametrize(
    "name",
    [
        "chainhub/__init__.py",
        "chainhub/py.typed",
        "chainhub_api/__init__.py",
        "chainhub_api/py.typed",
        "chainhub_resources/__init__.py",
        "chainhub_resources/py.typed",
        f"chainhub-{VERSION}.dist-info/licenses/LICENSE",
    ],
)
def test_wheel_holds(names: list[str], name: str) -> None:
    """Packages, type markers and the licence travel in the wheel."""
    assert name in names


def test_wheel_leads_pyinstaller_to_its_hook(dists: dict[str, Path], names: list[str]) -> None:
    """By the entry point that PyInstaller looks for."""
    with zipfile.ZipFile(dists[".whl"]) as wheel:
        points = wheel.read(f"chainhub-{VERSION}.dist-info/entry_points.txt").decode()
    assert "[pyinstaller40]\nhook-dirs = chainhub.__pyinstaller:get_hook_dirs\n" in points
    assert "chainhub/__pyinstaller/hook-chainhub.py" in names


def test_wheel_holds_no_byproducts(names: list[str]) -> None:
    """Caches, tests, contracts and templates stay at home."""
    stray = (".pyc", ".yaml", ".jinja", ".toml", ".orig", ".part")
    assert [name for name in names if name.endswith(stray) or "test_" in name] == []


def test_source_distribution_holds_what_a_wheel_is_made_of(dists: dict[str, Path]) -> None:
    """The source distribution has the two packages, the project file and the texts about it."""
    with tarfile.open(dists[".gz"]) as archive:
        tops = {name.split("/", 1)[1].split("/")[0] for name in archive.getnames()}
    assert tops - {".gitignore"} == {
        "CHANGELOG.md",
        "LICENSE",
        "PKG-INFO",
        "README.md",
        "generated",
        "hatch_build.py",
        "overlays",
        "pyproject.toml",
    }


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("Name", "chainhub"),
        ("Version", VERSION),
        ("License", "MIT"),
        ("Requires-Python", ">=3.11"),
        ("Classifier", "Private :: Do Not Upload"),
        ("Classifier", "Typing :: Typed"),
        ("Provides-Extra", "sandbox"),
        ("Description-Content-Type", "text/markdown"),
        ("Author", "The chainhub developers"),
        ("Keywords", "api-client,openapi,sdk,video"),
        ("Project-URL", "Service, https://api.chainhub.tech"),
        *(("Classifier", f"Programming Language :: Python :: 3.{n}") for n in range(11, 15)),
    ],
)
def test_metadata_says(metadata: Message, field: str, value: str) -> None:
    """The metadata name licence and Pythons, and keep a slip from reaching the public index."""
    assert value in metadata.get_all(field, [])


def test_the_metadata_are_no_newer_than_they_need_to_be(
    metadata: Message, dists: dict[str, Path]
) -> None:
    """Servers and twines that check refuse a version they do not know, in either file."""
    with tarfile.open(dists[".gz"]) as archive:
        name = next(name for name in archive.getnames() if name.endswith("/PKG-INFO"))
        text = archive.extractfile(name)
        assert text is not None
        both = (metadata, Parser().parsestr(text.read().decode()))
    assert [message["Metadata-Version"] for message in both] == ["2.2", "2.2"]


@pytest.mark.network
@pytest.mark.slow
@pytest.mark.parametrize("version", ["5.1.1", "6.1.0", "6.2.0"])
def test_twine_accepts_the_metadata(
    dists: dict[str, Path], outside: dict[str, str], tmp_path: Path, version: str
) -> None:
    """Versions of twine that people have, each with the libraries that it brings along."""
    program = (sys.executable, environment.pip_settings.__file__, "tool", "run", "--quiet")
    command = (*program, "--from", f"twine=={version}", "twine", "check", "--strict")
    variables = {**outside, "UV_CACHE_DIR": str(tmp_path / "cache")}
    text = output(*command, *dists.values(), env=variables)
    assert text.count("PASSED") == 2, text


def test_run_time_dependencies_are_three(metadata: Message) -> None:
    """Without an extra, only attrs, h11 and httpx are asked for, each with both bounds."""
    lines = [line for line in metadata.get_all("Requires-Dist", []) if "extra ==" not in line]
    assert sorted(line.split("<")[0].split(">")[0] for line in lines) == [
        "attrs",
        "h11",
        "httpx",
    ]
    assert all("<" in line and ">=" in line for line in lines)


def test_version_is_the_one_the_package_tells(dists: dict[str, Path], project: Path) -> None:
    """The file name and ``chainhub.__version__`` cannot differ."""
    code = "import runpy, sys; print(runpy.run_path(sys.argv[1])['__version__'])"
    path = project / "overlays" / "chainhub" / "_version.py"
    version = output(sys.executable, "-c", code, path).strip()
    assert dists[".whl"].name == f"chainhub-{version}-py3-none-any.whl"


@pytest.mark.parametrize("umask", [0o077, 0o000])
def test_bytes_depend_on_the_sources_only(
    dists: dict[str, Path], sources: Sources, build: Build, tmp_path: Path, umask: int
) -> None:
    """Another folder, with a space in its name, and another umask give the same two files."""
    again = build(sources(tmp_path / "an other place", umask), tmp_path / "dist", umask)
    assert {name: path.read_bytes() for name, path in again.items()} == {
        name: path.read_bytes() for name, path in dists.items()
    }


def test_both_front_ends_give_the_same_bytes(
    dists: dict[str, Path], sources: Sources, tmp_path: Path
) -> None:
    """Whether build or uv calls the backend, the two files are the same."""
    folder = sources(tmp_path / "sources", 0o022)
    options = ("--quiet", "--no-build-isolation", "--python", sys.executable)
    command = (sys.executable, "-m", "uv", "build", *options, "--out-dir", "../dist", ".")
    output(*command, cwd=folder, env={**os.environ, "SOURCE_DATE_EPOCH": "1580601600"})
    for path in dists.values():
        assert (tmp_path / "dist" / path.name).read_bytes() == path.read_bytes()


def test_source_distribution_gives_the_same_wheel(
    dists: dict[str, Path], build: Build, tmp_path: Path
) -> None:
    """Whoever builds from the source distribution gets the wheel that was published."""
    snapshots.unpack(dists[".gz"], tmp_path)
    (unpacked,) = tmp_path.iterdir()
    again = build(unpacked, tmp_path / "dist", 0o022)
    assert again[".whl"].read_bytes() == dists[".whl"].read_bytes()
