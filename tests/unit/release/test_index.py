"""The named index is found where uv finds it, and is fit to publish to."""

from pathlib import Path

import pytest

from release import index
from release.errors import Problem
from release.index import Index

GOOD = """
[[{0}index]]
name = "{1}"
url = "https://{1}.example.com/simple/"
publish-url = "https://{1}.example.com/"
explicit = true
"""


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")


@pytest.fixture
def places(tmp_path: Path) -> dict[str, str]:
    """Give an environment that names an index per place, and one called `both` in two of them."""
    _write(tmp_path / "pyproject.toml", GOOD.format("tool.uv.", "project"))
    _write(tmp_path / "config" / "uv" / "uv.toml", GOOD.format("", "user"))
    return {"XDG_CONFIG_HOME": str(tmp_path / "config")}


@pytest.mark.parametrize("name", ["project", "user"])
def test_an_index_is_found(places: dict[str, str], tmp_path: Path, name: str) -> None:
    """The project's table and the person's own file are both read."""
    found = index.find(name, tmp_path, places)
    assert found == Index(
        name, f"https://{name}.example.com/simple/", f"https://{name}.example.com/"
    )
    assert found.page == f"https://{name}.example.com/simple/chainhub/"


def test_a_uv_toml_beside_the_project_replaces_its_table(
    places: dict[str, str], tmp_path: Path
) -> None:
    """As for uv, ``uv.toml`` stands before ``[tool.uv]``."""
    _write(tmp_path / "uv.toml", GOOD.format("", "beside"))
    assert index.find("beside", tmp_path, places).name == "beside"
    with pytest.raises(Problem, match=r"named 'project': the configuration names beside, user;"):
        index.find("project", tmp_path, places)


def test_a_chosen_file_is_the_only_one(places: dict[str, str], tmp_path: Path) -> None:
    """UV_CONFIG_FILE replaces all other places."""
    _write(tmp_path / "chosen.toml", GOOD.format("", "chosen"))
    places["UV_CONFIG_FILE"] = "chosen.toml"
    assert index.find("chosen", tmp_path, places).name == "chosen"
    with pytest.raises(Problem, match="names chosen;"):
        index.find("user", tmp_path, places)


def test_the_home_folder_is_the_usual_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without XDG_CONFIG_HOME it is ``~/.config``."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    _write(tmp_path / "home" / ".config" / "uv" / "uv.toml", GOOD.format("", "home"))
    assert index.find("home", tmp_path, {}).name == "home"


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("", "", "Which index? Say INDEX=name."),
        ("acme", "", "no index named 'acme': no uv.toml names any; docs/publishing.md shows"),
        ("acme", "[[index]]\nname = 'other'\n", "the configuration names other"),
        ("acme", "index = [1]\n", "no uv.toml names any"),
        ("acme", "[[index]\n", "cannot be read: "),
        ("acme", "[[index]]\nname = 'acme'\n", "lacks `explicit = true`"),
        ("acme", "[[index]]\nname = 'acme'\nexplicit = true\n", "has no `url`"),
    ],
)
def test_no_index_is_a_sentence(tmp_path: Path, name: str, text: str, told: str) -> None:
    """What is missing is said, and where it is explained."""
    _write(tmp_path / "uv.toml", text)
    with pytest.raises(Problem) as caught:
        index.find(name, tmp_path, {"XDG_CONFIG_HOME": str(tmp_path)})
    assert told in str(caught.value)


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("file:///packages", "no http address as `publish-url`"),
        ("https:///packages", "no http address as `publish-url`"),
        ("https://ann:sk-test-1@acme.example.com/", "a user name or password in its"),
        ("http://acme.example.com/", "an unencrypted address"),
    ],
)
def test_unfit_addresses_are_refused(tmp_path: Path, url: str, told: str) -> None:
    """An address has no password in it and is encrypted; neither is repeated in the sentence."""
    text = GOOD.format("", "acme").replace('https://acme.example.com/"', f'{url}"')
    _write(tmp_path / "uv.toml", text)
    with pytest.raises(Problem) as caught:
        index.find("acme", tmp_path, {})
    assert told in str(caught.value)
    assert "sk-test" not in str(caught.value)


def test_an_index_may_be_only_read(tmp_path: Path) -> None:
    """Who verifies needs no address for publishing."""
    text = GOOD.format("", "acme").replace("publish-url", "other-url")
    _write(tmp_path / "uv.toml", text)
    found = index.find("acme", tmp_path, {}, to_publish=False)
    assert found == Index("acme", "https://acme.example.com/simple/", "")


@pytest.mark.parametrize("host", ["127.0.0.1:8080", "localhost", "[::1]:8080"])
def test_loopback_needs_no_encryption(tmp_path: Path, host: str) -> None:
    """What never leaves the machine may be plain."""
    _write(
        tmp_path / "uv.toml",
        GOOD.format("", "acme").replace("https://acme.example.com", f"http://{host}"),
    )
    assert index.find("acme", tmp_path, {}).publish_url == f"http://{host}/"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("https://a.example.com/x", "https://a.example.com:443/y", True),
        ("https://a.example.com", "http://a.example.com", False),
        ("https://a.example.com", "https://b.example.com", False),
        ("http://a.example.com:81", "http://a.example.com", False),
    ],
)
def test_origins(one: str, other: str, same: bool) -> None:
    """Scheme, host and port make an origin; the usual port need not be written."""
    assert (index.origin(one) == index.origin(other)) is same


def test_variables_are_the_ones_of_uv() -> None:
    """The name of an index is spelt as in uv's own variables."""
    assert Index("acme-main.2", "", "").variable("USERNAME") == "UV_INDEX_ACME_MAIN_2_USERNAME"
