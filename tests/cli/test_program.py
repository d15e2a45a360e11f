"""The program as it is started: what it loads, what it says without its extra, completion."""

import os
import subprocess
import sys

import pytest

from chainhub import __main__
from tests.cli.conftest import ROOTS

# Typer stands for what a command line costs; these would come on top of it.
HEAVY = (
    "asyncio", "attr", "chainhub.errors", "chainhub._client", "chainhub_api", "concurrent.futures",
    "email", "h11", "http", "httpcore", "httpx", "pydantic", "pygments", "rich", "socket", "ssl",
    "starlette", "urllib.request", "uvicorn",
)  # fmt: skip
LOADED = (
    "import sys; from chainhub.__main__ import main\n"
    "code = main()\n"
    "print(*sorted(sys.modules), file=sys.stderr)\n"
)
WITHOUT = (
    "import sys\n"
    "class Missing:\n"
    "    def find_spec(self, name, path=None, target=None):\n"
    "        if name.partition('.')[0] == {missing!r}:\n"
    "            raise ModuleNotFoundError(f'No module named {{name!r}}', name=name)\n"
    "sys.meta_path.insert(0, Missing())\n"
    "import runpy; runpy.run_module('chainhub', run_name='__main__')\n"
)


def start(*words: str, program: str | None = None, **variables: str):
    """Start the program, or a few lines in its place."""
    how = ["-m", "chainhub"] if program is None else ["-c", program]
    return subprocess.run(
        [sys.executable, *how, *words],
        env={**os.environ, "PYTHONPATH": ROOTS, **variables},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("words", [["--help"], ["get", "--help"], ["--version"], ["wiat"]])
def test_help_loads_little(words) -> None:
    """Neither httpx nor rich nor the client: start-up stays below that of `import httpx`."""
    loaded = start(*words, program=LOADED).stderr.split()
    assert "typer" in loaded
    assert [name for name in HEAVY if name in loaded] == []
    ours = [name for name in loaded if name.startswith("chainhub.cli")]
    assert ours == ["chainhub.cli", "chainhub.cli._app", "chainhub.cli._options"]


@pytest.mark.parametrize("words", ["get --help", "--version"])
def test_a_full_disk_is_a_sentence_for_what_typer_prints_too(words) -> None:
    """Not a traceback."""
    done = subprocess.run(
        ["/bin/sh", "-c", f'"$0" -m chainhub {words} >/dev/full', sys.executable],
        env={**os.environ, "PYTHONPATH": ROOTS},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    sentence = "chainhub: input or output error: No space left on device\n"
    assert (done.returncode, done.stderr) == (1, sentence)


def test_results_for_programs_load_no_rich() -> None:
    """It is for live output only; click is hidden, with which httpx would load it for itself."""
    hidden = WITHOUT.format(missing="click").replace("import runpy", "pass  # import runpy")
    done = start(
        "get",
        "x",
        "--deadline",
        "0.2",
        program=hidden + LOADED,
        CHAINHUB_API_KEY="sk-test-x",
        CHAINHUB_BASE_URL="http://127.0.0.1:1",
    )
    loaded = done.stderr.splitlines()[-1].split()
    assert "chainhub.cli._terminal" in loaded
    assert [name for name in loaded if name.startswith("rich")] == []


@pytest.mark.parametrize("missing", ["typer", "rich"])
def test_without_the_extra_it_says_what_to_install(missing) -> None:
    """In one sentence, with exit code 2."""
    done = start("--help", program=WITHOUT.format(missing=missing))
    if missing == "typer":
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr == (
            'chainhub: the command line needs the package typer, which comes with the extra "cli": '
            'pip install --index-url https://INDEX/simple/ "chainhub[cli]" '
            "(INDEX: the package index that chainhub came from)\n"
        )
    else:
        assert done.returncode == 0


def test_missing_extra_in_this_process(capsys, monkeypatch) -> None:
    """As a fresh install without it would say; another missing module is no matter of extras."""
    from chainhub import cli

    for name, told in (("typer.main", True), ("rich", True), ("json", False), (None, False)):

        def broken(name=name) -> int:
            raise ModuleNotFoundError("No module", name=name)

        monkeypatch.setattr(cli, "main", broken)
        if told:
            assert __main__.main() == 2
            assert (
                'pip install --index-url https://INDEX/simple/ "chainhub[cli]"'
                in capsys.readouterr().err
            )
        else:
            with pytest.raises(ModuleNotFoundError):
                __main__.main()


def test_an_interrupt_while_it_is_loaded_ends_it(monkeypatch) -> None:
    """Without a traceback."""
    from chainhub import cli

    def interrupted() -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "main", interrupted)
    assert __main__.main() == 130


def test_it_runs_as_a_module(monkeypatch, capsys) -> None:
    """`python -m chainhub` is the command `chainhub`."""
    import runpy

    monkeypatch.setattr(sys, "argv", ["chainhub", "--version"])
    # By its path: pytest, which loads modules of a plugin's package itself, cannot run them.
    with pytest.raises(SystemExit) as end:
        runpy.run_path(__main__.__file__, run_name="__main__")
    assert end.value.code == 0
    assert capsys.readouterr().out.startswith("chainhub 0.")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_complete_commands_and_operations(shell) -> None:
    """From the program itself, as the installed completion asks it."""
    for words, expected, other in (
        ("chainhub wa", {"wait", "watch"}, "doctor"),
        ("chainhub get x --task vid", {"video.query"}, "wait"),
        ("chainhub get x --task zz", set(), "video.query"),
    ):
        done = start(
            _CHAINHUB_COMPLETE=f"complete_{shell}",
            _TYPER_COMPLETE_ARGS=words,
            _TYPER_COMPLETE_FISH_ACTION="get-args",
            _TYPER_COMPLETE_WORD_TO_COMPLETE=words.split()[-1],
            COMP_WORDS=words,
            COMP_CWORD=str(len(words.split()) - 1),
        )
        assert done.returncode == 0, done.stderr
        assert {word for word in expected if word in done.stdout} == expected
        assert other not in done.stdout
