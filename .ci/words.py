"""Look for what may not be committed: hosts, machine paths, keys, merge traces, unclear words.

The patterns are written so that they do not match themselves.
"""

import ast
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent

FORBIDDEN = {
    "a package registry's host": re.compile(
        r"pyp[i]\.org|python[h]osted\.org|npm[j]s\.org|yarn[p]kg|deb\.debia[n]\.org|crate[s]\.io|proxy\.golan[g]"
    ),
    "a path of one machine": re.compile(
        r"(?<![\w.])/(?:roo[t]|hom[e]/[a-z]\w*|User[s]/\w+|wor[k]|far[m]|tm[p]/\w+)/[\w.]"
    ),
    "what looks like a key": re.compile(
        r"\bs[k]-(?!test-)[A-Za-z0-9_-]{16,}|\bAKI[A][0-9A-Z]{16}\b|\bgh[pousr]_[A-Za-z0-9]{30,}"
        r"|-----BEGIN [A-Z ]*PRIVATE KE[Y]-----|\beyJ[\w-]{20,}\.eyJ[\w-]{20,}"
    ),
    "the trace of a merge": re.compile(r"^(?:<{7}|>{7}) "),
    "a name that was given up": re.compile(
        r"\blet_g[o]|\bbroke_of[f]|misfi[t]|\bway_o[n]\b|_outloo[k]|\bHURR[Y]\b"
        r"|test-sea[m]|_seaso[n]\b|_crow[d]\b|_(?:in|either)_colou[r]"
    ),
}

# Documents and docstrings are for readers whose first language is not English: what is hard to
# read or to find, and what to write instead.
UNCLEAR = {
    r"colours?": "sync and async",
    r"doors?|doorways?": "HTTP layer, client, transport",
    r"troubles?": "error, failure",
    r"puts? up with": "is retried",
    r"the course of|led to": "state, result",
    r"stands? (?:in|there|nowhere|before|behind|between|around)": "is, appears",
    r"(?:go|goes|going|went) on": "continue, keep running, resume",
    r"the way on": "how to resume",
    r"told": "returned, reported, printed",
    r"mend(?:s|ed|ing)?": "fix, repair",
    r"plays? the service": "mock server",
    r"questions?": "request, poll, query",
    r"look-ups?": "lookup",
    r"slips?": "bug",
    r"twins?": "async version",
    r"spelt": "written",
    r"time-outs?": "timeout",
    r"back-off": "backoff",
    r"became of|come of": "outcome, result",
    r"anew": "again, new",
    r"(?:it is|they are|are) (?-i:none)": "is invalid, is missing",
    r"in the dark": "unknown",
}
_UNCLEAR = {re.compile(rf"\b(?:{words})\b", re.IGNORECASE): text for words, text in UNCLEAR.items()}
# Code, and figures that `make bench` writes, are not prose.
_NOT_PROSE = re.compile(
    r"^```.*?^```$|``[^`]+``|`[^`]+`|<!-- figures.*?<!-- end -->|^ +\w+(?=: )",
    re.DOTALL | re.MULTILINE,
)


def main() -> int:
    """Print every finding; 1 if there was one."""
    try:
        files = tracked()
    except FileNotFoundError:
        print("Forbidden words were not looked for: git, which lists the files, is not installed.")
        return 0
    findings = [line for path in files for line in (*inspect(path), *read(path))]
    print("\n".join(findings) or "No forbidden words.")
    return bool(findings)


def tracked() -> list[Path]:
    """List the files that are, or could be, committed; an unpacked archive has the same ones."""
    with tempfile.TemporaryDirectory() as empty:
        git = ("git", f"--git-dir={empty}", f"--work-tree={PROJECT}")
        subprocess.run((*git, "init", "--quiet"), check=True)
        command = (*git, "ls-files", "-z", "--others", "--exclude-standard")
        result = subprocess.run(command, cwd=PROJECT, check=True, capture_output=True, text=True)
    return [PROJECT / name for name in sorted(result.stdout.split("\0")) if name]


def inspect(path: Path) -> Iterator[str]:
    """Find forbidden words in one file; a file that is not text has none."""
    try:
        lines = path.read_text("utf-8").splitlines()
    except UnicodeDecodeError:
        return
    for number, line in enumerate(lines, start=1):
        for reason, pattern in FORBIDDEN.items():
            if match := pattern.search(line):
                # A key is named by its first letters only: the output is kept and read by others.
                yield f"{path.relative_to(PROJECT)}:{number}: {reason}: {match[0][:12]}…"


def read(path: Path) -> Iterator[str]:
    """Find unclear words in a document, or in the docstrings of the package."""
    name = path.relative_to(PROJECT)
    for first, text in prose(name, path):
        blank = _NOT_PROSE.sub(lambda match: "\n" * match[0].count("\n"), text)
        for number, line in enumerate(blank.splitlines(), start=first):
            for pattern, suggestion in _UNCLEAR.items():
                if match := pattern.search(line):
                    yield f"{name}:{number}: unclear: {match[0]!r}; write: {suggestion}"


def prose(name: Path, path: Path) -> Iterator[tuple[int, str]]:
    """Yield the texts of a file that people read, each with the number of its first line."""
    if path.suffix in (".md", ".rst") and (len(name.parts) == 1 or name.parts[0] == "docs"):
        yield 1, path.read_text("utf-8")
    elif path.suffix == ".py" and name.parts[:2] == ("overlays", "chainhub"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
                value = node.value.value
                if isinstance(value, str):
                    yield node.lineno, value


if __name__ == "__main__":
    sys.exit(main())
