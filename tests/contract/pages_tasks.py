"""Every task operation of a client, waited for in the sandbox; `test_pages.py` runs it."""

import copy
import inspect
import json
import os
import re
from pathlib import Path

import httpx
import pytest

import chainhub
from chainhub.sandbox import Sandbox, completed, failed, pending
from chainhub_api.tasks import CREATES, TASKS

PACE = 0.02
# The published examples of the answers, by operation.
SHOWN = json.loads(Path(os.environ["PAGES_SHOWN"]).read_text("utf-8"))
STATUS = re.compile(r"(?:.*_)?(?:status|state)", re.IGNORECASE)


def with_word(shown, name):
    """Put a final word where an example has its status; if it has none, where a wait looks."""
    answer = copy.deepcopy(shown)
    holders = [answer] if isinstance(answer, dict) else []
    for holder in holders:
        for key in holder:
            if STATUS.fullmatch(key) and isinstance(holder[key], str):
                holder[key] = "succeeded"
                return answer
        holders += [one for one in holder.values() if isinstance(one, dict)]
    holder = answer = answer if isinstance(answer, dict) else {}
    *steps, last = TASKS[name]["status"][0]
    for step in steps:
        holder[step] = holder[step] if isinstance(holder.get(step), dict) else {}
        holder = holder[step]
    holder[last] = "succeeded"
    return answer


@pytest.mark.parametrize("name", TASKS)
def test_a_wait_ends_on_the_examples_of_its_page(name):
    """With the final word put in, wherever the example has its status; the schema may disagree."""
    for shown in SHOWN.get(name) or [{}]:
        answer = with_word(shown, name)
        transport = httpx.MockTransport(lambda _, answer=answer: httpx.Response(200, json=answer))
        with chainhub.Client("sk-test-pages", httpx_args={"transport": transport}) as client:
            further = dict.fromkeys(TASKS[name]["parameters"], "x")
            try:
                done = operation(client, name).wait("a", deadline=30, interval=PACE, **further)
            except chainhub.ResultMissing as error:  # most examples are of a task that is running
                done = error.task
        assert chainhub.state_of(done) is chainhub.State.SUCCEEDED


@pytest.fixture(scope="module")
def sandbox():
    """Start the mock server once."""
    with Sandbox(speed=1000) as started:
        yield started


@pytest.fixture(scope="module")
def client(sandbox):
    """Give a client of it."""
    with chainhub.Client(sandbox.key, base_url=sandbox.base_url) as made:
        yield made


def operation(client, name):
    """Find an operation by its name."""
    tag, _, own = name.partition(".")
    return getattr(getattr(client, tag), own)


@pytest.mark.parametrize("name", TASKS)
def test_a_task_is_waited_for_and_downloaded(client, sandbox, tmp_path, name):
    """By its id, and by itself; one that fails says why."""
    asked = operation(client, name)
    further = dict.fromkeys(TASKS[name]["parameters"], "x")
    task_id = sandbox.add([pending, completed], operation=name)
    done = asked.wait(task_id, deadline=30, interval=PACE, **further)
    assert chainhub.state_of(done) is chainhub.State.SUCCEEDED
    assert asked.wait(done, deadline=30, **further) == done
    if TASKS[name]["kind"] != "none":
        assert chainhub.result_urls_of(done) or TASKS[name]["content"]
        assert asked.download(task_id, into=tmp_path, **further).stat().st_size > 0
    lost = sandbox.add([pending, failed], operation=name)
    with pytest.raises(chainhub.TaskFailed) as caught:
        asked.wait(lost, deadline=30, interval=PACE, **further)
    assert caught.value.reason


def created(method):
    """Call an operation with nothing in what it requires: the sandbox does not look at it."""
    parameters = inspect.signature(method).parameters.values()
    required = [one.name for one in parameters if one.default is one.empty]
    given = {name: {} if name == "body" else "a" for name in required}
    try:
        return method(**given)
    except chainhub.ConfigurationError as error:
        needed = re.findall(r"\w+", str(error).partition(" needs ")[2].replace(" and ", " "))
        return method(**given, **dict.fromkeys(needed, ()))


@pytest.mark.parametrize("name", CREATES)
@pytest.mark.filterwarnings("ignore:.* is none of the values:UserWarning")
def test_what_creates_a_task_is_linked_to_it(client, name):
    """Its answer is enough to wait for the task."""
    answer = created(operation(client, name))
    done = operation(client, CREATES[name]["task"]).wait(answer, deadline=30, interval=PACE)
    assert chainhub.state_of(done) is chainhub.State.SUCCEEDED
