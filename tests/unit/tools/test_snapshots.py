"""Where an earlier state of what callers see is found."""

from __future__ import annotations

import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from tests.unit.tools.places import git
from tools import layout
from tools.changes import snapshots
from tools.errors import PipelineError

MODEL = "class Task:\n    id: str\n\n    def to_dict(self): ...\n"
FILES = {
    "chainhub_api/__init__.py": "",
    "chainhub_api/models/__init__.py": "",
    "chainhub_api/models/task.py": MODEL,
    "chainhub/__init__.py": "",
    "chainhub/_version.py": '"""Version."""\n\n__version__ = "1.2.3"\n',
}
FOUND = "### Task\n\n- `id: str` — required\n"


def wrote(folder: Path, *prefixes: str) -> Path:
    """Write both packages, each below its prefix: the generated one's, the other's."""
    generated, overlays = prefixes or ("", "")
    for name, text in FILES.items():
        path = folder / (generated if name.startswith("chainhub_api") else overlays) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return folder


def no_build(contract: Path, folder: Path) -> None:
    """Stand in for the generator where nothing may be generated."""
    raise AssertionError(contract, folder)


def seen(base: Path | str, root: Path) -> tuple[bool, list[str], str | None]:
    """Open a state: whether its surface is the right one, where its code is, its version."""
    with snapshots.earlier(str(base), no_build) as found:
        roots = [str(place.resolve().relative_to(root)) for place in found.roots]
        assert all(place.is_dir() for place in found.roots)
        return found.surface.endswith(FOUND), roots, found.version


@pytest.mark.parametrize(
    ("prefixes", "roots"),
    [
        (("", ""), ["."]),
        (("generated", "overlays"), ["generated", "overlays"]),
        (
            ("one-1.2.3/generated", "one-1.2.3/overlays"),
            ["one-1.2.3/generated", "one-1.2.3/overlays"],
        ),
    ],
)
def test_a_folder_may_be_a_checkout_or_an_installation(
    tmp_path: Path, prefixes: tuple[str, str], roots: list[str]
) -> None:
    """Or an unpacked source distribution; without an API.md the code itself is read."""
    assert seen(wrote(tmp_path, *prefixes), tmp_path) == (True, roots, "1.2.3")


def test_a_surface_that_is_there_is_taken(tmp_path: Path) -> None:
    """Beside the package, in the folder above it, or alone."""
    (tmp_path / "generated").mkdir()
    (tmp_path / "generated" / "API.md").write_text(f"# Public surface\n\n{FOUND}", "utf-8")
    for base in (tmp_path, tmp_path / "generated", tmp_path / "generated" / "API.md"):
        assert seen(base, tmp_path) == (True, [], None)


def test_what_holds_nothing_is_named(tmp_path: Path) -> None:
    """Whatever kind of thing it is."""
    with pytest.raises(PipelineError, match=r"holds neither API\.md nor chainhub_api/"):
        seen(tmp_path, tmp_path)
    (tmp_path / "chainhub").mkdir()
    (tmp_path / "chainhub" / "__init__.py").write_text("")
    (tmp_path / "chainhub" / "_version.py").write_text("x = 1\n")
    with pytest.raises(PipelineError, match=r"holds neither API\.md nor chainhub_api/"):
        seen(tmp_path, tmp_path)
    (tmp_path / "API.md").write_text("")
    assert seen(tmp_path, tmp_path) == (False, ["."], None)
    (tmp_path / "README.md").write_text(f"# Something else\n\n{FOUND}")
    with pytest.raises(PipelineError, match=r"README\.md is no earlier state: give a"):
        seen(tmp_path / "README.md", tmp_path)


@pytest.mark.parametrize("kind", ["whl", "tar.gz"])
def test_a_distribution_is_unpacked(tmp_path: Path, kind: str) -> None:
    """And removed again; one that cannot be unpacked is named."""
    wheel = tmp_path / f"chainhub-1.2.3.{kind}"
    source = (
        wrote(tmp_path / "source", "a/generated", "a/overlays")
        if kind != "whl"
        else wrote(tmp_path / "source")
    )
    if kind == "whl":
        with zipfile.ZipFile(wheel, "w") as archive:
            for name in FILES:
                archive.write(source / name, name)
    else:
        with tarfile.open(wheel, "w:gz") as tar:
            tar.add(source / "a", "chainhub-1.2.3")
    with snapshots.earlier(str(wheel), no_build) as found:
        (root, *_) = found.roots
        assert found.surface.endswith(FOUND)
        assert found.version == "1.2.3"
    assert not root.exists()
    wheel.write_bytes(b"no archive")
    with pytest.raises(PipelineError, match=rf"chainhub-1\.2\.3\.{kind} cannot be unpacked: "):
        seen(wheel, tmp_path)


@pytest.mark.parametrize("name", ["../out.py", "a/../../out.py", "/out.py", "link/out.py"])
def test_a_name_that_leads_out_is_refused(tmp_path: Path, name: str) -> None:
    """Up, from the root, or through a link: nothing is written outside, and no link is made."""
    outside, folder = tmp_path / "outside", tmp_path / "folder"
    outside.mkdir()
    folder.mkdir()
    path = tmp_path / "chainhub-1.2.3.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        link = tarfile.TarInfo("link")
        link.type, link.linkname = tarfile.SYMTYPE, str(outside)
        tar.addfile(link)
        entry = tarfile.TarInfo(str(outside / "out.py") if name == "/out.py" else name)
        entry.size = 4
        tar.addfile(entry, io.BytesIO(b"x\n\n\n"))
    if name == "link/out.py":
        snapshots.unpack(path, folder)
        assert (folder / "link" / "out.py").read_bytes() == b"x\n\n\n"
    else:
        with pytest.raises(
            PipelineError, match=r"cannot be unpacked: '.*' leads out of the folder"
        ):
            snapshots.unpack(path, folder)
    assert not (folder / "link").is_symlink()
    assert list(outside.iterdir()) == []
    assert sorted(each.name for each in tmp_path.iterdir()) == [path.name, "folder", "outside"]


def test_a_contract_is_generated(tmp_path: Path) -> None:
    """Aside, by what it is given."""
    contract = tmp_path / "old.yaml"
    contract.write_text("openapi: 3.0.1\n")
    asked = []

    def build(given: Path, folder: Path) -> None:
        asked.append(given)
        wrote(folder)

    with snapshots.earlier(str(contract), build) as found:
        assert found.surface.endswith(FOUND)
    assert asked == [contract]


@pytest.mark.git
def test_a_revision_of_git_is_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a tag's name; what is changed afterwards does not matter."""
    project = wrote(tmp_path / "project", "generated", "overlays")
    monkeypatch.setattr(layout, "ROOT", project)
    git(project, "init", "-q")
    git(project, "add", "-A")
    git(project, "commit", "-qm", "x")
    assert snapshots.latest_tag() is None
    git(project, "tag", "v1.2.3")
    assert snapshots.latest_tag() == "v1.2.3"
    (project / "generated" / "chainhub_api" / "models" / "task.py").unlink()
    with snapshots.earlier("v1.2.3", no_build) as found:
        assert found.surface.endswith(FOUND)
        assert found.version == "1.2.3"
        assert [root.name for root in found.roots] == ["generated", "overlays"]
    assert not snapshots.current().surface.endswith(FOUND)


@pytest.mark.git
@pytest.mark.parametrize("name", ["v9.9.9", "--output=x", "HEAD"])
def test_an_unknown_revision_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Also one that git would take for an option, and one without the packages."""
    monkeypatch.setattr(layout, "ROOT", tmp_path)
    git(tmp_path, "init", "-q")
    (tmp_path / "a").write_text("a")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-qm", "x")
    with pytest.raises(
        PipelineError, match=f"{name} is neither a file nor a revision of git that has "
    ):
        seen(name, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".git", "a"]


@pytest.mark.git
def test_outside_a_checkout_it_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An unpacked archive has no tags, which is no reason to pass any version."""
    monkeypatch.setattr(layout, "ROOT", tmp_path)
    with pytest.raises(PipelineError, match="v1 is no file, and no revision of git: fatal: "):
        seen("v1", tmp_path)
    with pytest.raises(PipelineError, match=r"cannot be told: fatal: .* Name an earlier"):
        snapshots.latest_tag()


def test_without_git_files_still_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And the sentence says what is missing."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(
        PipelineError, match="v1 is no file, and no revision of git: git is not here"
    ):
        seen("v1", tmp_path)
    with pytest.raises(PipelineError, match=r"cannot be told: git is not here\. Name an earlier"):
        snapshots.latest_tag()
    assert seen(wrote(tmp_path), tmp_path) == (True, ["."], "1.2.3")
