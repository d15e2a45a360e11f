"""`chainhub doctor` and where the key comes from."""

import io
import json
import re
import socket
import sys
import types
from importlib.metadata import PackageNotFoundError
from unittest import mock

import certifi
import httpx
import pytest

from chainhub.cli import _doctor, _running
from chainhub.cli._terminal import Terminal
from chainhub.errors import ConnectionFailedError, CredentialsError
from chainhub.sandbox import Sandbox
from chainhub_api.tasks import TASKS

KEY = "sk-test-doctor-0123456789"
REMOTE = ["--base-url", "https://api.nowhere.invalid"]
FIELDS = ["section", "check", "level", "message", "advice", "exit_code"]


def test_all_is_well(sandbox: Sandbox, chainhub) -> None:
    """Every section is there, the key is not, and the exit code is 0."""
    done = chainhub("doctor")
    headings = [line for line in done.out.splitlines() if line and not line.startswith(" ")]
    assert headings == ["This machine", "API key", "Address", "Network", "No problems found."]
    assert "✓ found in CHAINHUB_API_KEY" in done.out
    assert f"✓ {sandbox.base_url} (from CHAINHUB_BASE_URL)" in done.out
    assert re.search(r"chainhub 0\.\S+; httpx \d\S+, h11 \d\S+, attrs \d", done.out)
    assert re.search(r"responds and accepts the key \(\d+ ms\)", done.out)
    assert sandbox.key not in done.out
    assert (done.code, done.err) == (0, "")


def test_json_has_one_object_per_finding(sandbox: Sandbox, chainhub) -> None:
    """With stable names, so that a program can pick one out."""
    done = chainhub("doctor", "--json", "--base-url", sandbox.base_url)
    records = [json.loads(line) for line in done.out.splitlines()]
    assert [list(record) for record in records] == [FIELDS] * len(records)
    assert [record["check"] for record in records] == [
        "python", "packages", "tasks", "key", "base_url", "no_proxy", "tls", "name", "probe",
    ]  # fmt: skip
    assert records[2]["message"] == f"task operations: {', '.join(TASKS)}"
    assert "(from --base-url)" in records[4]["message"]


def test_what_cannot_be_asked_is_not_asked(sandbox: Sandbox, chainhub, monkeypatch) -> None:
    """Where every task operation takes more than an id."""
    for name in TASKS:
        monkeypatch.setitem(TASKS, name, {**TASKS[name], "parameters": ("model_name",)})
    done = chainhub("doctor")
    assert (done.code, sandbox.requests) == (0, ())
    assert "nothing was sent: no task operation takes just an id" in done.out


PROXY = "http://user:sk-test-password@127.0.0.1:1"


@pytest.mark.parametrize(
    ("variables", "words", "code", "shown"),
    [
        ({}, ["--offline"], 0, ["! nothing was sent (--offline)", "No problems found."]),
        ({"API_KEY": KEY}, [], 3, ["✗ the service responds, but rejects the key", "request id"]),
        (
            {"API_KEY": None},
            [],
            3,
            ["✗ no API key: set CHAINHUB_API_KEY", "! nothing was sent; fix the problems above"],
        ),
        (
            {"API_KEY": f"{KEY} tail"},
            [],
            3,
            ["unusable API key from CHAINHUB_API_KEY"],
        ),
        ({"API_KEY": f"{KEY} tail"}, ["--base-url", "https://h/v1"], 3, ["2 problems found."]),
        ({}, ["--base-url", "https://h/v1"], 2, ["✗ --base-url: remove the /v1"]),
        (
            {"BASE_URL": None},
            ["--offline"],
            0,
            ["https://api.chainhub.tech (from the contract", "authorities of certifi"],
        ),
        ({"SSL_CERT_FILE": certifi.where()}, ["--offline", *REMOTE], 0, ["(from SSL_CERT_FILE)"]),
        ({"SSL_CERT_FILE": __file__}, REMOTE, 2, ["no certificates can be read"]),
        (
            {"HTTPS_PROXY": PROXY},
            REMOTE,
            7,
            ["✓ through the proxy http://127.0.0.1:1 (HTTPS_PROXY)"],
        ),
        (
            {"HTTPS_PROXY": PROXY.replace("http", "gopher")},
            REMOTE,
            2,
            ["✗ HTTPS_PROXY: ", "1 problem found."],
        ),
        ({}, REMOTE, 7, ["✗ the host name api.nowhere.invalid cannot be resolved"]),
    ],
)
def test_each_problem_is_told(
    variables, words, code, shown, sandbox: Sandbox, chainhub, monkeypatch
) -> None:
    """With what to do, and without the key, a part of it or a password; what follows is left."""
    for name, value in variables.items():
        full = f"CHAINHUB_{name}" if name in ("API_KEY", "BASE_URL") else name
        monkeypatch.delenv(full, raising=False)
        if value is not None:
            monkeypatch.setenv(full, value)
    done = chainhub("doctor", *words)
    assert [text for text in shown if text not in done.out] == []
    assert (done.code, done.err) == (code, "")
    assert not re.search(f"0123456789|password|{sandbox.key}", done.out)
    # Only the wrong key is seen by the service.
    assert len(sandbox.requests) == ("rejects" in done.out)
    assert ("Network" in done.out) is ("--base-url: " not in done.out)


def test_what_the_system_does_not_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    """No reason for a name without an address, and in a program of one file no metadata."""
    monkeypatch.setattr(socket, "getaddrinfo", mock.Mock(side_effect=OSError))
    with pytest.raises(ConnectionFailedError, match="cannot be resolved: OSError"):
        _doctor._name("h", 443)
    assert _doctor._version("no-such-package") == "(not installed)"

    def missing(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(_doctor, "version", missing)
    assert _doctor._version("httpx") == httpx.__version__
    assert _doctor._version("rich") == "(version unknown)"
    assert _doctor._version("no_such_package") == "(not installed)"


@pytest.mark.parametrize(
    ("held", "code"), [("good", 4), ("none", 3), ("locked", 3), ("no keyring", 3), ("file", 4)]
)
def test_where_the_key_is_found(held, code, sandbox, chainhub, monkeypatch, tmp_path) -> None:
    """In the keyring, which counts as empty if it does not open, or in a file; by all commands."""

    def get_password(service: str, user: str) -> str | None:
        if held == "locked":
            raise RuntimeError("locked sk-test-inside")
        return sandbox.key if held == "good" else None

    monkeypatch.delenv("CHAINHUB_API_KEY")
    if held == "file":
        (tmp_path / "key").write_text(sandbox.key)
        monkeypatch.setenv("CHAINHUB_API_KEY_FILE", str(tmp_path / "key"))
    elif held != "no keyring":
        keyring = types.ModuleType("keyring")
        keyring.get_password = get_password
        monkeypatch.setitem(sys.modules, "keyring", keyring)
    done, checked = chainhub("get", "unknown"), chainhub("doctor")
    assert (done.code, checked.code) == (code, 0 if code == 4 else 3)
    assert "sk-test-inside" not in done.err
    where = {"good": "the keyring", "file": "the file that CHAINHUB_API_KEY_FILE names"}
    assert code == 3 or f"✓ found in {where[held]}" in checked.out
    # Without a key the export lines of a sandbox on this machine are what is missing.
    words = "use the two export lines that `chainhub sandbox` has printed"
    assert (words in done.err) is (code == 3)
    monkeypatch.delenv("CHAINHUB_BASE_URL")
    assert code == 4 or "sandbox" not in chainhub("get", "x").err


class Screen(io.StringIO):
    """A stream that says it is a terminal."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


def test_the_prompt_is_the_last_resort(monkeypatch) -> None:
    """What is typed is checked like every other key."""
    import getpass

    asked: list[str] = []

    def typed(question: str) -> str:
        asked.append(question)
        return answers.pop()

    monkeypatch.setattr(getpass, "getpass", typed)
    terminal = Terminal(stdin=Screen(), stdout=None, stderr=Screen(), environ={})
    answers = ["two words", f" Bearer {KEY}\n"]
    assert _running.key_for(terminal, loopback=False) == KEY
    with pytest.raises(CredentialsError, match="unusable API key from the prompt"):
        _running.key_for(terminal, loopback=False)
    assert asked == [_running._PROMPT] * 2

    def ended(question: str) -> str:
        raise EOFError

    monkeypatch.setattr(getpass, "getpass", ended)
    with pytest.raises(CredentialsError, match="no API key"):
        _running.key_for(terminal, loopback=False)
    assert terminal.stderr.getvalue() == "\n"
