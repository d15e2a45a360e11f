"""The digests of what was built."""

import shutil
import subprocess
from pathlib import Path

import pytest

from release import checksums as sums
from release.errors import Problem


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give a folder with two files and their digests."""
    for name in ("b.whl", "a b.tar.gz"):
        (tmp_path / name).write_text(name, "utf-8")
    sums.write(tmp_path, ("b.whl", "a b.tar.gz"))
    return tmp_path


def test_digests_are_read_back(folder: Path) -> None:
    """What is written is read, in the order of the names."""
    assert sums.read(folder) == {
        name: sums.digest(folder / name) for name in ("a b.tar.gz", "b.whl")
    }


# The file is compared with what another program makes of it; macOS calls that one shasum.
@pytest.mark.skipif(not shutil.which("sha256sum"), reason="no sha256sum here")
def test_the_usual_program_reads_them(folder: Path) -> None:
    """Whoever gets the files checks them with sha256sum."""
    command = ("sha256sum", "--strict", "--check", sums.NAME)
    subprocess.run(command, cwd=folder, check=True, capture_output=True)


@pytest.mark.parametrize("mend", [Path.unlink, lambda path: path.write_text("other", "utf-8")])
def test_other_files_are_refused(folder: Path, mend: object) -> None:
    """A file that is gone, or is not the one that was built, stops a release."""
    assert callable(mend)
    mend(folder / "b.whl")
    with pytest.raises(Problem, match=r"/b\.whl is not what was built; make build mends it"):
        sums.read(folder)


def test_nothing_built_is_a_sentence(tmp_path: Path) -> None:
    """Without a build there is nothing to publish."""
    with pytest.raises(Problem, match="holds no SHA256SUMS; make build makes it"):
        sums.read(tmp_path)
