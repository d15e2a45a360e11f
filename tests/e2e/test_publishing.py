"""docs/publishing.md, followed as written, with two kinds of index server on loopback."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import urllib.request
from base64 import b64encode
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e import servers
from tests.e2e.servers import PASSWORD, USER, Index
from tests.e2e.walk import Walk, person, sections

pytestmark = pytest.mark.git

KEYRING = """\
# A keyring that keeps one password in a file.
case "$1 $2 $3" in
    "set $ADDRESS ann") cat > "$HOME/ring" ;;
    "get $ADDRESS ann") cat "$HOME/ring" ;;
    *) exit 1 ;;
esac
"""
HEAVY = "the environment of make test-all is not there"


@pytest.fixture
def checkout(copy_sources: Callable[[Path], None], tmp_path: Path) -> Path:
    """Create a clean repository of the files that git tracks or would add."""
    folder = tmp_path / "a check out"
    copy_sources(folder)
    number(folder, "0.1.0")  # that of the page, whatever ours is
    (folder / ".venv").symlink_to(Path(sys.executable).parent.parent)
    _git(folder, "init", "--quiet")
    _git(folder, "config", "user.name", "Ann")
    _git(folder, "config", "user.email", "ann@example.com")
    (folder / ".git" / "info" / "exclude").write_text(".venv\n", "utf-8")
    commit(folder)
    return folder


def commit(folder: Path) -> None:
    """Commit everything."""
    _git(folder, "add", ".")
    _git(folder, "commit", "--quiet", "--message", "As it stands")


def renumber(folder: Path, version: str) -> None:
    """Commit a new version."""
    number(folder, version)
    commit(folder)


def number(folder: Path, version: str) -> None:
    """Give the package a version."""
    text = f'"""The version."""\n\n__version__ = "{version}"\n'
    (folder / "overlays" / "chainhub" / "_version.py").write_text(text, "utf-8")


def _git(folder: Path, *arguments: str) -> None:
    subprocess.run(("git", *arguments), cwd=folder, check=True, timeout=60)


@pytest.fixture
def environment(project: Path, tmp_path: Path) -> dict[str, str]:
    """Give a user's environment, whose make uses the .venv of the tests unchanged."""
    variables = person(tmp_path, servers.programs(project))
    _program(variables, "make", f'exec {shutil.which("make")} -o environment-release "$@"\n')
    return variables


def _program(environment: dict[str, str], name: str, text: str) -> None:
    path = Path(environment["PATH"].split(os.pathsep)[0], name)
    path.write_text(f"#!/bin/sh\n{text}", "utf-8")
    path.chmod(0o755)


@pytest.fixture(params=["pypiserver", pytest.param("devpi", marks=pytest.mark.slow)])
def index(
    request: pytest.FixtureRequest, project: Path, tmp_path: Path, environment: dict[str, str]
) -> Iterator[Index]:
    """Start an empty index of either kind."""
    page = project / "docs" / "publishing.md"
    (tmp_path / "packages").mkdir()
    if request.param == "pypiserver":
        (block,) = sections(page)["Run a pypiserver"]
        folder = tmp_path / "pypiserver"
        with servers.pypiserver(block.text, folder, tmp_path / "packages", environment) as instance:
            yield instance
        return
    if "devpi-server" not in servers.programs(project):
        pytest.skip(HEAVY)
    (tmp_path / "devpi").mkdir()
    walk = Walk(page, tmp_path / "devpi", environment, {})
    with (
        servers.outside_index(tmp_path / "out", tmp_path / "packages", environment) as mirror,
        servers.devpi(walk, mirror) as instance,
    ):
        yield instance


@pytest.fixture
def walk(project: Path, checkout: Path, environment: dict[str, str], index: Index) -> Walk:
    """Open the page, in a clean checkout, with an index running."""
    _program(environment, "keyring", KEYRING.replace("$ADDRESS", index.publish_url))
    page = project / "docs" / "publishing.md"
    instance = Walk(page, checkout, environment, index.replacements)
    # The index was started with these two.
    for heading in ("Run a pypiserver", "Run a devpi-server"):
        instance.unread.pop(heading)
    return instance


def configure(walk: Walk) -> None:
    """Follow the sections before publishing."""
    walk.section("Configure the index once", "")
    walk.section("Credentials", PASSWORD)


# Everyday tests of publishing are in tests/unit/release; this one builds and uploads six times.
@pytest.mark.slow
def test_the_page_is_true(walk: Walk, index: Index, project: Path) -> None:
    """Every command of the page works, and does what the page says beside it."""
    configure(walk)
    assert walk.section("Build").count(": OK\n") == 3
    names = sorted(path.name for path in (walk.folder / "dist").glob("*[lz]"))
    walk.run("mkdir ~/.ssh; ssh-keygen -q -t ed25519 -N '' -f ~/.ssh/id_ed25519")
    assert 'Good "file" signature for ann@example.com' in walk.section("Sign the checksums")
    text = walk.section("Publish")
    assert "\nthe index 'acme' exists and lets these credentials publish\n" in text
    assert "not checked" not in text
    assert (walk.folder / "dist" / "SHA256SUMS.sig").exists()
    assert re.findall(r"^(\S+): (would be published|published)$", text, re.MULTILINE) == [
        *((name, "would be published") for name in names),
        *((name, "published") for name in names),
    ]
    assert published(index) == {
        name: hashlib.sha256((walk.folder / "dist" / name).read_bytes()).hexdigest()
        for name in names
    }
    ring = walk.section("With the password in the keyring", PASSWORD)
    assert ring.count(": already there, the same bytes\n") == 2
    if "twine" in servers.programs(project):
        renumber(walk.folder, "99.1")
        walk.section("With twine", PASSWORD)
        assert len(published(index)) == 4
        assert set(walk.unread) == {
            "An index that forwards",  # tests/unit/release/test_index_client.py
            "Verify what is published",
            "Withdraw a version",
        }


@pytest.mark.slow
def test_a_changed_byte_on_the_server_is_found(walk: Walk, index: Index) -> None:
    """Whoever has the repository finds each file that is not what the tag gives."""
    configure(walk)
    walk.run("make publish INDEX=acme")
    assert "There is no tag v0.1.0 here" in walk.run(
        "make verify INDEX=acme VERSION=0.1.0", status=2
    )
    _git(walk.folder, "tag", "v0.1.0")
    output = walk.section("Verify what is published")
    names = sorted(path.name for path in (walk.folder / "dist").glob("*[lz]"))
    assert re.findall(r"^(\S+): the same bytes$", output, re.MULTILINE) == names
    for name in names:
        (stored,) = (path for path in walk.folder.parent.rglob(name) if "dist" not in path.parts)
        content = bytearray(stored.read_bytes())
        content[len(content) // 2] ^= 1
        stored.write_bytes(content)
    text = walk.run("make verify INDEX=acme VERSION=0.1.0", status=2)
    for name in names:
        assert f"{name}: the index serves other bytes: they differ from byte " in text


@pytest.mark.slow
def test_a_withdrawn_number_is_not_used_again(walk: Walk, index: Index) -> None:
    """The list is committed, and stops the next release of this number."""
    configure(walk)
    output = walk.section("Withdraw a version")
    assert output.endswith("\nchainhub != 0.1.0  # downloads are cut off\n")
    text = walk.run("make publish INDEX=acme", status=2)
    assert "Version 0.1.0 is withdrawn (downloads are cut off)" in text
    renumber(walk.folder, "99.1")
    walk.run("make publish INDEX=acme")
    assert len(published(index)) == 2


@pytest.mark.slow  # the decisions are in tests/unit/release/test_publishing.py and test_main.py
def test_what_is_published_stays(walk: Walk, index: Index) -> None:
    """Other bytes under the same version are refused, by us before the upload; a new one goes."""
    configure(walk)
    publish = "make publish INDEX=acme"
    walk.run(publish)
    files = published(index)
    with (walk.folder / "overlays" / "chainhub" / "errors.py").open("a") as module:
        module.write("# another byte\n")
    assert "The tree is not clean" in walk.run(publish, status=2)
    assert "dist/SHA256SUMS" in walk.run("make build DIRTY=1")
    assert "The tree is not clean" in walk.run(publish, status=2)
    commit(walk.folder)
    assert "other bytes under the name chainhub-" in walk.run(publish, status=2)
    assert published(index) == files
    renumber(walk.folder, "99.1")
    walk.run(publish)
    assert len(published(index)) == 4
    assert files.items() <= published(index).items()


MISSING = (
    ({"UV_PUBLISH_USERNAME": ""}, "There are no credentials for the index 'acme'"),
    ({"UV_PUBLISH_PASSWORD": ""}, "There is no password for 'ann' at the index 'acme'"),
    ({"UV_PUBLISH_PASSWORD": "sk-test-wrong"}, "The index 'acme' does not"),
    ({"UV_PUBLISH_PASSWORD": "sk-test-wrong", "DRY": "1"}, "The index 'acme' does not"),
    ({"XDG_CONFIG_HOME": os.devnull}, "There is no index named 'acme'"),
)


@pytest.mark.slow  # the sentences are in tests/unit/release/test_credentials.py and others
def test_what_is_missing_is_said(walk: Walk, index: Index) -> None:
    """The person reads one sentence, and no password."""
    configure(walk)
    variables = walk.environment
    for change, message in MISSING:
        walk.environment = variables | change
        text = walk.run("make publish INDEX=acme", status=2)
        assert message in text
        assert "Traceback" not in text
        assert "sk-test" not in text
    assert published(index) == {}


def published(index: Index) -> dict[str, str]:
    """Query the files of the index, as an installer does."""
    request = urllib.request.Request(f"{index.url}chainhub/")
    credentials = b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    request.add_unredirected_header("Authorization", f"Basic {credentials}")
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            page = response.read().decode()
    except urllib.error.HTTPError as error:
        error.close()
        page = "" if error.code == 404 else pytest.fail(str(error))
    return dict(re.findall(r'/([^/"]+)#sha256=([0-9a-f]{64})"', page))
