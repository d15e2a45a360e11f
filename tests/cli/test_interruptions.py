"""Ctrl-C and SIGTERM, taken at once or held back for a moment."""

import signal
import threading

import pytest

from chainhub.cli._signals import Terminated, held, listening


@pytest.mark.parametrize(
    ("number", "kind"), [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, Terminated)]
)
def test_a_held_interruption_comes_when_the_outer_block_ends(number, kind) -> None:
    """Not in the middle of what must not be torn, and not lost."""
    steps: list[str] = []

    def work() -> None:
        with held():
            with held():
                signal.raise_signal(number)
                steps.append("inner")
            steps.append("outer")

    with listening():
        with pytest.raises(kind) as caught:
            work()
        assert caught.type is kind
        with held():
            steps.append("later")
        with pytest.raises(kind):
            signal.raise_signal(number)
    assert steps == ["inner", "outer", "later"]


def test_signals_are_as_they_were_afterwards() -> None:
    """And one that is ignored stays so: a job in the background is not to be interrupted."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    term = signal.getsignal(signal.SIGTERM)
    try:
        with listening():
            signal.raise_signal(signal.SIGINT)
            assert signal.getsignal(signal.SIGTERM) is not term
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
        assert signal.getsignal(signal.SIGTERM) is term
    finally:
        signal.signal(signal.SIGINT, before)


def test_another_thread_holds_nothing_back() -> None:
    """Signals come in the main thread only."""
    seen: list[bool] = []

    def work() -> None:
        with listening(), held():
            seen.append(signal.getsignal(signal.SIGTERM) is signal.SIG_DFL)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(10)
    assert seen == [signal.getsignal(signal.SIGTERM) is signal.SIG_DFL]
