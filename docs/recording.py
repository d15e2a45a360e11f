"""Record the command line on a real terminal, as the picture of the README: `make docs`.

The commands run against the sandbox, on a pseudo-terminal, in an empty folder; the final screen
becomes an SVG, with ~ for the folder's path. The picture is written again only if its text has
changed, without times and versions.
"""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from io import StringIO
from itertools import groupby
from pathlib import Path

import pyte
from rich import _export_format
from rich.console import Console
from rich.text import Text

from chainhub.sandbox import Sandbox

PICTURE = Path(__file__).parent / "terminal.svg"
WIDTH, HEIGHT = 96, 40
COMMANDS = (
    "chainhub wait veo3.1-fast:completes veo3.1-fast:is-flaky --interval 1s --download videos",
    "chainhub wait veo3.1-fast:fails --interval 1s; echo $?",
    "chainhub doctor",
)
_FONTS = re.compile(r"@font-face \{\{.*?\}\}", re.DOTALL)
_VARIABLE = re.compile(
    r"terminal-\d+|\d+:\d\d|\d+ ms|127\.0\.0\.1(&#160;)?:\d+|[0-9a-z.]+\d[0-9a-z.]*"
)


def main() -> int:
    """Record all commands and write the picture if its text has changed."""
    svg = picture(lines(session(COMMANDS)))
    if not PICTURE.exists() or constant_part(PICTURE.read_text("utf-8")) != constant_part(svg):
        PICTURE.write_text(svg, "utf-8")
        print(f"{PICTURE.name} is new")
    return 0


def session(commands: Sequence[str]) -> pyte.Screen:
    """Type the commands into a terminal of their own and return its screen."""
    screen = pyte.Screen(WIDTH, HEIGHT)
    stream = pyte.ByteStream(screen)
    with Sandbox(speed=5) as sandbox, tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, **sandbox.environment, "TERM": "xterm-256color"}
        environment |= {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
        environment |= {"COLUMNS": str(WIDTH), "LINES": str(HEIGHT)}
        environment.pop("NO_COLOR", None)
        for command in commands:
            stream.feed(f"\x1b[1m$ {command}\x1b[0m\r\n".encode())
            for data in output(["sh", "-c", command], folder, environment):
                stream.feed(data.replace(os.fsencode(folder), b"~"))
            stream.feed(b"\r\n")
    return screen


def output(command: Sequence[str], folder: str, environment: dict[str, str]) -> Iterator[bytes]:
    """Yield what a command writes to its terminal."""
    master, slave = pty.openpty()
    with subprocess.Popen(
        command, cwd=folder, env=environment, stdin=slave, stdout=slave, stderr=slave
    ) as process:
        os.close(slave)
        with suppress(OSError):  # on Linux, the end of the output
            while data := os.read(master, 65536):
                yield data
        os.close(master)
        process.wait(60)


def lines(screen: pyte.Screen) -> list[Text]:
    """Return the lines of a screen with their colours."""
    texts = []
    for row in range(screen.cursor.y):
        line = Text()
        cells = (screen.buffer[row][column] for column in range(WIDTH))
        for style_name, run in groupby(cells, style):
            line.append("".join(cell.data for cell in run), style_name)
        line.rstrip()
        texts.append(line)
    while texts and not texts[-1].plain:
        texts.pop()
    return texts


def style(cell: pyte.screens.Char) -> str:
    """Return the style of a cell, as rich names it."""
    colour = {"default": "", "brown": "yellow"}.get(cell.fg, cell.fg.replace("bright", "bright_"))
    return f"{'bold ' if cell.bold else ''}{colour}".strip()


def picture(texts: list[Text]) -> str:
    """Return an SVG of the lines that loads no external file."""
    console = Console(record=True, width=WIDTH, file=StringIO(), force_terminal=True)
    for line in texts:
        console.print(line, soft_wrap=False)
    template = _FONTS.sub("", _export_format.CONSOLE_SVG_FORMAT)
    return console.export_svg(title="chainhub", code_format=template)


def constant_part(svg: str) -> str:
    """Return a picture without the parts that differ between two recordings."""
    return _VARIABLE.sub("", svg)


if __name__ == "__main__":
    sys.exit(main())
