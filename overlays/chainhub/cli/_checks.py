"""What `chainhub doctor` concludes from its checks, and how it prints that. Nothing is sent."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from chainhub import errors
from chainhub.cli._exit_codes import Exit, exit_code_of
from chainhub.cli._messages import plain, spoken

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from chainhub.cli._rows import Signs
    from chainhub.errors import ChainhubError


class Level(StrEnum):
    """Whether a finding is good, a warning, or a problem to fix."""

    OK = "ok"
    NOTE = "note"
    FAULT = "fault"


class Finding(NamedTuple):
    """Hold one thing that was looked at.

    Attributes:
        section: The heading it belongs to.
        check: Its stable name, for programs.
        level: How good it is.
        message: What was found, never a key.
        advice: What to do, or None.
        code: The exit code it asks for.
    """

    section: str
    check: str
    level: Level
    message: str
    advice: str | None = None
    code: Exit = Exit.DONE


def fault(section: str, check: str, error: ChainhubError) -> Finding:
    """Return the finding that an error is."""
    advice = None if error.advice is None else spoken(error.advice)
    return Finding(section, check, Level.FAULT, spoken(error.message), advice, exit_code_of(error))


# What the answer to a question about an unknown task says; the first row that fits decides.
_DIAGNOSES: tuple[tuple[type[ChainhubError], Level, str, str | None], ...] = (
    (
        errors.TaskNotFoundError,
        Level.OK,
        "the service responds and accepts the key",
        None,
    ),
    (
        errors.AuthenticationError,
        Level.FAULT,
        "the service responds, but rejects the key",
        "get a valid key for this base URL; a key of another gateway is not valid here",
    ),
    (
        errors.QuotaExceededError,
        Level.FAULT,
        "the service responds and accepts the key, but the quota is used up",
        "add quota to the account",
    ),
    (
        errors.PermissionDeniedError,
        Level.FAULT,
        "the service, or a firewall in front of it, refuses the request",
        "send the line below to the service's support",
    ),
    (
        errors.RateLimitError,
        Level.NOTE,
        "the service responds, but with a rate limit (429)",
        "wait some minutes, and send fewer requests",
    ),
    (
        errors.BadRequestError,
        Level.NOTE,
        "the service responds, but rejects the test id in an unexpected way",
        "try chainhub get with a real id",
    ),
    (
        errors.NotFoundError,
        Level.FAULT,
        "something responds, but it has no endpoint for tasks",
        "check the base URL; it must not end in /v1",
    ),
    (
        errors.RedirectError,
        Level.FAULT,
        "the base URL redirects to another address",
        "use that address as the base URL if it belongs to the service",
    ),
    (
        errors.ServerError,
        Level.FAULT,
        "the service responds with a server error",
        "try again later; if it persists, send the line below to the service's support",
    ),
    (
        errors.ResponseError,
        Level.FAULT,
        "something responds, but not as the service does",
        "check the base URL; a login page of the network, or a proxy, may be in front of it",
    ),
    (
        errors.TLSError,
        Level.FAULT,
        "no secure connection can be made",
        "behind a company proxy, set SSL_CERT_FILE to the company's CA certificate",
    ),
    (
        errors.ProxyError,
        Level.FAULT,
        "the proxy cannot be used",
        "check the variable named above, or unset it",
    ),
    (
        errors.ConnectionFailedError,
        Level.FAULT,
        "nothing responds at this address",
        "check base URL, network and firewall; for a sandbox, that it runs",
    ),
    (
        errors.TransportError,
        Level.FAULT,
        "no response in time",
        "check network, proxy and firewall, or try later",
    ),
)


def diagnosis(section: str, error: ChainhubError | None, elapsed: float) -> list[Finding]:
    """Return the finding for a query of a task that cannot exist, by its error."""
    if error is None:
        told = "the service responds even to a query for a task that cannot exist"
        doubt = "this may not be the video service; check the base URL"
        return [Finding(section, "probe", Level.NOTE, told, doubt)]
    row = next((row for row in _DIAGNOSES if isinstance(error, row[0])), None)
    if row is None:
        return [fault(section, "probe", error)]
    _, level, message, advice = row
    if level is Level.OK:
        return [Finding(section, "probe", level, f"{message} ({elapsed * 1000:.0f} ms)")]
    detail = Finding(section, "probe_detail", Level.NOTE, spoken(str(error)))
    return [Finding(section, "probe", level, message, advice, _code(level, error)), detail]


def worst(findings: Iterable[Finding]) -> Exit:
    """Return the exit code of the first fault: the later ones are mostly its consequences."""
    return next((one.code for one in findings if one.level is Level.FAULT), Exit.DONE)


def told(findings: Iterable[Finding], signs: Signs) -> Iterator[str]:
    """Yield the lines for a person, with a heading for each section."""
    shown = {Level.OK: signs.good, Level.NOTE: signs.note, Level.FAULT: signs.bad}
    section = None
    for one in findings:
        if one.section != section:
            yield from ([] if section is None else [""])
            yield one.section
            section = one.section
        yield f"  {shown[one.level]} {plain(one.message)}"
        if one.advice:
            yield (
                f"    → {plain(one.advice)}" if signs.good == "✓" else f"    > {plain(one.advice)}"
            )


def conclusion(findings: Iterable[Finding]) -> str:
    """Return the last line: what was found in all."""
    faults = sum(one.level is Level.FAULT for one in findings)
    if not faults:
        return "No problems found."
    return "1 problem found." if faults == 1 else f"{faults} problems found."


def record(one: Finding) -> dict[str, object]:
    """Return a finding as an object for programs."""
    return {
        "section": one.section,
        "check": one.check,
        "level": one.level.value,
        "message": one.message,
        "advice": one.advice,
        "exit_code": int(one.code),
    }


def _code(level: Level, error: ChainhubError) -> Exit:
    if level is not Level.FAULT:
        return Exit.DONE
    # The probe's own limit says nothing about a deadline of the person's.
    return Exit.SERVICE if isinstance(error, TimeoutError) else exit_code_of(error)
