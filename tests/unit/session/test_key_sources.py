"""Where the API key may stand, and whether what stands there can be one."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import ModuleType

import pytest

from chainhub._session import key_sources as _key_sources
from chainhub._session.key_sources import (
    FoundKey,
    ask_keyring,
    check_key,
    default_key_file,
    find_key,
    keyring_installed,
    no_key,
)
from chainhub.errors import CredentialsError

KEY = "sk-test-0123456789"


def refusal(text: object) -> str:
    """Return what the error says of an unusable key."""
    with pytest.raises(CredentialsError) as caught:
        check_key(text, "PLACE")
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    assert "PLACE" in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        KEY,
        f"{KEY}\n",
        f"{KEY}\r\n",
        f" \t{KEY} \n",
        f"Bearer {KEY}",
        f"bearer\t {KEY} ",
    ],
)
def test_what_surrounds_a_key_is_dropped(text: str) -> None:
    """White space around the key and a leading Bearer are not part of it."""
    assert check_key(text, "PLACE") == KEY


@pytest.mark.parametrize("key", ["k", "x" * 8192, "!~", "bearerx", "a.b-c_d:e/f+g=", "$2b$1"])
def test_odd_but_usable_keys(key: str) -> None:
    """Any visible ASCII passes, however short."""
    assert check_key(key, "PLACE") == key


@pytest.mark.parametrize("text", ["", " ", "\r\n", "Bearer", "Bearer "])
def test_empty(text: str) -> None:
    """A key of nothing but white space or the scheme is empty."""
    assert "empty" in refusal(text)


@pytest.mark.parametrize(
    ("character", "name"),
    [
        ("\r\nX-Injected: 1", "a line break"),
        ("\n", "a line break"),
        (" ", "white space"),
        ("\t", "white space"),
        ("\x00", "a control character"),
        ("\x1b", "a control character"),
        ("\x7f", "a control character"),
        ("\x85", "a character outside ASCII"),
        ("é", "a character outside ASCII"),
        ("’", "a character outside ASCII"),
        ("\udcff", "a character outside ASCII"),
        ("٣", "a character outside ASCII"),
    ],
)
def test_what_a_header_cannot_carry(character: str, name: str) -> None:
    """The error names kind and position of the first such character, and shows no other."""
    said = refusal(f"sk-test-q{character}zzqqzz")
    assert f"{name} at position 10" in said
    assert "zzqqzz" not in said
    assert "sk-test" not in said


def test_too_long() -> None:
    """A key that no header can carry is refused by its length."""
    said = refusal("q" * 8193)
    assert "8193" in said
    assert "qqq" not in said


@pytest.mark.parametrize(
    "text",
    [
        "{{YOUR_API_KEY}}",
        "Bearer {{YOUR_API_KEY}}",
        "YOUR_API_KEY",
        "your-api-key-here",
        "your_chainhub_api_key",
        "your token",
        "sk-your-key",
        "<api key>",
        "$CHAINHUB_API_KEY",
        "${CHAINHUB_API_KEY}",
        "%CHAINHUB_API_KEY%",
        "sk-...",
        "sk-xxxxxxxx",
        "sk-****",
    ],
)
def test_placeholder(text: str) -> None:
    """What examples print instead of a key is recognised, and still not shown."""
    said = refusal(text)
    assert "placeholder" in said
    assert text not in said


@pytest.mark.parametrize("quote", ["'", '"', "`"])
def test_quoted(quote: str) -> None:
    """Quotation marks that a file format left in place are named."""
    said = refusal(f"{quote}{KEY}{quote}")
    assert "quotation marks" in said
    assert KEY not in said


@pytest.mark.parametrize("value", [None, 7, b"sk-test-bytes", ["sk-test-list"]])
def test_not_a_string(value: object) -> None:
    """Another type is named, its value is not."""
    said = refusal(value)
    assert f"{type(value).__name__}, not a string" in said
    assert "sk-test" not in said


def key_file(folder: Path, content: bytes = KEY.encode(), mode: int = 0o600) -> Path:
    """Write a key file to its default place below a folder."""
    path = folder / "chainhub" / "key"
    path.parent.mkdir()
    path.write_bytes(content)
    path.chmod(mode)
    return path


def test_variable_before_files(tmp_path: Path) -> None:
    """The key in the environment goes before any file."""
    path = key_file(tmp_path, b"sk-test-file")
    environ = {
        "CHAINHUB_API_KEY": f"{KEY}\n",
        "CHAINHUB_API_KEY_FILE": str(path),
        "XDG_CONFIG_HOME": str(tmp_path),
    }
    assert find_key(environ) == FoundKey(KEY, "CHAINHUB_API_KEY")


def test_empty_variables_count_as_unset(tmp_path: Path) -> None:
    """A variable that is set but empty does not hide the next place."""
    path = key_file(tmp_path)
    environ = {
        "CHAINHUB_API_KEY": "",
        "CHAINHUB_API_KEY_FILE": "",
        "XDG_CONFIG_HOME": str(tmp_path),
    }
    assert find_key(environ) == FoundKey(KEY, f"the key file {path}")


def test_blank_variable_is_an_error() -> None:
    """A variable of white space was meant to be a key."""
    with pytest.raises(CredentialsError, match="CHAINHUB_API_KEY: it is empty"):
        find_key({"CHAINHUB_API_KEY": " "})


@pytest.mark.parametrize("mode", [0o600, 0o644, 0o666])
def test_named_file_is_taken_as_it_is(tmp_path: Path, mode: int) -> None:
    """A mounted secret may be readable by others, and a link."""
    link = tmp_path / "link"
    link.symlink_to(key_file(tmp_path, mode=mode))
    found = find_key({"CHAINHUB_API_KEY_FILE": str(link)})
    assert found == FoundKey(KEY, "the file that CHAINHUB_API_KEY_FILE names")


def test_named_file_goes_before_the_default_place(tmp_path: Path) -> None:
    """A file named by the environment is read although there is one at the default place."""
    key_file(tmp_path, b"sk-test-default")
    named = tmp_path / "named"
    named.write_text(KEY)
    environ = {"CHAINHUB_API_KEY_FILE": str(named), "XDG_CONFIG_HOME": str(tmp_path)}
    found = find_key(environ)
    assert found is not None
    assert found.key == KEY


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("sk-test-not-a-path", "does not exist"),
        (".", "is not a regular file"),
        ("/dev/zero", "is not a regular file"),
        ("sk-test\0nul", "cannot be read"),
        ("sk-test" * 1000, "cannot be read"),
    ],
)
def test_named_file_that_cannot_be_read(path: str, problem: str) -> None:
    """The variable is named and its value is not, which may be the key by mistake."""
    with pytest.raises(CredentialsError, match=problem) as caught:
        find_key({"CHAINHUB_API_KEY_FILE": path})
    assert "CHAINHUB_API_KEY_FILE" in str(caught.value)
    assert "sk-test" not in str(caught.value)
    assert caught.value.__context__ is None


def test_a_pipe_is_not_opened(tmp_path: Path) -> None:
    """A pipe that nobody writes to does not block."""
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(CredentialsError, match="not a regular file"):
        find_key({"CHAINHUB_API_KEY_FILE": str(tmp_path / "pipe")})


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "empty"),
        (b"sk-test-a\nsk-test-b\n", "line break at position 10"),
        ("sk-test".encode("utf-16"), "outside ASCII at position 1"),
        (b"q" * 100_000, "16384 characters"),
    ],
)
def test_named_file_with_an_unusable_key(tmp_path: Path, content: bytes, problem: str) -> None:
    """What stands in a file is checked like any other key, however big the file."""
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(CredentialsError, match=problem) as caught:
        find_key({"CHAINHUB_API_KEY_FILE": str(path)})
    assert "sk-test" not in str(caught.value)


def test_byte_order_mark(tmp_path: Path) -> None:
    """A byte order mark that an editor wrote is not part of the key."""
    path = tmp_path / "file"
    path.write_bytes(b"\xef\xbb\xbf" + KEY.encode())
    assert find_key({"CHAINHUB_API_KEY_FILE": str(path)}) is not None


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o666, 0o610])
def test_default_file_open_to_others(tmp_path: Path, mode: int) -> None:
    """The file at the default place must be its owner's alone, and the error says how."""
    path = key_file(tmp_path, mode=mode)
    with pytest.raises(CredentialsError, match=f"chmod 600 {path}"):
        find_key({"XDG_CONFIG_HOME": str(tmp_path)})


def test_mode_means_nothing_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where modes do not exist none is asked for."""
    monkeypatch.setattr(_key_sources, "_POSIX", False)
    key_file(tmp_path, mode=0o644)
    assert find_key({"XDG_CONFIG_HOME": str(tmp_path)}) is not None


def test_no_default_file(tmp_path: Path) -> None:
    """A default place without a file is passed over."""
    assert find_key({"XDG_CONFIG_HOME": str(tmp_path)}) is None


@pytest.mark.parametrize(
    ("environ", "path"),
    [
        ({"XDG_CONFIG_HOME": "/x"}, "/x/chainhub/key"),
        ({"XDG_CONFIG_HOME": "/x", "HOME": "/h"}, "/x/chainhub/key"),
        ({"XDG_CONFIG_HOME": "x", "HOME": "/h"}, "/h/.config/chainhub/key"),
        ({"XDG_CONFIG_HOME": "", "HOME": "/h"}, "/h/.config/chainhub/key"),
        ({"HOME": "/h"}, "/h/.config/chainhub/key"),
    ],
)
def test_default_place(environ: dict[str, str], path: str) -> None:
    """The default place follows the XDG specification, which ignores a relative folder."""
    assert default_key_file(environ) == path


def test_default_place_without_home() -> None:
    """Without HOME the system's idea of the home folder is used."""
    assert default_key_file({}) == os.path.expanduser("~/.config/chainhub/key")


def test_keyring_is_not_imported_to_see_whether_it_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Finding the extra does not run it."""
    (tmp_path / "keyring.py").write_text("raise RuntimeError")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "keyring", raising=False)
    assert keyring_installed()
    assert "keyring" not in sys.modules


@pytest.mark.parametrize(("module", "expected"), [(None, False), (ModuleType("keyring"), True)])
def test_keyring_hidden_or_replaced(
    module: ModuleType | None, expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A keyring that is hidden does not count, one that a test has put there does."""
    monkeypatch.setitem(sys.modules, "keyring", module)
    assert keyring_installed() is expected


class Ring(ModuleType):
    """A keyring with at most one key."""

    def __init__(self, key: str | None) -> None:
        super().__init__("keyring")
        self.key = key

    def get_password(self, service: str, user: str) -> str | None:
        """Return the key of the one place it is looked for."""
        assert (service, user) == ("chainhub", "api_key")
        return self.key


def test_keyring_with_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """The key is stored under the service chainhub."""
    monkeypatch.setitem(sys.modules, "keyring", Ring(KEY))
    assert ask_keyring({}) == KEY


def test_keyring_without_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """The last place is empty, so the error lists them all."""
    monkeypatch.setitem(sys.modules, "keyring", Ring(None))
    with pytest.raises(CredentialsError, match="no API key: pass api_key="):
        ask_keyring({})


@pytest.mark.parametrize(
    ("environ", "empty"), [({"HOME": "/h"}, False), ({"HOME": "/h", "CHAINHUB_API_KEY": ""}, True)]
)
def test_no_key_lists_every_place(environ: dict[str, str], empty: bool) -> None:
    """The error names each place a key may stand in, and a variable that is set but empty."""
    said = str(no_key(environ))
    for place in ("api_key=", "CHAINHUB_API_KEY_FILE", "/h/.config/chainhub/key", "keyring set"):
        assert place in said
    assert ("set but empty" in said) is empty


def test_a_found_key_does_not_show_it() -> None:
    """The repr names the source only."""
    assert repr(FoundKey(KEY, "PLACE")) == "FoundKey(source='PLACE')"
