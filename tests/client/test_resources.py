"""Clients and their resources as objects: which are the same, how long they live, how they mock."""

import asyncio
import functools
import gc
import inspect
import pydoc
import re
import weakref
from contextlib import contextmanager
from unittest import mock

import httpx
import pytest

import chainhub
from chainhub_api.client import AuthenticatedClient
from chainhub_resources import AsyncResources, Resources

DONE = chainhub.VideoTask("a", "completed", 1, video_url="https://example.com/a.mp4")


def made(mode, **options):
    """Make a client that nobody else holds: `mode.client` closes its own after the test."""
    kind = chainhub.AsyncClient if mode.asynchronous else chainhub.Client
    return kind("sk-test-own", **options)


@contextmanager
def without_gc():
    """Leave the collection of what is unused to counting references alone."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def test_clients_are_compared_by_identity(mode, server):
    """Two with the same settings are two; each is a key, also of what is kept weakly."""
    first, second = (mode.client(base_url=server.url) for _ in range(2))
    assert first == first
    assert first != second
    assert not first == second  # noqa: SIM201 - both operators are asked
    assert first.with_options(deadline=5) != first
    assert {first: 1, second: 2}[first] == 1
    assert weakref.WeakKeyDictionary({first: 1})[first] == 1
    cached = functools.lru_cache(lambda client: id(client))
    assert cached(first) == cached(first) != cached(second)
    assert isinstance(first, AuthenticatedClient)


def test_resources_are_kept(mode, server):
    """`client.video is client.video`; a copy has its own, with its own options."""
    client = mode.client(base_url=server.url)
    assert client.video is client.video
    copy = client.with_headers({"X-Copy": "1"})
    assert copy.video is not client.video
    mode(copy.video.query("a"))
    mode(client.video.query("a"))
    assert [b"X-Copy: 1" in head for head in server.requests] == [True, False]


def test_every_tag_is_kept(mode):
    """Generated properties give the same object each time, whatever the contract's tags."""
    client = mode.client()
    base = AsyncResources if mode.asynchronous else Resources
    tags = [name for name, _ in inspect.getmembers(base, lambda one: isinstance(one, property))]
    for tag in tags:
        resource = getattr(base, tag).fget(client)
        assert getattr(base, tag).fget(client) is resource
        assert resource.__dict__ is not None


def test_a_dropped_client_is_gone_at_once(server):
    """With its connections, by counting references alone: nothing it keeps holds it."""
    client = chainhub.Client("sk-test-own", base_url=server.url)
    client.video.query("a")
    chainhub.raw_response(client.video.query, "a")
    client.request("GET", "/v1/other")
    with pytest.raises(chainhub.ConfigurationError):
        client.video.query("a", timeout=-1)
    held = weakref.ref(client), weakref.ref(client._session)
    with without_gc():
        del client
        assert [one() for one in held] == [None, None]


def test_a_client_is_gone_at_once_after_a_wait(server, http):
    """One that has seen the task run keeps its last answer, but nothing of the client."""
    answers = [DONE.to_dict() | {"status": "running"}] * 2 + [DONE.to_dict()]
    server.answers = [http(200, answer) for answer in answers]
    client = chainhub.Client("sk-test-own", base_url=server.url)
    with without_gc():
        assert client.video.wait("a", interval=0.02) == DONE
        held = weakref.ref(client._session)
        del client
        assert held() is None


def test_a_dropped_async_client_is_gone_at_once(server):
    """The same under asyncio, after it was closed."""

    async def scenario():
        client = chainhub.AsyncClient("sk-test-own", base_url=server.url)
        await client.video.query("a")
        await client.aclose()
        held = weakref.ref(client)
        with without_gc():
            del client
            assert held() is None

    asyncio.run(scenario())


def test_a_resource_outlives_its_client(mode, server):
    """The connections are there as long as the resource is."""
    video = made(mode, base_url=server.url).video
    with without_gc():
        for _ in range(2):
            assert mode(video.query("a")).status == "pending"
    assert server.connections == 1
    if mode.asynchronous:
        mode(video._transport.session.aclose())
        return
    session = weakref.ref(video._transport.session)
    with without_gc():
        del video
        assert session() is None


def test_a_temporary_client_serves_one_call(server):
    """`Client().video.query(id)` in one expression."""
    assert chainhub.Client("sk-test-own", base_url=server.url).video.query("a").status == "pending"
    waited = chainhub.Client("sk-test-own", base_url=server.url).video.watch("a", deadline=5)
    assert next(waited).status == "pending"
    waited.close()


def test_a_client_of_the_users_own_is_seen_by_a_resource_made_before(mode):
    """What is put below the client is below all that it has given out."""
    client = mode.client(base_url="https://api.example.com")
    video = client.video
    answer = httpx.MockTransport(lambda request: httpx.Response(200, json=DONE.to_dict()))
    mode.give(client, mode.own(transport=answer))
    assert mode(video.query("a")) == DONE
    assert mode(client.with_options(deadline=5).video.wait("a")) == DONE


METHODS = ("query", "wait", "watch", "wait_many", "as_completed", "download", "download_many")


@pytest.mark.parametrize("name", METHODS)
def test_methods_can_be_mocked_on_the_object(mode, monkeypatch, name):
    """With and without a specification; afterwards the method is back."""
    client = mode.client()
    before = getattr(client.video, name)
    with mock.patch.object(client.video, name, return_value="mocked"):
        assert mode(getattr(client.video, name)("a")) == "mocked"
    arguments = {"deadline": 5} | ({"into": "videos"} if name == "download_many" else {})
    with mock.patch.object(client.video, name, autospec=True) as patched:
        patched.return_value = "mocked"
        assert mode(getattr(client.video, name)("a", **arguments)) == "mocked"
        patched.assert_called_once_with("a", **arguments)
        with pytest.raises(TypeError, match="deadlien"):
            mode(getattr(client.video, name)("a", **arguments, deadlien=5))
    with monkeypatch.context() as patch:
        patch.setattr(client.video, name, lambda task: "patched")
        assert getattr(client.video, name)("a") == "patched"
    assert getattr(client.video, name) == before
    assert list(vars(client.video)) == list(vars(mode.client().video))


@pytest.mark.parametrize("name", METHODS)
def test_methods_tell_their_signature(mode, name):
    """To `inspect`, to `help`, and to whoever makes a specification of the class."""
    method = getattr(mode.client().video, name)
    parameters = inspect.signature(method).parameters
    assert parameters["deadline"].kind is inspect.Parameter.KEYWORD_ONLY
    text = pydoc.plain(pydoc.render_doc(method))
    assert "deadline" in text
    assert " object at 0x" not in text
    spec = mock.create_autospec(type(mode.client().video), instance=True)
    with pytest.raises(TypeError):
        getattr(spec, name)("a", deadlien=5)


@pytest.mark.parametrize("specified", [{}, {"autospec": True}])
def test_an_operation_can_be_replaced(mode, specified):
    """With its own signature, and what it waits with; async ones can be awaited."""
    client = mode.client()
    with mock.patch.object(client.video, "query", **specified) as query:
        query.return_value = DONE
        assert mode(client.video.query("a")) is DONE
        if specified:
            query.wait.return_value = DONE
            assert mode(client.video.query.wait("a", deadline=1)) is DONE
            with pytest.raises(TypeError):
                client.video.query("a", deadlien=5)
    with mock.patch.object(client.video.query, "wait", **specified) as wait:
        wait.return_value = DONE
        assert mode(client.video.query.wait("a")) is DONE
    assert "wait" not in vars(client.video.query)


def test_an_operation_says_what_it_is(mode):
    """Its repr is how callers name it; its help has the words of the contract and its methods."""
    query = mode.client().video.query
    assert repr(query) == "<client.video.query>"
    assert next(iter(inspect.signature(query).parameters)) == "id"
    text = pydoc.plain(pydoc.render_doc(query))
    assert "Return the state of a video task" in text
    assert "wait_many" in text


def test_a_specified_client_can_be_scripted():
    """`create_autospec` of the class is enough for a test of a program that takes a client."""
    client = mock.create_autospec(chainhub.Client, instance=True)
    client.video.query.return_value = DONE
    client.request.return_value = None
    assert client.video.query("a") is DONE
    with pytest.raises(TypeError):
        client.request("GET", "/v1/models", jsno={})


@pytest.mark.parametrize("kind", [chainhub.Client, chainhub.AsyncClient])
def test_help_shows_no_addresses_of_objects(kind):
    """Defaults say what they are, and no generated comparison is told of."""
    text = pydoc.plain(pydoc.render_doc(kind))
    assert " object at 0x" not in text
    assert "generated by attrs" not in text
    assert "with_options(self:'Self',*,timeout" in re.sub(r"[\s|]", "", text)  # in lines since 3.13
    assert "= UNSET" in text


def test_help_says_what_the_contract_means(mode):
    """Of a call and its arguments, of a model and its fields, with their units."""
    call = pydoc.plain(pydoc.render_doc(mode.client().video.query))
    assert "alternative label" not in call
    for words in ("state of a video task", "as the call that created it returned it", "Seconds"):
        assert words in call
    fields = inspect.getdoc(chainhub.VideoTask).partition("Attributes:\n")[2]
    for name in ("id", "status", "status_update_time", "video_url", "enhanced_prompt"):
        assert f"    {name} (" in fields
    assert "in milliseconds since 1970-01-01" in fields


def test_a_client_is_not_replaced(mode):
    """`copy.replace` would make one without its connections; the sentence names the way."""
    with pytest.raises(TypeError, match="use with_options"):
        mode.client().__replace__(timeout=1)
