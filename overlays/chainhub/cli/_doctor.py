"""`chainhub doctor`: check everything that a request depends on, in the order of use."""

from __future__ import annotations

import platform
import socket
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import NamedTuple
from urllib.parse import urlsplit

from chainhub import _clock, errors
from chainhub._client import Client
from chainhub._session import RetryPolicy, base_url_from, find_key, no_key
from chainhub._transport import choose_proxy, read_environment, read_tls_config, tls_context
from chainhub._version import __version__
from chainhub.cli._options import Service
from chainhub.cli._progress import Signs, signs_for
from chainhub.cli._records import Exit, encoded, exit_code_of, limit, plain, translated
from chainhub.cli._running import key_of_keyring, query_task
from chainhub.cli._terminal import Terminal
from chainhub.errors import ChainhubError
from chainhub_api.servers import SERVERS
from chainhub_api.tasks import MAIN, TASKS

# No service creates such an id, so the correct response to it is known.
PROBE_ID = "chainhub-doctor:no-such-task"
_PACKAGES = ("httpx", "h11", "attrs", "certifi", "typer", "rich")
_DEADLINE = 20.0  # seconds; more than the usual timeout, whose error says what took so long
_SECTIONS = {
    "This machine": ("python", "packages", "tasks"),
    "API key": ("key",),
    "Address": ("base_url", "proxy", "no_proxy", "tls"),
    "Network": ("name", "probe", "probe_detail"),
}


# Whether a finding is good, a warning, or a problem to fix.
OK, NOTE, FAULT = "ok", "note", "fault"


class Finding(NamedTuple):
    """The result of one check: its stable name, a level, a message and what to do.

    `exit_code` is the exit code for a problem. No text contains a key.
    """

    check: str
    level: str
    message: str
    advice: str | None = None
    exit_code: Exit = Exit.DONE

    @property
    def section(self) -> str:
        return next(section for section, checks in _SECTIONS.items() if self.check in checks)

    @property
    def record(self) -> dict[str, object]:
        """The same as an object for programs."""
        return {"section": self.section, **self._asdict()}


# What the response to a query of an unknown task means; the first row that matches is used.
# fmt: off
_DIAGNOSES: tuple[tuple[type[ChainhubError], str, str, str | None], ...] = (
    (errors.TaskNotFoundError, OK, "the service responds and accepts the key", None),
    (errors.AuthenticationError, FAULT, "the service responds, but rejects the key",
     "get a valid key for this base URL; a key of another gateway is not valid here"),
    (errors.QuotaExceededError, FAULT,
     "the service responds and accepts the key, but the quota is used up",
     "add quota to the account"),
    (errors.PermissionDeniedError, FAULT,
     "the service, or a firewall in front of it, refuses the request",
     "send the line below to the service's support"),
    (errors.RateLimitError, NOTE, "the service responds, but with a rate limit (429)",
     "wait some minutes, and send fewer requests"),
    (errors.BadRequestError, NOTE,
     "the service responds, but rejects the test id in an unexpected way",
     "try chainhub get with a real id"),
    (errors.NotFoundError, FAULT, "something responds, but it has no endpoint for tasks",
     "check the base URL; it must not end in /v1"),
    (errors.RedirectError, FAULT, "the base URL redirects to another address",
     "use that address as the base URL if it belongs to the service"),
    (errors.ServerError, FAULT, "the service responds with a server error",
     "try again later; if it persists, send the line below to the service's support"),
    (errors.ResponseError, FAULT, "something responds, but not as the service does",
     "check the base URL; a login page of the network, or a proxy, may be in front of it"),
    (errors.TLSError, FAULT, "no secure connection can be made",
     "behind a company proxy, set SSL_CERT_FILE to the company's CA certificate"),
    (errors.ProxyError, FAULT, "the proxy cannot be used",
     "check the variable named above, or unset it"),
    (errors.ConnectionFailedError, FAULT, "nothing responds at this address",
     "check base URL, network and firewall; for a sandbox, that it runs"),
    (errors.TransportError, FAULT, "no response in time",
     "check network, proxy and firewall, or try later"),
)
# fmt: on


def doctor(terminal: Terminal, *, service: Service, offline: bool) -> Exit:
    """Check versions, key, base URL, proxy, TLS, DNS and service; print each finding at once.

    With `offline` nothing is sent and no name is looked up.
    """
    findings: list[Finding] = []
    signs = signs_for(terminal.stdout)
    for finding in _findings(service, terminal.environ, offline=offline):
        previous = findings[-1] if findings else None
        for line in [encoded(finding.record)] if terminal.json else lines(finding, previous, signs):
            terminal.result(line)
        findings.append(finding)
    faults = [finding for finding in findings if finding.level == FAULT]
    if not terminal.json:
        count = len(faults)
        terminal.result(f"\n{count or 'No'} problem{'' if count == 1 else 's'} found.")
    # Later problems are mostly consequences of the first.
    return faults[0].exit_code if faults else Exit.DONE


def _findings(service: Service, environ: Mapping[str, str], *, offline: bool) -> Iterator[Finding]:
    system = f"{platform.system()} {platform.machine()}"
    python = f"Python {platform.python_version()} ({platform.python_implementation()}, {system})"
    yield Finding("python", OK, python)
    installed = ", ".join(f"{name} {_version(name)}" for name in _PACKAGES)
    yield Finding("packages", OK, f"chainhub {__version__}; {installed}")
    yield Finding("tasks", OK, f"task operations: {', '.join(TASKS)}")
    key = _finding("key", lambda: _key(environ))
    yield key
    address = _finding("base_url", lambda: _address(service.base_url, environ))
    yield address
    if address.level == FAULT:
        return
    url = base_url_from(service.base_url, environ, SERVERS, allow_insecure=False)
    proxy = _finding("proxy", lambda: _proxy(url))
    if not proxy.message:
        proxy = Finding("no_proxy", OK, "no proxy for this address")
    tls = _finding("tls", lambda: _tls(url, environ))
    yield from (proxy, tls)
    if offline:
        yield Finding("probe", NOTE, "nothing was sent (--offline)")
    elif FAULT in (key.level, proxy.level, tls.level):
        yield Finding("probe", NOTE, "nothing was sent; fix the problems above first")
    else:
        parts = urlsplit(url)
        if proxy.check == "no_proxy":  # a proxy looks the name up itself
            yield (name := _finding("name", lambda: _name(parts.hostname or "", parts.port or 443)))
            if name.level == FAULT:
                return
        yield from _probe(service)


def _finding(check: str, look: Callable[[], str]) -> Finding:
    """Return the finding of a check of the configuration, or the problem that it raises."""
    try:
        return Finding(check, OK, look())
    except ChainhubError as error:
        return fault(check, error)


def _key(environ: Mapping[str, str]) -> str:
    """Return where the key comes from, and no part of it."""
    if (key := find_key(environ)) is not None:
        return f"found in {key.source}"
    if key_of_keyring(environ):
        return "found in the keyring"
    raise no_key(environ)


def _address(argument: str | None, environ: Mapping[str, str]) -> str:
    url = base_url_from(argument, environ, SERVERS, allow_insecure=False)
    source = "--base-url" if argument else "CHAINHUB_BASE_URL"
    if argument is None and not environ.get("CHAINHUB_BASE_URL", "").strip():
        source = "the contract; neither --base-url nor CHAINHUB_BASE_URL is set"
    return f"{url} (from {source})"


def _proxy(url: str) -> str:
    """Return the proxy that requests use, an empty text for none."""
    parts = urlsplit(url)
    proxy = choose_proxy(parts.scheme, parts.hostname or "", parts.port, read_environment())
    return "" if proxy is None else f"through {proxy.label}"


def _tls(url: str, environ: Mapping[str, str]) -> str:
    """Return which certificate authorities are trusted; their certificates are read."""
    parts = urlsplit(url)
    if parts.scheme == "http":
        return "not encrypted: the base URL is this machine"
    config = read_tls_config(environ=environ, host=parts.hostname or "")
    count = len(tls_context(config).get_ca_certs())
    if config.kind == "bundled":
        return f"trusts {count} certificate authorities of certifi"
    return f"trusts the certificate authorities of {config.path} (from {config.source})"


def _name(host: str, port: int) -> str:
    """Return the addresses of the host."""
    try:
        infos = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        text = f"the host name {host} cannot be resolved: {reason}"
        advice = "check the base URL for typos, and the network"
        raise errors.ConnectionFailedError(text, advice=advice) from None
    addresses = sorted({str(entry[4][0]) for entry in infos})
    return f"{host} is {', '.join(addresses[:4])}"


def _probe(service: Service) -> list[Finding]:
    """Query a task that cannot exist, once, and return the findings."""
    # A further parameter would have to be invented, and the response might be about that.
    names = [name for name, task in TASKS.items() if not task["parameters"]]
    name = MAIN if MAIN in names else next(iter(names), None)
    if name is None:
        return [Finding("probe", NOTE, "nothing was sent: no task operation takes just an id")]
    # No retries: a person waits, and the first response is as good as a later one.
    timeout, policy = limit(service.timeout), RetryPolicy.off()
    began, failure = _clock.monotonic(), None
    try:
        with Client(
            base_url=service.base_url, timeout=timeout, deadline=_DEADLINE, retry=policy
        ) as client:
            query_task(client, service._replace(task=name), PROBE_ID)
    except ChainhubError as error:
        failure = error
    return diagnosis(failure, _clock.monotonic() - began)


def diagnosis(error: ChainhubError | None, elapsed: float) -> list[Finding]:
    """Return the findings for a query of a task that cannot exist, by its error."""
    if error is None:
        text = "the service responds even to a query for a task that cannot exist"
        advice = "this may not be the video service; check the base URL"
        return [Finding("probe", NOTE, text, advice)]
    row = next((row for row in _DIAGNOSES if isinstance(error, row[0])), None)
    if row is None:
        return [fault("probe", error)]
    _, level, message, advice_or_none = row
    if level == OK:
        return [Finding("probe", OK, f"{message} ({elapsed * 1000:.0f} ms)")]
    # The limit of the probe is not a deadline of the user.
    code = Exit.SERVICE if isinstance(error, TimeoutError) else exit_code_of(error)
    return [
        Finding("probe", level, message, advice_or_none, code if level == FAULT else Exit.DONE),
        Finding("probe_detail", NOTE, translated(str(error))),
    ]


def fault(check: str, error: ChainhubError) -> Finding:
    """Return the finding for an error."""
    advice = None if error.advice is None else translated(error.advice)
    return Finding(check, FAULT, translated(error.message), advice, exit_code_of(error))


def lines(finding: Finding, previous: Finding | None, signs: Signs) -> Iterator[str]:
    """Yield the lines for a person, with a heading where a section begins."""
    if previous is None or previous.section != finding.section:
        yield from [""] if previous else []
        yield finding.section
    sign = {OK: signs.good, NOTE: signs.note, FAULT: signs.bad}[finding.level]
    yield f"  {sign} {plain(finding.message)}"
    if finding.advice:
        yield f"    {'→' if signs.good == '✓' else '>'} {plain(finding.advice)}"


def _version(name: str) -> str:
    with suppress(PackageNotFoundError):
        return version(name)
    # A program that is bundled into one file may be without metadata.
    with suppress(AttributeError, ImportError):
        return str(import_module(name).__version__)
    return "(version unknown)" if name in sys.modules else "(not installed)"
