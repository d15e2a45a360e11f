"""The command `python -m chainhub.sandbox`."""

import os
import runpy
import signal
import subprocess
import sys
import time
from contextlib import suppress

import pytest

from chainhub.sandbox import __main__ as program
from chainhub.sandbox import task_ids
from chainhub.sandbox.__main__ import main


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--port", "many"], "invalid int value"),
        (["--port", "65536"], "from 0 to 65535"),
        (["--speed", "0"], "The speed must be a number above 0, not 0"),
        (["--speed", "nan"], "The speed must be a number above 0, not nan"),
        (["--speed", "fast"], "invalid float value: 'fast'"),
        (["--key", "a b"], "without spaces"),
        (["--host", "0.0.0.0"], "--allow-remote"),
        (["--host", "nowhere.invalid"], "cannot be resolved"),
        (["--hos", "::1"], "unrecognized arguments"),
    ],
)
def test_a_mistake_is_one_sentence(arguments, words, capsys) -> None:
    """A mistake in the call ends with status 2 and a single line that names it."""
    try:
        code: object = main(arguments)
    except SystemExit as end:
        code = end.code
    out, err = capsys.readouterr()
    assert (code, out) == (2, "")
    assert words in err
    assert err.count("\n") == 1


def test_a_missing_extra_is_one_sentence(capsys, monkeypatch) -> None:
    """Without the extra, the command says what to install."""
    monkeypatch.delitem(sys.modules, "chainhub.sandbox._server", raising=False)
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    assert main(["--port", "0"]) == 2
    assert '--index-url https://INDEX/simple/ "chainhub[sandbox]"' in capsys.readouterr().err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_says_how_to_use_it(capsys, monkeypatch, number) -> None:
    """The place, the key and every ready task; Ctrl-C is a good end, and so is SIGTERM."""
    arguments = ["sandbox", "--port", "0", "--key", "sk-test-mine", "--speed", "2"]
    monkeypatch.setattr(sys, "argv", arguments)
    monkeypatch.setattr(time, "sleep", lambda _: os.kill(os.getpid(), number))
    before = signal.getsignal(signal.SIGTERM)
    try:
        # By its path: pytest, which loads modules of a plugin's package itself, cannot run them.
        with pytest.raises(SystemExit) as end:
            runpy.run_path(program.__file__, run_name="__main__")
    finally:
        signal.signal(signal.SIGTERM, before)
    out, err = capsys.readouterr()
    assert (end.value.code, err) == (0, "")
    assert "until Ctrl-C" in out
    assert "export CHAINHUB_BASE_URL=http://127.0.0.1:" in out
    assert "export CHAINHUB_API_KEY=sk-test-mine\n" in out
    assert task_ids() in out
    assert max(map(len, out.splitlines())) <= 100


def test_a_full_disk_is_one_sentence(capsys, monkeypatch) -> None:
    """Nobody would know where the sandbox is; the interpreter adds nothing when it ends."""
    sentence = "python -m chainhub.sandbox: cannot print how to use it: No space left on device\n"
    command = f"{sys.executable} -m chainhub.sandbox --port 0 >/dev/full"
    result = subprocess.run(command, shell=True, capture_output=True, text=True, timeout=30)
    assert (result.returncode, result.stderr) == (1, sentence)
    monkeypatch.setattr(os, "dup2", lambda descriptor, _: os.close(descriptor))
    with open("/dev/full", "w", encoding="utf-8") as full:
        monkeypatch.setattr(sys, "stdout", full)
        assert main(["--port", "0"]) == 1
        monkeypatch.undo()
        with suppress(OSError):
            full.close()
    assert capsys.readouterr().err == sentence


def test_it_ends_cleanly_as_a_process() -> None:
    """A real process says where it is, and ends with status 0 and no traceback."""
    command = [sys.executable, "-W", "error", "-m", "chainhub.sandbox", "--port", "0"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("The sandbox runs at http://127.0.0.1:")
        process.send_signal(signal.SIGINT)
        try:
            _, err = process.communicate(timeout=20)
        finally:
            process.kill()
    assert (process.returncode, err) == (0, "")
