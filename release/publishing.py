"""From the files that were built to an index: what is new goes there, what is changed does not."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from release import checksums as sums
from release import credentials
from release import index_page as page
from release.credentials import Credentials
from release.errors import Problem
from release.files import DISTRIBUTIONS
from release.index import Index

_PATIENCE = 600.0
_STATUS = re.compile(r"status code:? (\d{3})")
_OURS = ("UV_PUBLISH_", "UV_KEYRING_PROVIDER")


def publish(
    folder: Path, index: Index, environment: Mapping[str, str], *, dry: bool
) -> Iterator[str]:
    """Send what the index lacks, a line per file; nothing is sent if anything is amiss.

    Raises:
        Problem: see the modules this one uses; or an upload fails, the files before it being sent.
    """
    made = {n: known for n, known in sums.read(folder).items() if n.endswith(DISTRIBUTIONS)}
    publisher = credentials.publishing(index, environment, credentials.ask_keyring)
    reader = credentials.reading(index, environment, publisher)
    there = page.published(index, made, reader)
    todo = missing(made, there)
    yield from (f"{name}: already there, the same bytes" for name in made if name in there)
    for name in todo:
        if not dry:
            send(folder / name, index, publisher, environment)
        yield f"{name}: {'would be published' if dry else 'published'}"


def missing(made: Mapping[str, str], there: Mapping[str, str]) -> list[str]:
    """Name the files an index lacks.

    Raises:
        Problem: a file of the same name has other bytes there.
    """
    changed = [name for name, known in made.items() if there.get(name, known) != known]
    if changed:
        raise Problem(
            f"The index holds other bytes under the name {changed[0]}; what is published stays as "
            "it is. Give the change a new version in overlays/chainhub/_version.py."
        )
    return [name for name in made if name not in there]


def send(
    path: Path,
    index: Index,
    publisher: Credentials,
    environment: Mapping[str, str],
    patience: float = _PATIENCE,
) -> None:
    """Let uv upload a file; the credentials travel in its environment.

    Raises:
        Problem: the index refuses it, cannot be reached, or takes longer than `patience` seconds.
    """
    command = (sys.executable, "-m", "uv", "publish", "--quiet", "--trusted-publishing", "never")
    kept = {name: value for name, value in environment.items() if not name.startswith(_OURS)}
    secret = {
        "UV_PUBLISH_USERNAME": publisher.username,
        "UV_PUBLISH_PASSWORD": publisher.password,
    }
    try:
        done = subprocess.run(
            (*command, "--publish-url", index.publish_url, str(path)),
            env=kept | secret,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=patience,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise Problem(
            f"{path.name} was not confirmed by the index {index.name!r} within {patience:g} s. "
            "Publish again: what has arrived is passed over."
        ) from None
    if done.returncode:
        raise Problem(sentence(path.name, index, done.stderr))


def sentence(name: str, index: Index, said: str) -> str:
    """Say why a file was not published, out of what uv said."""
    found = _STATUS.search(said)
    status = int(found[1]) if found else 0
    if status in (401, 403):
        return f"{name} was not published. {page.refusal(index, status, 'publish')}"
    reason = f"it answers {status}" if status else _last_cause(said)
    return f"{name} was not published to the index {index.name!r}: {reason}."


def _last_cause(said: str) -> str:
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return lines[-1].removeprefix("cause: ").rstrip(".") if lines else "uv does not say why"
