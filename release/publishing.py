"""From the files that were built to an index: new ones are uploaded, changed ones are refused."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from release import checksums, credentials, index_client, index_page
from release.credentials import Credentials
from release.errors import Problem
from release.files import DISTRIBUTIONS
from release.index import Index

_TIMEOUT = 600.0
# A server that is overloaded or restarting answers so; it is asked again after these seconds.
_BUSY = (429, 502, 503, 504)
_PAUSES = (2.0, 10.0, 30.0)
_STATUS = re.compile(r"status code:? (\d{3})")
_SAID = re.compile(r"Server says:(.*)", re.DOTALL)
_OURS = ("UV_PUBLISH_", "UV_KEYRING_PROVIDER")


def publish(
    folder: Path,
    index: Index,
    environment: Mapping[str, str],
    *,
    dry: bool,
    forwarding: str = "",
) -> Iterator[str]:
    """Send what the index lacks, a line per file; nothing is sent if anything is wrong.

    Args:
        folder: the files that were built.
        index: where to.
        environment: has the credentials.
        dry: only ask the index, and say what would be sent and what could not be checked.
        forwarding: see `index_client.IndexClient`.

    Raises:
        Problem: see the modules this one uses; or an upload fails, the files before it being sent.
    """
    made = {n: known for n, known in checksums.read(folder).items() if n.endswith(DISTRIBUTIONS)}
    publisher = credentials.publishing(index, environment, credentials.ask_keyring)
    reader = credentials.reading(index, environment, publisher)
    with index_client.connected(index, reader, forwarding) as client:
        there = client.digests(made)
        todo = missing(made, there)
        if client.forwards:
            yield (
                f"warning: until its first file of chainhub is published, the index {index.name!r} "
                f"gives installers what {forwarding} has under this name"
            )
        if dry:
            yield client.check(publisher)
            yield from client.check_list()
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
    timeout: float = _TIMEOUT,
) -> None:
    """Let uv upload a file, again if the index is busy; the credentials are in its environment.

    Raises:
        Problem: the index refuses it, cannot be reached, or takes longer than `timeout` seconds.
    """
    pauses = iter(_PAUSES)
    while (said := _upload(path, index, publisher, environment, timeout)) is not None:
        pause = next(pauses, None) if _status(said) in _BUSY else None
        if pause is None:
            raise Problem(sentence(path.name, index, publisher, said))
        time.sleep(pause)


def _upload(
    path: Path,
    index: Index,
    publisher: Credentials,
    environment: Mapping[str, str],
    timeout: float,
) -> str | None:
    """Let uv upload a file once; give what it says of a failure."""
    command = (sys.executable, "-m", "uv", "publish", "--quiet", "--trusted-publishing", "never")
    kept = {name: value for name, value in environment.items() if not name.startswith(_OURS)}
    if not (kept.get("SSL_CERT_FILE") or kept.get("SSL_CERT_DIR")):
        kept.setdefault("UV_SYSTEM_CERTS", "1")  # a company's certificate may be nowhere else
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
            timeout=timeout,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise Problem(
            f"{path.name} was not confirmed by the index {index.name!r} within {timeout:g} s. "
            "Publish again: what has arrived is skipped."
        ) from None
    return done.stderr if done.returncode else None


def _status(said: str) -> int:
    found = _STATUS.search(said)
    return int(found[1]) if found else 0


def sentence(name: str, index: Index, publisher: Credentials, said: str) -> str:
    """Say why a file was not published, out of what uv said; the server's reason is on one line."""
    status = _status(said)
    found = _SAID.search(said)
    # Hidden twice: what is cut off, and what was escaped, can be the password too.
    reason = found[1].strip().replace(publisher.password, "***") if found else ""
    reason = index_page.one_line(reason).replace(publisher.password, "***").rstrip(".")
    if status in (401, 403):
        why = f" It says: {reason}." if reason else ""
        return f"{name} was not published. {index_client.refusal(index, status, 'publish')}{why}"
    reason = f"it answers {status}{reason and ': '}{reason}" if status else _last_cause(said)
    again = " Publish again later: what has arrived is skipped." if status in _BUSY else ""
    return f"{name} was not published to the index {index.name!r}: {reason}.{again}"


def _last_cause(said: str) -> str:
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return lines[-1].removeprefix("cause: ").rstrip(".") if lines else "uv does not say why"
