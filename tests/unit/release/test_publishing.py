"""What is new goes to the index, what is changed does not."""

import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from release import checksums as sums
from release import publishing
from release.credentials import Credentials
from release.errors import Problem
from release.index import Index
from tests.loopback import Server

WHEEL = "chainhub-0.1.0-py3-none-any.whl"
ENVIRONMENT = {"UV_PUBLISH_USERNAME": "ann", "UV_PUBLISH_PASSWORD": "sk-test-1"}
ANN = Credentials("ann", "sk-test-1")

Spell = Callable[..., bytes]
Sent = list[tuple[str, Credentials]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give a folder with the files of a release."""
    names = (WHEEL, "chainhub-0.1.0.tar.gz", "chainhub-0.1.0.cdx.json")
    for name in names:
        (tmp_path / name).write_text(name, "utf-8")
    sums.write(tmp_path, names)
    return tmp_path


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> Sent:
    """Note what would be uploaded."""
    noted: Sent = []

    def note(path: Path, index: Index, publisher: Credentials, environment: object) -> None:
        noted.append((path.name, publisher))

    monkeypatch.setattr(publishing, "send", note)
    return noted


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    """Make a wheel that uv takes."""
    path = tmp_path / "pebble-1-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        text = "Metadata-Version: 2.1\nName: pebble\nVersion: 1\n"
        archive.writestr("pebble-1.dist-info/METADATA", text)
        archive.writestr("pebble-1.dist-info/WHEEL", "Wheel-Version: 1.0\n")
        archive.writestr("pebble-1.dist-info/RECORD", "")
    return path


def _publish(server: Server, folder: Path, *, dry: bool = False) -> list[str]:
    index = Index("acme", f"{server.url}/simple/", f"{server.url}/")
    return list(publishing.publish(folder, index, ENVIRONMENT, dry=dry))


def test_new_files_are_sent(server: Server, http: Spell, folder: Path, sent: Sent) -> None:
    """The two distributions go to the index; bill and digests stay beside them."""
    server.answers = [http(404, b"")]
    assert _publish(server, folder) == [
        f"{WHEEL}: published",
        "chainhub-0.1.0.tar.gz: published",
    ]
    assert sent == [(WHEEL, ANN), ("chainhub-0.1.0.tar.gz", ANN)]


def test_a_dry_run_sends_nothing(server: Server, http: Spell, folder: Path, sent: Sent) -> None:
    """It asks the index the same questions and says what would follow."""
    server.answers = [http(404, b"")]
    assert f"{WHEEL}: would be published" in _publish(server, folder, dry=True)
    assert sent == []
    assert len(server.requests) == 1


def test_what_is_there_is_skipped(server: Server, http: Spell, folder: Path, sent: Sent) -> None:
    """An upload that broke off half-way is completed by the next."""
    link = f'<a href="{WHEEL}#sha256={sums.digest(folder / WHEEL)}">x</a>'
    server.answers = [http(200, link.encode(), "Content-Type: text/html")]
    assert _publish(server, folder) == [
        f"{WHEEL}: already there, the same bytes",
        "chainhub-0.1.0.tar.gz: published",
    ]
    assert [name for name, _ in sent] == ["chainhub-0.1.0.tar.gz"]


def test_changed_bytes_stop_everything(
    server: Server, http: Spell, folder: Path, sent: Sent
) -> None:
    """If one file differs from the published one, none is sent."""
    link = f'<a href="chainhub-0.1.0.tar.gz#sha256={"0" * 64}">x</a>'
    server.answers = [http(200, link.encode(), "Content-Type: text/html")]
    with pytest.raises(Problem, match=r"other bytes under the name chainhub-0\.1\.0\.tar\.gz"):
        _publish(server, folder)
    assert sent == []


@pytest.mark.parametrize(
    ("status", "told"),
    [
        (401, "was not published. The index 'acme' does not know these credentials (401)"),
        (403, "does not let these credentials publish chainhub, or does not know them (403)"),
        (409, "was not published to the index 'acme': it answers 409."),
    ],
)
def test_a_refused_upload_is_a_sentence(
    server: Server, http: Spell, tmp_path: Path, wheel: Path, status: int, told: str
) -> None:
    """Of uv's account the status is kept, and neither page nor password is shown."""
    server.answers = [http(status, b"<html>sk-test-1</html>")]
    with pytest.raises(Problem) as caught:
        publishing.send(wheel, Index("acme", "", f"{server.url}/"), ANN, _plain(tmp_path))
    assert told in str(caught.value)
    assert "sk-test-1" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_upload_is_accepted(server: Server, http: Spell, tmp_path: Path, wheel: Path) -> None:
    """The credentials reach the index, whatever else the environment says about publishing."""
    server.answers = [http(200, b"")]
    other = {"UV_PUBLISH_TOKEN": "sk-test-2", "UV_PUBLISH_URL": "http://127.0.0.1:1/"}
    publishing.send(wheel, Index("acme", "", f"{server.url}/"), ANN, _plain(tmp_path) | other)
    assert b"Basic YW5uOnNrLXRlc3QtMQ==" in server.requests[-1]


def test_a_broken_upload_is_a_sentence(server: Server, tmp_path: Path) -> None:
    """What uv says last is kept, when there is no status."""
    with pytest.raises(Problem, match=r"x\.whl was not published to the index 'acme': \w"):
        publishing.send(
            tmp_path / "x.whl", Index("acme", "", f"{server.url}/"), ANN, _plain(tmp_path)
        )


def test_an_upload_has_an_end(server: Server, wheel: Path, tmp_path: Path) -> None:
    """An index that says nothing ends in a sentence, not in a traceback."""
    address = Index("acme", "", f"{server.url}/")
    with pytest.raises(Problem, match=r"not confirmed by the index 'acme' within 0\.01 s"):
        publishing.send(wheel, address, ANN, _plain(tmp_path), patience=0.01)


@pytest.mark.parametrize(
    ("said", "expected"),
    [("error: a\n  cause: b.\n\n", "b"), ("", "uv does not say why")],
)
def test_the_last_cause_is_told(said: str, expected: str) -> None:
    """The innermost reason is the one that helps."""
    index = Index("acme", "", "")
    assert publishing.sentence("x", index, said) == (
        f"x was not published to the index 'acme': {expected}."
    )


def _plain(folder: Path) -> dict[str, str]:
    return {"HOME": str(folder), "PATH": "/usr/bin:/bin", "UV_CACHE_DIR": str(folder / "cache")}
