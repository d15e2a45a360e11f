"""The results of one command: each is printed once it is known, and counts for the exit code."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from chainhub.cli._exit_codes import Exit, exit_code_of, verdict
from chainhub.cli._messages import complaint
from chainhub.cli._records import encoded
from chainhub.errors import TransportError

if TYPE_CHECKING:
    from chainhub.cli._display import Display
    from chainhub.cli._records import Record
    from chainhub.cli._terminal import Terminal
    from chainhub.errors import ChainhubError

_MOST_COMPLAINTS = 20


class Results:
    """Prints results from any thread, one at a time.

    Args:
        terminal: Where to print.
        display: What steps aside meanwhile.
        json: Whether records are printed, rather than lines.
    """

    def __init__(self, terminal: Terminal, display: Display, *, json: bool) -> None:
        self._terminal = terminal
        self._display = display
        self._json = json
        self._codes: Counter[Exit] = Counter()
        self._unanswered = 0

    @property
    def failed(self) -> int:
        """How many results are failures."""
        return self._codes.total() - self._codes[Exit.DONE]

    @property
    def code(self) -> Exit:
        """The exit code for all of them."""
        return verdict(+self._codes)

    def add(
        self,
        record: Record,
        line: str | None = None,
        *,
        error: ChainhubError | None = None,
        note: str | None = None,
        final: bool = True,
    ) -> None:
        """Print one result.

        Args:
            record: All that is known.
            line: The result as text, instead of the record, or None.
            error: Why there is no result.
            note: A line for a person, before the result.
            final: Whether it counts for the exit code.

        Raises:
            BrokenPipeError: Nobody reads results any more.
        """
        with self._display.aside():
            self._codes[exit_code_of(error)] += final
            if note is not None:
                self._terminal.say(note)
            if error is not None:
                self._complain(error, record["id"])
            if self._json:
                self._terminal.result(encoded(record))
            elif line is not None:
                self._terminal.result(line)

    def _complain(self, error: ChainhubError, task_id: str | None) -> None:
        # A service that is down says the same of every task.
        self._unanswered += isinstance(error, TransportError)
        count = self.failed if self._json else self._unanswered
        if count <= _MOST_COMPLAINTS or not (self._json or isinstance(error, TransportError)):
            self._terminal.say(complaint(error, task_id))
        elif count == _MOST_COMPLAINTS + 1:
            where = "the results say why" if self._json else "the service did not respond"
            self._terminal.say(f"chainhub: more failed; {where}")
