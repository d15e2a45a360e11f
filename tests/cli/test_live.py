"""What a person sees while a command works, in this process and on real terminals."""

import re
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from chainhub.sandbox import (
    Sandbox,
    completed,
    failed,
    pending,
    state,
    status,
    trickle,
    video_generating,
)
from chainhub.testing import virtual_time
from tests.cli.conftest import ESCAPES

HIDE = "\x1b[?25l"
REMAINDER = r"about 0:\d\d left|longer than usual"


def test_progress_is_shown_in_place_and_taken_away(sandbox: Sandbox, chainhub, watched) -> None:
    """Status, progress and time while it runs; what stays is how it ended."""
    sandbox.add([pending, video_generating(extra={"progress": 40}), completed], id="x")
    came = watched()
    done = chainhub("wait", "x", "--interval", "0.3")
    raw = came()
    shown = ESCAPES.sub("", raw)
    assert re.search(r"x  video_generating  0:0\d  40 %", shown)
    assert HIDE not in raw  # Ctrl-Z or a kill would leave the terminal so
    assert re.search(r"✓ x  completed  0:0\d\r\n", shown)
    assert "/media/" not in shown
    assert "/media/" in done.out


def test_what_was_learned_tells_the_remainder(sandbox: Sandbox, chainhub, watched, standard_input):
    """When most tasks of a kind have ended, the others have an expected remainder."""
    for n in range(4):
        sandbox.add([pending(polls=2), completed], id=f"m:{n}")
    sandbox.add([pending(polls=200), completed], id="m:4")
    standard_input(b"m:0\nm:1\nm:2\nm:3\nm:4\n")
    came, shown, over = watched(), "", threading.Event()

    def finish() -> None:
        """Let the last task end when its remainder was shown, or when all is over."""
        nonlocal shown
        while not (re.search(REMAINDER, shown) or over.is_set()):
            shown = ESCAPES.sub("", shown + came())
        sandbox.add(completed, id="m:4")

    with ThreadPoolExecutor() as pool:
        finished = pool.submit(finish)
        assert chainhub("batch", "-", "--interval", "0.15").code == 0
        over.set()
        finished.result()
    shown += ESCAPES.sub("", came())
    assert re.search(REMAINDER, shown)
    assert re.search(r"\d of 5 done  \d to go", shown)
    assert re.search(r"chainhub: 5 of 5 done, in 0:\d\d\r\n$", shown)


def test_a_width_of_zero_is_none(sandbox: Sandbox, chainhub, watched) -> None:
    """`COLUMNS=0`, which some terminals of CI set."""
    sandbox.add([pending, completed], id="x")
    came = watched(width=0)
    assert chainhub("wait", "x", "--interval", "0.3").code == 0
    assert "x  pending  0:0" in ESCAPES.sub("", came())


def test_a_download_shows_bytes(sandbox: Sandbox, chainhub, watched, tmp_path: Path) -> None:
    """While they come."""
    sandbox.add(completed, id="x", media=[trickle(1)])
    came = watched()
    assert chainhub("download", "x", "--into", str(tmp_path)).code == 0
    assert re.search(r"x  \d+\.\d kB of 22\.8 kB", ESCAPES.sub("", came()))


def test_results_and_words_do_not_mix(sandbox: Sandbox, chainhub, watched, tmp_path) -> None:
    """The batch tells failures and a summary; replayed ones are counted."""
    sandbox.add(completed, id="good")
    sandbox.add(failed("unsafe"), id="bad")
    (tmp_path / "ids").write_text("good\nbad\n")
    words = ["batch", str(tmp_path / "ids"), "--journal", str(tmp_path / "journal")]
    came = watched(width=40)
    chainhub(*words)
    chainhub(*words)
    shown = ESCAPES.sub("", came())
    assert "task bad failed ('failed'): unsafe" in shown
    assert "chainhub: 1 of 2 done, 1 not, 2 from the journal, in 0:00" in shown


def test_polls_that_fail_are_shown_in_place(sandbox: Sandbox, chainhub, watched) -> None:
    """With their count and the cause, until one is good; the picture steps aside for notes."""
    sandbox.add([status(503), state("video_polishing"), completed], id="x")
    came = watched()
    assert chainhub("wait", "x", "--interval", "0.4").code == 0
    raw = came()
    assert "x  503 Service Unavailable (1 of 10)  0:0" in ESCAPES.sub("", raw)
    note = raw.index("chainhub: note: unknown task status 'video_polishing'")
    before = ESCAPES.sub("", raw[:note].rpartition("\x1b[2K")[2])
    assert before.strip("\r\n") == ""


def test_a_dead_address_is_shown_on_a_plain_terminal(chainhub, watched, dead_address) -> None:
    """A line for each attempt."""
    came = watched(term="dumb")
    with virtual_time():
        assert chainhub("watch", "x").code == 7
    first, second, third, last = came().splitlines()
    assert re.fullmatch(r"0:0\d  x  no response \(1 of 4\): connection refused", first)
    assert "(2 of 4)" in second
    assert "(3 of 4)" in third
    assert "no response in 4 attempts; last error: could not connect: Connection refused" in last


@pytest.mark.parametrize("term", ["dumb", ""])
def test_a_terminal_that_can_do_little_gets_lines(term, sandbox, chainhub, watched) -> None:
    """One for each change, and no escape sequence; an answer with a foreign id changes none."""
    sandbox.add([pending, completed], id="x")
    sandbox.add(completed(extra={"id": "stranger"}), id="y")
    came = watched(term=term)
    assert chainhub("watch", "x", "--interval", "0.05").code == 0
    assert chainhub("wait", "x", "y").code == 0
    raw = came()
    assert ("\x1b" in raw, "stranger" in raw) == (False, False)
    assert re.match(r"0:0\d  x  pending\r\n", raw)


def test_people_get_sentences_from_get_and_watch(sandbox: Sandbox, chainhub, monkeypatch) -> None:
    """On a terminal; a program gets columns."""
    sandbox.add([pending, completed], id="x")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    done = chainhub("watch", "x", "--interval", "0.2")
    assert re.fullmatch(r"0:0\d  pending\n0:0\d  completed\n  http://.*\n", done.out)
    done = chainhub("get", "x")
    assert re.fullmatch(r"x  completed  \(updated .* UTC\)\n  http://.*\n", done.out)


def test_narrow_terminals_and_no_color(sandbox: Sandbox, terminal) -> None:
    """Nothing is wider than the terminal; NO_COLOR leaves no colour."""
    name = "veo3.1-fast:1760545785-very-very-very-long"
    sandbox.add(pending, id=name)
    typed = terminal("wait", name, "--interval", "0.2", width=40, output=subprocess.DEVNULL)
    plain = terminal("wait", name, "--interval", "0.2", output=subprocess.DEVNULL, NO_COLOR="1")
    typed.until("pending")
    plain.until("pending")
    sandbox.add(completed, id=name)
    assert typed.end() == plain.end() == 0
    pictures = [line for line in re.split(r"[\r\n]+", typed.shown) if "pending" in line]
    assert pictures
    assert max(map(len, pictures)) < 40
    assert "\x1b[36m" in typed.raw
    assert "\x1b[36m" not in plain.raw


def test_ctrl_c_leaves_the_terminal_whole_and_says_how_to_go_on(sandbox: Sandbox, terminal) -> None:
    """Exit code 130, and what has ended is not asked for again."""
    sandbox.add(completed, id="done")
    sandbox.add(pending, id="it's")
    typed = terminal("wait", "done", "it's", "--interval", "0.2", width=200)
    typed.until("1 of 2 done")
    typed.type("\x03")
    assert typed.end() == 130, typed.shown
    said, command = typed.shown.rstrip().splitlines()[-1].split("; resume with: ")
    assert said == "chainhub: interrupted; the tasks keep running"
    assert command == """chainhub wait 'it'"'"'s'"""


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["watch", "run"], "chainhub watch run"),
        (["wait", "run", "--download", "d"], "chainhub wait run --download d"),
        (["batch", "ids"], "chainhub batch ids --journal FILE"),
        (["batch", "ids", "--journal", "j"], "chainhub batch ids --journal j"),
        (["download", "big", "-o", "f.mp4"], "chainhub download big --output f.mp4"),
        (["get", "run", "-"], "chainhub: interrupted\n"),
    ],
)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interruptions_say_how_to_go_on(
    number, words, text, sandbox: Sandbox, chainhub, tmp_path, monkeypatch, standard_input
) -> None:
    """SIGTERM is taken like Ctrl-C and has the exit code that a shell gives it."""
    monkeypatch.chdir(tmp_path)
    Path("ids").write_text("run\n")
    sandbox.add(pending, id="run")
    sandbox.add(completed, id="big", media=[trickle(1000)])
    if words[0] == "get":

        class Endless:
            def read(self) -> str:
                signal.raise_signal(number)
                return ""

        monkeypatch.setattr(sys, "stdin", Endless())
    else:
        _press(number, sandbox)
    done = chainhub(*words)
    assert done.code == (130 if number == signal.SIGINT else 143)
    assert text in done.err
    assert done.err.count("\n") == 1


def _press(number: int, sandbox: Sandbox) -> None:
    """Send the signal once the service was asked."""
    main_thread = threading.main_thread().ident

    def press() -> None:
        end = time.monotonic() + 10
        while not sandbox.requests and time.monotonic() < end:
            threading.Event().wait(0.02)
        threading.Event().wait(0.2)
        signal.pthread_kill(main_thread, number)

    threading.Thread(target=press, daemon=True).start()


@pytest.mark.parametrize("words", [["wait", "x"], ["download", "x"]])
def test_an_interruption_before_anything_began_needs_no_hint_how_to_resume(
    words, sandbox: Sandbox, chainhub, monkeypatch
) -> None:
    """There is nothing to go on with."""

    def interrupted(*given: object, **named: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("chainhub.cli._running.open_client", interrupted)
    done = chainhub(*words)
    assert (done.code, done.err) == (130, "chainhub: interrupted\n")


def test_a_closed_pipe_ends_a_real_process_quietly(sandbox: Sandbox) -> None:
    """`chainhub get … | head -1` says nothing on standard error."""
    import os

    for n in range(5):
        sandbox.add(completed, id=f"x{n}")
    from tests.cli.conftest import ROOTS

    command = '"$0" -W error -m chainhub get x0 x1 x2 x3 x4 | head -1'
    done = subprocess.run(
        ["/bin/sh", "-c", command, sys.executable],
        env={**os.environ, "PYTHONPATH": ROOTS},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert (done.stdout.count("\n"), done.stderr) == (1, "")


def test_the_prompt_asks_for_a_key_and_does_not_show_it(sandbox: Sandbox, terminal) -> None:
    """Only where somebody can type; the key goes nowhere else."""
    sandbox.add(completed, id="x")
    typed = terminal("get", "x", CHAINHUB_API_KEY="")
    typed.until("API key (input is hidden): ")
    typed.type(f"{sandbox.key}\n")
    assert typed.end() == 0
    assert sandbox.key not in typed.raw
    assert "x  completed" in typed.shown


def test_a_sandbox_is_played_until_ctrl_c(terminal, chainhub, monkeypatch) -> None:
    """It prints what another terminal needs, and Ctrl-C is a good end; a mistake is a sentence."""

    def press(seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(time, "sleep", press)
    done = chainhub("sandbox", "--port", "0", "--speed", "3", "--key", "made-up")
    assert (done.code, "export CHAINHUB_API_KEY=made-up\n" in done.out) == (0, True)
    done = chainhub("sandbox", "--port", "0", "--host", "0.0.0.0")
    assert (done.code, "--allow-remote" in done.err) == (2, True)
    monkeypatch.undo()
    typed = terminal("sandbox", "--port", "0")
    shown = typed.until("export CHAINHUB_API_KEY=", "never-ends")
    variables = dict(re.findall(r"^export (\w+)=(\S+)", shown, re.MULTILINE))
    assert max(map(len, shown.splitlines())) <= 100
    other = terminal("wait", "veo3.1-fast:completes", "--deadline", "1s", **variables)
    assert other.end() == 6
    typed.type("\x03")
    assert typed.end() == 0


def test_other_warnings_stay_as_they_are(sandbox: Sandbox, chainhub, monkeypatch) -> None:
    """Only the one about unknown words is rewritten."""
    import warnings

    shown: list[str] = []
    monkeypatch.setattr(warnings, "showwarning", lambda message, *rest: shown.append(str(message)))

    def warn(*given: object) -> None:
        warnings.simplefilter("always", RuntimeWarning)
        warnings.warn("something else", RuntimeWarning, stacklevel=1)
        raise KeyboardInterrupt

    monkeypatch.setattr("chainhub.cli._running.open_client", warn)
    assert chainhub("get", "x").err == "chainhub: interrupted\n"
    assert shown == ["something else"]
