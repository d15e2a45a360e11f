"""docs/installing.md, followed as written, with a decoy of a higher version on another index."""

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
VERSION_SCRIPT = "import importlib.metadata as m; print(m.version('chainhub'))"
INPUTS = {
    "pip": (),
    "pip, locked by hash": (),
    "uv": (PASSWORD,),
    "A wheel file, or a checkout": (),
}
# Projects of the page: standard input, and the line that exempts chainhub from the cooldown.
PROJECTS = {
    "uv": (PASSWORD, "exclude-newer-package"),
    "Poetry": (PASSWORD, "min-release-age-exclude"),
    "PDM": ("", "exclude-newer-override"),
}


@pytest.fixture(scope="module")
def wheelhouse(
    project: Path, outside: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Download the dependencies, and pip, in the locked versions."""
    folder = tmp_path_factory.mktemp("wheelhouse")
    lock = str(project / "requirements" / "run.txt")
    command = (sys.executable, "-m", "pip", "download", "--quiet", "--dest", str(folder))
    from_lock = ("--no-deps", "--require-hashes", "--only-binary", ":all:", "--requirement", lock)
    for requirement in (from_lock, ("--no-deps", f"pip=={metadata.version('pip')}")):
        subprocess.run((*command, *requirement), env=outside, check=True, timeout=300)
    return folder


@pytest.fixture
def environment(project: Path, tmp_path: Path) -> dict[str, str]:
    """Give a user's environment."""
    return person(tmp_path, servers.programs(project))


@pytest.fixture
def public_index(wheelhouse: Path, tmp_path: Path) -> Iterator[str]:
    """Start a substitute for the public index, with an old decoy."""
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
    dists: dict[str, Path],
    wheelhouse: Path,
    environment: dict[str, str],
    public_index: str,
    tmp_path: Path,
) -> Iterator[Index]:
    """Start a private index of either kind, and publish to it."""
    page = project / "docs" / "publishing.md"
    if request.param == "pypiserver":
        (block,) = sections(page)["Run a pypiserver"]
        server = servers.pypiserver(block.text, tmp_path / "own", wheelhouse, environment)
    elif "devpi-server" in servers.programs(project):
        (tmp_path / "own").mkdir()
        server = servers.devpi(Walk(page, tmp_path / "own", environment, {}), public_index)
    else:
        pytest.skip("the environment of make test-all is not there")
    with server as instance:
        target = Target("acme", instance.url, instance.publish_url)
        for path in dists.values():
            publishing.send(path, target, Credentials(USER, PASSWORD), environment)
        yield instance


@pytest.fixture
def walk(
    project: Path,
    environment: dict[str, str],
    public_index: str,
    index: Index,
    dists: dict[str, Path],
    tmp_path: Path,
) -> Walk:
    """Open the page in an empty folder; by default, installers use the public index."""
    environment |= {"UV_DEFAULT_INDEX": public_index, "PIP_INDEX_URL": public_index}
    (tmp_path / "sample").mkdir()
    page = project / "docs" / "installing.md"
    replacements = {
        **index.replacements,
        "https://MIRROR/simple/": public_index,
        "chainhub-0.1.0-py3-none-any.whl": dists[".whl"].name,
    }
    return Walk(page, tmp_path / "sample", environment, replacements)


@pytest.fixture
def follow(
    walk: Walk,
    public_index: str,
    dists: dict[str, Path],
    sources: Callable[[Path, int], Path],
    sandbox_variables: dict[str, str],
) -> Callable[[str], None]:
    """Give a function that follows a section, and checks that our package was installed."""
    (first,) = walk.unread.pop("Check the installation")
    variables, home = dict(walk.environment), walk.folder

    def follow_section(heading: str) -> None:
        walk.environment, walk.folder = dict(variables), home / heading
        walk.folder.mkdir()
        if heading.endswith("hash"):
            # A careless setting, against which only hashes help.
            walk.environment["PIP_EXTRA_INDEX_URL"] = public_index
        if heading.startswith("A wheel file"):
            shutil.copy(dists[".whl"], walk.folder)
            sources(walk.folder / "checkout", 0o022)
        walk.section(heading, *INPUTS[heading])
        assert version(walk, ".venv/bin/python") == version_of(dists)
        walk.write(first.text)
        walk.environment |= sandbox_variables
        assert re.fullmatch(r"\w+\n", walk.run(".venv/bin/python -W error first.py"))

    return follow_section


def test_uv_takes_ours_and_not_the_decoy(follow: Callable[[str], None]) -> None:
    """The page's project, though the default index has a higher version of the name."""
    follow("uv")


@pytest.mark.slow
def test_the_page_is_true(
    walk: Walk, follow: Callable[[str], None], project: Path, dists: dict[str, Path]
) -> None:
    """Every way gives our package, which works; the ways warned of give the decoy."""
    (warning,) = walk.unread.pop("What not to do")
    variables, home = dict(walk.environment), walk.folder
    for heading in INPUTS:
        follow(heading)
    for example in readme(project):
        (walk.folder / "example.py").write_text(example, "utf-8")
        walk.run(".venv/bin/python -W error example.py")
    remove = "python -m pip uninstall --quiet --yes chainhub"
    for command in walk.substitute(warning.text).splitlines():
        walk.run(f"{remove}\n{command}")
        assert version(walk, ".venv/bin/python") == DECOY
    (image,) = walk.unread.pop("Docker")
    (install,) = re.findall(r"NETRC=\S+ (.*)", walk.substitute(image.text))
    netrc = home.parent / "home" / ".netrc"
    secret = netrc.rename(home.parent / "secret")
    walk.run(f"{remove}\nNETRC='{secret}' {install}")
    assert version(walk, ".venv/bin/python") == version_of(dists)
    secret.rename(netrc)
    walk.environment = dict(variables)
    walk.section("The command line alone")
    tool = walk.run("uv tool dir").strip()
    assert version(walk, f"{tool}/chainhub/bin/python") == version_of(dists)
    # The command for CI is the one for uv; the others are in the next two tests.
    assert set(walk.unread) == {"CI", *PROJECTS, "pylock.toml", "A cooldown for new releases"} - {
        "uv"
    }


@pytest.mark.slow
@pytest.mark.parametrize("tool", PROJECTS)
def test_a_project_resolves_under_a_cooldown(
    walk: Walk, index: Index, dists: dict[str, Path], project: Path, tool: str
) -> None:
    """Only chainhub is exempted; without that, the error is the one of the page's table."""
    if tool.lower() not in servers.programs(project):
        pytest.skip("the environment of make test-all is not there")
    password, exemption = PROJECTS[tool]
    page = (project / "docs" / "installing.md").read_text("utf-8")
    (error,) = re.findall(rf"^\| {tool} \d.*\| `(.+?)`.* \|$", page, re.MULTILINE)
    write_netrc(walk)
    blocks = walk.unread[tool]
    files = [walk.substitute(block.text) for block in blocks if block.language == "toml"]
    (command,) = (block.text for block in blocks if block.language == "bash")
    assert sum(exemption in line for text in files for line in text.splitlines()) == 1
    for text in files:
        lines = [line for line in text.splitlines(keepends=True) if exemption not in line]
        walk.write("".join(lines))
    states_upload_times = "upload-time" in json_page(index)
    if states_upload_times or tool != "Poetry":
        assert error in " ".join(walk.run(command, password, status=1).split())
    for text in files:
        walk.write(text)
    walk.run(command, password)
    assert version(walk, ".venv/bin/python") == version_of(dists)


@pytest.mark.slow
def test_pip_installs_under_a_cooldown(
    walk: Walk, index: Index, dists: dict[str, Path], project: Path
) -> None:
    """From a lock file of uv, and in two steps, though the environment states the rule too."""
    ours = version_of(dists)
    walk.section("uv", PASSWORD)
    write_netrc(walk)
    walk.section("pylock.toml")
    assert version(walk, "locked/bin/python") == ours
    page = (project / "docs" / "installing.md").read_text("utf-8")
    ((first, second),) = re.findall(r"^\| pip \d.*\| `(.+?)`, or `(.+?)` \|$", page, re.MULTILINE)
    rule = "--uploaded-prior-to P7D"
    text = walk.run(f"locked/bin/pip download {rule} --index-url {index.url} chainhub", status=1)
    assert first in text or second in text
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
    dists: dict[str, Path],
    sources: Callable[[Path, int], Path],
    build: Callable[[Path, Path, int], dict[str, Path]],
    install: str,
) -> None:
    """With the line that was sent out; whoever has pinned the version can still install it."""
    tree = sources(walk.folder / "older", 0o022)
    version_file = tree / "overlays" / "chainhub" / "_version.py"
    version_file.write_text('__version__ = "0.0.9"\n', "utf-8")
    older = build(tree, walk.folder / "older files", 0o022)[".whl"]
    newest = version_of(dists)
    target = Target("acme", index.url, index.publish_url)
    publishing.send(older, target, Credentials(USER, PASSWORD), walk.environment)
    withdrawal.withdraw(walk.folder, Version(newest), "downloads are cut off")
    write_netrc(walk)
    for requirement, expected in (
        ("chainhub", newest),
        ("--constraint withdrawn.txt chainhub", "0.0.9"),
        (f"chainhub=={newest}", newest),
    ):
        walk.run("rm -rf .venv; python3 -m venv .venv")
        walk.run(f". .venv/bin/activate; {install} {index.url} {requirement}")
        assert version(walk, ".venv/bin/python") == expected


def write_netrc(walk: Walk) -> None:
    """Write the file that pip takes the password from, as the page has it."""
    walk.write(walk.substitute(walk.unread["pip"][0].text))
    walk.run("chmod 600 ~/.netrc")


def json_page(index: Index) -> str:
    """Return the index's page of chainhub in the form that has upload times."""
    request = urllib.request.Request(f"{index.url}chainhub/")
    credentials = b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    request.add_unredirected_header("Authorization", f"Basic {credentials}")
    request.add_header("Accept", "application/vnd.pypi.simple.v1+json, text/html;q=0.1")
    with urllib.request.urlopen(request, timeout=10) as response:
        text: str = response.read().decode()
    return text


def version(walk: Walk, python: str) -> str:
    """Return the version of chainhub in an environment."""
    return walk.run(f'{python} -I -c "{VERSION_SCRIPT}"').strip()


def version_of(dists: dict[str, Path]) -> str:
    """Return the version of the distributions."""
    return dists[".whl"].name.split("-")[1]


def readme(project: Path) -> list[str]:
    """Read the programs of the README."""
    page = project / "README.md"
    page_blocks = blocks(page, page.read_text("utf-8"))
    return [block.text for block in page_blocks if block.language == "python" and not block.skipped]


def decoy(folder: Path) -> None:
    """Put a decoy, a foreign chainhub of a higher version, into a folder."""
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
