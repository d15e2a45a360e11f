"""Look for what may not be committed: hosts, machine paths, keys, merge traces.

The patterns are written so that they do not match themselves.
"""

import re
import subprocess
import sys
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
}


def main() -> int:
    """Print every finding and say by the exit status whether there was one."""
    findings = [line for path in tracked() for line in inspect(path)]
    print("\n".join(findings) or "No forbidden words.")
    return bool(findings)


def tracked() -> list[Path]:
    """List the files that are, or are about to be, committed."""
    command = ("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    names = subprocess.run(command, cwd=PROJECT, check=True, capture_output=True, text=True).stdout
    paths = (PROJECT / name for name in names.split("\0") if name)
    return [path for path in paths if path.is_file()]


def inspect(path: Path) -> Iterator[str]:
    """Find forbidden words in one file; a file that is not text has none."""
    try:
        lines = path.read_text("utf-8").splitlines()
    except UnicodeDecodeError:
        return
    for number, line in enumerate(lines, start=1):
        for what, pattern in FORBIDDEN.items():
            if found := pattern.search(line):
                # A key is named by its first letters only: the output is kept and read by others.
                yield f"{path.relative_to(PROJECT)}:{number}: {what}: {found[0][:12]}…"


if __name__ == "__main__":
    sys.exit(main())
