"""The set-up of environments: by content, healed after an interruption, readable when it fails."""

import hashlib
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import sysconfig
import time
import venv
import zipfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from requirements import environment

SETUP = ("environment.py", "environment.sh", "pip_settings.py")
CORE = ("cat", "dirname", "env", "sh")
OLD = "#!/bin/sh\nexit 1\n"
WORKING = '#!/bin/sh\ncase "$2" in *environment.py) echo chosen;; esac\n'
INCOMPLETE = f'#!/bin/sh\ncase "$3" in *ensurepip*) exit 1;; esac\nexec "{sys.executable}" "$@"\n'


class Checkout:
    """A small project with a lock that can be fulfilled without a network."""

    def __init__(self, folder: Path, source: Path) -> None:
        self.folder = folder
        self.wheels = folder / "wheels"
        self.state = folder / ".venv" / "state.json"
        self.wheels.mkdir(parents=True)
        (folder / "requirements").mkdir()
        for name in SETUP:
            shutil.copy(source / "requirements" / name, folder / "requirements" / name)

    def lock(self, version: str, *, digest: str | None = None) -> None:
        """Lock a package of this version, made on the spot."""
        wheel = self.wheels / f"pebble-{version}-py3-none-any.whl"
        info = f"pebble-{version}.dist-info"
        with zipfile.ZipFile(wheel, "w") as archive:
            archive.writestr("pebble.py", f"VERSION = '{version}'\n")
            archive.writestr(
                f"{info}/METADATA", f"Metadata-Version: 2.1\nName: pebble\nVersion: {version}\n"
            )
            archive.writestr(
                f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
            )
            archive.writestr(f"{info}/RECORD", "")
        digest = digest or hashlib.sha256(wheel.read_bytes()).hexdigest()
        text = f"pebble=={version} \\\n    --hash=sha256:{digest}\n"
        (self.folder / "requirements" / "run.txt").write_text(text, "utf-8")

    def make_interpreter(self) -> None:
        """Take the first step of the set-up quickly: with the pip that is here."""
        venv.create(self.folder / ".venv", symlinks=True)
        (packages,) = self.folder.glob(".venv/lib/python*/site-packages")
        for path in Path(sysconfig.get_path("purelib")).glob("pip*"):
            (packages / path.name).symlink_to(path)
        interpreter = f"{platform.python_version()} {environment.base_interpreter()} {self.folder}"
        self.state.write_text(json.dumps({"interpreter": interpreter}), "utf-8")

    def start(self, **variables: str) -> subprocess.Popen[str]:
        """Start the set-up."""
        return subprocess.Popen(
            ("sh", "requirements/environment.sh", ".venv", "run"),
            cwd=self.folder,
            env={
                **os.environ,
                "PIP_NO_INDEX": "1",
                "PIP_FIND_LINKS": self.wheels.as_uri(),
                **variables,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            umask=0o077,
            start_new_session=True,
        )

    def set_up(self, **variables: str) -> tuple[int, str]:
        """Run the set-up; return its exit status and its output."""
        process = self.start(**{"PYTHON": sys.executable, **variables})
        text, _ = process.communicate(timeout=120)
        return process.returncode, text

    def installed_version(self) -> str:
        """Return the version in the environment."""
        code = "import pebble; print(pebble.VERSION)"
        python = self.folder / ".venv" / "bin" / "python"
        return subprocess.check_output((str(python), "-c", code), text=True).strip()


@pytest.fixture
def checkout(tmp_path: Path, project: Path) -> Checkout:
    """Give a small project, in a folder with a space in its name."""
    instance = Checkout(tmp_path / "a check out", project)
    instance.lock("1.0")
    return instance


NOW = {"interpreter": "3.11", "run": "a", "project": "p", "test": "t"}


@pytest.mark.parametrize(
    ("state", "steps", "expected"),
    [
        ({}, ("interpreter", "run", "project"), ["interpreter", "run", "project"]),
        (NOW, ("interpreter", "run", "project", "test"), []),
        (NOW, ("interpreter", "run", "project"), []),
        ({"interpreter": "3.11", "run": "a"}, ("interpreter", "run", "test"), ["test"]),
        (NOW | {"project": "q"}, ("interpreter", "run", "project"), ["project"]),
        (NOW | {"run": "b"}, ("interpreter", "run"), ["interpreter", "run"]),
        (NOW | {"interpreter": "3.10"}, ("interpreter", "run"), ["interpreter", "run"]),
        (NOW | {"test": "u"}, ("interpreter", "run"), ["interpreter", "run"]),
    ],
)
def test_steps_follow_from_content(
    state: dict[str, str], steps: tuple[str, ...], expected: list[str]
) -> None:
    """Only a change of a lock or the interpreter asks for a new environment."""
    assert environment.missing(state, NOW, steps) == expected


@pytest.mark.slow
def test_environment_follows_its_lock(checkout: Checkout) -> None:
    """A second set-up is silent; a changed lock gives a new environment, though its time is old."""
    status, text = checkout.set_up()
    assert (status, text.count("\n"), checkout.installed_version()) == (0, 2, "1.0")
    assert checkout.set_up() == (0, "")
    checkout.lock("2.0")
    os.utime(checkout.folder / "requirements" / "run.txt", (0, 0))
    assert checkout.set_up()[0] == 0
    assert checkout.installed_version() == "2.0"


@pytest.mark.slow
def test_environment_heals(checkout: Checkout) -> None:
    """A failed install is a few lines, leaves nothing that looks finished, and heals."""
    checkout.lock("1.0", digest="0" * 64)
    status, text = checkout.set_up()
    assert status == 1
    assert "THESE PACKAGES DO NOT MATCH THE HASHES" in text
    assert "Traceback" not in text
    assert text.endswith(
        "The environment is not set up; the lines above say why. Run make again after that.\n"
    )
    assert json.loads(checkout.state.read_text("utf-8")).keys() == {"interpreter"}
    checkout.lock("1.0")
    assert checkout.set_up() == (0, ".venv: installing requirements/run.txt, 1 packages\n")
    assert checkout.installed_version() == "1.0"


# Each of these would install elsewhere, not at all, or in silence.
STRANGE = """\
[global]
require-virtualenv = true
quiet = 3
python = {folder}/none
[install]
prefix = {folder}/prefix
target = {folder}/target
root = {folder}/root
user = true
dry-run = true
no-index = true
find-links = {links}
"""


@pytest.mark.parametrize("complete", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_packages_land_in_the_environment(
    checkout: Checkout, tmp_path: Path, complete: bool
) -> None:
    """Whatever a person's pip.conf says, of which only what leads to an index is kept."""
    if not complete:
        checkout.make_interpreter()
    settings = STRANGE.format(folder=tmp_path, links=checkout.wheels.as_uri())
    (tmp_path / "pip.conf").write_text(settings, "utf-8")
    variables = {"PIP_CONFIG_FILE": str(tmp_path / "pip.conf"), "PIP_NO_INDEX": ""}
    status, text = checkout.set_up(**variables, PIP_FIND_LINKS="")
    assert status == 0, text
    assert checkout.installed_version() == "1.0"
    assert {path.name for path in tmp_path.iterdir()} == {checkout.folder.name, "pip.conf"}


def test_an_index_that_cannot_be_asked_is_named(checkout: Checkout) -> None:
    """Which one, what stopped pip, and what to look at, without the password; heals afterwards."""
    checkout.make_interpreter()
    nowhere = {"PIP_NO_INDEX": "", "PIP_FIND_LINKS": "", "PIP_RETRIES": "0"}
    status, text = checkout.set_up(**nowhere, PIP_INDEX_URL="http://ann:sk-test-1@127.0.0.1:9/s/")
    assert status == 1
    *_, first, second = text.splitlines()
    assert first == (
        ".venv is not set up: no pebble==1.0 was found at http://127.0.0.1:9/s/"
        " (http://127.0.0.1:9/s/pebble/: [Errno 111] Connection refused)."
    )
    assert second.endswith(".venv/bin/python -m pip config list")
    assert "sk-test" not in text
    assert "from versions" not in text
    (checkout.folder / "pip.conf").write_text("[global\n", "utf-8")
    status, text = checkout.set_up(PIP_CONFIG_FILE=str(checkout.folder / "pip.conf"))
    assert status == 1
    assert "Configuration file" in text
    assert "Traceback" not in text
    assert checkout.set_up()[0] == 0


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_interrupted_set_up_is_begun_again(checkout: Checkout, how: signal.Signals) -> None:
    """Ctrl-C or a kill in the middle leaves no state; the next set-up makes a whole environment."""
    process = checkout.start(PYTHON=sys.executable)
    python = checkout.folder / ".venv" / "bin" / "python"
    limit = time.monotonic() + 30
    while not python.exists() and time.monotonic() < limit:
        time.sleep(0.01)
    os.killpg(process.pid, how)
    text, _ = process.communicate(timeout=30)
    assert "Traceback" not in text
    assert not checkout.state.exists()
    assert checkout.set_up()[0] == 0
    assert checkout.installed_version() == "1.0"


class RecordingServer(ThreadingHTTPServer):
    """An index of the files of a folder, which records the path of every request."""

    def __init__(self, folder: Path) -> None:
        self.paths: list[str] = []

        class Handler(SimpleHTTPRequestHandler):
            def log_message(handler, text: str, *arguments: object) -> None:  # noqa: N805
                self.paths.append(handler.path)

        super().__init__(("127.0.0.1", 0), partial(Handler, directory=str(folder)))

    @property
    def url(self) -> str:
        """The URL of the server."""
        return f"http://127.0.0.1:{self.server_port}/"


@pytest.fixture
def recording() -> Iterator[Callable[[Path], RecordingServer]]:
    """Give a function that starts a recording server."""
    with ExitStack() as stack:

        def start(folder: Path) -> RecordingServer:
            server = stack.enter_context(RecordingServer(folder))
            thread = Thread(target=server.serve_forever, args=(0.01,))
            thread.start()
            stack.callback(thread.join)
            stack.callback(server.shutdown)
            return server

        yield start


def test_two_set_ups_at_once_ask_one_index_once(
    checkout: Checkout, recording: Callable[[Path], RecordingServer], tmp_path: Path
) -> None:
    """The second waits for the first; nobody but pip's index is asked, by uv neither."""
    checkout.make_interpreter()
    (tmp_path / "simple").mkdir()
    (tmp_path / "simple" / "pebble").symlink_to(checkout.wheels)
    index, proxy = recording(tmp_path), recording(tmp_path / "nothing")
    variables = {
        "PIP_NO_INDEX": "",
        "PIP_FIND_LINKS": "",
        "PIP_INDEX_URL": f"{index.url}simple/",
        "PIP_CONFIG_FILE": os.devnull,
        "UV_CACHE_DIR": str(tmp_path / "cache"),
        "NO_PROXY": "127.0.0.1",
        **dict.fromkeys(("ALL_PROXY", "HTTP_PROXY", "HTTPS_PROXY"), proxy.url),
    }
    processes = [checkout.start(PYTHON=sys.executable, **variables) for _ in range(2)]
    texts = sorted(process.communicate(timeout=120)[0] for process in processes)
    assert [process.returncode for process in processes] == [0, 0], texts
    assert texts[0] == ""
    assert checkout.installed_version() == "1.0"
    page, wheel = "/simple/pebble/", "/simple/pebble/pebble-1.0-py3-none-any.whl"
    assert index.paths == [page, wheel]
    result = subprocess.run(
        (sys.executable, environment.pip_settings.__file__, "pip", "compile", "--quiet", "-"),
        input="pebble",
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "pebble==1.0\n" in result.stdout, result.stderr
    assert set(index.paths) == {page, wheel}
    assert proxy.paths == []


@pytest.fixture
def search(tmp_path: Path) -> Callable[[dict[str, str]], dict[str, str]]:
    """Give a function that makes a PATH with these programs and little else."""

    def make(programs: dict[str, str]) -> dict[str, str]:
        folder = tmp_path / "bin"
        folder.mkdir()
        for name in CORE:
            (folder / name).symlink_to(str(shutil.which(name)))
        for name, text in programs.items():
            (folder / name).write_text(text, "utf-8")
            (folder / name).chmod(0o755)
        return {"PATH": str(folder), "PYTHON": ""}

    return make


@pytest.mark.parametrize(
    ("programs", "expected"),
    [
        ({}, "none was found on PATH"),
        ({"python3": OLD, "python": OLD}, "none was found on PATH"),
        ({"python3": INCOMPLETE}, f"apt install python3.{sys.version_info.minor}-venv"),
        ({"python3.12": OLD, "python3": INCOMPLETE}, "cannot make virtual environments"),
    ],
)
def test_missing_python_is_named(
    checkout: Checkout,
    search: Callable[[dict[str, str]], dict[str, str]],
    programs: dict[str, str],
    expected: str,
) -> None:
    """Without a usable Python, a few lines say what to install."""
    status, text = checkout.set_up(**search(programs))
    assert status == 1
    assert expected in text
    assert len(text.splitlines()) <= 5


def test_named_python_is_not_replaced(checkout: Checkout, tmp_path: Path) -> None:
    """PYTHON=… is used or refused; nothing else is tried in its place."""
    status, text = checkout.set_up(PYTHON=str(tmp_path / "none"))
    assert (status, text.count("\n")) == (1, 1)
    assert "is not a Python 3.11, 3.12, 3.13 or 3.14 that runs here" in text


def test_a_broken_python_is_passed_over(
    checkout: Checkout, search: Callable[[dict[str, str]], dict[str, str]]
) -> None:
    """A newer one that does not run, as version managers leave behind, does not stop the search."""
    assert checkout.set_up(**search({"python3.14": OLD, "python3": WORKING})) == (0, "chosen\n")
