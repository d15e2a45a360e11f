"""What a command says to a person: errors in the words of the command line, one line each."""

from __future__ import annotations

import math
import re
import shlex
from typing import TYPE_CHECKING

from chainhub._redaction import one_line
from chainhub.errors import DestinationExistsError, named_status

if TYPE_CHECKING:
    from collections.abc import Iterable

    from chainhub.errors import ChainhubError

_LONGEST = 100_000
_LONGEST_SENTENCE = 700
_MOST_IDS = 20  # more would fill the screen; they are read from standard input

# Errors speak of the Python interface; here the same is an option or a variable.
# fmt: off
_TRANSLATIONS = tuple((re.compile(pattern), words) for pattern, words in (
    (r"pass api_key=…, ", ""),
    (r", or pass allow_insecure=True if you accept that", ""),
    (r"with verify_ssl= or SSL_CERT_FILE, or use verify_ssl=\"system\"", "with SSL_CERT_FILE"),
    (r"; pass words=\{\.\.\.: State\.\.\.\} if it means something else", ""),
    (r" To use no proxy of the environment: trust_env=False\.", " Or unset the variable."),
    (r"pass base_url=", "give --base-url"),
    (r"if_exists=\"replace\" or \"keep\"", "--if-exists replace or keep"),
    (r"\ballow_hosts=", "--allow-host"),
    (r"\bdest=, a file", "--output, a file"),
    (r"\bif_exists=", "--if-exists"),
    (r"(?<![\w&?-])base_url=", "--base-url"),
    (r"(?<![\w&?-])(timeout|deadline|interval|into|sha256|journal)=", r"--\1"),
))
# fmt: on


def plain(text: str) -> str:
    """Return text as a terminal may show it: one line, what is invisible escaped."""
    return one_line(text, _LONGEST)


def limit(seconds: float) -> float | None:
    """Return a span as the client takes it: None for an infinite one."""
    return None if math.isinf(seconds) else seconds


def clock(seconds: float) -> str:
    """Return a span as a clock shows it: `0:07`, `12:30`, `1:02:03`."""
    minutes, rest = divmod(int(max(seconds, 0.0)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def percent(fraction: float) -> str:
    """Return a fraction as a person reads it: `40 %`."""
    return f"{fraction:.0%}".replace("%", " %")


def spoken(text: str) -> str:
    """Return a sentence of the library as one of the command line."""
    for pattern, words in _TRANSLATIONS:
        text = pattern.sub(words, text)
    return text


def complaint(error: ChainhubError, task_id: str | None = None) -> str:
    """Return the line that tells of an error, and of which task it is."""
    text = spoken(str(error))
    if isinstance(error, DestinationExistsError):
        text += "; give another name, or --if-exists replace or keep"
    known = task_id is None or task_id in error.message
    about = "" if known else f"{one_line(str(task_id), 80)}: "
    return one_line(f"chainhub: {about}{text}", _LONGEST_SENTENCE)


def again(command: str, ids: Iterable[str], options: Iterable[str] = ()) -> str:
    """Return the command that resumes these tasks, ready to be copied into a shell."""
    known = list(ids)
    shown = known if len(known) <= _MOST_IDS else ["-"]
    return plain(shlex.join(["chainhub", command, *shown, *options]))


def failed_poll(error: ChainhubError) -> tuple[str, str]:
    """Return in a few words how a poll failed, and why if its name does not say it."""
    if error.status is not None:
        usable = not 200 <= error.status <= 299
        return (named_status(error.status), "") if usable else ("unusable answer", "")
    why = error.message.removeprefix("could not connect: ")
    return "no response", f": {why[:1].lower()}{why[1:]}"
