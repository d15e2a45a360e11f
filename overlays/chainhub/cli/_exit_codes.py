"""Which exit code a command ends with: one for each kind of outcome that a script tells apart."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, Final

from chainhub import errors

if TYPE_CHECKING:
    from collections.abc import Iterable


class Exit(IntEnum):
    """Name the exit codes, as the documentation lists them."""

    DONE = 0
    MACHINE = 1
    USAGE = 2
    CREDENTIALS = 3
    NOT_FOUND = 4
    NO_VIDEO = 5
    TIMED_OUT = 6
    SERVICE = 7
    PARTIAL = 8
    INTERRUPTED = 130
    BROKEN_PIPE = 141
    TERMINATED = 143


# The first row that fits decides, so a kind stands before its base class.
_CODES: Final = (
    (errors.CredentialsError, Exit.CREDENTIALS),
    (errors.ConfigurationError, Exit.USAGE),
    (errors.AuthenticationError, Exit.CREDENTIALS),
    (errors.PermissionDeniedError, Exit.CREDENTIALS),
    (errors.NotFoundError, Exit.NOT_FOUND),
    (errors.LinkExpiredError, Exit.NOT_FOUND),
    (errors.TaskError, Exit.NO_VIDEO),
    (errors.WaitTimeout, Exit.TIMED_OUT),
    (errors.DeadlineError, Exit.TIMED_OUT),
    (errors.DestinationExistsError, Exit.USAGE),
    (errors.AddressRefusedError, Exit.USAGE),
    (errors.DiskError, Exit.MACHINE),
    (errors.CancelledByUser, Exit.INTERRUPTED),
    (errors.ChainhubError, Exit.SERVICE),
)


def exit_code_of(error: BaseException | None) -> Exit:
    """Return the exit code for how one thing ended; None is a good end."""
    if error is None:
        return Exit.DONE
    return next((code for kind, code in _CODES if isinstance(error, kind)), Exit.MACHINE)


def verdict(codes: Iterable[Exit]) -> Exit:
    """Return the exit code of a command about several tasks: theirs if they agree."""
    different = set(codes)
    return different.pop() if len(different) == 1 else Exit.PARTIAL if different else Exit.DONE
