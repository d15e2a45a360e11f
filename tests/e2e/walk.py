"""Follow a page in order: write its files, run its commands."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from tests.docs.test_blocks import Block, blocks

FILES = ("python", "text", "toml")


class Walk:
    """A user with an empty home directory and a folder, who follows a page."""

    def __init__(
        self,
        page: Path,
        folder: Path,
        environment: Mapping[str, str],
        replacements: Mapping[str, str],
    ) -> None:
        self.folder = folder
        self.environment = dict(environment)
        self.unread = sections(page)
        self._replacements = replacements

    def section(self, heading: str, *answers: str) -> str:
        """Follow a section, with these lines as standard input; return the output."""
        output = ""
        for block in self.unread.pop(heading):
            text = self.substitute(block.text)
            if block.language == "bash":
                output += self.run(text, *answers)
            elif block.language in FILES and text.startswith("# "):
                self.write(text)
        return output

    def substitute(self, text: str) -> str:
        """Replace the placeholders of the page."""
        for name, replacement in self._replacements.items():
            text = text.replace(name, replacement)
        return text

    def write(self, text: str) -> None:
        """Write a file whose first line is its name."""
        name, _, content = text.partition("\n")
        path = self.folder / Path(name.removeprefix("# ").replace("~", self.environment["HOME"]))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, "utf-8")

    def run(self, text: str, *answers: str, status: int = 0) -> str:
        """Run a block as one script; the variables it exports are kept for the next."""
        variables = self.folder.parent / "variables"
        result = subprocess.run(
            ("bash", "-euo", "pipefail", "-c", f"{text}\nenv -0 > '{variables}'"),
            cwd=self.folder,
            env=self.environment,
            # Without a terminal, programs read a password from standard input.
            input="".join(f"{answer}\n" for answer in answers),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            timeout=180,
            check=False,
        )
        assert result.returncode == status, f"{text}\n{result.stdout}"
        if status == 0:
            pairs = variables.read_text("utf-8").split("\0")
            self.environment = dict(pair.split("=", 1) for pair in pairs if pair)
        return result.stdout


def sections(page: Path) -> dict[str, list[Block]]:
    """Return a page's blocks by heading, without headings that have no block to run."""
    text = page.read_text("utf-8")
    lines = text.splitlines()
    blocks_by_heading: dict[str, list[Block]] = {}
    for block in (block for block in blocks(page, text) if not block.skipped):
        headings = [line for line in lines[: block.line] if line.startswith("## ")]
        blocks_by_heading.setdefault(headings[-1].removeprefix("## "), []).append(block)
    return blocks_by_heading


def person(folder: Path, programs: Mapping[str, Path]) -> dict[str, str]:
    """Make a home, and a PATH that has these programs before the system's."""
    home, tools = folder / "home", folder / "programs"
    for path in (home, tools):
        path.mkdir(parents=True)
    for name, program in programs.items():
        (tools / name).symlink_to(program)
    return {
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "PATH": os.pathsep.join((str(tools), "/usr/bin", "/bin")),
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "UV_CACHE_DIR": str(folder / "cache"),
        "UV_PYTHON_DOWNLOADS": "never",
    }
