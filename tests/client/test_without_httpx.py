"""A call without body and cookies is made without httpx, as httpx would make it."""

import sys

import pytest

import chainhub
from chainhub._session import Key, httpx_transport, operation_of
from chainhub_api.api.video import query
from tests.client.video import answer, task
from tests.processes import output

SETTINGS = [
    {},
    {"base_url": "https://API.example.com:443/gate/"},
    {"base_url": "http://[::1]:8080"},
    {"base_url": "http://127.0.0.1:0080"},
    {"base_url": "https://api.example.com/a%2fb/c!d"},
    {"base_url": "https://api.example.com/a/../b"},
    {"base_url": "https://api.example.com/a//b"},
    {"base_url": "https://xn--bcher-kva.example"},
    {"headers": {"X-A": "1", "accept-language": "de"}},
    {"headers": {"User-Agent": "mine", "Accept": "text/plain"}},
    {"headers": {"user-agent": "mine"}},
    {"headers": {"X-A": "é"}},
    {"headers": {"Connection": "close"}},
    {"headers": {"Host": "other.example.com"}},
    {"headers": {"X-A": "1", "x-a": "2"}},
    {"cookies": {"a": "b"}},
    {"auth_header_name": "X-Key", "prefix": ""},
]


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
@pytest.mark.parametrize(
    "task_id", ["a", "veo:1/2?3&4=5#6+7 8%9~*'(", "é\u4e2d", "\x7f\n", 7, True, 1.5]
)
def test_a_request_is_what_httpx_would_build(settings, task_id):
    """Whoever makes it: line, headers in their order, and no body."""
    operation = operation_of(query, "VideoTask")
    with chainhub.Client("sk-test-0123456789", **settings) as client:
        transport = client._transport
        for _ in range(2):  # the second one is made of the first
            made = transport.prepare(operation, {"id": task_id})
            asked = query._get_kwargs(id=task_id)
            builder = httpx_transport.builder_of(transport)
            theirs = httpx_transport.built(transport, builder, asked, operation.name, None)
            key = Key("sk-test-0123456789")
            assert made.for_httpx(key) == theirs.for_httpx(key)
            assert (made.operation, made.idempotent) == (theirs.operation, theirs.idempotent)


PROGRAM = """
import sys
import chainhub
Client = chainhub.Client
print(*{"h11", "ssl", "logging"} & set(sys.modules))
with Client("sk-test-0123456789", base_url=sys.argv[1]) as client:
    client.video.query("a")
    try:
        client.video.query("none")
    except chainhub.NotFoundError:
        pass
print("asyncio" in sys.modules, end=" ")
import asyncio
async def main():
    async with chainhub.AsyncClient("sk-test-0123456789", base_url=sys.argv[1]) as client:
        await client.video.query("a")
asyncio.run(main())
print(*{"httpx", "httpcore", "anyio", "email", "http.client"} & set(sys.modules))
"""


def test_a_query_loads_no_httpx(server):
    """Nor what it brings: it would take as long as all the rest. The class alone loads no HTTP."""
    done = task("https://cdn.example.com/a.mp4")
    server.answers = [done, answer(404, b"{}"), done]
    assert output(sys.executable, "-c", PROGRAM, server.url).split() == ["False"]


def test_arguments_are_refused_without_it(monkeypatch):
    """What making a request may fail with is known without httpx."""
    monkeypatch.delitem(sys.modules, "httpx")
    transport = chainhub.Client("sk-test-0123456789")._transport
    with pytest.raises(chainhub.ConfigurationError, match="query cannot be called with these"):
        transport.prepare(operation_of(query, "VideoTask"), {"other": "a"})
    assert "httpx" not in sys.modules
