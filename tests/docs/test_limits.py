"""The page of defaults and limits says what the code does."""

import inspect
import math
import re
from itertools import groupby
from pathlib import Path

import attrs

import chainhub
from chainhub import errors
from chainhub._download import download as _download
from chainhub._responses import response as _json
from chainhub._session import call as _call
from chainhub._session import retry as _retry
from chainhub._tasks import poll as _waiting
from chainhub._tasks import record_file as _record_file
from chainhub._transport import connections as _connections

PAGE = Path(__file__).resolve().parent.parent.parent / "docs" / "limits.md"
CODE = Path(chainhub.__file__).parent
ROW = re.compile(r"^\| (.+?) \| (.+?) \| .+ \|$", re.MULTILINE)


def default(function: object, name: str) -> float | None:
    """Return the default of a parameter."""
    value: float | None = inspect.signature(function).parameters[name].default  # type: ignore[arg-type]
    return value


def seconds(value: float | None) -> str:
    """Return a number of seconds as the page shows it."""
    return "no limit" if value is None else f"{value:g} s"


def size(value: float | None) -> str:
    """Return a number of bytes as the page shows it."""
    assert value
    power = int(math.log(value, 1024))
    return f"{value / 1024**power:g} {('bytes', 'KiB', 'MiB', 'GiB')[power]}"


def statuses(values: frozenset[int]) -> str:
    """Return status codes as the page shows them, three and more in a row as a range."""
    ranges = []
    for _, group in groupby(enumerate(sorted(values)), lambda pair: pair[1] - pair[0]):
        codes = [code for _, code in group]
        ranges += [f"{codes[0]} to {codes[-1]}"] if len(codes) > 2 else map(str, codes)
    return ", ".join(ranges)


def values() -> dict[str, str]:
    """Return every default and limit of the page, read from the code."""
    client, video = chainhub.Client, chainhub.Client("sk-test-0000").video
    retry = chainhub.RetryPolicy()
    waits = (video.wait, video.watch, video.wait_many, video.as_completed)
    (wait_deadline,) = {default(method, "deadline") for method in waits}
    downloads = (video.download, video.download_many)
    (largest,) = {default(method, "max_bytes") for method in downloads}
    (download_deadline,) = {default(method, "deadline") for method in downloads}
    return {
        "one attempt": seconds(default(client, "timeout")),
        "connecting to one address, and the TLS handshake": seconds(_call.CONNECT),
        "a whole call, retries included": seconds(default(client, "deadline")),
        "attempts": f"{retry.attempts}",
        "first retry delay; it doubles with each attempt, half of it is jitter": seconds(
            retry.base
        ),
        "first retry delay after 429 or 503": seconds(retry.throttled_base),
        "longest retry delay": seconds(retry.cap),
        "longest `Retry-After` that is followed": seconds(retry.max_retry_after),
        "status codes that are retried": statuses(retry.statuses),
        "connections in use; further calls wait": f"{default(client, 'max_connections')}",
        "an idle connection is kept for": seconds(_connections.KEEPALIVE),
        "response body, after decompression": size(default(client, "max_body")),
        "JSON document": size(_json.MOST_BYTES),
        "nesting of a JSON document": f"{_json.DEEPEST} levels",
        "a whole `wait`, `watch`, `wait_many` or `as_completed`": seconds(wait_deadline),
        "failed polls in a row that end a wait": f"{_waiting.MOST_FAILURES}",
        "polls for which a task may be unknown, or finished without URL": f"{_waiting.GRACE}",
        "hints of the server for the next poll that are followed": (
            f"{_retry.POLL_FLOOR:g} to {_retry.POLL_CEILING:g} s"
        ),
        "requests in flight of `wait_many`": f"{default(client, 'max_connections')}",
        "longest line of a journal": size(_record_file.LONGEST_LINE),
        "a whole download": seconds(download_deadline),
        "the least that must arrive within `timeout`": size(_download.MIN_BYTES),
        "redirects": f"{_download.REDIRECTS}",
        "file size": size(largest),
        "downloads at the same time, of `download_many`": (
            f"{default(video.download_many, 'parallel')}"
        ),
        "time between two `progress=` calls": seconds(_download.PACE),
        "message of an error, as one line": f"{errors.LONGEST_LINE} characters",
        "`error.excerpt`": f"{errors._LONGEST_EXCERPT} characters",
    }


def test_the_page_has_the_values_of_the_code() -> None:
    """Every default and limit, and nothing that the code does not have."""
    text, _, _ = PAGE.read_text("utf-8").partition("## Environment variables")
    rows = {name: value for name, value in ROW.findall(text) if name not in ("what", "---")}
    assert rows == values()


def test_the_page_names_what_can_be_chosen() -> None:
    """Every field of the retry policy, and every environment variable of ours."""
    text = PAGE.read_text("utf-8")
    fields = [field.name for field in attrs.fields(chainhub.RetryPolicy)]
    assert [name for name in fields if f"`RetryPolicy({name}=…)`" not in text] == []
    code = "".join(path.read_text("utf-8") for path in CODE.rglob("*.py"))
    assert set(re.findall(r"CHAINHUB_[A-Z_]+", text)) == set(re.findall(r"CHAINHUB_[A-Z_]+", code))
