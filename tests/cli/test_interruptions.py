"""Ctrl-C and SIGTERM."""

import io
import signal
import threading

import pytest

from chainhub.cli import main
from chainhub.cli._progress import LiveProgress
from chainhub.cli._running import Termination, interruptible
from chainhub.cli._terminal import Terminal
from chainhub.sandbox import Sandbox, completed


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_while_rows_are_taken_away(number, watched) -> None:
    """It comes through, after the rows are gone; without rows, no line."""
    came = watched()
    progress = LiveProgress(["x"], Terminal())
    progress.on_end("x", good=True)
    with progress:
        pass
    assert came() == ""
    came = watched()
    terminal = Terminal()
    progress = LiveProgress(["x"], terminal)
    joins: list[None] = []
    join = progress._painter.join

    def interrupted() -> None:
        joins.append(join())
        if len(joins) == 1:
            signal.raise_signal(number)

    progress._painter.join = interrupted
    with interruptible(), pytest.raises(KeyboardInterrupt) as caught, progress:
        terminal.say("kept until the rows are away")
    assert caught.type is (Termination if number == signal.SIGTERM else KeyboardInterrupt)
    assert len(joins) == 2
    raw = came()
    assert "kept until the rows are away\r\n" in raw
    assert "\r\x1b[2K\x1b[1A\x1b[2K" in raw  # also the line below, where ^C is


def test_in_another_thread_signals_are_left_alone(sandbox: Sandbox) -> None:
    """Only the main thread may set them."""
    sandbox.add(completed, id="x")
    found: list[object] = []

    def work() -> None:
        with interruptible():
            found.append(signal.getsignal(signal.SIGTERM))
        found.append(main(["get", "x"]))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(20)
    assert found == [signal.getsignal(signal.SIGTERM), 0]


def test_signals_are_as_they_were_afterwards() -> None:
    """And one that is ignored stays so: a job in the background is not to be interrupted."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    term = signal.getsignal(signal.SIGTERM)
    try:
        with interruptible():
            signal.raise_signal(signal.SIGINT)
            assert signal.getsignal(signal.SIGTERM) is not term
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
        assert signal.getsignal(signal.SIGTERM) is term
    finally:
        signal.signal(signal.SIGINT, before)


class Gone(io.StringIO):
    """A terminal whose window was closed."""

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> int:
        raise OSError(5, "Input/output error")


def test_rows_end_with_their_terminal() -> None:
    """What is printed later fails where it is printed; words to a person are left out."""
    terminal = Terminal(stdin=None, stdout=Gone(), stderr=Gone(), environ={"TERM": "xterm"})
    progress = LiveProgress(["x"], terminal)
    with progress:
        progress._painter.join(10)
        terminal.say("lost")
        with pytest.raises(OSError, match="Input/output"):
            terminal.result("not lost in silence")
