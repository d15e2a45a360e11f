"""The two commands, from what is typed to what is shown."""

import os
import runpy
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from release import __main__, files, verifying
from release import checksums as sums
from release.errors import Problem
from release.index import Index
from tests.loopback import Server

pytestmark = pytest.mark.git


def commit(folder: Path) -> None:
    """Commit everything."""
    names = ("-c", "user.name=Ann", "-c", "user.email=ann@example.com")
    subprocess.run(("git", "add", "."), cwd=folder, check=True)
    subprocess.run(("git", *names, "commit", "-q", "-m", "Next"), cwd=folder, check=True)


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a clean repository and a build that makes one file."""
    for name in os.environ:
        if name.startswith("UV_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("UV_PUBLISH_TOKEN", "sk-test-1")
    subprocess.run(("git", "init", "--quiet"), cwd=tmp_path, check=True)
    (tmp_path / ".git" / "info" / "exclude").write_text("dist\nuv.toml\n", "utf-8")

    (tmp_path / "committed").touch()
    commit(tmp_path)

    def build(tree: Path, target: Path, signing_key: str | None) -> list[str]:
        assert (tree / "committed").exists()
        assert tree == tmp_path or not (tree / ".git").exists()
        target.mkdir(exist_ok=True)
        (target / "a.whl").touch()
        sums.write(target, ["a.whl"])
        return ["a.whl"]

    monkeypatch.setattr(files, "build", build)
    return tmp_path


def test_a_build_names_its_files(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """From a clean tree, the files are made and named."""
    assert __main__.main(["build"], checkout) == 0
    assert capsys.readouterr().out == "dist/a.whl\n"


def test_a_dirty_tree_is_refused(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A build can be had all the same; publishing cannot."""
    (checkout / "new").touch()
    assert __main__.main(["build"], checkout) == 1
    assert "The tree is not clean" in capsys.readouterr().err
    assert __main__.main(["build", "--dirty"], checkout) == 0
    assert __main__.main(["publish", "acme"], checkout) == 1
    assert "The tree is not clean" in capsys.readouterr().err


def test_publishing_tells_each_file(
    checkout: Path,
    server: Server,
    http: Callable[..., bytes],
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A dry run tells what would be published where."""
    server.answers = [
        http(404, b""),
        http(400, b""),
        http(401, b""),
        http(404, b""),
        http(200, b""),
    ]
    (checkout / "uv.toml").write_text(
        f'[[index]]\nname = "acme"\nurl = "{server.url}/simple/"\n'
        f'publish-url = "{server.url}/"\nexplicit = true\n',
        "utf-8",
    )
    assert __main__.main(["publish", "--dry-run", "acme"], checkout) == 0
    assert capsys.readouterr().out.endswith("a.whl: would be published\n")


def test_a_withdrawn_version_is_not_published(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The line to send out is shown, and the number is refused from then on."""
    assert __main__.main(["withdraw", "--version=0.1.0", "--reason=it leaks"], checkout) == 0
    assert capsys.readouterr().out.endswith("\nchainhub != 0.1.0  # it leaks\n")
    commit(checkout)

    def build(tree: Path, target: Path, signing_key: str | None) -> list[str]:
        target.mkdir()
        (target / "chainhub-0.1.0.tar.gz").touch()
        sums.write(target, ["chainhub-0.1.0.tar.gz"])
        return []

    monkeypatch.setattr(files, "build", build)
    table = '[[index]]\nname = "acme"\nurl = "http://localhost/"\nexplicit = true\n'
    (checkout / "uv.toml").write_text(f'{table}publish-url = "http://localhost/"\n', "utf-8")
    assert __main__.main(["publish", "acme"], checkout) == 1
    assert "Version 0.1.0 is withdrawn (it leaks)" in capsys.readouterr().err


def test_verifying_names_the_files(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A line for each; an index that is only read needs no address for publishing."""

    def verify(project: Path, index: Index, version: str, environment: object) -> Iterator[str]:
        yield f"{index.name} {version}"

    monkeypatch.setattr(verifying, "verify", verify)
    text = '[[index]]\nname = "acme"\nurl = "http://localhost/"\nexplicit = true\n'
    (checkout / "uv.toml").write_text(text, "utf-8")
    assert __main__.main(["verify", "--version=0.1.0", "acme"], checkout) == 0
    assert capsys.readouterr().out == "acme 0.1.0\n"


@pytest.mark.parametrize(("raised", "status"), [(KeyboardInterrupt, 130), (Problem("x"), 1)])
def test_a_stop_has_no_traceback(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, raised: BaseException, status: int
) -> None:
    """Ctrl-C and a problem end the command with a status of their own."""

    def stop(tree: Path, target: Path, signing_key: str | None) -> list[str]:
        raise raised

    monkeypatch.setattr(files, "build", stop)
    assert __main__.main(["build"], checkout) == status


@pytest.mark.filterwarnings("ignore:.*found in sys.modules:RuntimeWarning")
def test_it_is_a_program(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """``python -m release`` ends with the status of the command."""
    monkeypatch.setattr("sys.argv", ["release", "--help"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_module("release", run_name="__main__")
    assert ended.value.code == 0
    assert "build" in capsys.readouterr().out
