"""Where the key goes, for operations that want it elsewhere than most."""

import pytest

from chainhub._session import transport
from tests.client.video import TASK_ID, task

KEY = "sk-test-place-0123456789"


@pytest.mark.parametrize(
    ("place", "line", "header"),
    [
        (("header", "X-Key", ""), f"/v1/video/query?id={TASK_ID}", f"X-Key: {KEY}"),
        (("query", "key", ""), f"/v1/video/query?id={TASK_ID}&key={KEY}", None),
        (("none", "", ""), f"/v1/video/query?id={TASK_ID}", None),
    ],
)
def test_the_key_is_where_the_operation_wants_it(mode, server, monkeypatch, place, line, header):
    """Once, there, in every request; an error shows it nowhere."""
    monkeypatch.setattr(transport, "OTHERS", {"video.query": place})
    server.answers = [task(None)]
    client = mode.client(KEY, base_url=server.url)
    for _ in range(2):
        mode(client.video.query(TASK_ID))
    for head in (one.decode() for one in server.requests):
        assert head.startswith(f"GET {line} HTTP/1.1\r\n".replace(":", "%3A", 1))
        assert "authorization" not in head.lower()
        assert head.count(KEY) == (0 if place[0] == "none" else 1)
        assert header is None or header in head.split("\r\n")
