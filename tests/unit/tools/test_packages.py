"""What changed between two states of the packages' code, and what griffe alone does not see."""

from __future__ import annotations

from pathlib import Path

import griffe
import pytest

from tools.changes import packages
from tools.changes.diff import Difference
from tools.errors import PipelineError

CLIENT = '''"""The package."""

from chainhub._client import Client, Other
from elsewhere import stranger

LIMIT = 3
__all__ = ("Client", "LIMIT", "Other", "ask", "gone", "stranger")

class gone: ...

def ask(text: str, size: int = 1) -> str | None:
    """Ask."""
'''
INNER = '''from chainhub_api.client import Generated

class Other(ValueError):
    def __init__(self, code: int) -> None: ...

class Client(Generated, Exception):
    """Do it."""

    retries: int = 3
    _hidden: int = 0

    def close(self, now: bool, *, later: bool = True) -> None: ...
    def _private(self) -> None: ...

class _Unseen: ...
'''
STUB = """from chainhub._client import AnyOther as _AnyOther
from chainhub._client import Client as Client

LIMIT: int
Other = _AnyOther
"""
API = "class Generated:\n    def send(self, word: str) -> str: ...\n"


def state(folder: Path, client: str = CLIENT, inner: str = INNER, api: str = API) -> list[Path]:
    """Write the two packages."""
    for name, text in {
        "chainhub/__init__.py": client,
        "chainhub/_client.py": inner,
        "chainhub_api/__init__.py": "",
        "chainhub_api/client.py": api,
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, "utf-8")
    return [folder]


def changed(tmp_path: Path, old: str, new: str) -> Difference:
    """Compare the packages with ones in which one text was replaced, in whichever file has it."""
    texts = [text.replace(old, new, 1) for text in (CLIENT, INNER, API)]
    assert texts != [CLIENT, INNER, API]
    before, after = state(tmp_path / "old"), state(tmp_path / "new", *texts)
    return packages.changes("chainhub", before, after)


def alone(tmp_path: Path) -> list[griffe.Breakage]:
    """Ask griffe by itself."""
    old, new = (
        griffe.load("chainhub", search_paths=[tmp_path / name], allow_inspection=False)
        for name in ("old", "new")
    )
    return list(griffe.find_breaking_changes(old, new))


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        (
            "now: bool",
            "now: bool, more: int",
            "The parameter `more` of `chainhub.Client.close` is new and must be given.",
        ),
        (
            "now: bool, ",
            "",
            "The parameter `now` of `chainhub.Client.close` is gone.",
        ),
        (
            "later: bool = True",
            "later: bool",
            "The parameter `later` of `chainhub.Client.close` must now be given.",
        ),
        (
            "later: bool = True",
            "later: bool = False",
            "The parameter `later` of `chainhub.Client.close` is something else where it is not "
            "given.",
        ),
        ("class gone: ...", "", "`chainhub.gone` is gone."),
        ("class gone: ...", "gone = 1", "`chainhub.gone` is now of another kind."),
        ("def close", "def _close", "`chainhub.Client.close` is gone."),
        ("(Generated, Exception)", "(Generated)", "`chainhub.Client` has lost a base class."),
    ],
)
def test_what_griffe_sees_is_breaking(tmp_path: Path, old: str, new: str, sentence: str) -> None:
    """Under the name that callers use, each once."""
    found = changed(tmp_path, old, new)
    assert list(dict.fromkeys(told.sentence for told in found.breaking)) == [sentence]
    assert found.added == []
    assert alone(tmp_path)


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        (
            "now: bool",
            "now: str",
            "The parameter `now` of `chainhub.Client.close` takes `str`, no longer `bool`.",
        ),
        (
            "text: str",
            "text",
            "The parameter `text` of `chainhub.ask` takes `None`, no longer `str`.",
        ),
        (
            "-> str | None",
            "-> str | int | None",
            "`chainhub.ask` returns `str | int | None`, no longer `str | None`.",
        ),
        ("retries: int", "retries: str", "`chainhub.Client.retries` is `str`, no longer `int`."),
        ("LIMIT = 3", "LIMIT = 4", "`chainhub.LIMIT` is `4`, no longer `3`."),
        ("(ValueError)", "(KeyError)", "`chainhub.Other` is no longer a `ValueError`."),
        (
            "code: int",
            "code: str",
            "The parameter `code` of `chainhub.Other.__init__` takes `str`, no longer `int`.",
        ),
    ],
)
def test_what_griffe_misses_is_breaking_too(
    tmp_path: Path, old: str, new: str, sentence: str
) -> None:
    """Types of parameters, results and attributes, other bases, constants."""
    found = changed(tmp_path, old, new)
    assert [told.sentence for told in found.breaking] == [sentence]
    assert alone(tmp_path) == []


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("-> str | None", "-> str", "`chainhub.ask` returns `str`, no longer `str | None`."),
        (
            "now: bool",
            "now: bool | None",
            "The parameter `now` of `chainhub.Client.close` takes `bool | None`, no longer `bool`.",
        ),
        ("size: int = 1", "size: int = 1, k: int = 2", "The parameter `k` of `chainhub.ask`."),
        ("def _private", "def public", "`chainhub.Client.public`."),
        (
            '"gone",',
            '"gone", "New",',
            "`chainhub.New`.",
        ),
    ],
)
def test_what_is_new_is_told(tmp_path: Path, old: str, new: str, sentence: str) -> None:
    """A class as a whole, without each of its methods."""
    texts = CLIENT + "\nclass New:\n    def method(self): ...\n"
    before = state(tmp_path / "old", texts)
    replaced = [text.replace(old, new, 1) for text in (texts, INNER, API)]
    found = packages.changes("chainhub", before, state(tmp_path / "new", *replaced))
    assert [told.sentence for told in found.added] == [sentence]
    assert found.breaking == []


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ('"""Ask."""', '"""Ask kindly."""', ["`chainhub.ask`."]),
        ('    """Do it."""\n', "", ["`chainhub.Client`."]),
        ('"""Ask."""', '"""Ask.\n    """', []),
        ("_hidden: int", "_hidden: str", []),
        ("retries: int = 3", "retries: int = 4", []),
        ("class _Unseen: ...", "", []),
    ],
)
def test_texts_are_told_apart(tmp_path: Path, old: str, new: str, named: list[str]) -> None:
    """From changes of code; what callers cannot name is nobody's business."""
    found = changed(tmp_path, old, new)
    assert [told.sentence for told in found.documentation] == named
    assert found.breaking == found.added == []


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [("word: str", "word: bytes", "(word)"), ("def send", "def give", "")],
)
def test_what_is_inherited_from_generated_code_is_told_there(
    tmp_path: Path, old: str, new: str, place: str
) -> None:
    """And not once more for each class that inherits it."""
    assert changed(tmp_path, old, new) == Difference()
    found = packages.changes("chainhub_api", [tmp_path / "old"], [tmp_path / "new"])
    assert [told.name for told in found.breaking] == [f"chainhub_api.client.Generated.send{place}"]


def test_a_stub_tells_what_is_public(tmp_path: Path) -> None:
    """As it does to type checkers, where the package imports its names when they are used."""
    lazy = "import sys as _sys\n\ndef __getattr__(name: str) -> object: ...\n"
    inner = f"{INNER}\nAnyOther = Other | None\n"
    before, after = state(tmp_path / "old", lazy, inner), state(tmp_path / "new", lazy, inner)
    for root in (*before, *after):
        (root / "chainhub" / "__init__.pyi").write_text(STUB, "utf-8")
    code = after[0] / "chainhub" / "_client.py"
    code.write_text(inner.replace("now: bool, ", "").replace(", code: int", ""), "utf-8")
    found = packages.changes("chainhub", before, after)
    assert sorted(told.sentence for told in found.breaking) == [
        "The parameter `code` of `chainhub.Other.__init__` is gone.",
        "The parameter `now` of `chainhub.Client.close` is gone.",
    ]


def test_a_type_for_self_is_no_change(tmp_path: Path) -> None:
    """Nobody gives it."""
    assert changed(tmp_path, "def close(self,", "def close(self: object,") == Difference()


def test_code_is_read_and_never_run(tmp_path: Path) -> None:
    """Whatever stands in an earlier state."""
    before = state(tmp_path / "old", CLIENT + "\nraise SystemExit(7)\n")
    assert packages.changes("chainhub", before, state(tmp_path / "new")) == Difference()


def test_code_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    """With the folder."""
    broken = state(tmp_path / "old", "def (:\n")
    with pytest.raises(PipelineError, match=r"The code in .*old cannot be read: .*\.$"):
        packages.changes("chainhub", broken, state(tmp_path / "new"))


def test_a_package_may_be_alone(tmp_path: Path) -> None:
    """Where the other is not there, what it inherits from there is not compared."""
    before, after = state(tmp_path / "old"), state(tmp_path / "new", inner=INNER + "\n\nx = 1\n")
    for root in (*before, *after):
        (root / "chainhub_api" / "__init__.py").unlink()
    assert packages.has("chainhub", before, after)
    assert not packages.has("chainhub_api", before, after)
    assert packages.changes("chainhub", before, after) == Difference()
