"""How much memory a waiting task takes."""

import gc
import json
import tracemalloc

import pytest

import chainhub
from chainhub._session import CallResult
from chainhub._tasks.poller import Poller, PollResult
from chainhub._transport import Response

TASKS = 40


def answer(number: int, size: int, text: str) -> bytes:
    """Return an answer of about so many bytes, of many small fields as real ones have them."""
    count = size // (30 + 15 * len(text.encode()))
    fields = {f"field_{field}": f"{number}-{field}-{text * 15}" for field in range(count)}
    task = {
        "id": f"veo:{number}",
        "status": "processing",
        "status_update_time": 1,
        "detail": fields,
    }
    return json.dumps(task, ensure_ascii=False).encode()[:-2].ljust(size - 2) + b"}}"


@pytest.mark.unmeasured
@pytest.mark.parametrize("text", ["y", "é"])
@pytest.mark.parametrize(("size", "most"), [(735, 4000), (2_000, 5000), (20_000, 24_000)])
def test_a_waiting_task_takes_little_more_than_its_last_answer(size, most, text):
    """The answer as it came is kept, and parsed again when somebody wants to see the task."""
    client = chainhub.Client("sk-test-1", base_url="http://127.0.0.1:9")
    poller = Poller(client._transport, client.video._task, {}, None, 5.0, None, None)
    bodies = [answer(number, size, text) for number in range(TASKS)]

    def poll(number: int) -> None:
        poller.add(poller.task_id_of(f"veo:{number}"))
        request = poller.next_step()
        response = Response(200, [(b"Date", b"today")], bytes(bytearray(bodies[number])))
        poller.take(PollResult(request.step, CallResult(request.prepared, response, None, 1, 0.1)))

    poll(0)
    gc.collect()
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    for number in range(1, TASKS):
        poll(number)
    gc.collect()
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (after - before) / (TASKS - 1) < most
    waiting = [wait for _, _, wait in poller.scheduler._due]
    assert {wait.task.id for wait in waiting} == {f"veo:{number}" for number in range(TASKS)}
