"""The wheel in an empty environment: importable, small, with old and new dependencies."""

import json
import runpy
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from requirements import environment
from tests.processes import once, output

pytestmark = pytest.mark.network

PYTHONS = ("3.11", "3.12", "3.13", "3.14")
OWN = f"3.{sys.version_info.minor}"
PIP_SETTINGS = str(environment.pip_settings.__file__)
DISTRIBUTIONS = 9
MEGABYTES = 6.0
SYNC = """
import chainhub
with chainhub.Client() as client:
    task = client.video.query("veo3.1-fast:completes")
print(type(task).__name__, task.id)
"""
ASYNC = """
import asyncio, chainhub
async def main():
    async with chainhub.AsyncClient() as client:
        return await client.video.query("veo3.1-fast:completes")
task = asyncio.run(main())
print(type(task).__name__, task.id)
"""
SERVED = """
import chainhub, chainhub.sandbox
with chainhub.sandbox.Sandbox(port=0) as running:
    client = chainhub.Client(running.key, base_url=running.base_url)
    print(client.video.query("veo3.1-fast:completes").id)
    client.close()
"""


class Installed:
    """An empty environment with the wheel in it."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.folder = folder
        self.python = folder / "bin" / "python"
        self._environment = environment

    def run(self, *command: str, **variables: str) -> str:
        """Run a command; fail with what it printed."""
        return output(*command, env=self._environment | variables, cwd=self.folder)

    def uv(self, *arguments: str) -> str:
        """Run the locked uv, with the index that pip is configured for."""
        return self.run(sys.executable, PIP_SETTINGS, *arguments)


def _interpreter(project: Path, version: str) -> str | None:
    """Find a Python of this version, where `make test-pythons` looks."""
    if version == OWN:
        return sys.executable
    interpreters = runpy.run_path(str(project / ".ci" / "pythons.py"))["interpreters"]
    return next(iter(interpreters(int(version.removeprefix("3.")))), None)


def _variants() -> Iterator[object]:
    for version in PYTHONS:
        for resolution in ("highest", "lowest-direct"):
            everyday = version == OWN and resolution == "highest"
            marks = [] if everyday else [pytest.mark.slow]
            yield pytest.param((version, resolution), id=f"{version}-{resolution}", marks=marks)


@pytest.fixture(scope="module", params=_variants())
def installed(
    request: pytest.FixtureRequest,
    project: Path,
    dists: dict[str, Path],
    outside: dict[str, str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Installed:
    """Install the wheel and what it asks for into an empty environment."""
    version, resolution = request.param
    interpreter = _interpreter(project, version)
    if interpreter is None:
        pytest.skip(f"no Python {version} here")

    def install(folder: Path) -> None:
        instance = Installed(folder, _neutral(outside))
        instance.uv("venv", "--quiet", "--allow-existing", "--python", interpreter, str(folder))
        target = ("--quiet", "--python", str(instance.python), "--only-binary", ":all:")
        instance.uv("pip", "install", *target, "--resolution", resolution, str(dists[".whl"]))

    name = f"an environment {version} {resolution}"
    return Installed(once(tmp_path_factory, name, install), _neutral(outside))


def _neutral(outside: dict[str, str]) -> dict[str, str]:
    """Keep what reaches the index; drop what would change the installed package's behaviour."""
    personal = ("CHAINHUB_", "COVERAGE_", "PYTHON", "VIRTUAL_ENV")
    return {name: value for name, value in outside.items() if not name.startswith(personal)}


def test_the_client_is_there(installed: Installed) -> None:
    """A fresh install gives the two clients, and plain import loads no server code."""
    code = (
        "import sys, chainhub; print(chainhub.Client.__name__, chainhub.AsyncClient.__name__,"
        " sorted({'starlette', 'uvicorn'} & set(sys.modules)))"
    )
    assert installed.run(str(installed.python), "-I", "-W", "error", "-c", code) == (
        "Client AsyncClient []\n"
    )


def test_a_client_can_be_made(installed: Installed) -> None:
    """The oldest allowed dependencies suffice to make, derive and close a client."""
    code = "import chainhub; chainhub.Client('sk-test-0').with_headers({'X-Test': '1'}).close()"
    installed.run(str(installed.python), "-I", "-W", "error", "-c", code)


@pytest.mark.parametrize("mode", [SYNC, ASYNC], ids=["sync", "async"])
def test_a_task_is_queried(
    installed: Installed, sandbox_variables: dict[str, str], mode: str
) -> None:
    """The oldest and the newest allowed dependencies carry a request and its answer."""
    text = installed.run(
        str(installed.python), "-I", "-W", "error", "-c", mode, **sandbox_variables
    )
    assert text == "VideoTask veo3.1-fast:completes\n"


def test_what_is_installed_fits_together(installed: Installed) -> None:
    """No installed distribution asks for another version of a neighbour."""
    installed.uv("pip", "check", "--quiet", "--python", str(installed.python))


def test_an_install_is_small(installed: Installed) -> None:
    """At most nine distributions and six megabytes, chainhub included."""
    listing = installed.uv(
        "pip", "list", "--quiet", "--format=json", "--python", str(installed.python)
    )
    names = [entry["name"] for entry in json.loads(listing)]
    (packages,) = installed.folder.glob("lib/python*/site-packages")
    files = [path for path in packages.rglob("*") if path.is_file() and path.suffix != ".pyc"]
    size = sum(path.stat().st_size for path in files) / 1e6
    assert len(names) <= DISTRIBUTIONS, names
    assert size <= MEGABYTES


@pytest.mark.slow
@pytest.mark.parametrize("resolution", ["highest", "lowest-direct"])
def test_the_sandbox_comes_with_its_extra(
    dists: dict[str, Path], outside: dict[str, str], tmp_path: Path, resolution: str
) -> None:
    """The bounds of the extra are true as well."""
    instance = Installed(tmp_path, _neutral(outside))
    instance.uv("venv", "--quiet", "--allow-existing", "--python", sys.executable, str(tmp_path))
    target = ("--quiet", "--python", str(instance.python), "--only-binary", ":all:")
    requirement = f"chainhub[sandbox] @ {dists['.whl'].as_uri()}"
    instance.uv("pip", "install", *target, "--resolution", resolution, requirement)
    text = instance.run(str(instance.python), "-I", "-W", "error", "-c", SERVED)
    assert text == "veo3.1-fast:completes\n"
