"""The standard library's client, http.client, on one connection."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.answers import KEY, TASK_ID

IMPORT = "import http.client, json"
DISTRIBUTION = ""


def call(url: str) -> Callable[[], object]:
    """Return a function that sends one request."""
    import http.client
    import json
    from urllib.parse import urlencode

    scheme, _, host, prefix = url.split("/")
    http_class = http.client.HTTPSConnection if scheme == "https:" else http.client.HTTPConnection
    connection = http_class(host, timeout=30)
    headers = {"Authorization": f"Bearer {KEY}", "Accept": "application/json"}

    def send() -> object:
        target = f"/{prefix}/v1/video/query?" + urlencode({"id": TASK_ID})
        connection.request("GET", target, headers=headers)
        return json.loads(connection.getresponse().read())

    return send


def client(url: str) -> None:
    """Make a connection object and drop it."""
    import http.client

    http.client.HTTPSConnection("api.example.invalid")
