"""Do everything that a change of the vendor's pages requires, and leave it on a branch.

The work is done in a clone of the last commit, in a temporary folder: import, repair, generate,
compare, version number, changelog, tests, two commits. The branch is moved last, in one step. So
after a failure at any moment, the working tree, its index and its branches are unchanged.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from tools import commands, documents, layout
from tools.changes import diff, snapshots
from tools.contract import called, operations
from tools.errors import PipelineError
from tools.pages import hosts, source

NOTHING, CHANGED, BREAKING, REFUSED = 0, 10, 20, 30
BRANCH: Final = "contract-update"
_REPORT: Final = "merge-request.md"
_HEADING: Final = re.compile(r"^## (?P<version>\d+\.\d+\.\d+) – (?P<date>.+)$", re.MULTILINE)
_UNRELEASED: Final = "unreleased"
_WIDTH: Final = 120
_TEST_LINES: Final = 40  # of the output of failing tests
_IDENTITY: Final = {"user.name": "chainhub update", "user.email": "update@localhost"}
_SECONDS: Final = 900.0  # for each step
_TEST_SECONDS: Final = 7200.0
_TESTS: Final = "{python} -m pytest -q -n 4 -m 'not slow' -p no:cacheprovider tests"


def update(
    location: str,
    allowed_hosts: Sequence[str] = (),
    *,
    replace: bool = False,
    branch: str = BRANCH,
    tests: str | None = None,
) -> tuple[int, str, list[str]]:
    """Update the contract and the client from the pages of a folder, a file, a list or a URL.

    Args:
        location: A folder, a file, an `llms.txt`, or a URL.
        allowed_hosts: Hosts that pages may name though the contract in place does not.
        replace: Whether operations that no page describes disappear.
        branch: The branch that is made or moved; it must not be checked out.
        tests: The command that has to pass; None for the quick tests, empty for none.

    Returns:
        The exit status, the text for the merge request, and what a person should know.

    Raises:
        PipelineError: it is refused, and nothing was changed.
    """
    with tempfile.TemporaryDirectory(prefix="chainhub-update-") as scratch:
        folder = Path(scratch)
        paths, notes = source.gathered(location, folder / "pages")
        copy = folder / "copy"
        _clone(copy)
        arguments = [str(path.absolute()) for path in paths]
        options = [f"--allow-host={host}" for host in allowed_hosts] + ["--replace"] * replace
        step = [sys.executable, "-m", "tools", "renew", *options, "--", *arguments]
        process = _run(step, copy, _SECONDS)
        notes = [line for line in (*notes, *process.stderr.splitlines()) if line]
        if process.returncode not in (NOTHING, CHANGED, BREAKING):
            raise PipelineError(notes[-1] if notes else "The pipeline stopped without a word.")
        if process.returncode == NOTHING:
            return NOTHING, "", notes
        report = (copy / "build" / _REPORT).read_text("utf-8")
        report += _notes_section(notes) + _test(copy, tests)
        _move_branch(copy, branch)
    layout.BUILD.mkdir(exist_ok=True)
    commands.write(layout.BUILD / _REPORT, report)
    return process.returncode, report, notes


def _notes_section(notes: Sequence[str]) -> str:
    return "\n## To know\n\n" + "".join(f"- {line}\n" for line in notes) if notes else ""


def _run(
    command: Sequence[str], folder: Path, seconds: float, variables: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            command,
            cwd=folder,
            env={**os.environ, **(variables or {})},
            capture_output=True,
            text=True,
            errors="replace",
            timeout=seconds,
        )
    except OSError as error:
        raise PipelineError(f"{command[0]} cannot be run: {error.strerror}.") from None
    except subprocess.TimeoutExpired:
        raise PipelineError(f"{command[0]} took longer than {seconds:.0f} s.") from None


def _git(folder: Path, *arguments: str) -> str:
    process = _run(["git", *arguments], folder, _SECONDS)
    if process.returncode:
        reason = process.stderr.strip().splitlines()[-1:] or ["it did not say why"]
        raise PipelineError(f"git {arguments[0]} fails: {reason[0].removeprefix('fatal: ')}.")
    return process.stdout.strip()


def _clone(copy: Path) -> None:
    """Clone the last commit; nothing is written into the repository itself."""
    root = layout.ROOT
    head = _git(root, "rev-parse", "--verify", "HEAD")
    _git(root, "clone", "--quiet", "--shared", "--no-checkout", str(root), str(copy))
    _git(copy, "checkout", "--quiet", "--detach", head)
    for key, default in _IDENTITY.items():
        value = _run(["git", "config", key], root, _SECONDS).stdout.strip()
        _git(copy, "config", key, value or default)


def _move_branch(copy: Path, branch: str) -> None:
    """Fetch the commits; the branch is written last."""
    if _git(layout.ROOT, "branch", "--show-current") == branch:
        raise PipelineError(f"{branch} is checked out; another branch must be named.")
    _git(layout.ROOT, "fetch", "--quiet", "--no-tags", str(copy), f"+HEAD:refs/heads/{branch}")


def _test(copy: Path, tests: str | None) -> str:
    """Run the tests with the environment of the project, over the code of the copy."""
    python = layout.ROOT / ".venv" / "bin" / "python"
    command = _TESTS.format(python=shlex.quote(str(python))) if tests is None else tests
    if not command.strip():
        return "\n## Tests\n\nNone were run.\n"
    path = os.pathsep.join(str(copy / folder) for folder in ("generated", "overlays"))
    process = _run(shlex.split(command), copy, _TEST_SECONDS, {"PYTHONPATH": path})
    if process.returncode:
        last = "\n".join((process.stdout + process.stderr).splitlines()[-_TEST_LINES:])
        raise PipelineError(f"The tests fail with what the pages give:\n{last}")
    return f"\n## Tests\n\n`{command}` passes.\n"


def renew(
    pages: Sequence[Path], allowed_hosts: Sequence[str] = (), *, replace: bool = False
) -> tuple[int, list[str]]:
    """Carry out an update in this working copy, which must be a clone for this purpose.

    Returns:
        The exit status, and what a person should know.

    Raises:
        PipelineError: the pages are refused.
    """
    root = layout.ROOT
    before = documents.read(layout.CONTRACT)
    imported = commands.spec(pages, allowed_hosts, layout.CONTRACT, replace=replace, renew=True)
    after = documents.read(layout.CONTRACT)
    new_hosts = (
        hosts.hosts_of(after) - hosts.hosts_of(before) - set(map(hosts.host_in, allowed_hosts))
    )
    if new_hosts:
        raise PipelineError(
            f"The key would go to {', '.join(sorted(new_hosts))}; --allow-host takes it by name."
        )
    notes = [*imported.notes, *imported.refused]
    if any(path.is_dir() for path in pages) and not replace:
        notes += _not_described(before, imported.described)
    if not _git(root, "status", "--porcelain", "--", layout.CONTRACT.name):
        return NOTHING, notes
    _commit(root, "Contract: as the vendor's pages describe it", layout.CONTRACT.name)
    repaired = commands.generate(layout.CONTRACT, layout.GENERATED)
    changes = commands.changed_since("HEAD~1")
    version = version_after(changes)
    lines = [*changes.contract.lines()]
    _write_version(version)
    write_changelog(version, lines)
    title = f"Regenerate: {_counts(changes.contract)}; {version}"
    files = [layout.GENERATED.name, "CHANGELOG.md", str(_version_file().relative_to(root))]
    body = "".join(textwrap.fill(line, 100, subsequent_indent="  ") + "\n" for line in lines)
    _commit(root, f"{title}\n\n{body or '- Nothing that callers see.'}", *files)
    repair_notes = [line for lines in repaired.notes().values() for line in lines]
    layout.BUILD.mkdir(exist_ok=True)
    report = f"# {title}\n\n{changes.draft()}" + f"\nThe version is {version}.\n"
    commands.write(layout.BUILD / _REPORT, report)
    return (BREAKING if changes.contract.breaking else CHANGED), notes + repair_notes


def _not_described(before: dict[str, documents.Json], described: set[str]) -> list[str]:
    names = {called(place) for place, _ in operations(before)} - described
    return [
        f"{name} stays, though no page describes it; REPLACE=1 drops it." for name in sorted(names)
    ]


def _counts(changes: diff.Difference) -> str:
    entries_by_kind = {
        "breaking": changes.breaking,
        "added": changes.added,
        "documentation": changes.documentation,
    }
    counts = [f"{len({*entries})} {kind}" for kind, entries in entries_by_kind.items() if entries]
    return ", ".join(counts) or "nothing that callers see"


def _commit(root: Path, message: str, *files: str) -> None:
    _git(root, "add", "--all", "--", *files)
    _git(root, "commit", "--quiet", "--no-gpg-sign", "--no-verify", "--message", message)


def _version_file() -> Path:
    return layout.ROOT / "overlays" / layout.CLIENT / "_version.py"


def version_after(changes: commands.Changes) -> str:
    """Choose the version: that of the unreleased entry where it is enough, else the next one."""
    text = documents.read_text(layout.ROOT / "CHANGELOG.md")
    match = _HEADING.search(text)
    current = snapshots.current().version or "0.0.0"
    if match is None or match["date"] != _UNRELEASED:
        return changes.asked_for(current)
    tag = snapshots.latest_tag()
    required = commands.changed_since(tag).asked_for(tag) if tag else current
    return max(current, required, key=diff.numbers_of)


def _write_version(version: str) -> None:
    path = _version_file()
    text = re.sub(
        r'^__version__ = ".*"$', f'__version__ = "{version}"', path.read_text("utf-8"), flags=re.M
    )
    commands.write(path, text)


def write_changelog(version: str, lines: Sequence[str]) -> None:
    """Put lines below *Contract* of the unreleased entry, which is created if it is missing."""
    path = layout.ROOT / "CHANGELOG.md"
    text = documents.read_text(path)
    new_lines = "".join(
        textwrap.fill(line, _WIDTH, subsequent_indent="  ") + "\n" for line in lines
    )
    match = _HEADING.search(text)
    heading = f"## {version} – {_UNRELEASED}"
    if match is None or match["date"] != _UNRELEASED:
        place = match.start() if match else len(text)
        text = f"{text[:place]}{heading}\n\n### Contract\n\n{new_lines}\n{text[place:]}"
    else:
        rest = text[match.end() :]
        entry, mark, older = rest.partition("\n## ")
        if "### Contract\n" in entry:
            first, title, contract = entry.partition("### Contract\n\n")
            contract, next_mark, client = contract.partition("\n### ")
            entry = f"{first}{title}{contract.rstrip()}\n{new_lines}{next_mark}{client}"
        else:
            entry = f"\n\n### Contract\n\n{new_lines}\n{entry.lstrip()}"
        text = f"{text[: match.start()]}{heading}{entry}{mark}{older}"
    commands.write(path, text)
