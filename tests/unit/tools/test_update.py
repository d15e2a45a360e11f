"""An update: from pages to a branch with two commits, or nothing at all."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

from tests.unit.tools.places import PUBLISHED, git, overlay_of_published, work_in
from tools import commands, documents, layout, update
from tools.__main__ import main
from tools.changes.diff import Change, Difference
from tools.errors import PipelineError
from tools.pages import source

pytestmark = pytest.mark.git

PAGE = """# Create a film

```yaml
openapi: 3.0.1
info: {title: "", version: 1.0.0}
servers: [{url: "https://HOST"}]
paths:
  /v1/film/create:
    post:
      summary: SUMMARY
      parameters: [{name: size, in: query, schema: {type: string, maxLength: LIMIT}}]
      responses: {"200": {description: "", content: {application/json: {schema: {type: string}}}}}
```
"""


def page(limit: int = 9, host: str = "api.chainhub.tech", summary: str = "Create") -> str:
    """Write a page of the vendor."""
    return PAGE.replace("LIMIT", str(limit)).replace("HOST", host).replace("SUMMARY", summary)


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a repository of the project as it would be with the published page only."""
    root = tmp_path_factory.mktemp("origin")
    for name in ("tools", "overlays"):
        ignored = shutil.ignore_patterns("__pycache__", layout.CLIENT)
        shutil.copytree(layout.ROOT / name, root / name, ignore=ignored)
    shutil.copy(layout.CONFIG, root)
    shutil.copy(PUBLISHED, root / "openapi.yaml")
    (root / "overlays" / "openapi.overlay.yaml").write_text(overlay_of_published())
    client = root / "overlays" / "chainhub"
    client.mkdir()
    (client / "__init__.py").write_text("def ask(): ...\n")
    (client / "_version.py").write_text('__version__ = "0.1.0"\n')
    (root / "CHANGELOG.md").write_text(
        "# Changelog\n\n## 0.1.0 – unreleased\n\n### Contract\n\n- Added: a call.\n\n"
        "### Client\n\n- Added: a client.\n"
    )
    (root / ".gitignore").write_text("build/\n__pycache__/\n")
    command = [sys.executable, "-m", "tools", "generate"]
    subprocess.run(command, cwd=root, check=True, capture_output=True, timeout=120)
    git(root, "init", "--quiet", "--initial-branch=main")
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--message", "First")
    return root


@pytest.fixture
def project(origin: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Clone it, and let the pipeline work there."""
    root = tmp_path / "project"
    git(tmp_path, "clone", "--quiet", str(origin), str(root))
    work_in(root, monkeypatch, "OVERLAY", "TASKS", "CONFIG")
    return root


def state(root: Path) -> tuple[str, str, dict[str, bytes]]:
    """Note the branches, what git sees, and every file but git's own and build/."""
    files = {
        str(path.relative_to(root)): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() and not {".git", "build", "__pycache__"} & {*path.relative_to(root).parts}
    }
    return git(root, "show-ref"), git(root, "status", "--porcelain"), files


def started(root: Path, *arguments: str) -> subprocess.Popen[str]:
    """Start an update as a cron job does."""
    command = [sys.executable, "-m", "tools", "update", "--tests=", *arguments]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=root, stdout=pipe, stderr=pipe, text=True)


def test_a_page_becomes_a_branch_with_two_commits(
    project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With changelog, version and the text for the merge request; then it is nothing new."""

    def ran(*arguments: str) -> tuple[int, str, str]:
        return main(["update", "--tests=", *arguments, str(new)]), *capsys.readouterr()

    new = tmp_path / "page.md"
    new.write_text(page())
    before = state(project)
    code, out, err = ran(f"--tests={sys.executable} -c pass")
    assert (code, err) == (update.CHANGED, "")
    assert out.endswith(f"`{sys.executable} -c pass` passes.\n\n")
    assert state(project)[1:] == before[1:]
    assert "\nThe version is 0.1.0.\n" in out
    assert out.startswith("# Regenerate: 1 added; 0.1.0\n\n### Contract\n\n- Added: `client.film")
    assert out == (project / "build" / "merge-request.md").read_text() + "\n"
    assert git(project, "log", "--format=%s", f"main..{update.BRANCH}").splitlines() == [
        "Regenerate: 1 added; 0.1.0",
        "Contract: as the vendor's pages describe it",
    ]
    files = git(project, "diff", "--name-only", f"{update.BRANCH}~1", update.BRANCH).splitlines()
    assert files[0] == "CHANGELOG.md"
    assert all(file.startswith("generated/") for file in files[1:])
    git(project, "checkout", "--quiet", update.BRANCH)
    changelog = (project / "CHANGELOG.md").read_text()
    assert "- Added: a call.\n- Added: `client.film.create(…)`.\n\n### Client\n" in changelog
    assert ran() == (update.NOTHING, "Nothing new.\n", "")
    new.write_text(page(5))
    code, out, err = ran()
    assert (code, out) == (update.REFUSED, "")
    assert err == f"{update.BRANCH} is checked out; another branch must be named.\n"
    new.write_text(page(5, summary="Create: a film"))  # YAML takes no second colon
    code, out, err = ran("--branch=other")
    assert code == update.BREAKING
    assert err.startswith(f"{new}:10 is fixed: summary: Create: a film")
    assert "at most `5` characters, no longer `9`" in out
    new.write_text(page(9, "api.chainhub.tech.evil.example"))
    code, out, err = ran("--branch=third")
    assert (code, out) == (update.REFUSED, "")
    assert git(project, "branch", "--list", "third") == ""
    assert "the key would go to its server api.chainhub.tech.evil.example" in err


@pytest.mark.parametrize(
    "moment",
    [
        *(0.8, 1.6),
        *(pytest.param(number * 0.1, marks=pytest.mark.slow) for number in range(50)),
    ],
)
def test_a_kill_at_any_moment_changes_nothing(project: Path, tmp_path: Path, moment: float) -> None:
    """Or the branch is there, whole."""
    (tmp_path / "page.md").write_text(page())
    before = state(project)
    with started(project, str(tmp_path / "page.md")) as process:
        time.sleep(moment)
        process.send_signal(signal.SIGKILL)
        process.communicate()
    after = state(project)
    assert after[1:] == before[1:]
    if after[0] != before[0]:
        assert len(git(project, "log", "--format=%h", f"main..{update.BRANCH}").split()) == 2
    git(project, "fsck", "--connectivity-only")


def renewed(root: Path, *pages: Path, replace: bool = False) -> tuple[int, list[str], str]:
    """Carry an update out here."""
    status, told = update.renew(pages, replace=replace)
    report = root / "build" / "merge-request.md"
    return status, told, report.read_text() if report.exists() else ""


def test_what_the_pages_say_takes_the_place_of_what_they_said(
    project: Path, tmp_path: Path
) -> None:
    """A changed text too; what they no longer describe stays, and is told."""
    git(project, "config", "user.name", "x")
    git(project, "config", "user.email", "x@localhost")
    folder = tmp_path / "pages"
    folder.mkdir()
    (folder / "a.md").write_text(page())
    stays = "GET /v1/video/query stays, though no page describes it; REPLACE=1 drops it."
    assert renewed(project, folder)[:2] == (update.CHANGED, [stays])
    before = layout.CONTRACT.read_text()
    (folder / "a.md").write_text(page(summary="Make"))
    status, told, report = renewed(project, folder)
    assert (status, told) == (update.CHANGED, [stays])
    assert "summary was `Create` and is `Make`" in report
    changed = set(layout.CONTRACT.read_text().splitlines()) ^ set(before.splitlines())
    assert changed == {"      summary: Create", "      summary: Make"}
    assert renewed(project, folder)[0] == update.NOTHING
    status, told, report = renewed(project, folder, replace=True)
    assert (status, told) == (update.BREAKING, ["GET /v1/video/query is gone."])
    assert "- Breaking: `client.video.query(…)` is gone.\n" in report


def test_a_service_that_moves_is_refused(project: Path, tmp_path: Path) -> None:
    """Where nobody looks, the key must not follow it; allowed by name it does."""
    (tmp_path / "page.md").write_text(page(host="other.example"))
    with pytest.raises(PipelineError, match=r"The key would go to other\.example; --allow-host"):
        update.renew([tmp_path / "page.md"], replace=True)
    git(project, "checkout", "--quiet", ".")
    assert main(["renew", "--replace", str(tmp_path / "page.md")]) == update.REFUSED
    git(project, "checkout", "--quiet", ".")
    git(project, "config", "user.name", "x")
    git(project, "config", "user.email", "x@localhost")
    allowed = ["renew", "--replace", "--allow-host=other.example", str(tmp_path / "page.md")]
    assert main(allowed) == update.BREAKING


CI = Path(__file__).resolve().parents[3] / "examples" / "ci"


def test_the_script_for_ci_hands_the_branch_in(project: Path, tmp_path: Path) -> None:
    """Its exit status is good for what is new, and 30 for what is refused."""
    new, outputs, remote = (tmp_path / name for name in ("page.md", "outputs", "remote.git"))
    git(tmp_path, "init", "--quiet", "--bare", str(remote))
    for name, text in {
        "bin/make": "exit 0",
        ".venv-generator/bin/python": f'exec {sys.executable} "$@"',
        ".venv/bin/python": "exit 0",
    }.items():
        (project / name).parent.mkdir(parents=True)
        (project / name).write_text(f"#!/bin/sh\n{text}\n")
        (project / name).chmod(0o755)
    path = f"{project / 'bin'}:{os.environ['PATH']}"
    variables = {"PATH": path, "REMOTE": str(remote), "GITHUB_OUTPUT": str(outputs)}

    def handed_in(text: str) -> int:
        new.write_text(text)
        environment = {**os.environ, **variables, "PAGES_URL": str(new)}
        command = ["sh", str(CI / "update.sh")]
        return subprocess.run(command, cwd=project, env=environment, timeout=120).returncode

    assert handed_in(page()) == 0
    assert "Regenerate: " in git(remote, "log", "--format=%s", update.BRANCH)
    assert outputs.read_text() == "label=update\n"
    assert handed_in(page(host="api.chainhub.tech.evil.example")) == update.REFUSED


def test_the_files_for_ci_run_it() -> None:
    """Each once, with the whole history."""
    for name in ("gitlab-ci.yml", "github-actions.yml"):
        text = (CI / name).read_text("utf-8")
        assert text.count("sh examples/ci/update.sh") == 1
        assert re.search(r'GIT_DEPTH: "0"|fetch-depth: 0', text)
        assert documents.read(CI / name)


ENTRY = "## 0.1.0 – unreleased\n\n### Contract\n\n- A.\n\n### Client\n\n- C.\n"


@pytest.mark.parametrize(
    ("before", "version", "after"),
    [
        (ENTRY, "0.1.0", ENTRY.replace("- A.\n", "- A.\n- New.\n")),
        (ENTRY, "0.2.0", ENTRY.replace("0.1.0", "0.2.0").replace("- A.\n", "- A.\n- New.\n")),
        (
            "## 0.1.0 – unreleased\n\n### Client\n\n- C.\n\n## 0.0.9 – 2026-01-01\n",
            "0.1.0",
            "## 0.1.0 – unreleased\n\n### Contract\n\n- New.\n\n### Client\n\n- C.\n"
            "\n## 0.0.9 – 2026-01-01\n",
        ),
        (
            "## 0.0.9 – 2026-01-01\n",
            "0.1.0",
            "## 0.1.0 – unreleased\n\n### Contract\n\n- New.\n\n## 0.0.9 – 2026-01-01\n",
        ),
        ("", "0.1.0", "## 0.1.0 – unreleased\n\n### Contract\n\n- New.\n\n"),
        (
            "## 0.1.0 – unreleased\n\n### Contract\n\n- A.\n",
            "0.1.0",
            "## 0.1.0 – unreleased\n\n### Contract\n\n- A.\n- New.\n",
        ),
    ],
)
def test_the_changelog_gets_an_entry(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: str, version: str, after: str
) -> None:
    """In the unreleased version's part on the contract, which is made where it is missing."""
    monkeypatch.setattr(layout, "ROOT", tmp_path)
    path = tmp_path / "CHANGELOG.md"
    path.write_text(f"# Changelog\n\n{before}")
    update.write_changelog(version, ["- New.\n"])
    assert path.read_text() == f"# Changelog\n\n{after}"


@pytest.mark.parametrize(
    ("date", "tag", "version"),
    [
        ("unreleased", "", "0.1.0"),
        ("unreleased", "v0.1.0", "0.1.1"),
        ("2026-01-01", "", "0.1.1"),
    ],
)
def test_the_version_is_the_smallest_that_is_allowed(
    project: Path, date: str, tag: str, version: str
) -> None:
    """That of the unreleased entry where it is enough since the last tag, else the next one."""
    changelog = project / "CHANGELOG.md"
    changelog.write_text(changelog.read_text().replace("unreleased", date))
    git(project, *(("tag", tag) if tag else ("tag", "--list")))
    (project / "overlays" / "chainhub" / "__init__.py").write_text("def ask(more=1): ...\n")
    added = Difference(added=[Change("`client.film.create(…)`", "`client.film.create(…)`")])
    changes = commands.Changes(added, Difference(), previous=None, missing=[])
    assert update.version_after(changes) == version


def test_tests_that_fail_refuse_the_update(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With what they said last; a git that takes too long, too."""
    (tmp_path / "page.md").write_text(page())
    before = state(project)
    with pytest.raises(PipelineError, match="The tests fail with what the pages give:\n7"):
        update.update(str(tmp_path / "page.md"), tests=f"{sys.executable} -c 'print(7); exit(1)'")
    assert state(project) == before
    monkeypatch.setattr(update, "_SECONDS", 0.0)
    with pytest.raises(PipelineError, match=r"git took longer than 0 s\."):
        update.update(str(tmp_path / "page.md"))


class Pages(BaseHTTPRequestHandler):
    """A site with pages; what it was asked is in `asked`."""

    asked: ClassVar[list[tuple[str, str | None]]] = []
    pages: ClassVar[dict[str, tuple[int, str]]] = {}

    def do_GET(self) -> None:
        self.asked.append((self.path, self.headers["If-None-Match"]))
        code, text = self.pages.get(self.path, (404, ""))
        tag = f'"{hash(text)}"'
        if self.headers["If-None-Match"] == tag:
            code, text = 304, ""
        self.send_response(code)
        self.send_header("ETag", tag)
        if 300 < code < 304:
            self.send_header("Location", text)
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[str]:
    """Serve pages on loopback."""
    monkeypatch.setattr(layout, "BUILD", tmp_path / "build")
    monkeypatch.setattr(Pages, "asked", [])
    monkeypatch.setattr(Pages, "pages", {})
    for name in ("http_proxy", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with ThreadingHTTPServer(("127.0.0.1", 0), Pages) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_list_of_pages_is_fetched_from_its_host_only(site: str, tmp_path: Path) -> None:
    """Each page once, under its name; what has not changed is not sent again."""
    links = ("a/e.md", "/docs/b%20c.md#part", "/docs/b%20c.md", "https://elsewhere.example/c.md")
    lines = (f"- [page]({link}): text\n" for link in (*links, "d.md", "index.html"))
    Pages.pages |= {
        "/docs/llms.txt": (200, f"# Pages\n{''.join(lines)}"),
        "/docs/b%20c.md": (200, "b"),
        "/docs/a/e.md": (200, "a"),
    }
    for number in range(2):
        paths, notes = source.gathered(f"{site}/docs/llms.txt", tmp_path / str(number))
        assert paths == [tmp_path / str(number)]
        assert notes == [
            f"https://elsewhere.example/c.md is left out: its host is not {site[7:]}.",
            f"{site}/docs/d.md is left out: it is not there.",
        ]
        files = sorted(path for path in paths[0].rglob("*") if path.is_file())
        assert [str(path.relative_to(paths[0])) for path in files] == [
            "docs/a/e.md",
            "docs/b-c.md",
        ]
        assert [path.read_text() for path in files] == ["a", "b"]
    assert [tag is None for _, tag in Pages.asked] == [*[True] * 4, *[False, False, False, True]]


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        ((500, ""), "cannot be fetched: HTTP 500."),
        ((404, ""), "is not there."),
        ((302, "https://elsewhere.example/"), "leads to another host: elsewhere.example."),
        ((200, "x" * 100), "is too large."),
    ],
)
def test_what_cannot_be_fetched_is_refused(
    site: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    answer: tuple[int, str],
    sentence: str,
) -> None:
    """As a whole: half of the pages would be half of a contract."""
    monkeypatch.setattr(source, "MAX_BYTES", 50)
    Pages.pages["/a"] = answer
    with pytest.raises(PipelineError, match=re.escape(sentence)):
        source.gathered(f"{site}/a", tmp_path / "in")
    monkeypatch.setattr(source, "SECONDS", -1.0)
    Pages.pages["/b"] = (200, "x")
    with pytest.raises(PipelineError, match="not all was sent within"):
        source.gathered(f"{site}/b", tmp_path / "in")


def test_a_page_by_its_url(site: str, tmp_path: Path) -> None:
    """A redirect on the same host is followed; a damaged note of before is not trusted."""
    Pages.pages |= {"/a": (302, f"{site}/b"), "/b": (200, "text"), "/": (200, "root")}
    assert source.gathered(f"{site}/a", tmp_path)[0][0].read_text() == "text"
    for kept in (tmp_path / "build" / "pages").glob("*.json"):
        kept.write_text("{")
    assert source.gathered(f"{site}/a", tmp_path)[0] == [tmp_path / "a.md"]
    assert source.gathered(f"{site}/", tmp_path)[0] == [tmp_path / "page.md"]


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("http://docs.example/a", "http://docs.example/a is no https URL."),
        ("ftp://docs.example/a", "is no https URL."),
        ("https://me:secret@docs.example/a", "A URL with a name or a password in it"),
        ("nowhere", "nowhere is neither a file, a folder nor a URL."),
        ("http://127.0.0.1:1/a", "cannot be fetched: "),
    ],
)
def test_what_is_no_source_is_refused(tmp_path: Path, url: str, sentence: str) -> None:
    """Before anything is asked."""
    with pytest.raises(PipelineError) as caught:
        source.gathered(url, tmp_path)
    assert sentence in str(caught.value)
    assert "secret" not in str(caught.value)


def test_lists_that_are_too_long_or_empty(
    site: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Are refused, on a host and here."""
    Pages.pages["/llms.txt"] = (200, "[a](a.md)")
    with pytest.raises(PipelineError, match="lists no page that is there"):
        source.gathered(f"{site}/llms.txt", tmp_path / "in")
    monkeypatch.setattr(source, "MAX_PAGES", 0)
    with pytest.raises(PipelineError, match="lists 1 pages; 0 are taken"):
        source.gathered(f"{site}/llms.txt", tmp_path / "in")
    listed = tmp_path / "llms.txt"
    listed.write_text("[a](https://docs.example/a.md) [b](../../b.md) [c](c.md)")
    with pytest.raises(PipelineError, match="lists no page that is here"):
        source.gathered(str(listed), tmp_path)
    (tmp_path / "c.md").write_text("")
    paths, notes = source.gathered(str(listed), tmp_path)
    assert paths == [tmp_path / "c.md"]
    assert notes == [
        "https://docs.example/a.md is left out: docs.example was not named; FROM=URL names it.",
        f"../../b.md is left out: it is no file beside {listed}.",
    ]


def test_git_must_be_here_and_have_a_commit(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else it is refused with a sentence."""
    (tmp_path / "page.md").write_text(page())
    shutil.rmtree(project / ".git")
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(project.parent))
    with pytest.raises(PipelineError, match="git rev-parse fails: not a git repository"):
        update.update(str(tmp_path / "page.md"))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(PipelineError, match="git cannot be run: No such file"):
        update.update(str(tmp_path / "page.md"))
