"""Do what a page says, in order: write its files, run its commands."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from tests.docs.test_blocks import Block, blocks

FILES = ("python", "text", "toml")


class Walk:
    """A person with an empty home, a folder, and a page in front of them."""

    def __init__(
        self,
        page: Path,
        folder: Path,
        environment: Mapping[str, str],
        stands_for: Mapping[str, str],
    ) -> None:
        self.folder = folder
        self.environment = dict(environment)
        self.unread = sections(page)
        self._stands_for = stands_for

    def section(self, heading: str, *answers: str) -> str:
        """Do what a section says, giving these answers to its questions; tell what was shown."""
        shown = ""
        for block in self.unread.pop(heading):
            text = self.translated(block.text)
            if block.language == "bash":
                shown += self.run(text, *answers)
            elif block.language in FILES and text.startswith("# "):
                self.write(text)
        return shown

    def translated(self, text: str) -> str:
        """Put the real thing where the page has a stand-in."""
        for name, real in self._stands_for.items():
            text = text.replace(name, real)
        return text

    def write(self, text: str) -> None:
        """Write a file whose first line is its name."""
        name, _, content = text.partition("\n")
        path = self.folder / Path(name.removeprefix("# ").replace("~", self.environment["HOME"]))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, "utf-8")

    def run(self, text: str, *answers: str, status: int = 0) -> str:
        """Run a block as one script; the variables it exports are kept for the next."""
        kept = self.folder.parent / "variables"
        done = subprocess.run(
            ("bash", "-euo", "pipefail", "-c", f"{text}\nenv -0 > '{kept}'"),
            cwd=self.folder,
            env=self.environment,
            # Without a terminal, whatever asks for a password reads it here.
            input="".join(f"{answer}\n" for answer in answers),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            timeout=180,
            check=False,
        )
        assert done.returncode == status, f"{text}\n{done.stdout}"
        if status == 0:
            pairs = kept.read_text("utf-8").split("\0")
            self.environment = dict(pair.split("=", 1) for pair in pairs if pair)
        return done.stdout


def sections(page: Path) -> dict[str, list[Block]]:
    """Sort a page's blocks under its headings; a heading without a block to run is left out."""
    text = page.read_text("utf-8")
    lines = text.splitlines()
    found: dict[str, list[Block]] = {}
    for block in (block for block in blocks(page, text) if not block.skipped):
        above = [line for line in lines[: block.line] if line.startswith("## ")]
        found.setdefault(above[-1].removeprefix("## "), []).append(block)
    return found


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
