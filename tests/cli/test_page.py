"""The page about the command line shows what really happens."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from chainhub.cli._records import Exit
from chainhub.sandbox import Sandbox, completed, failed
from tests.cli.conftest import PROJECT, ROOTS

PAGE = (PROJECT / "docs" / "command-line.md").read_text("utf-8")


class Shown(NamedTuple):
    """A command of the page and what it says comes of it."""

    command: str
    output: str


def shown(page: str) -> list[Shown]:
    """Read the commands that stand after a prompt, each with what stands below it."""
    found = []
    for block in re.findall(r"^```text\n(.*?)^```$", page, re.MULTILINE | re.DOTALL):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, output = part.partition("\n")
            found.append(Shown(command, output))
    return found


def pattern(output: str) -> str:
    """Return what output must match; … stands for anything within a line."""
    return re.escape(output).replace("…", "[^\n]*")


def test_the_page_is_true(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every command after a prompt, run in order in one folder, prints what stands below it."""
    program = tmp_path / "bin" / "chainhub"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -W error -m chainhub "$@"\n')
    program.chmod(0o755)
    folder = tmp_path / "work"
    folder.mkdir()
    with Sandbox(speed=50) as sandbox:
        sandbox.add(completed, id="veo3.1-fast:1760545785-euexscdeL8")
        sandbox.add(failed("the prompt was refused as unsafe"), id="veo3.1-fast:fails")
        path = f"{program.parent}{os.pathsep}{os.environ['PATH']}"
        variables = {**os.environ, **sandbox.environment, "PYTHONPATH": ROOTS, "PATH": path}
        commands = shown(PAGE)
        assert len(commands) >= 11
        for one in commands:
            done = subprocess.run(
                ["/bin/sh", "-c", one.command],
                cwd=folder,
                env=variables,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=60,
                check=False,
            )
            assert re.fullmatch(pattern(one.output), done.stdout), f"{one.command}\n{done.stdout}"


def test_the_page_lists_every_exit_code() -> None:
    """And no other."""
    table = PAGE.partition("## Exit codes")[2]
    listed = re.findall(r"^\| ([0-9, ]+) \|", table, re.MULTILINE)
    assert {int(code) for row in listed for code in row.split(",")} == set(Exit)


def test_the_page_lists_every_option(chainhub) -> None:
    """Of every command, by the help text."""
    page = set(re.findall(r"--[a-z][a-z0-9-]+", PAGE))
    for command in ("get", "wait", "watch", "download", "batch", "doctor"):
        options = set(re.findall(r"^  (?:-\w, )?(--[a-z0-9-]+)", chainhub(command, "-h").out, re.M))
        assert options - page == set(), command
