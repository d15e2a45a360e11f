"""Publish the files of a release to an index: new files are uploaded, changed files are refused."""

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
# Statuses of an overloaded or restarting server; the upload is repeated after these seconds.
_BUSY = (429, 502, 503, 504)
_PAUSES = (2.0, 10.0, 30.0)
_STATUS = re.compile(r"status code:? (\d{3})")
_SERVER_REASON = re.compile(r"Server says:(.*)", re.DOTALL)
_UV_VARIABLES = ("UV_PUBLISH_", "UV_KEYRING_PROVIDER")


def publish(
    folder: Path,
    index: Index,
    environment: Mapping[str, str],
    *,
    dry: bool,
    forwarding: str = "",
) -> Iterator[str]:
    """Upload the files that the index lacks, a line per file; nothing is sent if anything is wrong.

    Args:
        folder: the files that were built.
        index: the index.
        environment: has the credentials.
        dry: only query the index, and say what would be sent and what could not be checked.
        forwarding: see `index_client.IndexClient`.

    Raises:
        Problem: see the modules that this one uses; or an upload fails, after those before it.
    """
    digests = {
        n: digest for n, digest in checksums.read(folder).items() if n.endswith(DISTRIBUTIONS)
    }
    publisher = credentials.publishing(index, environment, credentials.ask_keyring)
    reader = credentials.reading(index, environment, publisher)
    with index_client.connected(index, reader, forwarding) as client:
        published = client.digests(digests)
        todo = missing(digests, published)
        if client.forwards:
            yield (
                f"warning: until its first file of chainhub is published, the index {index.name!r} "
                f"gives installers what {forwarding} has under this name"
            )
        if dry:
            yield client.check(publisher)
            yield from client.check_list()
    yield from (f"{name}: already there, the same bytes" for name in digests if name in published)
    for name in todo:
        if not dry:
            send(folder / name, index, publisher, environment)
        yield f"{name}: {'would be published' if dry else 'published'}"


def missing(digests: Mapping[str, str], published: Mapping[str, str]) -> list[str]:
    """Name the files an index lacks.

    Raises:
        Problem: a file of the same name has other bytes there.
    """
    changed = [name for name, digest in digests.items() if published.get(name, digest) != digest]
    if changed:
        raise Problem(
            f"The index holds other bytes under the name {changed[0]}; what is published stays as "
            "it is. Give the change a new version in overlays/chainhub/_version.py."
        )
    return [name for name in digests if name not in published]


def send(
    path: Path,
    index: Index,
    publisher: Credentials,
    environment: Mapping[str, str],
    timeout: float = _TIMEOUT,
) -> None:
    """Upload a file with uv, again if the index is busy; the credentials are in its environment.

    Raises:
        Problem: the index refuses it, cannot be reached, or takes longer than `timeout` seconds.
    """
    pauses = iter(_PAUSES)
    while (output := _upload(path, index, publisher, environment, timeout)) is not None:
        pause = next(pauses, None) if _status(output) in _BUSY else None
        if pause is None:
            raise Problem(sentence(path.name, index, publisher, output))
        time.sleep(pause)


def _upload(
    path: Path,
    index: Index,
    publisher: Credentials,
    environment: Mapping[str, str],
    timeout: float,
) -> str | None:
    """Upload a file with uv once; return its error output, None on success."""
    command = (sys.executable, "-m", "uv", "publish", "--quiet", "--trusted-publishing", "never")
    base = {
        name: value for name, value in environment.items() if not name.startswith(_UV_VARIABLES)
    }
    if not (base.get("SSL_CERT_FILE") or base.get("SSL_CERT_DIR")):
        base.setdefault("UV_SYSTEM_CERTS", "1")  # a company's certificate may be only there
    login = {
        "UV_PUBLISH_USERNAME": publisher.username,
        "UV_PUBLISH_PASSWORD": publisher.password,
    }
    try:
        process = subprocess.run(
            (*command, "--publish-url", index.publish_url, str(path)),
            env=base | login,
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
    return process.stderr if process.returncode else None


def _status(output: str) -> int:
    match = _STATUS.search(output)
    return int(match[1]) if match else 0


def sentence(name: str, index: Index, publisher: Credentials, output: str) -> str:
    """Say why a file was not published, from uv's output; the server's reason is on one line."""
    status = _status(output)
    match = _SERVER_REASON.search(output)
    # Hidden twice: the part that is cut off, or the text after unescaping, may have the password.
    reason = match[1].strip().replace(publisher.password, "***") if match else ""
    reason = index_page.one_line(reason).replace(publisher.password, "***").rstrip(".")
    if status in (401, 403):
        why = f" It says: {reason}." if reason else ""
        return f"{name} was not published. {index_client.refusal(index, status, 'publish')}{why}"
    reason = f"it answers {status}{reason and ': '}{reason}" if status else _last_cause(output)
    again = " Publish again later: what has arrived is skipped." if status in _BUSY else ""
    return f"{name} was not published to the index {index.name!r}: {reason}.{again}"


def _last_cause(output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return lines[-1].removeprefix("cause: ").rstrip(".") if lines else "uv does not say why"
