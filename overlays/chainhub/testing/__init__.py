"""For your own tests: a mock server with scripted tasks, and a virtual clock.

The pytest plugin (`chainhub.testing.plugin`, found by pytest itself) brings the fixtures
`chainhub_sandbox`, `chainhub_client`, `chainhub_async_client`, `chainhub_environment` and
`chainhub_clock`. Scripts consist of status values such as `"pending"` and of the steps from here.
The sandbox needs the extra `chainhub[testing]`. Names are imported when they are first used:
pytest loads this package in every session.

    def test_my_app(chainhub_sandbox, chainhub_client):
        task_id = chainhub_sandbox.task("pending", status(503), "completed")
        assert chainhub_client.video.wait(task_id).video_url
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from chainhub.sandbox import (
        Recorded,
        Sandbox,
        State,
        Step,
        answer,
        cancelled,
        close,
        completed,
        completed_without_url,
        cut,
        error,
        expired,
        failed,
        html,
        pending,
        processing,
        queued,
        reset,
        slow,
        state,
        status,
        trickle,
        video_generating,
    )
    from chainhub.testing._virtual import EndlessWait, VirtualClock, virtual_time
else:

    def __getattr__(name):
        from importlib import import_module

        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        is_virtual = name in ("EndlessWait", "VirtualClock", "virtual_time")
        module = "chainhub.testing._virtual" if is_virtual else "chainhub.sandbox"
        value = getattr(import_module(module), name)
        globals()[name] = value
        return value


__all__ = (
    "EndlessWait", "Recorded", "Sandbox", "State", "Step", "VirtualClock", "answer", "cancelled",
    "close", "completed", "completed_without_url", "cut", "error", "expired", "failed", "html",
    "pending", "processing", "queued", "reset", "slow", "state", "status", "trickle",
    "video_generating", "virtual_time",
)  # fmt: skip


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
