"""How a task shows itself in a notebook."""

import inspect
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell

import chainhub
from chainhub import VideoTask
from chainhub._tasks import Outcome
from chainhub._tasks import notebook as _notebook

SIGNED = "https://media.example.com/v.mp4?id=1&X-Signature=5ec7e7&expires=9"
SECRET = "5ec7e7"


def task(status: str = "completed", **fields: Any) -> VideoTask:
    """Make an answer of the service."""
    return VideoTask.from_dict({"id": "a:1", "status": status, "status_update_time": 0, **fields})


@pytest.fixture
def shell() -> Iterator[InteractiveShell]:
    """Give a session of IPython that knows tasks."""
    InteractiveShell.clear_instance()
    session = InteractiveShell.instance()
    session.history_manager.enabled = False
    _notebook.register()
    yield session
    session.history_manager.end_session()
    InteractiveShell.clear_instance()


@pytest.mark.parametrize(
    ("answer", "shown"),
    [
        (task("pending"), [">pending</span>", "<code>a:1</code>", "#0b5fc0"]),
        (task("video_polishing"), ["#0b5fc0"]),
        (task(""), [">running</span>"]),
        (task("processing", progress="61%"), ['value="0.610"', "61%"]),
        (task("completed", video_url=SIGNED), ["#1a7f37", "show(task, url=True)"]),
        (task("completed"), ["no video URL"]),
        (task("failed", fail_reason="unsafe"), ["#b42318", "unsafe"]),
        (task("cancelled"), ["#57606a", "does not say why"]),
        (task("pending", enhanced_prompt="a cow"), ["<div>a cow</div>"]),
        (task("pending", enhanced_prompt="  ", prompt="a pig"), ["<div>a pig</div>"]),
        (task("pending", detail={"prompt": "a hen"}), ["<div>a hen</div>"]),
        (task("pending", status_update_time=1760545785), ["2025-10-15 16:29:45 UTC"]),
    ],
)
def test_card(answer: VideoTask, shown: list[str]) -> None:
    """A card says status, id, prompt, progress, time, and how the task ended."""
    html = _notebook.card(answer)
    assert [part for part in shown if part not in html] == []


def test_card_leaves_out_what_nobody_says() -> None:
    """No prompt, no progress, no time: no line for them."""
    html = _notebook.card(task("pending"))
    assert html.count("<div") == 2
    assert "UTC" not in html


def test_card_is_escaped() -> None:
    """Nothing a server says becomes markup, whichever field it stands in."""
    bad = "<script>\"'"
    fields = {"enhanced_prompt": bad, "fail_reason": bad, "video_url": f"https://a/{bad}"}
    for status in (bad, "failed", "completed"):
        html = _notebook.card(task(status, **{**fields, "id": bad}), url=True)
        assert "<script" not in html
        assert "&lt;script" in html
        assert "/<" not in html.replace("</", "")


@pytest.mark.parametrize("address", ["javascript:alert(1)", "data:video/mp4;base64,AA", "/v.mp4"])
def test_only_web_addresses_are_played(address: str) -> None:
    """What is no web address is not written even when addresses are asked for."""
    html = _notebook.card(task(video_url=address), url=True)
    assert "<video" not in html
    assert address not in html


@pytest.mark.parametrize(
    ("address", "played"),
    [
        ("https://cdn.example/v/film.mp4", True),
        ("https://cdn.example/v/film.mp4?sig=abc", False),
        ("https://cdn.example/v/film.mp4#sig=abc", False),
        ("https://cdn.example/v;sig=abc/film.mp4", False),
        ("https://user:password@cdn.example/v/film.mp4", False),
        ("http://cdn.example/v/film.mp4", False),
    ],
)
def test_an_address_that_is_not_signed_is_played(address: str, played: bool) -> None:
    """Nobody has to ask for what is no secret."""
    html = _notebook.card(task(video_url=address))
    assert ("<video controls" in html, address in html) == (played, played)


def test_notebook_shows_card_and_text_without_the_signature(shell: InteractiveShell) -> None:
    """What a notebook would keep of a task holds no signed address, in any format."""
    bundle, _ = shell.display_formatter.format(task(video_url=SIGNED, detail={"video_url": SIGNED}))
    assert "chainhub-task" in bundle["text/html"]
    assert bundle["text/plain"].startswith("VideoTask(id='a:1'")
    assert SECRET not in str(bundle)


@pytest.mark.parametrize(
    "hold",
    [
        lambda held: [held],
        lambda held: {"a": Outcome("a", held, None, 1, 0.1)},
        lambda held: Outcome("a", held, None, 1, 0.1),
    ],
)
def test_tasks_inside_others_are_shown_without_the_signature(
    hold: Callable[[VideoTask], object], shell: InteractiveShell
) -> None:
    """A list of tasks and the outcomes of many do not give the address away either."""
    bundle, _ = shell.display_formatter.format(hold(task(video_url=SIGNED)))
    assert "VideoTask" in bundle["text/plain"]
    assert SECRET not in str(bundle)


@pytest.mark.parametrize("url", [False, True])
def test_show_in_a_notebook(
    url: bool, shell: InteractiveShell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`show` displays the card, and the video only when it is asked for."""
    published: list[Mapping[str, str]] = []
    monkeypatch.setattr(
        shell.display_pub, "publish", lambda data, **_: published.append(data), raising=True
    )
    chainhub.show(task(video_url=SIGNED), url=url)
    (bundle,) = published
    assert ("<video" in bundle["text/html"]) is url
    assert (SECRET in bundle["text/html"]) is url
    assert (SECRET in bundle["text/plain"]) is url


@pytest.mark.parametrize("url", [False, True])
def test_show_elsewhere(url: bool, capsys: pytest.CaptureFixture[str]) -> None:
    """Without IPython `show` prints a line, with the whole address only when it is asked for."""
    InteractiveShell.clear_instance()
    chainhub.show(task(video_url=SIGNED), url=url)
    printed = capsys.readouterr().out
    assert printed.startswith("VideoTask(")
    assert printed.count("\n") == 1
    assert (SECRET in printed) is url


def test_nothing_is_registered_without_a_session(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a program without IPython nor one that merely imported it is changed."""
    InteractiveShell.clear_instance()
    _notebook.register()
    monkeypatch.delitem(sys.modules, "IPython")
    _notebook.register()


def test_text_elsewhere_is_as_ever() -> None:
    """`repr` of a task is its own, with all it holds."""
    assert SIGNED in repr(task(video_url=SIGNED))


def test_importing_chainhub_in_a_session_is_enough(shell: InteractiveShell) -> None:
    """Nobody has to register anything: `import chainhub` in a notebook does."""
    formatter = shell.display_formatter.formatters["text/html"]
    formatter.deferred_printers.clear()
    source = inspect.getsource(chainhub)
    exec(compile(source, chainhub.__file__, "exec"), {"__name__": "chainhub"})
    assert "chainhub-task" in shell.display_formatter.format(task())[0]["text/html"]


@pytest.mark.parametrize("loaded", [False, True])
def test_import_does_not_load_ipython(loaded: bool) -> None:
    """Importing chainhub loads neither IPython nor the cards, unless IPython is there already."""
    program = (
        f"import sys; {'import IPython; ' if loaded else ''}import chainhub; "
        "print('IPython' in sys.modules, 'chainhub._tasks.notebook' in sys.modules)"
    )
    done = subprocess.run(
        (sys.executable, "-c", program), capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.split() == [str(loaded), str(loaded)]
