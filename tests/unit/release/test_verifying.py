"""What an index serves is compared with what a tag gives."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from packaging.version import Version

from release import verifying
from release.errors import Problem
from release.index import Index
from tests.loopback import Server

pytestmark = pytest.mark.git

WHEEL = "chainhub-0.1.0-py3-none-any.whl"
SOURCE = "chainhub-0.1.0.tar.gz"
# What stands for the code of a tag: it builds files that say which Python made them.
CODE = f"""\
import pathlib, sys
assert sys.argv[1:] == ["build", "--dirty"]
folder = pathlib.Path("dist")
folder.mkdir()
for name in ("{WHEEL}", "{SOURCE}", "SHA256SUMS"):
    (folder / name).write_text(name + pathlib.Path("made-by").read_text())
"""
ENVIRONMENT = f"""\
echo "another environment" >made-by
mkdir -p .venv/bin
ln -s {sys.executable} .venv/bin/python
"""

Respond = Callable[..., bytes]


def _git(folder: Path, *arguments: str) -> None:
    names = ("-c", "user.name=Ann", "-c", "user.email=ann@example.com")
    subprocess.run(("git", *names, *arguments), cwd=folder, check=True, capture_output=True)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Give a repository with a tag."""
    for name, text in {
        "release/__main__.py": CODE,
        "requirements/environment.sh": ENVIRONMENT,
        "requirements/run.txt": "a==1\n",
        "requirements/release.txt": "b==1\n",
        "made-by": "this one",
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, "utf-8")
    _git(tmp_path, "init", "--quiet")
    _git(tmp_path, "add", ".")
    _git(tmp_path, "commit", "--quiet", "--message", "First")
    _git(tmp_path, "tag", "v0.1.0")
    # What is not in the tag has no effect.
    (tmp_path / "made-by").write_text("the checkout", "utf-8")
    return tmp_path


@pytest.fixture
def serve(server: Server, http: Respond) -> Callable[[dict[str, bytes]], Index]:
    """Give a function that lets an index serve these files."""

    def start(files: dict[str, bytes]) -> Index:
        links = "".join(f'<a href="/f/{name}#sha256=0">x</a>' for name in files)
        page = http(200, links.encode(), "Content-Type: text/html")
        ours = [files[name] for name in sorted(files) if name.startswith("chainhub-0.1.0")]
        server.answers = [page, *(http(200, content) for content in ours)]
        return Index("acme", f"{server.url}/simple/", "")

    return start


GOOD = {WHEEL: f"{WHEEL}this one".encode(), SOURCE: f"{SOURCE}this one".encode()}


def _verify(project: Path, index: Index, version: str = "0.1.0") -> list[str]:
    return list(verifying.verify(project, index, version, {}))


def test_equal_files_are_listed(project: Path, serve: Callable[..., Index]) -> None:
    """Each file of the version is compared; others are left alone, also a stranger's."""
    others = {"chainhub-0.2.0.tar.gz": b"", "other-0.1.0.tar.gz": b"", "notes.html": b""}
    index = serve({**GOOD, **others})
    assert _verify(project, index) == [f"{WHEEL}: the same bytes", f"{SOURCE}: the same bytes"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({WHEEL: b"C" + GOOD[WHEEL][1:]}, f"^{WHEEL}: the index serves other .* from byte 0 on"),
        ({SOURCE: GOOD[SOURCE] + b"x"}, f"^{SOURCE}: the index serves other bytes: .* byte 29 on"),
        ({SOURCE: None}, f"^{SOURCE}: is not on the index"),
        (
            {"chainhub-0.1.0-1-py3-none-any.whl": b"more"},
            r"^chainhub-0\.1\.0-1-py3-none-any\.whl: is on the index, but the tag does not",
        ),
        ({"chainhub-0.1.0+x-py3-none-any.whl": b"more"}, r"0\.1\.0\+x-py3.*: is on the index, but"),
    ],
)
def test_what_differs_is_named(
    project: Path, serve: Callable[..., Index], change: dict[str, bytes | None], said: str
) -> None:
    """A changed, a missing or an additional file; the others are compared even so."""
    files = {name: content for name, content in (GOOD | change).items() if content is not None}
    lines: list[str] = []
    with pytest.raises(Problem, match=said) as caught:
        lines += verifying.verify(project, serve(files), "0.1.0", {})
    assert "\n" not in str(caught.value)


def test_a_tag_with_other_locks_gets_its_own_environment(
    project: Path, serve: Callable[..., Index]
) -> None:
    """What built it is part of what it gives."""
    (project / "requirements" / "release.txt").write_text("b==2\n", "utf-8")
    made = {name: f"{name}another environment\n".encode() for name in GOOD}
    assert len(_verify(project, serve(made))) == 2


def test_a_tag_that_cannot_be_built_is_a_sentence(project: Path) -> None:
    """The commands have said why."""
    (project / "release" / "__main__.py").write_text("raise SystemExit(1)\n", "utf-8")
    _git(project, "commit", "--quiet", "--all", "--message", "Second")
    _git(project, "tag", "v0.2.0")
    with pytest.raises(Problem, match="The tag cannot be built again; the lines above say why"):
        _verify(project, Index("acme", "", ""), "0.2.0")


@pytest.mark.parametrize(
    ("version", "said"),
    [
        ("0.3.0", r"There is no tag v0\.3\.0 here; git fetch"),
        ("0.*", r"'0\.\*' is no version number; say VERSION="),
        ("--help", "'--help' is no version number"),
    ],
)
def test_an_unknown_version_is_a_sentence(project: Path, version: str, said: str) -> None:
    """Nothing is built without a tag."""
    with pytest.raises(Problem, match=said):
        _verify(project, Index("acme", "", ""), version)


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, b"Authorization"),
        ({"UV_PUBLISH_USERNAME": "ann", "UV_PUBLISH_PASSWORD": "sk-test-1"}, b"Basic YW5u"),
    ],
)
def test_whoever_publishes_may_verify(
    project: Path, server: Server, http: Respond, environment: dict[str, str], expected: bytes
) -> None:
    """With the credentials for publishing, if there are no others."""
    server.answers = [http(404, b"")]
    index = Index("acme", f"{server.url}/simple/", f"{server.url}/")
    with pytest.raises(Problem, match=f"^{WHEEL}: is not on the index"):
        list(verifying.verify(project, index, "0.1.0", environment))
    assert (expected in server.requests[0]) is bool(environment)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (WHEEL, Version("0.1.0")),
        (SOURCE, Version("0.1.0")),
        ("other-0.1.0.tar.gz", None),
        ("chainhub-x.whl", None),
        ("SHA256SUMS", None),
    ],
)
def test_a_version_by_name(name: str, expected: Version | None) -> None:
    """Only distributions of chainhub have one."""
    assert verifying.version_of(name) == expected
