"""The pages in a real browser: usable by everybody, on a desktop and a phone, in light and dark."""

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

# `make test-all` looks at all of them.
SAMPLE = ("index",)


@pytest.fixture(scope="session")
def _chromium() -> None:
    """Say what is missing, if something is."""
    if not (shutil.which("chromium") or shutil.which("chromium-browser")):
        pytest.skip("Chromium is not installed (Debian: apt install chromium): no page was seen")
    for package in ("playwright", "axe_playwright_python"):
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"{package} is not installed: no page was seen")


def faults(site: Path, *names: str) -> list[str]:
    """Return what is wrong with the pages, as seen by Chromium."""
    program = Path(__file__).parent / "look.py"
    done = subprocess.run(
        (sys.executable, program, site, *names),
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


@pytest.mark.usefixtures("_chromium")
def test_the_first_page(site: Path) -> None:
    """Nobody is kept out, nothing runs off the screen, and nothing is asked of the network."""
    assert faults(site, *SAMPLE) == []


@pytest.mark.slow
@pytest.mark.usefixtures("_chromium")
def test_every_page(site: Path) -> None:
    """The same for all pages that people read."""
    made = (path.relative_to(site).with_suffix("") for path in site.rglob("*.html"))
    machine_made = ("genindex", "py-modindex", "search")
    assert faults(site, *sorted(str(page) for page in made if page.name not in machine_made)) == []
