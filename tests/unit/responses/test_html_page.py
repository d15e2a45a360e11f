"""Pages that come in place of JSON."""

from __future__ import annotations

import time

import pytest

from chainhub._responses.error_body import read_page

RAY = "8f0c1d2e3a4b5c6d"


@pytest.mark.parametrize(
    ("text", "server", "sentence"),
    [
        (
            "<html><head><title>502 Bad Gateway</title></head><body><hr>nginx</body></html>",
            "cloudflare",
            "the response is an HTML page: 502 Bad Gateway",
        ),
        (
            "\n<!DOCTYPE html><html><h1 class='x'>Oops &amp; sorry</h1>",
            None,
            "the response is an HTML page: Oops & sorry",
        ),
        ("<html></html>", None, "the response is an HTML page"),
        ("<html><title> </title></html>", None, "the response is an HTML page"),
        ("<!-- x --><p>hi", None, "the response is an HTML page"),
        (
            "<html><script src='/cdn-cgi/x/cloudflare-static/email-decode.min.js'></script>",
            "cloudflare",
            "the response is an HTML page",
        ),
        (
            "<html><title>Attention Required! | Cloudflare</title></html>",
            None,
            "Cloudflare responded instead of the API: Attention Required! | Cloudflare",
        ),
        (
            "<html>CLOUDFLARE <span>Error</span> <span>1010</span> Error code: <b>1010</b>",
            None,
            "Cloudflare responded instead of the API: error 1010,"
            " this client is blocked because of its User-Agent",
        ),
        (
            "<html>cloudflare Error code 1199</html>",
            None,
            "Cloudflare responded instead of the API: error 1199",
        ),
        ("<html>cloudflare</html>", None, "Cloudflare responded instead of the API"),
        (
            "error code: 1015",
            "cloudflare",
            "Cloudflare responded instead of the API: error 1015,"
            " too many requests from this address",
        ),
        ("error code: 521\n", "cloudflare", "Cloudflare responded instead of the API: error 521"),
        ("error code: 1015", "nginx", None),
        ("error code: 1015", None, None),
        ("error code: 1015 and more", "cloudflare", None),
        ("error code: 999", "cloudflare", None),
        ('{"error": "error code: 1015"}', "cloudflare", None),
        ("<task><id>1</id></task>", None, None),
        ("plain words", None, None),
        ("", None, None),
    ],
)
def test_pages_are_named(text: str, server: str | None, sentence: str | None) -> None:
    """A page is told by its markup, Cloudflare's by its own words."""
    page = read_page(text, server)
    assert (page.sentence() if page else None) == sentence


@pytest.mark.parametrize(
    ("text", "ray"),
    [
        (f"<html>Cloudflare Ray ID: <strong class='x'>{RAY}</strong>", RAY),
        (f"<html>Ray ID: {RAY}", RAY),
        ("<html>Ray ID: none", None),
    ],
)
def test_the_ray_is_read(text: str, ray: str | None) -> None:
    """Cloudflare's id of the request can be quoted to its operator."""
    page = read_page(text)
    assert page is not None
    assert page.ray == ray


@pytest.mark.parametrize(
    "piece",
    [
        "error ",
        "error code: <",
        "<title",
        "<title>",
        "ray id: <b>",
        " ",
        "<html",
        "cloudflare-static",
    ],
)
def test_no_page_takes_long(piece: str) -> None:
    """Reading is linear, whatever is repeated."""
    text = "<html>" + piece * (60_000 // len(piece))
    begin = time.perf_counter()
    read_page(text, "cloudflare")
    assert time.perf_counter() - begin < 0.5
