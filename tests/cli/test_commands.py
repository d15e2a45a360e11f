"""The commands, against a sandbox, in this process: results, exit codes, sentences."""

import hashlib
import io
import json
import os
import sys
import types
from pathlib import Path

import pytest

from chainhub import Client
from chainhub.cli import _progress, _running, main
from chainhub.sandbox import (
    Sandbox,
    answer,
    completed,
    completed_without_url,
    failed,
    html,
    pending,
    state,
    status,
    video_generating,
)
from chainhub.testing import virtual_time
from chainhub_api.tasks import TASKS

FIELDS = [
    "id", "state", "status", "progress", "video_url", "urls", "updated_at", "reason", "path",
    "paths", "elapsed", "polls", "replayed", "error",
]  # fmt: skip
ERROR_FIELDS = [
    "type", "message", "advice", "status", "code", "request_id", "method", "url", "attempts",
    "elapsed", "retry_after", "exit_code",
]  # fmt: skip


def test_get_prints_columns_for_programs(sandbox: Sandbox, chainhub) -> None:
    """Id, state, status, progress and URL, with tabs between, in the order of the ids."""
    sandbox.add(completed, id="good")
    sandbox.add(video_generating(extra={"progress": 61}), id="busy")
    done = chainhub("get", "busy", "good")
    first, second = (line.split("\t") for line in done.out.splitlines())
    assert first == ["busy", "running", "video_generating", "61%", "-"]
    assert second[:4] == ["good", "succeeded", "completed", "-"]
    assert second[4].startswith(f"{sandbox.base_url}/media/")
    assert (done.code, done.err) == (0, "")


def test_json_has_the_same_fields_for_every_result(sandbox: Sandbox, chainhub) -> None:
    """Also for one that failed and one that nobody knows, which carry an error."""
    sandbox.add(completed, id="good")
    sandbox.add(failed("no such luck", code="x1"), id="bad")
    done = chainhub("get", "good", "bad", "unknown", "--json")
    assert [list(record) for record in done.records] == [FIELDS] * 3
    good, bad, unknown = done.records
    assert (good["state"], good["error"]) == ("succeeded", None)
    assert (bad["reason"], bad["error"]["type"], bad["error"]["code"]) == (
        "no such luck", "TaskFailed", "x1",
    )  # fmt: skip
    assert (unknown["state"], unknown["error"]["type"]) == (None, "TaskNotFoundError")
    assert list(unknown["error"]) == ERROR_FIELDS
    assert unknown["error"]["request_id"]
    assert [one["error"]["exit_code"] for one in (bad, unknown)] == [5, 4]
    assert done.err.count("\n") == 2
    assert done.code == 8


@pytest.mark.parametrize(
    ("script", "words", "code", "sentence"),
    [
        ([completed], ["wait", "x"], 0, ""),
        ([completed], ["wait", "x", "--deadline", "0"], 2, "is not a valid duration"),
        ([status(401)], ["get", "x"], 3, "401 Unauthorized"),
        ([status(403)], ["wait", "x"], 3, "403 Forbidden"),
        ([status(404)], ["get", "x"], 4, "check the id"),
        ([failed("unsafe")], ["wait", "x"], 5, "unsafe"),
        ([failed("unsafe")], ["watch", "x"], 5, "unsafe"),
        ([failed("unsafe")], ["get", "x"], 5, "unsafe"),
        ([pending], ["wait", "x", "--deadline", "0.3"], 6, "still 'pending'"),
        ([pending], ["watch", "x", "--deadline", "0.3s"], 6, "still 'pending'"),
        ([html()], ["get", "x"], 7, "[GET http://127"),
        ([status(501)], ["get", "x"], 7, "501 Not Implemented"),
        ([pending], ["download", "x"], 5, "chainhub wait x --download ."),
        ([completed], ["download", "x", "-o", "none/film.mp4"], 1, "the folder does not exist"),
        ([completed], ["wait", "x", "bad", "--interval", "0.05"], 8, "unsafe"),
        ([failed("unsafe")], ["wait", "x", "bad"], 5, "unsafe"),
        ([completed], ["watch", "-"], 2, "watch takes one id"),
        ([completed], ["sandbox", "--speed", "0"], 2, "The speed must be a number above 0"),
        ([completed], ["batch", ""], 2, "the file's name is empty; check that"),
        ([completed], ["download", "x", "-o", ""], 2, "is empty; check that the shell variable"),
        (
            [completed],
            ["wait", "x", "--download", ""],
            2,
            "is empty; check that the shell variable",
        ),
        ([completed], ["download", "x", "--sha256", "0"], 2, "chainhub: --sha256 takes the 64"),
        (
            [completed],
            ["download", "x", "--allow-host", "http://h"],
            2,
            "--allow-host takes a host: ",
        ),
        ([completed], ["get", "x", "--base-url", "http://127.0.0.1:1"], 7, "chainhub: "),
    ],
)
def test_each_outcome_has_its_exit_code(
    script, words, code, sentence, sandbox, chainhub, standard_input
) -> None:
    """And a sentence on standard error, unless all is well."""
    sandbox.add(script, id="x")
    sandbox.add(failed("unsafe"), id="bad")
    standard_input(b"x\ny\n")
    done = chainhub(*words)
    assert done.code == code, done.err
    assert sentence in done.err
    assert "Traceback" not in done.err


@pytest.mark.parametrize("json_lines", [True, False])
def test_a_dead_address_is_told_once_for_all_tasks(
    json_lines, chainhub, dead_address, standard_input
) -> None:
    """While it is waited for, in one line; at the end each task is told of, up to twenty."""
    standard_input("\n".join(f"x{number}" for number in range(200)).encode())
    with virtual_time():
        done = chainhub("wait", "-", *(["--json"] if json_lines else []))
    assert done.code == 7
    lines = done.err.splitlines()
    assert lines[0].startswith("chainhub: no response (1 of 4): connection refused; trying again")
    assert len(lines) == 22
    assert ": no response in 4 attempts; last error: could not connect" in lines[1]
    assert lines[-1].startswith("chainhub: more failed; ")
    assert len(done.out.splitlines()) == (200 if json_lines else 0)


def test_failing_polls_are_told_again_after_a_minute(sandbox: Sandbox, chainhub, monkeypatch):
    """A service that fails now and then does not fill a log."""
    for seconds, lines in ((60.0, 1), (0.0, 3)):
        monkeypatch.setattr(_progress, "_REPEATED_AFTER", seconds)
        sandbox.add([status(503), status(503), pending, status(503), completed], id="x")
        done = chainhub("wait", "x", "--interval", "0.01")
        assert (done.code, done.err.count("503 Service Unavailable")) == (0, lines)


def test_wait_prints_the_address_and_nothing_else(sandbox: Sandbox, chainhub) -> None:
    """So that the output can be used as it is; nobody looks at standard error, so it is empty."""
    sandbox.add([pending, completed], id="x")
    done = chainhub("wait", "x", "--interval", "0.05")
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith(f"{sandbox.base_url}/media/")
    assert done.out.count("\n") == 1


def test_wait_downloads(sandbox: Sandbox, chainhub, tmp_path: Path) -> None:
    """Then the files are the result."""
    sandbox.add([pending, completed], id="m:1")
    sandbox.add([failed("unsafe")], id="m:2")
    done = chainhub("wait", "m:1", "m:2", "--interval", "0.05", "--download", str(tmp_path))
    assert done.out == f"{tmp_path / 'm@1.mp4'}\n"
    assert (tmp_path / "m@1.mp4").stat().st_size > 1000
    assert done.code == 8
    again = chainhub("wait", "m:1", "--download", str(tmp_path))
    assert (again.code, again.out) == (2, "")
    assert "--if-exists replace or keep" in again.err
    kept = chainhub("wait", "m:1", "--download", str(tmp_path), "--if-exists", "keep", "--json")
    assert (kept.code, kept.records[0]["path"]) == (0, str(tmp_path / "m@1.mp4"))


def test_watch_prints_every_change(sandbox: Sandbox, chainhub) -> None:
    """Seconds, state, status, progress and URL."""
    sandbox.add([pending, video_generating(extra={"progress": 40}), completed], id="x")
    done = chainhub("watch", "x", "--interval", "0.05")
    rows = [line.split("\t") for line in done.out.splitlines()]
    assert [row[1:4] for row in rows] == [
        ["running", "pending", "-"],
        ["running", "video_generating", "40%"],
        ["succeeded", "completed", "-"],
    ]
    assert rows[-1][4].startswith("http://")
    assert (done.code, done.err) == (0, "")


def test_watch_tells_of_a_missing_video(sandbox: Sandbox, chainhub) -> None:
    """Only after the last change: an address may come late."""
    sandbox.add([completed_without_url], id="x")
    done = chainhub("watch", "x", "--interval", "0.05", "--json")
    assert [record["error"] is None for record in done.records] == [True, False]
    assert done.code == 5


def test_an_unknown_word_is_noted_in_a_sentence(sandbox: Sandbox, chainhub) -> None:
    """Not with a place in the code."""
    sandbox.add([state("polishing_unseen"), completed], id="x")
    done = chainhub("watch", "x", "--interval", "0.05")
    assert done.err.startswith("chainhub: note: unknown task status 'polishing_unseen'")
    assert "words=" not in done.err
    assert ".py" not in done.err


def test_a_request_that_is_wrongly_made_ends_the_command(sandbox: Sandbox, chainhub) -> None:
    """An option the client refuses is a mistake in the call, not an outcome of each task."""
    for words in (
        ["get", "x", "--base-url", f"{sandbox.base_url}/v1"],
        ["download", "x", "--sha256", "12"],
        ["wait", ""],
    ):
        done = chainhub(*words)
        assert (done.code, done.out) == (2, ""), words
        assert done.err.count("\n") == 1
    # With --json it has the fields of every record, so that a program has one way to read them.
    done = chainhub("get", "x", "--json", "--base-url", "https://api.example/v1")
    (record,) = done.records
    assert list(record) == FIELDS
    assert (record["id"], record["error"]["type"]) == (None, "ConfigurationError")
    assert "--base-url:" in done.err


def test_download_names_the_files(sandbox, chainhub, tmp_path, monkeypatch) -> None:
    """After the ids, in the folder that is given, else in the current one; addresses are secret."""
    monkeypatch.chdir(tmp_path)
    sandbox.add(completed, id="m:3", media=[status(403), status(403), status(403)])
    done = chainhub("download", "m:3")
    assert "/media/" in done.err
    assert "signature=" not in done.err.replace("signature=***", "")
    assert chainhub("download", "m:3", "--json").records[0]["path"] == str(tmp_path / "m@3.mp4")
    for name in ("m:1", "m:2"):
        sandbox.add(completed, id=name)
    done = chainhub("download", "m:1", "m:2", "m:1", "--into", str(tmp_path))
    assert sorted(done.out.splitlines()) == [str(tmp_path / f"m@{n}.mp4") for n in (1, 2)]
    assert (done.code, done.err) == (0, "")


@pytest.mark.parametrize("words", [["wait", "m:1", "--download"], ["download", "m:1", "--into"]])
def test_the_folder_is_made_before_anything_is_asked(words, sandbox, chainhub, tmp_path) -> None:
    """A wait of minutes does not end with a folder that is missing, or cannot be made."""
    sandbox.add(completed, id="m:1")
    (tmp_path / "file").touch()
    refused = chainhub(*words, str(tmp_path / "file"))
    assert (refused.code, refused.out, refused.err.count("\n")) == (1, "", 1)
    assert "file is a file, not a folder" in refused.err
    assert sandbox.requests == ()
    assert chainhub(*words, str(tmp_path / "new" / "one")).code == 0
    assert (tmp_path / "new" / "one" / "m@1.mp4").exists()


def test_download_to_a_file_or_folder(sandbox: Sandbox, chainhub, tmp_path: Path) -> None:
    """-o takes either; a checksum is compared."""
    sandbox.add(completed, id="m:1")
    sample = tmp_path / "film.mp4"
    assert chainhub("download", "m:1", "-o", str(sample)).out == f"{sample}\n"
    assert chainhub("download", "m:1", "-o", str(tmp_path)).out == f"{tmp_path / 'm@1.mp4'}\n"
    digest = hashlib.sha256(sample.read_bytes()).hexdigest()
    again = ["download", "m:1", "--if-exists", "replace", "-o", str(sample), "--sha256"]
    assert chainhub(*again, digest).code == 0
    wrong = chainhub(*again, "0" * 64)
    assert wrong.code == 7
    assert "SHA-256" in wrong.err


def test_no_video_is_written_to_standard_output(sandbox: Sandbox, chainhub) -> None:
    """Nor to a file called so."""
    done = chainhub("download", "a", "-o", "-")
    assert (done.code, sandbox.requests) == (2, ())
    assert "standard output takes no video" in done.err


@pytest.mark.parametrize("more", [["-o", "film.mp4"], ["--sha256", "0" * 64]])
def test_what_is_for_one_video_is_refused_for_several(more, sandbox: Sandbox, chainhub) -> None:
    """Before anything is asked."""
    done = chainhub("download", "a", "b", *more)
    assert done.code == 2
    assert sandbox.requests == ()


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["download", "x", "--into", "{}", "--sha256", "12"], 2),
        (["download", "x", "--into", "{}", "--task", "none.such"], 2),
        (["wait", "x", "--download", "{}"], 5),
    ],
)
def test_a_folder_for_nothing_does_not_stay(words, code, sandbox, chainhub, tmp_path) -> None:
    """One that was there does."""
    sandbox.add(failed, id="x")
    folder = tmp_path / "videos"
    for is_there in (False, True):
        if is_there:
            folder.mkdir()
        assert chainhub(*(word.format(folder) for word in words)).code == code
        assert folder.exists() is is_there


def test_a_host_that_is_not_public_must_be_allowed(sandbox: Sandbox, chainhub, tmp_path) -> None:
    """The sentence names the option of the command line."""
    with Sandbox() as other:
        other.add(completed, id="x")
        url = other.base_url.replace("127.0.0.1", "127.0.0.2")
        sandbox.add(completed(url=f"{url}/v.mp4"), id="x")
        done = chainhub("download", "x", "--into", str(tmp_path))
    assert done.code == 2
    assert "--allow-host" in done.err
    assert "allow_hosts" not in done.err


def test_batch_prints_records_and_keeps_a_journal(sandbox, chainhub, tmp_path) -> None:
    """The second run asks for nothing that the journal knows."""
    ids, journal = tmp_path / "ids.txt", tmp_path / "ids.journal"
    ids.write_text("# mine\n\ngood\r\n  bad\ngood\n")
    sandbox.add([pending, completed], id="good")
    sandbox.add([pending, failed("unsafe")], id="bad")
    words = ["batch", str(ids), "--journal", str(journal), "--interval", "0.05"]
    first = chainhub(*words)
    assert {record["id"]: record["state"] for record in first.records} == {
        "good": "succeeded",
        "bad": "failed",
    }
    asked = len(sandbox.requests)
    second = chainhub(*words, "--json")
    assert [record["replayed"] for record in second.records] == [True, True]
    assert len(sandbox.requests) == asked
    assert (first.code, second.code) == (8, 8)


def test_batch_downloads(sandbox, chainhub, tmp_path, standard_input, monkeypatch) -> None:
    """The record tells the file; one that cannot be had is a failure; no journal is written."""
    sandbox.add(completed, id="m:1")
    sandbox.add(completed, id="m:2")
    folder = tmp_path / "empty"
    folder.mkdir()
    monkeypatch.chdir(folder)
    (tmp_path / "m@2.mp4").write_text("mine")
    standard_input(b"m:1\nm:2\n")
    done = chainhub("batch", "-", "--download", str(tmp_path))
    told = {record["id"]: (record["path"], record["error"]) for record in done.records}
    assert told["m:1"] == (str(tmp_path / "m@1.mp4"), None)
    assert told["m:2"][1]["type"] == "DestinationExistsError"
    assert (tmp_path / "m@2.mp4").read_text() == "mine"
    assert (done.code, list(folder.iterdir())) == (8, [])


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "does not exist"),
        ("folder", "is a folder"),
        (b"\x00\x01\xff", "is not a text file"),
        ("ids".encode("utf-16"), "is not a text file"),
        (b"# nothing\n\n", "there are no ids in"),
    ],
)
def test_a_file_that_holds_no_ids_is_one_sentence(
    content, words, sandbox: Sandbox, chainhub, tmp_path: Path
) -> None:
    """And exit code 2, before anything is asked."""
    file = tmp_path / "ids"
    if content == "folder":
        file.mkdir()
    elif content is not None:
        file.write_bytes(content)
    done = chainhub("batch", str(file))
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert words in done.err
    assert str(file) in done.err


def test_many_failures_are_not_all_repeated(sandbox: Sandbox, chainhub, standard_input) -> None:
    """The records tell each; standard error stays readable."""
    standard_input("".join(f"m:{n}\n" for n in range(23)).encode())
    done = chainhub("get", "-", "--json")
    assert len(done.records) == 23
    assert done.err.count("\n") == 21
    assert done.err.endswith("chainhub: more failed; the results say why\n")
    standard_input("".join(f"m:{n}\n" for n in range(22)).encode())
    assert chainhub("get", "-").err.count("\n") == 22


def test_server_text_cannot_move_the_cursor(sandbox: Sandbox, chainhub) -> None:
    """Control characters and those that turn the direction of writing are spelt out."""
    evil = "\x1b[2J\x1b]0;owned\x07\u202egnp.exe\r\n"
    body = json.dumps({"id": "x", "status": evil, "video_url": f"http://h/{evil}"})
    sandbox.add(answer(body), id="x")
    sandbox.add(failed(f"because {evil}"), id="y")
    for words in (["get", "x", "y"], ["watch", "x", "--deadline", "0.2"], ["wait", "y"]):
        done = chainhub(*words)
        for text in (done.out, done.err):
            assert text.replace("\n", "").replace("\t", "").isprintable(), words
    assert chainhub("get", "x", "--json").out.isascii()


class Closed(io.StringIO):
    """Standard output whose reader has gone."""

    encoding = "utf-8"

    def write(self, text: str) -> int:
        raise BrokenPipeError


class Full(Closed):
    """Standard output on a full disk."""

    def write(self, text: str) -> int:
        raise OSError(28, "No space left on device")


def test_output_that_cannot_be_written_ends_the_command(
    sandbox, chainhub, monkeypatch, tmp_path
) -> None:
    """Quietly if its reader has gone, also if a download finds out; with a sentence otherwise."""
    sandbox.add(completed, id="x")
    monkeypatch.setattr(sys, "stdout", Closed())
    for words in (["get", "x"], ["wait", "x"], ["download", "x", "--into", str(tmp_path)]):
        done = chainhub(*words)
        assert (done.code, done.err) == (141, "")
    monkeypatch.setattr(sys, "stdout", Full())
    sentence = "chainhub: input or output error: No space left on device\n"
    for words in (["get", "x"], ["get", "--help"]):
        done = chainhub(*words)
        assert (done.code, done.err) == (1, sentence)
    # A process may be started without any of the three streams.
    for name in ("stdin", "stdout", "stderr"):
        monkeypatch.setattr(sys, name, None)
    assert main(["get", "x"]) == 0
    assert main(["get", "-"]) == 2


def test_a_closed_pipe_is_pointed_nowhere(sandbox: Sandbox, chainhub, monkeypatch) -> None:
    """Or the interpreter would complain when it flushes at its end."""
    sandbox.add(completed, id="x")
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w", encoding="utf-8") as pipe:
        monkeypatch.setattr(sys, "stdout", pipe)
        assert chainhub("get", "x").code == 141


def test_an_output_without_the_letters_gets_them_spelt_out(sandbox, chainhub, monkeypatch) -> None:
    """An ASCII terminal must not end a command."""
    sandbox.add(completed, id="vidéo")
    out = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", out)
    assert chainhub("get", "vidéo").code == 0
    assert out.buffer.getvalue().startswith(b"vid\\xe9o\tsucceeded")


class PlainOperation:
    """A task operation as a client of another contract has it."""

    def __init__(self, client, asked) -> None:
        self._client, self._asked = client, asked

    def __call__(self, id, *, model_name):
        self._asked.append(model_name)
        return self._client.video.query(id)

    def __getattr__(self, name):
        def method(*ids, model_name, **options):
            self._asked.append(model_name)
            return getattr(self._client.video, name)(*ids, **options)

        return method


@pytest.fixture
def asked(monkeypatch):
    """Have two task operations, whatever the contract has; what one was asked for is listed."""
    models: list[str] = []
    for name in TASKS.keys() - {"video.query"}:
        monkeypatch.delitem(TASKS, name)

    def clips(client):
        return types.SimpleNamespace(find=PlainOperation(client, models))

    further = {**TASKS["video.query"], "parameters": ("model_name",)}
    monkeypatch.setitem(TASKS, "clips.find", further)
    monkeypatch.setattr(_running, "MAIN", None)
    monkeypatch.setattr(Client, "clips", property(clips), raising=False)
    for name in ("clips", "clips.find"):
        module = types.ModuleType(f"chainhub_api.api.{name}")
        monkeypatch.setitem(sys.modules, module.__name__, module)
    return models


def test_every_command_takes_a_task_operation(sandbox, chainhub, asked, tmp_path) -> None:
    """With its further parameters, for queries, waits and downloads alike."""
    sandbox.add(completed, id="m:1")
    (tmp_path / "ids").write_text("m:1\n")
    task = ["--task", "clips.find", "--parameter", "model_name=flux=1"]
    for words in (
        ["get", "m:1"],
        ["watch", "m:1"],
        ["wait", "m:1"],
        ["batch", str(tmp_path / "ids"), "--download", str(tmp_path)],
        ["download", "m:1", "--into", str(tmp_path), "--if-exists", "keep"],
    ):
        done = chainhub(*words, *task)
        assert (done.code, done.err) == (0, ""), words
        assert set(asked) == {"flux=1"}, words
        asked.clear()
    sandbox.add(pending, id="m:2")
    done = chainhub("download", "m:2", "--task", "video.query")
    assert "wait for it with: chainhub wait m:2 --task video.query --download ." in done.err


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ([], "has several task operations; give one with --task: video.query, clips.find\n"),
        (
            ["--task", "clip.fnd"],
            "--task: clip.fnd is no task operation; choose from: clips.find\n",
        ),
        (["--task", "x"], "x is no task operation; choose from: video.query, clips.find\n"),
        (["--task", "clips.find"], "clips.find takes --parameter model_name=…\n"),
        (["--task", "video.query", "--parameter", "a=b"], "video.query takes no --parameter\n"),
        (["--task", "clips.find", "--parameter", "model_name"], "takes --parameter model_name=…"),
        (
            ["--task", "clips.find", *["--parameter", "model_name=a"] * 2],
            "clips.find takes --parameter model_name=…",
        ),
    ],
)
def test_a_task_operation_must_be_known(words, sentence, sandbox, chainhub, asked) -> None:
    """And have its parameters, no others; before anything is asked."""
    for command in (["get", "x"], ["watch", "x"], ["wait", "x"], ["download", "x"]):
        done = chainhub(*command, *words)
        assert (done.code, sandbox.requests) == (2, ())
        assert sentence in done.err


def test_operations_are_completed(chainhub, asked, monkeypatch) -> None:
    """As a shell asks for it; `test_program.py` does so from outside."""
    monkeypatch.setenv("_CHAINHUB_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", "chainhub get x --task cl")
    monkeypatch.setenv("COMP_CWORD", "4")
    assert chainhub().out.split() == ["clips.find"]


def test_a_choice_of_many_operations_is_bounded(sandbox, chainhub, asked, monkeypatch) -> None:
    """A screen full of names helps nobody."""
    for number in range(20):
        monkeypatch.setitem(TASKS, f"tag{number}.find", next(iter(TASKS.values())))
    assert chainhub("get", "x").err.endswith(" tag5.find and 14 more\n")


@pytest.mark.parametrize("option", ["--api-key", "--key=sk-test-argv", "--token"])
def test_a_key_is_not_taken_from_the_command_line(option, chainhub) -> None:
    """The sentence says where it belongs and does not repeat it."""
    done = chainhub("get", "x", option, "sk-test-argv")
    assert (done.code, done.out) == (2, "")
    assert "CHAINHUB_API_KEY" in done.err
    assert "sk-test-argv" not in done.err


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        (["--version"], 0, "chainhub 0."),
        (["--help"], 0, "doctor"),
        (["-h"], 0, "Usage: chainhub"),
        (["wiat"], 2, "Did you mean 'wait'"),
        (["get", "--jsn", "x"], 2, "--json"),
        (["get"], 2, "ID..."),
        (["get", "x", "--deadline", "soon"], 2, "90s, 15m, 2h"),
        (["wait", "x", "--if-exists", "ask"], 2, "'error', 'replace', 'keep'"),
        ([], 2, "Usage: chainhub"),
    ],
)
def test_usage(words, code, text, chainhub) -> None:
    """A mistake in the call is told with what would be right."""
    done = chainhub(*words)
    assert done.code == code
    assert text in (done.err if code else done.out)


@pytest.mark.parametrize(
    "command", ["get", "wait", "watch", "download", "batch", "sandbox", "doctor"]
)
def test_every_command_has_a_help_text_with_an_example(command, chainhub) -> None:
    """Within 80 columns, and every option with a word."""
    done = chainhub(command, "--help")
    assert f"Example:\n    chainhub {command}" in done.out
    assert max(map(len, done.out.splitlines())) <= 80
    for odd in ("<int>", "<str>", "<float>", "[default: True]"):
        assert odd not in done.out
    assert done.code == 0
