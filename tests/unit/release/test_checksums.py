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


@pytest.mark.parametrize("change", [Path.unlink, lambda path: path.write_text("other", "utf-8")])
def test_other_files_are_refused(folder: Path, change: object) -> None:
    """A file that is gone, or is not the one that was built, stops a release."""
    assert callable(change)
    change(folder / "b.whl")
    with pytest.raises(Problem, match=r"/b\.whl is not what was built; run make build again"):
        sums.read(folder)


def test_nothing_built_is_a_sentence(tmp_path: Path) -> None:
    """Without a build there is nothing to publish."""
    with pytest.raises(Problem, match="has no SHA256SUMS; make build writes it"):
        sums.read(tmp_path)


# The signature is checked with the program that people have, and nothing else.
# A release is signed by choice, so the project does not ask for OpenSSH.
@pytest.mark.skipif(not shutil.which("ssh-keygen"), reason="no ssh-keygen here")
def test_the_list_is_signed(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Whoever has the public key finds a changed list."""
    keys = tmp_path_factory.mktemp("a key")
    make = ("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "ann@example.com", "-f", "-ann")
    subprocess.run(make, cwd=keys, check=True)
    public = (keys / "-ann.pub").read_text("utf-8")
    (keys / "signers").write_text(f"ann@example.com {public}", "utf-8")
    sums.sign(folder, str(keys / "-ann"))
    verify = ("ssh-keygen", "-Y", "verify", "-n", "file", "-I", "ann@example.com")
    files = ("-f", str(keys / "signers"), "-s", sums.SIGNATURE)

    def verified() -> bool:
        text = (folder / sums.NAME).read_bytes()
        done = subprocess.run((*verify, *files), cwd=folder, input=text, capture_output=True)
        return done.returncode == 0

    assert verified()
    sums.write(folder, ("b.whl",))
    assert not verified()


def test_no_key_is_a_sentence(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A key that is not there, or no program to sign with."""
    with pytest.raises(Problem, match=r"SHA256SUMS is not signed: .*No such file"):
        sums.sign(folder, "~/no/such/key")
    monkeypatch.setenv("PATH", str(folder))
    with pytest.raises(Problem, match="ssh-keygen is not installed"):
        sums.sign(folder, "key")


@pytest.mark.parametrize(("same", "kept"), [(True, True), (False, False)])
def test_a_signature_of_the_same_list_is_kept(
    folder: Path, tmp_path_factory: pytest.TempPathFactory, same: bool, kept: bool
) -> None:
    """So that `make publish` builds again without a second passphrase."""
    new = tmp_path_factory.mktemp("new")
    shutil.copy(folder / "b.whl", new)
    shutil.copy(folder / "a b.tar.gz", new)
    sums.write(new, ("b.whl", "a b.tar.gz") if same else ("b.whl",))
    sums.keep_signature(folder, new)
    assert not (new / sums.SIGNATURE).exists()
    (folder / sums.SIGNATURE).write_text("signed", "utf-8")
    sums.keep_signature(folder, new)
    assert (new / sums.SIGNATURE).exists() is kept
