"""The switch that ends calls from outside."""

import sys
import threading
import time

from chainhub import Cancel


def test_set_wakes_a_sleep():
    """A sleep ends when the switch is set, and says so."""
    cancel = Cancel()
    threading.Timer(0.02, cancel.set).start()
    began = time.monotonic()
    assert cancel.wait(10)
    assert time.monotonic() - began < 2
    assert cancel.is_set()


def test_wait_without_set_is_a_sleep():
    """Nothing set, nothing told."""
    assert not Cancel().wait(0.001)


def test_watchers_are_woken_once_and_forgotten():
    """A waker is called while its block runs, and at once if the switch is set already."""
    cancel, woken = Cancel(), []
    with cancel.watching(lambda: woken.append("early")):
        pass
    with cancel.watching(lambda: woken.append("now")):
        cancel.set()
    with cancel.watching(lambda: woken.append("late")):
        pass
    cancel.set()
    assert woken == ["now", "late"]


def test_set_may_interrupt_any_line():
    """A signal handler may call it at any moment; nothing the frame below holds is waited for."""
    for moment in range(80):
        cancel, lines = Cancel(), iter(range(moment))

        def trace(frame, event, argument, cancel=cancel, lines=lines):
            if event == "line" and next(lines, None) is None:
                sys.settrace(None)
                cancel.set()
            return trace

        measuring = sys.gettrace()  # coverage's; without it all later tests here count for nothing
        sys.settrace(trace)
        try:
            cancel.wait(0.0)
        finally:
            sys.settrace(measuring)
        cancel.set()
        assert cancel.is_set()
