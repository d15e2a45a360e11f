"""What event hooks are given: complete events, of which the costly fields wait for a reader."""

from __future__ import annotations

import copy
import pickle

import attrs
import pytest

from chainhub._session import AttemptEvent
from chainhub._session.events import event_of

GIVEN = {
    "method": "GET",
    "attempt": 1,
    "status": 200,
    "trouble": None,
    "trouble_kind": None,
    "started": 1.0,
    "elapsed": 0.5,
    "operation": "video.query",
}
WHOLE = AttemptEvent(url="https://x.example", request_id="r", **GIVEN)  # type: ignore[arg-type]


def made(read: list[str]) -> AttemptEvent:
    """Return an event like `WHOLE` that notes which of its fields are worked out."""

    def later(name: str, value: str) -> str:
        read.append(name)
        return value

    return event_of(
        AttemptEvent,
        {
            "url": lambda: later("url", "https://x.example"),
            "request_id": lambda: later("request_id", "r"),
        },
        **GIVEN,
    )


def test_a_field_is_worked_out_once_when_it_is_read() -> None:
    """Whoever reads nothing pays for nothing."""
    read: list[str] = []
    event = made(read)
    assert (event.method, event.status, read) == ("GET", 200, [])
    assert [event.url, event.url] == ["https://x.example"] * 2
    assert read == ["url"]


@pytest.mark.parametrize(
    "seen",
    [
        lambda event: event,
        repr,
        hash,
        attrs.asdict,
        copy.copy,
        lambda event: pickle.loads(pickle.dumps(event)),
        lambda event: attrs.evolve(event, attempt=2),
    ],
)
def test_nobody_can_tell_when_a_field_was_worked_out(seen: object) -> None:
    """It is the event that its constructor would make, for whatever looks at it."""
    assert callable(seen)
    assert seen(made([])) == seen(WHOLE)


def test_a_field_that_no_event_has_is_an_error() -> None:
    """Also while the event is being made or copied."""
    for event in (made([]), WHOLE, AttemptEvent.__new__(AttemptEvent)):
        with pytest.raises(
            AttributeError, match="'AttemptEvent' object has no attribute 'headers'"
        ):
            event.headers  # type: ignore[attr-defined]  # noqa: B018
