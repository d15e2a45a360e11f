"""The pages can be read by everybody: looked at in Chromium, in both widths and schemes.

`look.py` does the looking, in a process of its own, and prints a line for each fault.
"""

import os
import shutil
from pathlib import Path

import pytest

from tests.processes import output

HERE = Path(__file__).resolve().parent
PYTHON = HERE.parent.parent / ".venv-index" / "bin" / "python"
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
MISSING = [
    reason
    for missing, reason in (
        (CHROMIUM is None, "Chromium is not on PATH (CHROMIUM=… names another place)"),
        (not PYTHON.exists(), "playwright is in .venv-index, which `make test-all` makes"),
    )
    if missing
]
DOCS = HERE.parent.parent / "docs"
PAGES = ["genindex", "search"] + [
    str(path.relative_to(DOCS).with_suffix(""))
    for path in sorted(DOCS.rglob("*"))
    if path.suffix in (".md", ".rst")
]
# A browser is no Python package: the machine has it or not, and the reason names what is missing.
pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(MISSING), reason="; ".join(MISSING))]


def look(site: Path, pages: list[str], folder: Path, *options: str) -> list[str]:
    """Return the faults of pages, a line each."""
    variables = {**os.environ, "CHROMIUM": str(CHROMIUM), "HOME": str(folder)}
    program = (PYTHON, HERE / "look.py", *options, site, *pages)
    return output(*program, cwd=folder, env=variables).splitlines()


def test_first_and_widest_page(site: Path, tmp_path: Path) -> None:
    """The first page and the one with the widest tables are accessible and fit the screen."""
    assert look(site, ["index", "errors"], tmp_path, "--quick") == []


@pytest.mark.parametrize("page", PAGES)
def test_every_page(page: str, site: Path, tmp_path: Path) -> None:
    """So is every other one."""
    assert look(site, [page], tmp_path) == []


UNREADABLE = """<!doctype html><title>Bad</title><body style="margin: 0">
<main><h1 style="color: #aaa; width: 2000px">Pale and wide</h1><img src="https://far.invalid/a.png">
<pre>code</pre></main><script>console.error("broken"); missing()</script>"""


def test_faults_are_seen(tmp_path: Path) -> None:
    """A page with faults does not pass: contrast, names, width, copying, scripts, images."""
    (tmp_path / "bad.html").write_text(UNREADABLE, "utf-8")
    text = "\n".join(look(tmp_path, ["bad"], tmp_path, "--quick"))
    expected = (
        "bad, 390 px, dark: color-contrast",
        "html-has-lang",
        "image-alt",
        "the page is 2000 px wide",
        "1 code blocks have no copy button",
        "the console says: broken",
        "a script failed: missing is not defined",
        "loads https://far.invalid/a.png",
    )
    assert [fault for fault in expected if fault not in text] == []
