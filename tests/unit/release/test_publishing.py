"""What is new goes to the index, what is changed does not."""

import subprocess
import time
import zipfile
from collections.abc import Callable, Iterator
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

Respond = Callable[..., bytes]
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


def test_new_files_are_sent(server: Server, http: Respond, folder: Path, sent: Sent) -> None:
    """The two distributions go to the index; sbom and digests stay beside them."""
    server.answers = [http(404, b"")]
    assert _publish(server, folder) == [
        f"{WHEEL}: published",
        "chainhub-0.1.0.tar.gz: published",
    ]
    assert sent == [(WHEEL, ANN), ("chainhub-0.1.0.tar.gz", ANN)]


def test_a_dry_run_sends_nothing(server: Server, http: Respond, folder: Path, sent: Sent) -> None:
    """It asks the index the same requests and says what would follow."""
    server.answers = [http(404, b""), http(400, b""), http(401, b""), http(404, b"")]
    lines = _publish(server, folder, dry=True)
    assert lines[0] == "the index 'acme' exists and lets these credentials publish"
    assert lines[1].startswith("not checked: whether http://127.0.0.1:")
    assert f"{WHEEL}: would be published" in lines
    assert sent == []


def test_a_forwarding_index_is_warned_of(
    server: Server, http: Respond, folder: Path, sent: Sent
) -> None:
    """Who allows it reads the risk each time, until the index has a file of its own."""
    server.answers = [http(302, b"", "Location: http://localhost:1/simple/chainhub/")]
    index = Index("acme", f"{server.url}/simple/", f"{server.url}/")
    lines = list(publishing.publish(folder, index, ENVIRONMENT, dry=False, forwarding="localhost"))
    assert lines[0].startswith("warning: until its first file of chainhub is published, the index")
    assert "gives installers what localhost has" in lines[0]
    assert len(sent) == 2


def test_what_is_there_is_skipped(server: Server, http: Respond, folder: Path, sent: Sent) -> None:
    """An upload that broke off half-way is completed by the next."""
    link = f'<a href="{WHEEL}#sha256={sums.digest(folder / WHEEL)}">x</a>'
    server.answers = [http(200, link.encode(), "Content-Type: text/html")]
    assert _publish(server, folder) == [
        f"{WHEEL}: already there, the same bytes",
        "chainhub-0.1.0.tar.gz: published",
    ]
    assert [name for name, _ in sent] == ["chainhub-0.1.0.tar.gz"]


def test_changed_bytes_stop_everything(
    server: Server, http: Respond, folder: Path, sent: Sent
) -> None:
    """If one file differs from the published one, none is sent."""
    link = f'<a href="chainhub-0.1.0.tar.gz#sha256={"0" * 64}">x</a>'
    server.answers = [http(200, link.encode(), "Content-Type: text/html")]
    with pytest.raises(Problem, match=r"other bytes under the name chainhub-0\.1\.0\.tar\.gz"):
        _publish(server, folder)
    assert sent == []


@pytest.mark.parametrize(
    ("status", "kind", "body", "said"),
    [
        (401, "text/html", "<p>Who?</p>", "does not know these credentials (401); they come"),
        (401, "text/plain", "No such user", "or the keyring. It says: No such user."),
        (403, "text/plain", "May not overwrite", "or the keyring. It says: May not overwrite."),
        (409, "text/plain", "", "was not published to the index 'acme': it answers 409."),
        (
            400,
            "text/html",
            "<title>400 Bad Request</title>\n<p>Invalid value for metadata_version: 2.5</p>",
            "'acme': it answers 400: 400 Bad Request Invalid value for metadata_version: 2.5.",
        ),
        (422, "application/json", '{"message": "no\\nzip"}', "it answers 422: no zip."),
        (
            400,
            "text/plain",
            "sk-test-1 and sk-test&#45;1",
            "it answers 400: *** and sk-test&#45;1.",
        ),
        (400, "text/html", "<p>sk-test&#45;1</p>", "it answers 400: ***."),
    ],
)
def test_a_refused_upload_is_a_sentence(
    server: Server,
    http: Respond,
    tmp_path: Path,
    wheel: Path,
    status: int,
    kind: str,
    body: str,
    said: str,
) -> None:
    """The index's own words are on one line, without markup and without the password."""
    server.answers = [http(status, body.encode(), f"Content-Type: {kind}")]
    with pytest.raises(Problem) as caught:
        publishing.send(wheel, Index("acme", "", f"{server.url}/"), ANN, _plain(tmp_path))
    assert said in str(caught.value)
    assert "sk-test-1" not in str(caught.value)
    assert "\n" not in str(caught.value)


BUSY = "error: x\n  cause: Server returned status code 503 Service Unavailable. Server says: later"
FULL = "error: x\n  cause: Server returned status code 507 Insufficient Storage. Server says: full"


@pytest.mark.parametrize(
    ("failures", "uploads", "said"),
    [
        ([BUSY, BUSY], 3, ""),
        ([BUSY] * 9, 4, "it answers 503: later. Publish again later: what has arrived is skipped."),
        ([BUSY, FULL], 2, "it answers 507: full."),
    ],
)
def test_a_busy_index_is_asked_again(
    monkeypatch: pytest.MonkeyPatch, failures: list[str], uploads: int, said: str
) -> None:
    """After growing pauses, three times; other refusals are final."""
    answers: Iterator[str | None] = iter([*failures, None])
    asked: list[object] = []
    pauses: list[float] = []

    def upload(*arguments: object) -> str | None:
        asked.append(arguments)
        return next(answers)

    monkeypatch.setattr(publishing, "_upload", upload)
    monkeypatch.setattr(time, "sleep", pauses.append)
    index = Index("acme", "", "https://acme.example.com/")
    if said:
        with pytest.raises(Problem) as caught:
            publishing.send(Path("x.whl"), index, ANN, {})
        assert str(caught.value).endswith(said)
    else:
        publishing.send(Path("x.whl"), index, ANN, {})
    assert len(asked) == uploads
    assert pauses == [2.0, 10.0, 30.0][: uploads - 1]


@pytest.mark.parametrize(
    ("environment", "expected"),
    [({}, "1"), ({"SSL_CERT_FILE": "a.pem"}, None), ({"UV_SYSTEM_CERTS": "0"}, "0")],
)
def test_an_upload_trusts_the_systems_certificates(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], expected: str | None
) -> None:
    """As the requests before it do, unless somebody says otherwise."""
    seen: list[dict[str, str]] = []

    def run(command: object, *, env: dict[str, str], **_: object) -> object:
        seen.append(env)
        return subprocess.CompletedProcess((), 0)

    monkeypatch.setattr(subprocess, "run", run)
    publishing.send(Path("x.whl"), Index("acme", "", ""), ANN, environment)
    assert seen[0].get("UV_SYSTEM_CERTS") == expected


def test_an_upload_is_accepted(server: Server, http: Respond, tmp_path: Path, wheel: Path) -> None:
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
        publishing.send(wheel, address, ANN, _plain(tmp_path), timeout=0.01)


@pytest.mark.parametrize(
    ("said", "expected"),
    [("error: a\n  cause: b.\n\n", "b"), ("", "uv does not say why")],
)
def test_the_last_cause_is_told(said: str, expected: str) -> None:
    """The innermost reason is the one that helps."""
    index = Index("acme", "", "")
    assert publishing.sentence("x", index, ANN, said) == (
        f"x was not published to the index 'acme': {expected}."
    )


def _plain(folder: Path) -> dict[str, str]:
    return {"HOME": str(folder), "PATH": "/usr/bin:/bin", "UV_CACHE_DIR": str(folder / "cache")}
