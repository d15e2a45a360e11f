"""The files of a release: made whole or not at all, and a bill of materials beside them."""

import json
import re
import shutil
import tarfile
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from release import checksums as sums
from release import files, sbom
from release.errors import Problem
from release.sbom import Part

DEPENDENCIES = [
    "anyio",
    "attrs",
    "certifi",
    "h11",
    "httpcore",
    "httpx",
    "idna",
    "typing-extensions",
]


@pytest.fixture(scope="module")
def checkout(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copy what a build reads."""
    folder = tmp_path_factory.mktemp("a check out")
    for name in ("overlays/chainhub", "generated/chainhub_api"):
        shutil.copytree(project / name, folder / name)
    names = ("pyproject.toml", "hatch_build.py", "README.md", "CHANGELOG.md", "LICENSE")
    for name in (*names, "requirements/run.txt"):
        (folder / name).parent.mkdir(exist_ok=True)
        shutil.copy(project / name, folder / name)
    return folder


@pytest.fixture(scope="module")
def made(checkout: Path) -> Path:
    """Build once."""
    files.build(checkout, checkout / "dist")
    return checkout / "dist"


def _sbom(made: Path) -> str:
    (path,) = made.glob("*.cdx.json")
    return path.read_text("utf-8")


def test_a_release_is_four_files(made: Path) -> None:
    """Wheel, source distribution, bill of materials, and the digests of these three."""
    names = sorted(path.name for path in made.iterdir())
    assert [re.sub(r"-[0-9.]+\d", "", name) for name in names] == [
        "SHA256SUMS",
        "chainhub-py3-none-any.whl",
        "chainhub.cdx.json",
        "chainhub.tar.gz",
    ]
    assert list(sums.read(made)) == names[1:]


def test_a_second_build_gives_the_same_bytes(checkout: Path, made: Path) -> None:
    """Nothing in any of the four files tells when or where they were made."""
    before = {path.name: path.read_bytes() for path in made.iterdir()}
    files.build(checkout, checkout / "again")
    assert not list(checkout.glob("*.json"))
    assert {path.name: path.read_bytes() for path in (checkout / "again").iterdir()} == before


def test_the_sbom_is_valid(made: Path) -> None:
    """It keeps to the CycloneDX schema, strictly."""
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(_sbom(made)) is None


def test_the_sbom_lists_what_an_install_brings(made: Path) -> None:
    """Each dependency, direct or not, stands there with version, licence and address."""
    bom = json.loads(_sbom(made))
    components = {each["name"]: each for each in bom["components"]}
    assert sorted(components) == DEPENDENCIES
    assert all(each["licenses"] and each["purl"] for each in components.values())
    subject = bom["metadata"]["component"]
    assert "purl" not in subject
    assert made.joinpath(f"chainhub-{subject['version']}.cdx.json").exists()


def test_the_sbom_is_in_the_wheel(made: Path) -> None:
    """Where PEP 770 puts it, with the bytes of the one beside the wheel; the source has it too."""
    (wheel,) = made.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if "/sboms/" in name)
        assert name.endswith(".dist-info/sboms/chainhub.cdx.json")
        assert archive.read(name).decode() == _sbom(made)
    (source,) = made.glob("*.tar.gz")
    with tarfile.open(source) as tar:
        assert sum(name.endswith("/chainhub.cdx.json") for name in tar.getnames()) == 1


def test_the_sbom_says_who_asks_for_whom(made: Path) -> None:
    """The dependencies' own dependencies are told apart from ours."""
    bom = json.loads(_sbom(made))
    asked = {each["ref"]: each.get("dependsOn", []) for each in bom["dependencies"]}
    (ours,) = (names for ref, names in asked.items() if ref.startswith("chainhub@"))
    assert [name.partition("@")[0] for name in ours] == ["attrs", "h11", "httpx"]


@pytest.mark.parametrize(
    ("requirement", "expected"),
    [
        ("httpx>=0.28", ["httpx"]),
        ("Typing_Extensions; python_version < '3.13'", ["typing-extensions"]),
        ("colorama; sys_platform == 'win32'", []),
        ("unlocked", ["unlocked"]),
        ("uvicorn; extra == 'sandbox'", []),
    ],
)
def test_what_is_needed(requirement: str, expected: list[str]) -> None:
    """Extras do not count, nor what only a system that the lock leaves out needs."""
    versions = {"httpx": "1", "typing-extensions": "1", "uvicorn": "1"}
    assert list(sbom.needed([requirement], versions)) == expected


@pytest.mark.parametrize("versions", [{}, {"no-such-thing": "1"}])
def test_an_unlocked_dependency_is_refused(versions: dict[str, str]) -> None:
    """An SBOM with a gap is none."""
    with pytest.raises(Problem, match="no-such-thing is not in requirements/run"):
        sbom.parts(Part("a", "1", "MIT", ("no-such-thing",)), versions)


def test_a_licence_may_be_unknown() -> None:
    """What says nothing of its licence is listed without one."""
    when = datetime(2020, 2, 2, tzinfo=UTC)
    text = sbom.write([Part("a", "1", "", ())], when)
    assert "licenses" not in json.loads(text)["metadata"]["component"]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("version]", "versions]"), r"^The build failed: .*\w$"),
        (('"hatchling.build"', '"hatchling.builds"'), "The build failed; the lines above say why"),
    ],
)
def test_a_failed_build_leaves_the_files_as_they_were(
    checkout: Path, tmp_path: Path, change: tuple[str, str], told: str
) -> None:
    """The backend's own words are shown, and what was built before stays."""
    tree, kept = tmp_path / "tree", tmp_path / "dist"
    shutil.copytree(checkout, tree)
    text = (tree / "pyproject.toml").read_text("utf-8")
    assert change[0] in text
    (tree / "pyproject.toml").write_text(text.replace(*change), "utf-8")
    kept.mkdir()
    with pytest.raises(Problem, match=told):
        files.build(tree, kept)
    assert kept.exists()
    assert not (tree / "chainhub.cdx.json").exists()


def test_a_key_that_fails_leaves_the_files_as_they_were(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Checksums that should be signed and are not, are not there."""
    monkeypatch.setattr(files, "materials", lambda tree: ("a.cdx.json", "{}"))
    monkeypatch.setattr(files, "distributions", lambda tree, folder: None)
    (tmp_path / "dist").mkdir()
    with pytest.raises(Problem, match="SHA256SUMS is not signed: "):
        files.build(tmp_path, tmp_path / "dist", str(tmp_path / "no key"))
    assert list((tmp_path / "dist").iterdir()) == []
