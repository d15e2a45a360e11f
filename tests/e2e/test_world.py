"""The world the tests run in: loopback only, nothing personal, no forbidden word."""

import importlib.util
import os
import socket
from pathlib import Path
from types import ModuleType

import pytest


@pytest.mark.parametrize(
    ("family", "address"),
    [(socket.AF_INET, ("192.0.2.1", 9)), (socket.AF_INET6, ("2001:db8::1", 9, 0, 0))],
)
@pytest.mark.parametrize("method", ["connect", "connect_ex"])
def test_other_machines_cannot_be_reached(
    family: socket.AddressFamily, address: tuple[object, ...], method: str
) -> None:
    """A connection beyond loopback fails the test before anything is sent."""
    with (
        socket.socket(family) as client,
        pytest.raises(pytest.fail.Exception, match="only loopback"),
    ):
        getattr(client, method)(address)


def test_loopback_can_be_reached() -> None:
    """Servers that tests start are reached by address and by name."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(("localhost", server.getsockname()[1]), timeout=2).close()


def test_names_are_not_looked_up() -> None:
    """A look-up of a real name fails the test; names made never to exist do not exist."""
    with pytest.raises(pytest.fail.Exception, match="tried to look up"):
        socket.getaddrinfo("api.example.com", 443)
    with pytest.raises(socket.gaierror):
        socket.getaddrinfo("nowhere.invalid", 443)


def test_nothing_personal_is_in_the_environment() -> None:
    """No key, no proxy and no certificate store of the person who runs the tests."""
    personal = [
        name
        for name in os.environ
        if name.startswith(("CHAINHUB_", "SSL_CERT_")) or name.lower().endswith("_proxy")
    ]
    assert personal == []


@pytest.fixture(scope="module")
def words(project: Path) -> ModuleType:
    """Import the scan, which is a program and no part of a package."""
    spec = importlib.util.spec_from_file_location("words", project / ".ci" / "words.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("see https://py" + "pi.org/simple", "host"),
        ("opened /ro" + "ot/.cache/x", "path"),
        ("opened /ho" + "me/ann/x", "path"),
        ("key = 's" + "k-abcdefghijklmnop1234'", "key"),
        ("-----BEGIN PRIVATE K" + "EY-----", "key"),
        ("<<<<<<" + "< HEAD", "merge"),
        ("session.let_" + "go()", "given up"),
        ("key = 'sk-test-abcdefghijklmnop1234'", None),
        ("GET /v1/video/query and a/root/b", None),
        ("the home/ann folder", None),
    ],
)
def test_forbidden_words_are_found(words: ModuleType, text: str, expected: str | None) -> None:
    """Hosts, paths, keys and traces of a merge are findings; what only looks like them is not."""
    kinds = [kind for kind, pattern in words.FORBIDDEN.items() if pattern.search(text)]
    assert [expected in kind for kind in kinds] == ([True] if expected else [])


@pytest.mark.parametrize(
    ("name", "text", "words_by_line"),
    [
        ("docs/page.md", "# A page\n\nThe question goes on.\n", {3: ["question", "goes on"]}),
        (
            "README.md",
            "`trouble`\n\n```text\na question\n```\n\nin both colours\n",
            {7: ["colours"]},
        ),
        (
            "docs/page.md",
            "<!-- figures: P1 -->\nback-off\n<!-- end -->\nback-off\n",
            {4: ["back-off"]},
        ),
        (
            "overlays/chainhub/a.py",
            'trouble = "trouble"\n\n\ndef f():\n    """Do.\n\n    Args:\n        trouble: A door.\n'
            '    """\n',
            {8: ["door"]},
        ),
        ("overlays/chainhub/a.py", '"""Tell `told`.\n\nIt is None."""\n', {}),
        ("generated/a.py", '"""A question."""\n', {}),
    ],
)
def test_unclear_words_are_found(
    words: ModuleType,
    name: str,
    text: str,
    words_by_line: dict[int, list[str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In the prose of documents and docstrings, by line; code, names and figures are left out."""
    monkeypatch.setattr(words, "PROJECT", tmp_path)
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    pairs = [(line, word) for line in words_by_line for word in words_by_line[line]]
    expected = sorted(f"{name}:{line}: unclear: {word!r}" for line, word in pairs)
    assert sorted(finding.partition(";")[0] for finding in words.read(path)) == expected
