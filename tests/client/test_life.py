"""A client's life: event loops, threads, forks, copies, closing and being dropped."""

import asyncio
import copy
import gc
import os
import pickle
import subprocess
import sys
import textwrap
import threading
import time

import httpx
import pytest

import chainhub
from chainhub import video
from chainhub._session import session as _session
from chainhub._tasks import loops as _loops
from chainhub_api.api.video import query
from tests.loopback import TASK, response


@pytest.mark.parametrize("more", [{}, {"httpx_args": {"http2": False}}])
def test_one_async_client_serves_several_event_loops(server, more):
    """Three `asyncio.run` with one client work, and nothing is kept of a loop that is closed."""
    client = chainhub.AsyncClient("sk-test-loops", base_url=server.url, **more)
    for _ in range(3):
        assert asyncio.run(client.video.query("a")).status == "pending"
    assert server.connections == 3
    assert len(client._session._loops) <= 1


def test_one_async_client_serves_loops_of_several_threads(server):
    """Each thread's loop gets connections of its own."""
    client = chainhub.AsyncClient("sk-test-loops", base_url=server.url)
    statuses = []
    threads = [
        threading.Thread(
            target=lambda: statuses.append(asyncio.run(client.video.query("a")).status)
        )
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert statuses == ["pending"] * 4


def test_use_after_close_is_a_typed_error(mode, server):
    """A closed client refuses, says so, and closing it again does no harm."""
    client = mode.client(base_url=server.url)
    mode(client.video.query("a"))
    for _ in range(2):
        mode.end(client)
    with pytest.raises(chainhub.ClientClosedError, match="closed"):
        mode(client.video.query("a"))
    assert "closed" in repr(client)


def test_copies_are_closed_with_the_client(mode, server):
    """Connections are shared, so is their end."""
    client = mode.client(base_url=server.url)
    other = client.with_options(deadline=5)
    mode.end(client)
    with pytest.raises(chainhub.ClientClosedError):
        mode(other.video.query("a"))


class Counted(httpx.MockTransport):
    """A transport that counts how often it is closed."""

    closed = 0

    def close(self):
        self.closed += 1

    async def aclose(self):
        self.closed += 1


def answer(request):
    """Answer like the service."""
    return httpx.Response(200, json={"id": "a", "status": "done", "status_update_time": 1})


def test_a_transport_is_closed_with_its_client(mode):
    """As httpx does it; copies of the client share what is closed."""
    transport = Counted(answer)
    client = mode.client(base_url="https://api.example", httpx_args={"transport": transport})
    for one in (client, client.with_options(deadline=5)):
        assert mode(one.video.query("a")).status == "done"
    assert transport.closed == 0
    for _ in range(2):
        mode.end(client)
    assert transport.closed == 1


def test_a_client_of_the_users_own_is_not_closed(mode):
    """Whoever made it closes it."""
    transport = Counted(answer)
    client = mode.client(base_url="https://api.example")
    mode.give(client, mode.own(transport=transport))
    assert mode(client.video.query("a")).status == "done"
    mode.end(client)
    assert transport.closed == 0


def test_closing_from_elsewhere_closes_the_httpx_client_of_a_loop():
    """Its transport is closed in the loop it served."""
    transport = Counted(answer)
    client = chainhub.AsyncClient(
        "sk-test-loops", base_url="https://api.example", httpx_args={"transport": transport}
    )

    async def scenario():
        await client.video.query("a")
        await asyncio.to_thread(client._session.close)
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    asyncio.run(scenario())
    assert transport.closed == 1


def test_with_closes_the_client(server):
    """Both kinds of `with` close their client."""
    with chainhub.Client("sk-test-with", base_url=server.url) as client:
        client.video.query("a")

    async def asynchronous():
        async with chainhub.AsyncClient("sk-test-with", base_url=server.url) as client:
            await client.video.query("a")
        return client

    for closed in (client, asyncio.run(asynchronous())):
        assert "closed" in repr(closed)


def test_closing_reaches_the_connections_of_other_loops(server):
    """`close()` in one thread closes the idle connections of a loop that runs in another."""
    client = chainhub.AsyncClient("sk-test-loops", base_url=server.url)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    asyncio.run_coroutine_threadsafe(client.video.query("a"), loop).result(60)
    (pool,) = (mine.pool for mine in client._session._loops.values())
    assert pool.idle == 1
    client._session.close()
    deadline = time.monotonic() + 60
    while pool.idle and time.monotonic() < deadline:
        time.sleep(0.01)
    assert pool.idle == 0
    asyncio.run_coroutine_threadsafe(loop.shutdown_asyncgens(), loop).result(60)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(60)
    loop.close()
    client._session.close()


def test_dropped_sync_client_closes_silently(server):
    """`Client().video.query(…)` is fine."""
    chainhub.Client("sk-test-dropped", base_url=server.url).video.query("a")
    gc.collect()


def test_leaked_async_client_on_a_live_loop_warns(server):
    """Connections that nobody can close any more are reported."""

    async def leak():
        client = chainhub.AsyncClient("sk-test-leaked", base_url=server.url)
        await client.video.query("a")
        dropped = [client]
        del client
        with pytest.warns(ResourceWarning, match="aclose"):
            dropped.clear()

    asyncio.run(leak())


def http_task(**fields):
    """Write an answer about a task."""
    return response(200, TASK | {"status": "completed", "video_url": "https://h/v.mp4"} | fields)


LATE = """
import asyncio, httpx, logging, sys, chainhub

async def asked(client):
    await client.video.query("a")

{lines}
# Held by modules that are torn down after what closing needs, as a Django settings module is.
httpx.kept = logging.kept = kept
"""


@pytest.mark.parametrize(
    "lines",
    [
        "kept = chainhub.Client(); kept.video.query('a')",
        "kept = chainhub.Client().with_options(timeout=9); kept.video.query('a')",
        "kept = chainhub.Client(httpx_args={'http2': False}); kept.video.query('a')",
        "kept = chainhub.AsyncClient(); asyncio.run(asked(kept))",
        "kept = chainhub.AsyncClient(); loop = asyncio.new_event_loop()\n"
        "loop.run_until_complete(asked(kept))",
        "kept = chainhub.Client().video.as_completed(['a', 'b'], journal='j'); next(kept)",
        "kept = chainhub.Client().video.watch('a'); next(kept)",
        "kept = chainhub.Cancel(); chainhub.Client().with_options(cancel=kept).video.query('a')",
        "from chainhub.sandbox import Sandbox\nkept = Sandbox(); kept.start()",
    ],
)
def test_nothing_is_said_at_exit(server, http, tmp_path, lines):
    """Whatever is still open then is closed before modules are torn down."""
    server.answers = [http(200, TASK | {"status": "completed", "video_url": "https://h/v.mp4"})]
    program = LATE.format(lines=lines)
    variables = {"CHAINHUB_API_KEY": "sk-test-late", "CHAINHUB_BASE_URL": server.url}
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=60,
        cwd=tmp_path,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_released_session_serves_again(mode, server):
    """A handler that was registered earlier runs later, and may still ask."""
    arguments = {} if mode.asynchronous else {"httpx_args": {"http2": False}}
    clients = [
        mode.client(base_url=server.url),
        mode.client(base_url=server.url, **arguments),
    ]
    for _ in range(2):
        for client in clients:
            assert mode(client.video.query("a")).status == "pending"
        _session._close_all_idle()
        assert [client._session._loops for client in clients] == [{}, {}]


def test_what_a_closed_loop_had_is_left_alone(server):
    """Its sockets are beyond reach. Asynchronous only: threads have no loop."""
    client = chainhub.AsyncClient("sk-test-late", base_url=server.url)
    loop = asyncio.new_event_loop()

    async def ask():
        await client.video.query("a")
        client._session.close_idle()  # a loop that runs closes its own
        assert client._session._loops
        await client.aclose()

    loop.run_until_complete(ask())
    loop.run_until_complete(loop.shutdown_asyncgens())
    loop.close()
    client._session.close_idle()


def test_finalizing_closes_nothing():
    """Modules may be gone by then."""
    client = chainhub.Client("sk-test-late")
    client._session.__del__(lambda: True)
    client.close()


def test_wait_that_nobody_reads_to_its_end_is_closed(server):
    """At exit; its threads end. Synchronous only: an event loop closes its generators."""
    client = chainhub.Client("sk-test-late", base_url=server.url)
    server.answers = [http_task(id="a"), http_task(id="b", status="pending")]
    waiting = client.video.as_completed(["a", "b"], interval=0.01)
    assert next(waiting).error is None
    _loops._close_unfinished()
    assert list(waiting) == []
    assert not [t for t in threading.enumerate() if t.name.startswith("chainhub_")]


def test_wait_of_the_parent_is_left_open_in_a_forked_child(server):
    """Closing it would unlock the parent's journal."""
    client = chainhub.Client("sk-test-late", base_url=server.url)
    waiting = client.video.as_completed([])
    _loops._unfinished[waiting] = -1
    _loops._close_unfinished()
    assert list(waiting) == []


def test_forked_child_shares_nothing(server):
    """Parent and child work on with sockets of their own, and the child warns of nothing."""
    program = """
        import os, sys, warnings
        import chainhub
        warnings.simplefilter("error")
        client = chainhub.Client("sk-test-fork", base_url=sys.argv[1])
        client.video.query("parent")
        session = client._session
        before = session._pool
        child = os.fork()
        for _ in range(5):
            client.video.query("a")
        if child == 0:
            assert session._pool is not before
            os._exit(0)
        _, status = os.waitpid(child, 0)
        assert session._pool is before
        sys.exit(os.waitstatus_to_exitcode(status))
    """
    command = [
        sys.executable,
        "-X",
        "dev",
        "-W",
        "error",
        "-c",
        textwrap.dedent(program),
        server.url,
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stderr) == (0, "")
    assert server.connections == 2


@pytest.mark.parametrize(
    ("module", "slow", "call"),
    [
        ("chainhub.video", "chainhub.video", "client.video.query('a')"),
        ("encodings.idna", "stringprep", "client.video.query('a')"),
        ("chainhub._tasks.loops", "asyncio", "client.video.wait('a', deadline=0.1)"),
        ("chainhub._tasks.result", "chainhub._download", "client.video.download('a', 'a.mp4')"),
        ("chainhub._session.httpx_transport", "httpx", "client.get_httpx_client()"),
        ("chainhub_api.grown", "", "importlib.import_module('chainhub_api.grown')"),
    ],
)
def test_child_that_is_forked_while_a_thread_loads_something_works_on(server, module, slow, call):
    """A module that was being loaded at the fork would never be loaded in the child."""
    program = f"""
        import importlib.machinery, os, signal, sys, threading
        import chainhub
        loading = threading.Event()

        class Slow:
            def find_spec(self, name, path=None, target=None):
                if name == {slow!r}:
                    self.exec_module(None)
                if name == "chainhub_api.grown":
                    return importlib.machinery.ModuleSpec(name, self)

            def create_module(self, spec):
                return None

            def exec_module(self, module):
                if threading.current_thread() is not threading.main_thread():
                    loading.set()
                    threading.Event().wait(2)

        sys.meta_path.insert(0, Slow())
        client = chainhub.Client("sk-test-fork", base_url=sys.argv[1])
        thread = threading.Thread(target=importlib.import_module, args=({module!r},))
        thread.start()
        loading.wait(10)
        child = os.fork()
        if child == 0:
            signal.alarm(10)
            client = client.with_options(deadline=5, timeout=2)
            try:
                {call}
            except chainhub.ChainhubError as error:
                assert "pending" in str(error)
            os._exit(0)
        thread.join()
        sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) & 0xFF)
    """
    server.answers = [response(200, {**TASK, "id": "a"})]
    url = f"http://localhost:{server.port}"
    # From 3.12 on Python warns of a fork while there is another thread: here there may be one.
    quiet = ("-W", "ignore::DeprecationWarning")
    command = [sys.executable, *quiet, "-c", textwrap.dedent(program), url]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")


def test_fork_starts_budget_jitter_and_locks_anew(server):
    """What a child takes over would make it retry in step with its parent, or wait for ever."""
    client = chainhub.Client("sk-test-fork", base_url=server.url)
    session = client._session
    session.budget.spend(50, 0.0)
    holders = session, session.budget, session.credentials
    for one in holders:
        one._lock.acquire()
    state = session._random.getstate()
    session.after_fork()
    assert not any(one._lock.locked() for one in holders)
    assert session.budget._tokens == session.budget.capacity
    assert session._random.getstate() != state


def test_client_cannot_be_pickled_or_copied(mode, server):
    """Nor a method of it, which a pool of processes is given; the sentence says what to do."""
    client = mode.client(base_url=server.url)
    for attempt in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="with_options"):
            attempt(client)
    for attempt in (pickle.dumps, copy.deepcopy):
        for method in (client.video, client.video.query, client.video.wait):
            with pytest.raises(TypeError, match="with_options"):
                attempt(method)


def test_copies_keep_class_key_retries_and_connections(mode, server):
    """`with_*` change what they say and nothing else."""
    headers = {"X-Mine": "1"}
    client = mode.client(base_url=server.url, headers=headers, cookies={"a": "1"})
    mode(client.video.query("a"))
    policy = chainhub.RetryPolicy.off()
    cancel = chainhub.Cancel()
    copies = {
        "timeout": client.with_timeout(3),
        "httpx timeout": client.with_timeout(httpx.Timeout(4, connect=2)),
        "headers": client.with_headers({"X-More": "2"}),
        "cookies": client.with_cookies({"b": "2"}),
        "options": client.with_options(
            deadline=7, retry=policy, cancel=cancel, max_body=9999, timeout=None
        ),
    }
    assert headers == {"X-Mine": "1"}
    for made in copies.values():
        assert type(made) is type(client)
        assert made._session is client._session
        mode(made.video.query("a"))
    assert server.connections == 1
    assert (copies["timeout"]._options.timeout, client._options.timeout) == (3, 15)
    assert copies["httpx timeout"]._options.connect == 2
    options = copies["options"]._options
    assert (options.deadline, options.retry, options.cancel) == (7, policy, cancel)
    assert (options.max_body, options.timeout) == (9999, float("inf"))
    assert b"X-More: 2" in server.requests[3]
    assert b"X-Mine: 1" in server.requests[3]
    assert b"X-More" not in server.requests[4]
    assert b"a=1" in server.requests[4]
    assert b"b=2" in server.requests[4]
    assert b"b=2" not in server.requests[5]
    assert all(b"Authorization: Bearer sk-test-loopback" in head for head in server.requests)


def test_plain_generated_functions_take_our_clients(server):
    """`query.sync(client=client, id=…)` works as users of the generator expect."""
    with chainhub.Client("sk-test-plain", base_url=server.url) as client:
        assert query.sync(client=client, id="a").status == "pending"
        detailed = query.sync_detailed(client=client, id="a")
        assert (detailed.status_code, detailed.parsed.enhanced_prompt) == (200, "a cow")

    async def asynchronous():
        async with chainhub.AsyncClient("sk-test-plain", base_url=server.url) as client:
            return await query.asyncio(client=client, id="a")

    assert asyncio.run(asynchronous()).status == "pending"


def test_either_client_gives_both_httpx_clients(server):
    """The generator's own clients serve sync and async of plain functions; so do ours."""

    async def crossed():
        with chainhub.Client("sk-test-both", base_url=server.url) as client:
            return await query.asyncio(client=client, id="a")

    assert asyncio.run(crossed()).status == "pending"
    other = chainhub.AsyncClient("sk-test-both", base_url=server.url)
    assert query.sync(client=other, id="a").status == "pending"


def test_httpx_clients_do_not_close_the_client(server):
    """Connections belong to the client; `with client.get_httpx_client()` ends nothing."""
    client = chainhub.Client("sk-test-closed", base_url=server.url)
    with client.get_httpx_client():
        pass
    assert client.video.query("a").status == "pending"

    async def asynchronous():
        other = chainhub.AsyncClient("sk-test-closed", base_url=server.url)
        async with other.get_async_httpx_client():
            pass
        assert (await other.video.query("a")).status == "pending"
        await other.aclose()

    asyncio.run(asynchronous())


def test_threads_share_one_client(server):
    """Fifty calls from ten threads all get answers."""
    client = chainhub.Client("sk-test-threads", base_url=server.url)
    statuses = []

    def work():
        for _ in range(5):
            statuses.append(client.video.query("a").status)

    threads = [threading.Thread(target=work) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert statuses == ["pending"] * 50
    assert server.connections <= 10
    assert os.getpid()


OUT_OF_DESCRIPTORS = """
import asyncio, os, resource, sys
import chainhub

scheme, kind = sys.argv[1:]
quick = chainhub.RetryPolicy(attempts=3, base=0.01)
options = {"base_url": f"{scheme}://127.0.0.1:9", "trust_env": False, "retry": quick}
made = (chainhub.Client if kind == "sync" else chainhub.AsyncClient)("sk-test-1", **options)
query, held = made.video.query, []

def call():
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
    try:
        while True:
            held.append(os.open(os.devnull, os.O_RDONLY))
    except OSError:
        return query("a")

async def acall():
    await call()

try:
    call() if kind == "sync" else asyncio.run(acall())
except chainhub.ConnectionFailedError as error:
    for descriptor in held:
        os.close(descriptor)
    assert "Too many open files" in str(error), error
    print("typed")
"""


# The test lowers RLIMIT_NOFILE, which Windows does not have.
@pytest.mark.skipif(sys.platform == "win32", reason="no limit of descriptors")
@pytest.mark.parametrize("kind", ["sync", "async"])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_the_first_failure_may_be_that_no_file_can_be_opened(scheme, kind):
    """Nothing is imported by the first call, and certificates are read by a later attempt."""
    command = [sys.executable, "-c", OUT_OF_DESCRIPTORS, scheme, kind]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.stdout == "typed\n", done.stderr


def test_the_module_of_videos_names_the_resources(mode):
    """`chainhub.video` is where they were before every tag had a module of its own."""
    client = mode.client(base_url="http://127.0.0.1:9")
    kind = video.AsyncVideo if mode.asynchronous else video.Video
    assert type(client.video) is kind


def test_a_client_that_is_dropped_while_its_loop_is_stopped_leaves_no_socket(server):
    """The loop would keep it until it runs again, which may be never."""
    client = chainhub.AsyncClient("sk-test-life", base_url=server.url)
    loop = asyncio.new_event_loop()
    loop.run_until_complete(client.video.query("x"))
    (connections,) = client._session._loops.values()
    stream = connections.pool._idle.pop()
    connections.pool._idle.push(stream)
    del connections
    with pytest.warns(ResourceWarning, match="dropped with open connections"):
        del client
    assert stream._socket.fileno() < 0
    loop.run_until_complete(loop.shutdown_asyncgens())
    loop.close()
