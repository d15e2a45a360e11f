"""`chainhub doctor` and where the key comes from."""

import json
import re
import socket
import sys
import types
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import httpx
import pytest

from chainhub.cli import _client_factory, _doctor
from chainhub.cli._terminal import Terminal
from chainhub.errors import CredentialsError
from chainhub.sandbox import Sandbox

KEY = "sk-test-doctor-0123456789"
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
        "python", "packages", "key", "base_url", "no_proxy", "tls", "name", "probe",
    ]  # fmt: skip
    assert "(from --base-url)" in records[3]["message"]


def test_a_wrong_key_is_told(sandbox: Sandbox, chainhub, monkeypatch) -> None:
    """With what to do, the line for the support, and without the key."""
    monkeypatch.setenv("CHAINHUB_API_KEY", KEY)
    done = chainhub("doctor")
    assert "✗ the service responds, but rejects the key" in done.out
    assert "request id" in done.out
    assert KEY not in done.out
    assert "0123456789" not in done.out
    assert done.code == 3


def test_nothing_is_sent_without_a_key(sandbox: Sandbox, chainhub, monkeypatch) -> None:
    """But everything else is looked at."""
    monkeypatch.delenv("CHAINHUB_API_KEY")
    done = chainhub("doctor")
    assert "✗ no API key: set CHAINHUB_API_KEY" in done.out
    assert "! nothing was sent; fix the problems above first" in done.out
    assert done.code == 3
    assert sandbox.requests == ()


def test_an_unusable_key_is_named_by_its_source(sandbox: Sandbox, chainhub, monkeypatch) -> None:
    """Neither its characters nor its length are told."""
    monkeypatch.setenv("CHAINHUB_API_KEY", f"{KEY} tail")
    done = chainhub("doctor", "--offline")
    assert "unusable API key from CHAINHUB_API_KEY" in done.out
    both = chainhub("doctor", "--base-url", "https://api.example/v1")
    assert (both.code, both.out.endswith("\n2 problems found.\n")) == (3, True)
    assert KEY not in done.out
    assert done.code == 3


def test_offline_sends_nothing(sandbox: Sandbox, chainhub) -> None:
    """And says so."""
    done = chainhub("doctor", "--offline")
    assert "! nothing was sent (--offline)" in done.out
    assert done.code == 0
    assert sandbox.requests == ()


def test_a_base_url_that_cannot_be_used_ends_the_search(chainhub, monkeypatch) -> None:
    """What follows from it would only confuse."""
    monkeypatch.setenv("CHAINHUB_API_KEY", KEY)
    done = chainhub("doctor", "--base-url", "https://api.example/v1")
    assert "✗ --base-url: remove the /v1" in done.out
    assert done.code == 2
    assert "Network" not in done.out


def test_the_contract_has_a_server_of_its_own(chainhub, monkeypatch) -> None:
    """It is taken if nothing else is given; certificates are those of certifi."""
    monkeypatch.setenv("CHAINHUB_API_KEY", KEY)
    done = chainhub("doctor", "--offline")
    assert "https://api.chainhub.tech (from the contract" in done.out
    assert re.search(r"✓ trusts \d+ certificate authorities of certifi", done.out)


def test_certificates_of_the_environment(chainhub, monkeypatch, tmp_path: Path) -> None:
    """Their file is named, and read."""
    import certifi

    monkeypatch.setenv("CHAINHUB_API_KEY", KEY)
    monkeypatch.setenv("SSL_CERT_FILE", certifi.where())
    assert "(from SSL_CERT_FILE)" in chainhub("doctor", "--offline").out
    (tmp_path / "broken.pem").write_text("no certificate")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "broken.pem"))
    done = chainhub("doctor")
    assert "no certificates can be read" in done.out
    assert done.code == 2


def test_the_proxy_is_told_without_its_password(chainhub, monkeypatch) -> None:
    """With the variable that names it; the probe then says that it cannot be used."""
    monkeypatch.setenv("CHAINHUB_API_KEY", KEY)
    monkeypatch.setenv("HTTPS_PROXY", "http://user:sk-test-password@127.0.0.1:1")
    done = chainhub("doctor")
    assert "✓ through the proxy http://127.0.0.1:1 (HTTPS_PROXY)" in done.out
    assert "password" not in done.out
    assert done.code == 7
    monkeypatch.setenv("HTTPS_PROXY", "gopher://user:sk-test-password@h")
    done = chainhub("doctor")
    assert "✗ HTTPS_PROXY: " in done.out
    assert done.out.endswith("\n1 problem found.\n")
    assert "password" not in done.out
    assert done.code == 2


def test_a_name_without_an_address(chainhub, monkeypatch) -> None:
    """Nothing is sent then."""
    monkeypatch.setenv("CHAINHUB_API_KEY", KEY)
    done = chainhub("doctor", "--base-url", "https://api.nowhere.invalid")
    assert "✗ the host name api.nowhere.invalid cannot be resolved" in done.out
    assert done.code == 7
    monkeypatch.setattr(
        socket, "getaddrinfo", lambda *given, **more: (_ for _ in ()).throw(OSError)
    )
    assert "cannot be resolved: OSError" in _doctor.found_name("https://h").message


def test_a_package_that_is_not_installed() -> None:
    """Is no traceback."""
    assert _doctor._version("no-such-package") == "(not installed)"


def test_a_package_without_metadata(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a program of one file: its module may tell the version."""

    def missing(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(_doctor, "version", missing)
    assert _doctor._version("httpx") == httpx.__version__
    assert _doctor._version("rich") == "(version unknown)"
    assert _doctor._version("no_such_package") == "(not installed)"


def _keyring(monkeypatch: pytest.MonkeyPatch, get_password: object) -> None:
    stand_in = types.ModuleType("keyring")
    stand_in.get_password = get_password
    monkeypatch.setitem(sys.modules, "keyring", stand_in)


def test_the_keyring_is_asked(sandbox: Sandbox, chainhub, monkeypatch) -> None:
    """By doctor and by the other commands."""
    monkeypatch.delenv("CHAINHUB_API_KEY")
    _keyring(monkeypatch, lambda service, user: sandbox.key)
    assert "✓ found in the keyring" in chainhub("doctor").out
    assert chainhub("get", "unknown").code == 4


@pytest.mark.parametrize("held", ["none", "locked"])
def test_a_keyring_that_does_not_open(held, sandbox: Sandbox, chainhub, monkeypatch) -> None:
    """Counts as one without a key."""

    def get_password(service: str, user: str) -> None:
        if held == "locked":
            raise RuntimeError("locked sk-test-inside")

    monkeypatch.delenv("CHAINHUB_API_KEY")
    _keyring(monkeypatch, get_password)
    done = chainhub("get", "x")
    assert done.code == 3
    assert "sk-test-inside" not in done.err
    assert chainhub("doctor").code == 3


def test_a_missing_key_on_this_machine_names_the_sandbox(
    sandbox: Sandbox, chainhub, monkeypatch
) -> None:
    """Its export lines are what is missing; elsewhere nothing is said of it."""
    monkeypatch.delenv("CHAINHUB_API_KEY")
    done = chainhub("get", "x")
    assert done.code == 3
    assert "use the two export lines that `chainhub sandbox` has printed" in done.err
    monkeypatch.delenv("CHAINHUB_BASE_URL")
    done = chainhub("get", "x")
    assert (done.code, "sandbox" in done.err) == (3, False)


def test_a_key_file_is_found(sandbox: Sandbox, chainhub, monkeypatch, tmp_path: Path) -> None:
    """As the client finds it."""
    (tmp_path / "key").write_text(sandbox.key)
    monkeypatch.delenv("CHAINHUB_API_KEY")
    monkeypatch.setenv("CHAINHUB_API_KEY_FILE", str(tmp_path / "key"))
    assert chainhub("get", "unknown").code == 4
    assert "found in the file that CHAINHUB_API_KEY_FILE names" in chainhub("doctor").out


class Screen:
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
    assert _client_factory.key_for(terminal, loopback=False) == KEY
    with pytest.raises(CredentialsError, match="unusable API key from the prompt"):
        _client_factory.key_for(terminal, loopback=False)
    assert asked == [_client_factory._QUESTION] * 2
