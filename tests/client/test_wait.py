"""Waiting for a task and watching it, against a real server."""

import json
import threading
import time
from functools import partial

import pytest

import chainhub
from chainhub.testing import virtual_time
from tests.loopback import SOON, silent, unused_port

PACE = 0.02


def task(status="pending", url=None, **more):
    """Give a task as it travels."""
    return {"id": "a", "status": status, "video_url": url, "status_update_time": 1, **more}


URL = "https://cdn.example/v.mp4"


def test_wait_returns_the_finished_task(mode, server, http):
    """It asks at once, tells of changes, and returns the task with its URL."""
    answers = [task(), task(), task("video_generating"), task("completed", URL)]
    server.answers = [http(200, answer) for answer in answers]
    seen = []
    client = mode.client(base_url=server.url)
    done = mode(client.video.wait("a", interval=PACE, on_update=lambda t: seen.append(t.status)))
    assert (done.status, done.video_url) == ("completed", URL)
    assert seen == ["pending", "video_generating", "completed"]
    assert (len(server.requests), server.connections) == (4, 1)


@pytest.mark.parametrize("late", [{}, {"status_update_time": None}])
def test_nobody_needs_the_time_of_the_last_change(mode, server, http, late):
    """A task without it, or with null, is read like any other: the wait neither fails nor spins."""

    def timeless(**fields):
        found = task(**fields)
        del found["status_update_time"]
        return http(200, {**found, **late})

    server.answers = [timeless(), timeless(status="completed", url=URL)]
    client = mode.client(base_url=server.url)
    assert mode(client.video.wait("a", interval=PACE)).video_url == URL
    assert len(server.requests) == 2


def test_after_a_stop_past_the_deadline_the_task_is_asked_once_more(mode, server, http):
    """As after Ctrl-Z or a frozen container; here a callback holds the process up."""
    server.answers = [http(200, task()), http(200, task("completed", URL))]
    client = mode.client(base_url=server.url)
    done = mode(client.video.wait("a", deadline=0.4, on_update=lambda _: time.sleep(1.6)))
    assert done.status == "completed"
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    ("text", "charset"), [("a", "utf-8"), ("ä", "utf-8"), ("ä", "latin-1")], ids=str
)
def test_a_timeout_names_the_cache_that_answers(mode, server, http, chainhub_clock, text, charset):
    """A proxy that keeps answers shows the same one for ever."""
    body = json.dumps(task(text=text), ensure_ascii=False).encode(charset)
    kind = f"Content-Type: application/json; charset={charset}"
    server.answers = [http(200, body, kind, "Age: 60")]
    client = mode.client(base_url=server.url)
    with pytest.raises(chainhub.WaitTimeout, match=r"came from a cache \(Age: 60\)"):
        mode(client.video.wait("a", deadline=60))


def test_async_callbacks_are_awaited(mode, server, http):
    """An asynchronous client takes a coroutine function too."""
    server.answers = [http(200, task("completed", URL))]
    seen = []

    async def told(task):
        seen.append(task.status)

    if not mode.asynchronous:
        return
    client = mode.client(base_url=server.url)
    mode(client.video.wait("a", on_update=told))
    assert seen == ["completed"]


def test_wait_takes_a_task_and_forgives_spellings(mode, server, http):
    """A number for an id and digits in a string cost no video."""
    server.answers = [http(200, task()), http(200, {**task("completed", URL), "id": 4118})]
    client = mode.client(base_url=server.url)
    first = mode(client.video.query("a"))
    assert mode(client.video.wait(first, interval=PACE)).id == "4118"


async def _async_hook(event):
    """Be no function that can be called for an event."""


class _AsyncCallable:
    """What is async only when it is called."""

    async def __call__(self, event):
        """Be awaited by an async client."""


ASYNC_HOOKS = [_async_hook, partial(_async_hook), _AsyncCallable()]


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("words", {"done": 5}, "words must map status values to members of chainhub.State"),
        ("words", {5: "failed"}, "words must map status values"),
        ("words", ["done"], "words must map status values"),
        ("interval", -1, "interval"),
        ("deadline", "1", "deadline must be a positive number of seconds"),
    ],
)
def test_arguments_that_cannot_be_used_are_refused(mode, server, name, value, sentence):
    """Before anything is sent."""
    client = mode.client(base_url=server.url)
    with pytest.raises(chainhub.ConfigurationError, match=sentence):
        mode(client.video.wait("a", **{name: value}))
    assert server.requests == []


def test_a_journal_must_be_a_path(mode):
    """What is none is named."""
    with pytest.raises(chainhub.ConfigurationError, match="journal must be a path, not 5"):
        mode(mode.client().video.wait_many(["a"], journal=5))


@pytest.mark.parametrize("name", ["on_attempt", "on_retry", "on_call"])
@pytest.mark.parametrize("hook", [5, *ASYNC_HOOKS])
def test_a_hook_must_be_a_plain_function(mode, name, hook):
    """One that is async would never be awaited."""
    with pytest.raises(chainhub.ConfigurationError, match=f"{name} must be a function that is not"):
        mode.client(**{name: hook})


def called_back(client, method, hook, folder):
    """Return a call with a callback, and the sentence that refuses it."""
    given = {"progress": hook, "into": folder} if "download" in method else {"on_update": hook}
    name, asked = next(iter(given)), ["a"] if "many" in method else "a"
    return partial(getattr(client.video, method), asked, **given), f"{name} must be a function"


METHODS = ["wait", "wait_many", "download", "download_many"]


@pytest.mark.parametrize("method", METHODS)
def test_a_callback_must_be_callable(mode, server, http, method, tmp_path):
    """What is none is not noticed after minutes."""
    server.answers = [http(200, task("failed"))]
    call, sentence = called_back(mode.client(base_url=server.url), method, 5, tmp_path)
    with pytest.raises(chainhub.ConfigurationError, match=sentence):
        mode(call())
    assert server.requests == []


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("hook", ASYNC_HOOKS)
def test_a_sync_client_takes_no_async_callback(server, http, method, hook, tmp_path):
    """It would never await it; an async client does."""
    server.answers = [http(200, task("failed"))]
    with chainhub.Client("sk-test-wait", base_url=server.url) as client:
        call, sentence = called_back(client, method, hook, tmp_path)
        with pytest.raises(chainhub.ConfigurationError, match=f"{sentence} that is not async"):
            call()
    assert server.requests == []


@pytest.mark.parametrize("method", ["with_options", "wait", "download"])
def test_a_switch_must_be_one(mode, server, http, method, tmp_path):
    """Others, such as an event of threading, cannot wake what waits."""
    server.answers = [http(200, task("failed"))]
    client, where = mode.client(base_url=server.url), {}
    call = client.with_options
    if method != "with_options":
        where = {"into": tmp_path} if method == "download" else {}
        call = partial(getattr(client.video, method), "a")
    with pytest.raises(chainhub.ConfigurationError, match=r"cancel must be a chainhub\.Cancel"):
        mode(call(cancel=threading.Event(), **where))
    assert server.requests == []


def test_a_limit_above_all_numbers_is_none(mode, server, http):
    """As an infinite one."""
    server.answers = [http(200, task("completed", URL))]
    client = mode.client(base_url=server.url, timeout=10**400)
    assert mode(client.video.wait("a", deadline=10**400)).video_url == URL


@pytest.mark.parametrize("nothing", ["", "  ", None, 7])
def test_wait_needs_an_id(mode, server, nothing):
    """Nothing to ask for is a mistake of the caller."""
    client = mode.client(base_url=server.url)
    with pytest.raises(chainhub.ConfigurationError, match="non-empty string"):
        mode(client.video.wait(nothing))
    assert server.requests == []


def test_failure_is_told_then_raised(mode, server, http):
    """The callback sees the failed task before the error comes."""
    server.answers = [http(200, task("failed", error={"message": "unsafe prompt", "code": "E9"}))]
    seen = []
    client = mode.client(base_url=server.url)
    with pytest.raises(chainhub.TaskFailed, match="unsafe prompt") as caught:
        mode(client.video.wait("a", on_update=seen.append))
    assert (caught.value.reason, caught.value.code, caught.value.task) == (
        "unsafe prompt",
        "E9",
        seen[0],
    )
    back = mode(client.video.wait("a", raise_on_failure=False))
    assert back.status == "failed"


def test_watch_yields_changes_and_the_end(mode, server, http):
    """Also of a failed task, which it does not raise."""
    answers = [task(), task(progress=5), task(progress=5), task("cancelled")]
    server.answers = [http(200, answer) for answer in answers]
    client = mode.client(base_url=server.url)
    seen = mode.collect(client.video.watch("a", interval=PACE))
    assert [item.status for item in seen] == ["pending", "pending", "cancelled"]


def test_watch_yields_the_final_task_even_unchanged(mode, server, http):
    """A task that stays completed without a URL is final after a grace, and yielded once more."""
    server.answers = [http(200, task("completed"))]
    client = mode.client(base_url=server.url)
    seen = mode.collect(client.video.watch("a", interval=PACE))
    assert [item.status for item in seen] == ["completed", "completed"]
    assert len(server.requests) == 3


def test_transient_errors_do_not_end_a_wait(mode, server, http):
    """A 503, an HTML page and a reset cost a poll each, not the wait."""
    server.answers = [
        http(503, b""),
        http(200, b"<html>down</html>"),
        None,
        http(200, task("completed", URL)),
    ]
    client = mode.client(base_url=server.url)
    assert mode(client.video.wait("a", interval=PACE)).video_url == URL


def test_failed_polls_are_told(mode, server, http):
    """`on_retry` hears of each that another one follows, with its number and the limit."""
    server.answers = [http(503, b""), http(404, b"{}"), http(200, task("completed", URL))]
    seen = []
    client = mode.client(base_url=server.url, on_retry=seen.append)
    with pytest.raises(chainhub.NotFoundError):
        mode(client.video.wait("a", interval=PACE))
    (event,) = seen
    assert (event.method, event.url) == ("GET", f"{server.url}/v1/video/query?id=a")
    assert (event.attempt, event.max_attempts, event.task_id) == (1, 10, "a")
    assert isinstance(event.error, chainhub.ServerError)
    assert PACE <= event.delay < 1


@pytest.fixture
def closed_port():
    """Give the base URL of a port where nobody listens."""
    return f"http://127.0.0.1:{unused_port()}"


def test_a_dead_address_is_told_while_it_is_waited_for(mode, closed_port):
    """With the cause, and soon given up."""
    seen = []
    with virtual_time() as clock:
        client = mode.client(base_url=closed_port, on_retry=seen.append)
        with pytest.raises(
            chainhub.ConnectionFailedError, match="no response in 4 attempts"
        ) as end:
            mode(client.video.wait("a"))
    assert [(event.attempt, event.max_attempts) for event in seen] == [(1, 4), (2, 4), (3, 4)]
    assert all(1 <= event.delay <= gap for event, gap in zip(seen, (2, 4, 8), strict=True))
    assert all("Connection refused" in str(event.error) for event in seen)
    assert clock.skipped < 15
    assert end.value.kind == "connect"
    assert end.value.elapsed < 16


def test_a_dead_address_is_told_a_few_times_for_many_tasks(mode, closed_port):
    """They find out together."""
    seen = []
    ids = [str(number) for number in range(200)]
    with virtual_time() as clock:
        client = mode.client(base_url=closed_port, max_connections=20, on_retry=seen.append)
        outcomes = mode(client.video.wait_many(ids))
    assert {type(outcome.error) for outcome in outcomes.values()} == {
        chainhub.ConnectionFailedError
    }
    assert list(outcomes) == ids
    assert len(seen) <= 20 + 3
    assert {event.max_attempts for event in seen} == {4}
    assert seen[-1].task_id in ids
    assert clock.skipped < 15


def test_a_slip_in_an_observer_ends_a_wait_for_many(mode, server, http):
    """It is the caller's own, as in a wait for one."""

    def slip(event):
        raise ZeroDivisionError

    server.answers = [http(503, b"")]
    client = mode.client(base_url=server.url, on_retry=slip)
    with pytest.raises(ZeroDivisionError):
        mode(client.video.wait_many(["a"], interval=PACE))
    with pytest.raises(ZeroDivisionError):
        mode(client.video.wait("a", interval=PACE))


def test_deadline_ends_a_wait_in_time(mode, server, http, chainhub_clock):
    """It says what is known and how to go on."""
    server.answers = [http(200, task())]
    client = mode.client(base_url=server.url)
    began = chainhub_clock.monotonic()
    with pytest.raises(chainhub.WaitTimeout, match="keeps running") as caught:
        mode(client.video.wait("a", deadline=120, interval=10))
    assert 119 < chainhub_clock.monotonic() - began < 120 + SOON
    error = caught.value
    assert (error.task_id, error.task.status, error.polls > 3) == ("a", "pending", True)


def test_poll_in_flight_at_the_deadline_is_cut(mode, server, http):
    """A server that never answers delays the end by 0.3 s at most."""
    client = mode.client(base_url=server.url)

    def seconds():
        server.answers = [http(200, task()), silent]
        server.requests.clear()
        began = time.monotonic()
        with pytest.raises(chainhub.WaitTimeout):
            mode(client.video.wait("a", deadline=0.4, interval=0.1))
        return time.monotonic() - began

    # A busy machine is late now and then, not always.
    assert any(seconds() < 0.4 + 0.3 for _ in range(5))


def test_cancel_ends_a_wait(mode, server, http):
    """While it sleeps and while it asks."""
    client = mode.client(base_url=server.url)
    for answer in (http(200, task()), silent):
        cancel = chainhub.Cancel()
        server.answers = [answer]
        threading.Timer(0.1, cancel.set).start()
        began = time.monotonic()
        with pytest.raises(chainhub.CancelledByUser, match="keeps running"):
            mode(client.video.wait("a", interval=60, cancel=cancel))
        assert time.monotonic() - began < SOON


def test_options_of_the_client_hold_in_a_wait(mode, server, http):
    """A switch given with `with_options` ends waits as well."""
    cancel = chainhub.Cancel()
    cancel.set()
    client = mode.client(base_url=server.url).with_options(cancel=cancel)
    with pytest.raises(chainhub.CancelledByUser):
        mode(client.video.wait("a"))


def test_a_slip_in_a_callback_ends_the_wait(mode, server, http):
    """It propagates as it is."""
    client = mode.client(base_url=server.url)
    with pytest.raises(ZeroDivisionError):
        mode(client.video.wait("a", on_update=lambda task: 1 / 0))


def test_hint_of_the_server_is_followed(mode, server, http, chainhub_clock):
    """A Retry-After on a good answer within 1 to 30 s sets the pace."""
    server.answers = [http(200, task(), "Retry-After: 20")]
    client = mode.client(base_url=server.url)
    with pytest.raises(chainhub.WaitTimeout):
        mode(client.video.wait("a", deadline=110))
    assert len(server.requests) in (5, 6, 7)
