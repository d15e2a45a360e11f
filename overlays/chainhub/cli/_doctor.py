"""`chainhub doctor`: check everything that a request depends on, in the order of use."""

from __future__ import annotations

import platform
import socket
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import attrs

from chainhub import _clock
from chainhub._version import __version__
from chainhub.cli._checks import (
    Finding,
    Level,
    conclusion,
    diagnosis,
    fault,
    record,
    told,
    worst,
)
from chainhub.cli._durations import limit
from chainhub.cli._exit_codes import Exit
from chainhub.cli._records import encoded
from chainhub.cli._rows import signs_for
from chainhub.errors import ChainhubError, ConfigurationError, CredentialsError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from chainhub.cli._client_factory import Service
    from chainhub.cli._terminal import Terminal

PROBE_ID = "chainhub-doctor:no-such-task"
_MACHINE, _KEY, _ADDRESS, _NETWORK = "This machine", "API key", "Address", "Network"
_PACKAGES = ("httpx", "h11", "attrs", "certifi", "typer", "rich")
_DEADLINE = 20.0


@attrs.define(kw_only=True)
class Doctor:
    """Checks versions, key, base URL, proxy, TLS, DNS and service, and says what to fix.

    Attributes:
        service: How the service is asked.
        offline: Whether nothing is sent and no name looked up.
        json: Whether findings are records.
    """

    service: Service
    offline: bool
    json: bool

    def run(self, terminal: Terminal) -> Exit:
        """Print each finding as it is made."""
        findings: list[Finding] = []

        def seen() -> Iterator[Finding]:
            for one in self._findings(terminal.environ):
                findings.append(one)
                yield one

        if self.json:
            for one in seen():
                terminal.result(encoded(record(one)))
        else:
            encoding = getattr(terminal.stdout, "encoding", None)
            for line in told(seen(), signs_for(encoding)):
                terminal.result(line)
            terminal.result(f"\n{conclusion(findings)}")
        return worst(findings)

    def resume_hint(self) -> str:
        """Return nothing: the command can simply be given again."""
        return ""

    def _findings(self, environ: Mapping[str, str]) -> Iterator[Finding]:
        yield from versions()
        key = found_key(environ)
        yield key
        url, address = found_address(self.service.base_url, environ)
        yield address
        if url is None:
            return
        way = list(found_way(url, environ))
        yield from way
        if self.offline:
            yield Finding(_NETWORK, "probe", Level.NOTE, "nothing was sent (--offline)")
        elif any(one.level is Level.FAULT for one in (key, *way)):
            yield Finding(
                _NETWORK, "probe", Level.NOTE, "nothing was sent; fix the problems above first"
            )
        else:
            yield from asked(self.service, url, direct=way[0].check == "no_proxy")


def versions() -> Iterator[Finding]:
    """Yield what runs here."""
    system = f"{platform.system()} {platform.machine()}"
    python = f"Python {platform.python_version()} ({platform.python_implementation()}, {system})"
    yield Finding(_MACHINE, "python", Level.OK, python)
    installed = ", ".join(f"{name} {_version(name)}" for name in _PACKAGES)
    yield Finding(_MACHINE, "packages", Level.OK, f"chainhub {__version__}; {installed}")


def found_key(environ: Mapping[str, str]) -> Finding:
    """Return where the key comes from, and nothing else about it."""
    from chainhub._session import find_key, keyring_installed, no_key
    from chainhub.cli._key import key_of_keyring

    try:
        found = find_key(environ)
        if found is not None:
            return Finding(_KEY, "key", Level.OK, f"found in {found.source}")
        if keyring_installed() and key_of_keyring(environ):
            return Finding(_KEY, "key", Level.OK, "found in the keyring")
        return fault(_KEY, "key", no_key(environ))
    except CredentialsError as error:
        return fault(_KEY, "key", error)


def found_address(argument: str | None, environ: Mapping[str, str]) -> tuple[str | None, Finding]:
    """Return the base URL, or None, and whether it can be used."""
    from chainhub._session import base_url_from
    from chainhub_api.servers import SERVERS

    try:
        url = base_url_from(argument, environ, SERVERS, allow_insecure=False)
    except ConfigurationError as error:
        return None, fault(_ADDRESS, "base_url", error)
    source = "--base-url" if argument else "CHAINHUB_BASE_URL"
    if argument is None and not environ.get("CHAINHUB_BASE_URL", "").strip():
        source = "the contract; neither --base-url nor CHAINHUB_BASE_URL is set"
    return url, Finding(_ADDRESS, "base_url", Level.OK, f"{url} (from {source})")


def found_way(url: str, environ: Mapping[str, str]) -> Iterator[Finding]:
    """Yield through which proxy requests go, then whom an encrypted connection trusts."""
    from chainhub._transport import choose_proxy, read_environment

    parts = urlsplit(url)
    try:
        proxy = choose_proxy(parts.scheme, parts.hostname or "", parts.port, read_environment())
    except ConfigurationError as error:
        yield fault(_ADDRESS, "proxy", error)
    else:
        if proxy is None:
            yield Finding(_ADDRESS, "no_proxy", Level.OK, "no proxy for this address")
        else:
            yield Finding(_ADDRESS, "proxy", Level.OK, f"through {proxy.shown}")
    yield found_trust(parts.scheme, parts.hostname or "", environ)


def found_trust(scheme: str, host: str, environ: Mapping[str, str]) -> Finding:
    """Return whom an encrypted connection trusts; the certificates are read."""
    from chainhub._transport import read_tls_config, tls_context

    if scheme == "http":
        return Finding(_ADDRESS, "tls", Level.OK, "not encrypted: the base URL is this machine")
    try:
        trust = read_tls_config(environ=environ, host=host)
        count = len(tls_context(trust).get_ca_certs())
    except ConfigurationError as error:
        return fault(_ADDRESS, "tls", error)
    if trust.kind == "bundled":
        return Finding(
            _ADDRESS, "tls", Level.OK, f"trusts {count} certificate authorities of certifi"
        )
    told = f"trusts the certificate authorities of {trust.path} (from {trust.source})"
    return Finding(_ADDRESS, "tls", Level.OK, told)


def asked(service: Service, url: str, *, direct: bool) -> Iterator[Finding]:
    """Look the name up, then ask for a task that cannot exist."""
    if direct:
        name = found_name(url)
        yield name
        if name.level is Level.FAULT:
            return
    yield from probed(service)


def found_name(url: str) -> Finding:
    """Return whether the host has an address."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    try:
        found = socket.getaddrinfo(host, parts.port or 443, type=socket.SOCK_STREAM)
    except OSError as error:
        told = f"the host name {host} cannot be resolved: {error.strerror or type(error).__name__}"
        advice = "check the base URL for typos, and the network"
        return Finding(_NETWORK, "name", Level.FAULT, told, advice, Exit.SERVICE)
    addresses = sorted({str(entry[4][0]) for entry in found})
    return Finding(_NETWORK, "name", Level.OK, f"{host} is {', '.join(addresses[:4])}")


def probed(service: Service) -> list[Finding]:
    """Ask the service for a task that cannot exist, once."""
    from chainhub._client import Client
    from chainhub._session import RetryPolicy

    began = _clock.monotonic()
    failure: ChainhubError | None = None
    try:
        with Client(
            base_url=service.base_url,
            timeout=limit(service.timeout),
            deadline=_DEADLINE,
            retry=RetryPolicy.off(),
        ) as client:
            client.video.query(PROBE_ID)
    except ChainhubError as error:
        failure = error
    return diagnosis(_NETWORK, failure, _clock.monotonic() - began)


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        pass
    try:  # a program that was made into one file may be without metadata
        module = import_module(name)
    except ImportError:
        return "(not installed)"
    try:
        return str(module.__version__)
    except (AttributeError, ImportError):
        return "(version unknown)"
