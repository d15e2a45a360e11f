"""What a command says to a person: errors in the words of the command line, one line each."""

from __future__ import annotations

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
_MOST_IDS = 20

# Errors speak of the Python interface; here the same is an option or a variable.
_TRANSLATIONS = (
    (re.compile(r"pass api_key=…, "), ""),
    (re.compile(r", or pass allow_insecure=True if you accept that"), ""),
    (
        re.compile(r"with verify_ssl= or SSL_CERT_FILE, or use verify_ssl=\"system\""),
        "with SSL_CERT_FILE",
    ),
    (re.compile(r"; pass words=\{\.\.\.: State\.\.\.\} if it means something else"), ""),
    (
        re.compile(r" To use no proxy of the environment: trust_env=False\."),
        " Or unset the variable.",
    ),
    (re.compile(r"pass base_url="), "give --base-url"),
    (re.compile(r"if_exists=\"replace\" or \"keep\""), "--if-exists replace or keep"),
    (re.compile(r"\ballow_hosts="), "--allow-host"),
    (re.compile(r"\bdest=, a file"), "--output, a file"),
    (re.compile(r"\bif_exists="), "--if-exists"),
    (
        re.compile(r"(?<![\w&?-])(base_url|timeout|deadline|interval|into|sha256|journal)="),
        lambda found: "--" + found[1].replace("_", "-"),
    ),
)


def plain(text: str) -> str:
    """Return text as a terminal may show it: one line, what is invisible escaped."""
    return one_line(text, _LONGEST)


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
