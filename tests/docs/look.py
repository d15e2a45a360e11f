"""Look at pages of the built site in Chromium and print what is wrong for a person, a line each.

Usage: ``look.py [--quick] [--pictures FOLDER] SITE PAGE...``

Each page is opened as wide as a desktop and as a phone, light and dark (`--quick`: only a light
desktop and a dark phone), and asked for violations of the accessibility rules (axe), for scrolling
sideways, for code without a copy button, for what the browser's console says, and for what it would
load from elsewhere.
"""

import argparse
import itertools
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, NamedTuple

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright


class View(NamedTuple):
    """How wide the screen is, in CSS pixels, and which scheme of colours its owner likes."""

    width: int
    scheme: Literal["light", "dark"]


QUICK = (View(1280, "light"), View(390, "dark"))
ALL = (*QUICK, View(1280, "dark"), View(390, "light"))
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
# Halfway between two colours there is no contrast to speak of.
STILL = "* { transition: none !important; animation: none !important; }"


def look(
    browser: Browser, site: Path, name: str, view: View, pictures: Path | None
) -> Iterator[str]:
    """Open a page and yield what is wrong with it."""
    width, scheme = view
    context = browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme=scheme, reduced_motion="reduce"
    )
    page = context.new_page()
    problems = listen(page, site)
    page.goto((site / f"{name}.html").as_uri())
    page.add_style_tag(content=STILL)
    checks = (*width_problem(page, width), *copy_problem(page), *violations(page))
    for problem in (*problems, *checks):
        yield f"{name}, {width} px, {scheme}: {problem}"
    if pictures:
        target = pictures / f"{name.replace('/', '-')}-{width}-{scheme}.png"
        page.screenshot(path=target, full_page=True)
    context.close()


def listen(page: Page, site: Path) -> list[str]:
    """Return a list that fills with what the page complains about and loads from elsewhere."""
    problems: list[str] = []

    def on_request(url: str) -> None:
        if not url.startswith((site.as_uri(), "data:")):
            problems.append(f"loads {url}")

    page.on("console", lambda message: problems.append(f"the console says: {message.text}"))
    page.on("pageerror", lambda error: problems.append(f"a script failed: {error}"))
    page.on("request", lambda request: on_request(request.url))
    return problems


def width_problem(page: Page, width: int) -> Iterator[str]:
    """Say whether the page as a whole has to be scrolled sideways."""
    page_width = page.evaluate("document.documentElement.scrollWidth")
    if page_width > width:
        yield f"the page is {page_width} px wide"


def copy_problem(page: Page) -> Iterator[str]:
    """Say how many code blocks have no button that copies them."""
    count = page.locator("pre:not(:has(+ button.copybtn))").count()
    if count:
        yield f"{count} code blocks have no copy button"


def violations(page: Page) -> Iterator[str]:
    """Yield what axe has to say: the rule, its sentence, the element, and the measured facts."""
    for violation in Axe().run(page, options=RULES).response["violations"]:
        for node in violation["nodes"]:
            facts = "; ".join(check["message"] for check in node["any"][:1])
            yield f"{violation['id']}: {violation['help']}: {node['html'][:150]!r} {facts}"


def main() -> None:
    """Look at the pages named on the command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("site", type=Path)
    parser.add_argument("pages", nargs="+")
    parser.add_argument("--pictures", type=Path)
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium")
    with sync_playwright() as driver:
        # Its own sandbox needs rights that a container does not have, and the pages are ours.
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for name, view in itertools.product(options.pages, QUICK if options.quick else ALL):
            for fault in look(browser, options.site.resolve(), name, view, options.pictures):
                sys.stdout.write(f"{fault}\n")
        browser.close()


if __name__ == "__main__":
    main()
