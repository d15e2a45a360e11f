"""A project's page is read, whatever its kind, and what is no such page is refused."""

import json

import pytest

from release import index_page as page
from release.errors import Problem

JSON = "application/vnd.pypi.simple.v1+json"
WHEEL = "chainhub-0.1.0-py3-none-any.whl"
DIGEST = "a" * 64


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("text/html", f'<a href="../../f/{WHEEL}#sha256={DIGEST}">x</a><a name="b">b</a><p>'),
        ("text/html; charset=utf-8", f'<A HREF="/f/{WHEEL}#egg=a&amp;sha256={DIGEST}">x</A>'),
        (JSON, f'{{"files": [{{"url": "/f/{WHEEL}", "hashes": {{"sha256": "{DIGEST}"}}}}]}}'),
        (f"{JSON}; charset=utf-8", f'{{"files": [{{"url": "/f/{WHEEL}#sha256={DIGEST}"}}]}}'),
    ],
)
def test_both_kinds_of_page_are_read(kind: str, text: str) -> None:
    """HTML and JSON pages give the same names, absolute addresses and digests."""
    found = page.listed("http://localhost/simple/chainhub/", kind, text)
    assert list(found) == [WHEEL]
    assert found[WHEEL].startswith(f"http://localhost/f/{WHEEL}#")
    assert page.digest(found[WHEEL]) == DIGEST


@pytest.mark.parametrize("text", ["", "[]", '{"files": [1]}', '{"files": 1}', "{}"])
def test_broken_json_is_a_sentence(text: str) -> None:
    """A page that says JSON and is none is not taken for an empty one."""
    with pytest.raises(Problem, match="JSON that is no list of files"):
        page.listed("http://localhost/", JSON, text)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("", ""),
        ("text/html", "<html><body></body></html>"),
        (
            "text/html",
            "<!DOCTYPE html><title>Links for chainhub</title><h1>Links for chainhub</h1>",
        ),
        ("text/html", "<title>ann/main: links for chainhub</title>"),
        ("text/html", '<meta name="pypi:repository-version" content="1.1"><h1>Packages</h1>'),
        ("text/html", "<title>Simple Index</title>"),
        ("text/html", '<h1>Index of /simple/chainhub/</h1><a href="../">../</a>'),
        (JSON, '{"files": []}'),
    ],
)
def test_a_project_may_have_no_files(kind: str, text: str) -> None:
    """Index servers have a page for a project whose files are gone, or not yet there."""
    assert not [name for name in page.listed("http://localhost/", kind, text) if name]


@pytest.mark.parametrize(
    ("kind", "text", "shown"),
    [
        ("text/html", "<html><body>Please sign in</body></html>", "'Please sign in'"),
        ("text/html", '<title>Acme</title><form><input type="password"></form>', "'Acme'"),
        ("text/html", "<title>Links for staff</title><form></form>", "'Links for staff'"),
        ("text/html", '<script>load("app")</script><div id="app"></div>', "('')"),
        ("text/html", "<p>Welcome<p>Welcome<a href='/login'>Go</a>", "'Welcome Go'"),
        ("application/json", '{"error": "login required"}', "'login required'"),
        ("text/html", f"<h1>{'x' * 400}</h1>", "x…'"),
    ],
)
def test_another_page_is_not_an_empty_index(kind: str, text: str, shown: str) -> None:
    """A page to sign in has status 200 too; then nothing is known of the files."""
    with pytest.raises(Problem, match="is no list of files") as caught:
        page.listed("http://localhost/", kind, text)
    assert shown in str(caught.value)
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("'2.5' is not valid\n\tsee the manual", "'2.5' is not valid see the manual"),
        ("a\x1b[31mb\x00c", "a [31mb c"),
        (json.dumps({"status": 403, "message": "not\nyours"}), "not yours"),
        (json.dumps({"detail": [1], "error": "bad"}), "bad"),
        ('{"code": 1}', '{"code": 1}'),
        ("[1]", "[1]"),
        ("<title>400 Bad</title><style>p{}</style><h1>400 Bad</h1>\n<p>x &amp; y", "400 Bad x & y"),
        ("", ""),
    ],
)
def test_a_servers_words_fit_on_a_line(text: str, expected: str) -> None:
    """Of HTML and JSON, what a person reads; no control characters."""
    assert page.one_line(text) == expected
