"""The documents are true: their programs run, their commands and files exist.

A Python block is a whole program and runs against the sandbox, in a folder of its own. A line
``<!-- not run: reason -->`` before a block leaves it out.
"""

import importlib.util
import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

FAST = {"PYTHONPATH": str(Path(__file__).resolve().parent / "fast")}
# Plays each program in a fork of itself: what all of them import is loaded once. The exit status of
# a program that takes a minute is that of the alarm.
PLAYER = """
import os, runpy, signal, sys
import asyncio, httpx
for line in sys.stdin:
    program = line.rstrip("\\n")
    child = os.fork()
    if not child:
        break
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
else:
    sys.exit()
signal.alarm(60)
os.chdir(os.path.dirname(program))
for number, file, flags in (0, os.devnull, os.O_RDONLY), (1, "shown", os.O_WRONLY | os.O_CREAT):
    os.dup2(os.open(file, flags), number)
os.dup2(1, 2)
sys.argv, sys.path[0] = [program], os.path.dirname(program)
runpy.run_path(program, run_name="__main__")
"""
PROJECT = Path(__file__).resolve().parent.parent.parent
FENCE = re.compile(r"^( *)(`{3,}|~{3,}) *([\w+-]*).*$")
SHELL = ("bash", "console", "sh", "shell")
DATA_LANGUAGES = ("", "diff", "dockerfile", "json", "mermaid", "text", "toml", "yaml")
# Every command of these is run by tests/e2e, against index servers.
RUN_IN_E2E = ("docs/installing.md", "docs/publishing.md")
FOREIGN = ("cd", "curl", "export", "git", "pip", "pipx", "uv")


class Block(NamedTuple):
    """A fenced block and its position."""

    document: Path
    line: int
    language: str
    text: str
    skipped: bool

    @property
    def place(self) -> str:
        """Name the block the way a compiler would."""
        return f"{self.document.relative_to(PROJECT)}:{self.line}"


def documents() -> list[Path]:
    """Return the documents."""
    pages = [PROJECT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")]
    return [path for path in (*pages, *sorted((PROJECT / "docs").rglob("*.md"))) if path.exists()]


def blocks(document: Path, text: str) -> Iterator[Block]:
    """Read the fenced blocks; a fence ends at one of its own kind and at least its own length."""
    opened: tuple[int, str, str, str, bool] | None = None
    lines: list[str] = []
    previous = ""
    for number, line in enumerate(text.splitlines(), start=1):
        fence = FENCE.match(line)
        if opened is None and fence:
            opened = (number, *fence.groups(), previous.startswith("<!-- not run: "))
            lines = []
        elif opened and re.fullmatch(rf" *{opened[2][0]}{{{len(opened[2])},}} *", line):
            yield Block(document, opened[0], opened[3], "\n".join(lines) + "\n", opened[4])
            opened = None
        elif opened:
            lines.append(line.removeprefix(opened[1]))
        previous = line.strip() or previous
    assert opened is None, f"{document}: the block at line {opened and opened[0]} never ends"


def commands(text: str) -> Iterator[list[str]]:
    """Split a shell block into commands, without prompts, comments and variables set in front."""
    for line in text.replace("\\\n", " ").splitlines():
        words = shlex.split(line.removeprefix("$ "), comments=True)
        while words and re.match(r"^\w+=", words[0]):
            words.pop(0)
        if words:
            yield words


def targets() -> set[str]:
    """Return the targets of the Makefile."""
    return set(re.findall(r"^([a-z-]+):", (PROJECT / "Makefile").read_text("utf-8"), re.MULTILINE))


def objection(words: list[str]) -> str | None:
    """Return what is wrong with a command, or None."""
    command, *arguments = words
    if command == "make":
        names = [word for word in arguments if "=" not in word and not word.startswith("-")]
        unknown = sorted(set(names) - targets())
        return f"no such target: {', '.join(unknown)}" if unknown else None
    if command in ("python", "python3"):
        return _program_objection(arguments)
    return None if command in FOREIGN else f"nobody vouches for the command {command!r}"


def _program_objection(arguments: list[str]) -> str | None:
    if arguments[:1] == ["-m"]:
        exists = importlib.util.find_spec(arguments[1]) is not None
    else:
        exists = arguments[:1] == ["-c"] or (PROJECT / arguments[0]).is_file()
    return None if exists else f"no such program: {' '.join(arguments)}"


def _runs_in_e2e(block: Block) -> bool:
    return block.language in SHELL and block.place.partition(":")[0] in RUN_IN_E2E


def _params(*languages: str) -> list[object]:
    page_blocks = (block for path in documents() for block in blocks(path, path.read_text("utf-8")))
    return [
        pytest.param(block, id=block.place)
        for block in page_blocks
        if block.language in languages and not block.skipped and not _runs_in_e2e(block)
    ]


@pytest.fixture(scope="module")
def play(sandbox_variables: dict[str, str]) -> Iterator[Callable[[Path], tuple[int, str]]]:
    """Give a function that runs a program in its folder; it gives exit status and output."""
    command = (sys.executable, "-W", "error", "-c", PLAYER)
    environment = {**os.environ, **sandbox_variables, **FAST}
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as player:
        assert player.stdin
        assert player.stdout

        def run(program: Path) -> tuple[int, str]:
            print(program, file=player.stdin, flush=True)
            status = int(player.stdout.readline())
            return status, (program.parent / "shown").read_text("utf-8")

        yield run


@pytest.mark.parametrize("block", _params("python", "py"))
def test_program_runs(
    block: Block, play: Callable[[Path], tuple[int, str]], tmp_path: Path
) -> None:
    """A Python block, copied as it stands, does its work without an error or a warning."""
    program = tmp_path / "block.py"
    # Empty lines in front make a traceback name the line of the document.
    program.write_text("\n" * block.line + block.text, "utf-8")
    status, text = play(program)
    assert status == 0, f"{block.place}\n{text}"
    # A warning while an object is collected is only printed.
    assert "Exception ignored" not in text, f"{block.place}\n{text}"


@pytest.mark.parametrize("block", _params(*SHELL))
def test_command_exists(block: Block) -> None:
    """A shell block uses targets of the Makefile and programs that are there."""
    objections = [problem for words in commands(block.text) if (problem := objection(words))]
    assert objections == [], block.place


@pytest.mark.parametrize("document", documents(), ids=lambda path: path.name)
def test_data_can_be_read(document: Path) -> None:
    """A block of data is well formed."""
    readers = {"json": json.loads, "toml": tomllib.loads}
    for block in blocks(document, document.read_text("utf-8")):
        if reader := readers.get(block.language):
            reader(block.text)


@pytest.mark.parametrize("document", documents(), ids=lambda path: path.name)
def test_every_block_has_a_known_language(document: Path) -> None:
    """No block escapes the tests above by a misspelt language."""
    languages = {*SHELL, *DATA_LANGUAGES, "python", "py"}
    page_blocks = list(blocks(document, document.read_text("utf-8")))
    assert [block.place for block in page_blocks if block.language not in languages] == []


@pytest.mark.parametrize("document", documents(), ids=lambda path: path.name)
def test_links_lead_somewhere(document: Path) -> None:
    """A link to a file of the project has that file at its end."""
    links = re.findall(r"\]\(([^)#\s]+)[^)]*\)", document.read_text("utf-8"))
    inner = [link for link in links if "://" not in link and not link.startswith("mailto:")]
    assert [link for link in inner if not (document.parent / link).exists()] == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("```python\na\n```\n", [("python", "a\n")]),
        ("````text\n```python\na\n```\n````\n", [("text", "```python\na\n```\n")]),
        ("- item\n\n  ```sh\n  make\n  ```\n", [("sh", "make\n")]),
        ("~~~json\n{}\n~~~\n```\nplain\n```\n", [("json", "{}\n"), ("", "plain\n")]),
    ],
)
def test_blocks_are_read(text: str, expected: list[tuple[str, str]]) -> None:
    """Fences may be long, indented, or of tildes."""
    assert [(block.language, block.text) for block in blocks(PROJECT, text)] == expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("make run", None),
        ("$ CHAINHUB_API_KEY=sk-test-1 make run TASK=a", None),
        ("make rum", "no such target: rum"),
        ("python -m chainhub.sandbox", None),
        ("python -m chainhub.no_such_thing", "no such program: -m chainhub.no_such_thing"),
        ("pip install \\\n  chainhub  # from your index", None),
        ("launch", "nobody vouches for the command 'launch'"),
    ],
)
def test_commands_are_judged(line: str, expected: str | None) -> None:
    """A misspelt target or program is an objection; a known foreign command is not."""
    (words,) = commands(line)
    assert objection(words) == expected


def test_a_block_can_be_left_out_with_a_reason() -> None:
    """A comment before a block takes it out of the run, and only it."""
    text = "<!-- not run: needs a GPU -->\n\n```python\na\n```\n\n```python\nb\n```\n"
    assert [block.skipped for block in blocks(PROJECT, text)] == [True, False]
