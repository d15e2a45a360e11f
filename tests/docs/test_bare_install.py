"""No text says to install chainhub by its bare name: a stranger may own it on the public index."""

import re

import pytest

SHIPPED = ("overlays", "generated", "examples", "docs", "README.md", "CONTRIBUTING.md")
SUFFIXES = {".py", ".md", ".jinja", ".yaml", ".toml", ".ipynb", ".html", ".txt"}
INSTALL_COMMAND = re.compile(
    r"\b(?:pip3?|pipx|uv|uv pip|uv tool|poetry|pdm|conda) +(?:install|add|download|inject)\b[^\n`]*"
)
NAME = re.compile(r"(?<![\w./-])chainhub(?:\[[\w, -]+\])?(?:[=~<>!]=?[\w.*]+)?(?![\w./-]*[\w/])")
SOURCE_OPTION = re.compile(
    r"--index-url|--index[ =]|--no-index|--find-links|--extra-index-url|--source"
)


def bare(text: str) -> list[str]:
    """Return the commands that leave it to the public index what `chainhub` is."""
    commands = INSTALL_COMMAND.findall(text.replace("\\\n", " "))
    return [line for line in commands if NAME.search(line) and not SOURCE_OPTION.search(line)]


@pytest.mark.parametrize(
    "text",
    [
        'pip install "chainhub[cli]"',
        "python -m pip install chainhub",
        "pip install \\\n    chainhub==0.1.0",
        "uv pip install chainhub",
        "uv add 'chainhub[otel, cli]'",
        "pipx install chainhub",
        "Say `pip install chainhub`, then",
    ],
)
def test_a_bare_name_is_found(text):
    """In every way people write it."""
    assert bare(text)


@pytest.mark.parametrize(
    "text",
    [
        'pip install --index-url https://INDEX/simple/ "chainhub[cli]"',
        "pip install dist/chainhub-0.1.0-py3-none-any.whl",
        "pip install ./chainhub",
        "pip install httpx, as chainhub-others do",
    ],
)
def test_what_names_a_place_is_not(text):
    """An index, a file or a folder."""
    assert not bare(text)


def test_no_file_says_so(project):
    """Neither sources with their messages, nor pages, nor examples."""
    commands = {}
    for name in SHIPPED:
        path = project / name
        for file in [path] if path.is_file() else sorted(path.rglob("*")):
            if file.suffix in SUFFIXES and (lines := bare(file.read_text(encoding="utf-8"))):
                commands[str(file.relative_to(project))] = lines
    assert commands == {}
