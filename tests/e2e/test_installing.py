"""docs/installing.md, done as it is written, with a decoy of a higher version on another index."""

import re
import shutil
import subprocess
import sys
import urllib.request
import zipfile
from base64 import b64encode
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path

import pytest
from packaging.version import Version

from release import publishing, withdrawal
from release.credentials import Credentials
from release.index import Index as Target
from tests.docs.test_blocks import blocks
from tests.e2e import servers
from tests.e2e.servers import PASSWORD, USER, Index
from tests.e2e.walk import Walk, person, sections

pytestmark = pytest.mark.network

DECOY = "99.0.0"
ASK = "import importlib.metadata as m; print(m.version('chainhub'))"
WAYS = {
    "pip": (),
    "pip, locked by hash": (),
    "uv": (PASSWORD,),
    "A wheel file, or a checkout": (),
}
# A project of the page, what it asks for, and the line that exempts chainhub from its cooldown.
COOLED = {
    "uv": (PASSWORD, "exclude-newer-package"),
    "Poetry": (PASSWORD, "min-release-age-exclude"),
    "PDM": ("", "exclude-newer-override"),
}


@pytest.fixture(scope="module")
def wheelhouse(
    project: Path, outside: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Download what an install brings along, and more, in the locked versions."""
    folder = tmp_path_factory.mktemp("wheelhouse")
    lock = str(project / "requirements" / "run.txt")
    command = (sys.executable, "-m", "pip", "download", "--quiet", "--dest", str(folder))
    locked = ("--no-deps", "--require-hashes", "--only-binary", ":all:", "--requirement", lock)
    for wanted in (locked, ("--no-deps", f"pip=={metadata.version('pip')}")):
        subprocess.run((*command, *wanted), env=outside, check=True, timeout=300)
    return folder


@pytest.fixture
def environment(project: Path, tmp_path: Path) -> dict[str, str]:
    """Give a person's environment."""
    return person(tmp_path, servers.programs(project))


@pytest.fixture
def elsewhere(wheelhouse: Path, tmp_path: Path) -> Iterator[str]:
    """Start what stands for the index everybody knows, where somebody put a decoy long ago."""
    packages = tmp_path / "packages"
    packages.mkdir()
    for wheel in wheelhouse.iterdir():
        (packages / wheel.name).symlink_to(wheel)
    decoy(packages)
    with servers.dated_index(packages) as url:
        yield url


@pytest.fixture(params=["pypiserver", pytest.param("devpi", marks=pytest.mark.slow)])
def index(
    request: pytest.FixtureRequest,
    project: Path,
    built: dict[str, Path],
    wheelhouse: Path,
    environment: dict[str, str],
    elsewhere: str,
    tmp_path: Path,
) -> Iterator[Index]:
    """Start an index of one's own of either kind, and publish to it."""
    page = project / "docs" / "publishing.md"
    if request.param == "pypiserver":
        (block,) = sections(page)["Run a pypiserver"]
        server = servers.pypiserver(block.text, tmp_path / "own", wheelhouse, environment)
    elif "devpi-server" in servers.programs(project):
        (tmp_path / "own").mkdir()
        server = servers.devpi(Walk(page, tmp_path / "own", environment, {}), elsewhere)
    else:
        pytest.skip("the environment of make test-all is not there")
    with server as started:
        target = Target("acme", started.url, started.publish_url)
        for path in built.values():
            publishing.send(path, target, Credentials(USER, PASSWORD), environment)
        yield started


@pytest.fixture
def walk(
    project: Path,
    environment: dict[str, str],
    elsewhere: str,
    index: Index,
    built: dict[str, Path],
    tmp_path: Path,
) -> Walk:
    """Open the page in an empty folder; by default, installers look elsewhere."""
    environment |= {"UV_DEFAULT_INDEX": elsewhere, "PIP_INDEX_URL": elsewhere}
    (tmp_path / "sample").mkdir()
    page = project / "docs" / "installing.md"
    stands_for = {
        **index.stands_for,
        "https://MIRROR/simple/": elsewhere,
        "chainhub-0.1.0-py3-none-any.whl": built[".whl"].name,
    }
    return Walk(page, tmp_path / "sample", environment, stands_for)


@pytest.fixture
def ways(
    walk: Walk,
    elsewhere: str,
    built: dict[str, Path],
    sources: Callable[[Path, int], Path],
    sandbox_variables: dict[str, str],
) -> Callable[[str], None]:
    """Give a function that goes one way of the page, and looks that ours came and works."""
    (first,) = walk.unread.pop("Check the installation")
    clean, home = dict(walk.environment), walk.folder

    def go(heading: str) -> None:
        walk.environment, walk.folder = dict(clean), home / heading
        walk.folder.mkdir()
        if heading.endswith("hash"):
            # Somebody's careless setting, against which only hashes help.
            walk.environment["PIP_EXTRA_INDEX_URL"] = elsewhere
        if heading.startswith("A wheel file"):
            shutil.copy(built[".whl"], walk.folder)
            sources(walk.folder / "checkout", 0o022)
        walk.section(heading, *WAYS[heading])
        assert version(walk, ".venv/bin/python") == version_of(built)
        walk.write(first.text)
        walk.environment |= sandbox_variables
        assert re.fullmatch(r"\w+\n", walk.run(".venv/bin/python -W error first.py"))

    return go


def test_uv_takes_ours_and_not_the_decoy(ways: Callable[[str], None]) -> None:
    """The page's project, though the default index has a higher version of the name."""
    ways("uv")


@pytest.mark.slow
def test_the_page_is_true(
    walk: Walk, ways: Callable[[str], None], project: Path, built: dict[str, Path]
) -> None:
    """Every way gives our package, which works; the ways warned of give the decoy."""
    (warned_of,) = walk.unread.pop("What not to do")
    clean, home = dict(walk.environment), walk.folder
    for heading in WAYS:
        ways(heading)
    for example in readme(project):
        (walk.folder / "example.py").write_text(example, "utf-8")
        walk.run(".venv/bin/python -W error example.py")
    remove = "python -m pip uninstall --quiet --yes chainhub"
    for command in walk.translated(warned_of.text).splitlines():
        walk.run(f"{remove}\n{command}")
        assert version(walk, ".venv/bin/python") == DECOY
    (image,) = walk.unread.pop("Docker")
    (install,) = re.findall(r"NETRC=\S+ (.*)", walk.translated(image.text))
    netrc = home.parent / "home" / ".netrc"
    secret = netrc.rename(home.parent / "secret")
    walk.run(f"{remove}\nNETRC='{secret}' {install}")
    assert version(walk, ".venv/bin/python") == version_of(built)
    secret.rename(netrc)
    walk.environment = dict(clean)
    walk.section("The command line alone")
    tool = walk.run("uv tool dir").strip()
    assert version(walk, f"{tool}/chainhub/bin/python") == version_of(built)
    # The command for CI is the one for uv; the others are in the next two tests.
    assert set(walk.unread) == {"CI", *COOLED, "pylock.toml", "A cooldown for new releases"} - {
        "uv"
    }


@pytest.mark.slow
@pytest.mark.parametrize("tool", COOLED)
def test_a_project_resolves_under_a_cooldown(
    walk: Walk, index: Index, built: dict[str, Path], project: Path, tool: str
) -> None:
    """Only chainhub is exempted; without that, the error is the one of the page's table."""
    if tool.lower() not in servers.programs(project):
        pytest.skip("the environment of make test-all is not there")
    password, exemption = COOLED[tool]
    page = (project / "docs" / "installing.md").read_text("utf-8")
    (error,) = re.findall(rf"^\| {tool} \d.*\| `(.+?)`.* \|$", page, re.MULTILINE)
    write_netrc(walk)
    blocks = walk.unread[tool]
    files = [walk.translated(block.text) for block in blocks if block.language == "toml"]
    (command,) = (block.text for block in blocks if block.language == "bash")
    assert sum(exemption in line for text in files for line in text.splitlines()) == 1
    for text in files:
        kept = [line for line in text.splitlines(keepends=True) if exemption not in line]
        walk.write("".join(kept))
    states_upload_times = "upload-time" in json_page(index)
    if states_upload_times or tool != "Poetry":
        assert error in " ".join(walk.run(command, password, status=1).split())
    for text in files:
        walk.write(text)
    walk.run(command, password)
    assert version(walk, ".venv/bin/python") == version_of(built)


@pytest.mark.slow
def test_pip_installs_under_a_cooldown(
    walk: Walk, index: Index, built: dict[str, Path], project: Path
) -> None:
    """From a lock file of uv, and in two steps, though the environment states the rule too."""
    ours = version_of(built)
    walk.section("uv", PASSWORD)
    write_netrc(walk)
    walk.section("pylock.toml")
    assert version(walk, "locked/bin/python") == ours
    page = (project / "docs" / "installing.md").read_text("utf-8")
    ((one, other),) = re.findall(r"^\| pip \d.*\| `(.+?)`, or `(.+?)` \|$", page, re.MULTILINE)
    rule = "--uploaded-prior-to P7D"
    said = walk.run(f"locked/bin/pip download {rule} --index-url {index.url} chainhub", status=1)
    assert one in said or other in said
    walk.environment["PIP_UPLOADED_PRIOR_TO"] = "P7D"
    walk.run("rm -r .venv")
    walk.section("A cooldown for new releases")
    assert version(walk, ".venv/bin/python") == ours


@pytest.mark.slow
@pytest.mark.parametrize(
    "install", ["pip install --quiet --index-url", "uv pip install --quiet --default-index"]
)
def test_a_withdrawn_version_is_skipped(
    walk: Walk,
    index: Index,
    built: dict[str, Path],
    sources: Callable[[Path, int], Path],
    build: Callable[[Path, Path, int], dict[str, Path]],
    install: str,
) -> None:
    """With the line that was sent out; whoever has pinned the version can still install it."""
    tree = sources(walk.folder / "older", 0o022)
    version_file = tree / "overlays" / "chainhub" / "_version.py"
    version_file.write_text('__version__ = "0.0.9"\n', "utf-8")
    older = build(tree, walk.folder / "older files", 0o022)[".whl"]
    newest = version_of(built)
    target = Target("acme", index.url, index.publish_url)
    publishing.send(older, target, Credentials(USER, PASSWORD), walk.environment)
    withdrawal.withdraw(walk.folder, Version(newest), "downloads are cut off")
    write_netrc(walk)
    for wanted, expected in (
        ("chainhub", newest),
        ("--constraint withdrawn.txt chainhub", "0.0.9"),
        (f"chainhub=={newest}", newest),
    ):
        walk.run("rm -rf .venv; python3 -m venv .venv")
        walk.run(f". .venv/bin/activate; {install} {index.url} {wanted}")
        assert version(walk, ".venv/bin/python") == expected


def write_netrc(walk: Walk) -> None:
    """Write the file that pip takes the password from, as the page has it."""
    walk.write(walk.translated(walk.unread["pip"][0].text))
    walk.run("chmod 600 ~/.netrc")


def json_page(index: Index) -> str:
    """Return the index's page of chainhub in the form that has upload times."""
    request = urllib.request.Request(f"{index.url}chainhub/")
    known = b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    request.add_unredirected_header("Authorization", f"Basic {known}")
    request.add_header("Accept", "application/vnd.pypi.simple.v1+json, text/html;q=0.1")
    with urllib.request.urlopen(request, timeout=10) as answer:
        text: str = answer.read().decode()
    return text


def version(walk: Walk, python: str) -> str:
    """Return which chainhub an environment has."""
    return walk.run(f'{python} -I -c "{ASK}"').strip()


def version_of(built: dict[str, Path]) -> str:
    """Return the version of what was built."""
    return built[".whl"].name.split("-")[1]


def readme(project: Path) -> list[str]:
    """Read the programs of the README."""
    page = project / "README.md"
    found = blocks(page, page.read_text("utf-8"))
    return [block.text for block in found if block.language == "python" and not block.skipped]


def decoy(folder: Path) -> None:
    """Put a stranger's chainhub of a higher version into a folder."""
    info = f"chainhub-{DECOY}.dist-info"
    files = {
        "chainhub.py": "raise SystemExit('this is a stranger')\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: chainhub\nVersion: {DECOY}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/RECORD": "",
    }
    with zipfile.ZipFile(folder / f"chainhub-{DECOY}-py3-none-any.whl", "w") as wheel:
        for name, text in files.items():
            wheel.writestr(name, text)
