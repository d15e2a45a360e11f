"""What a changed surface means for callers, and which version it asks for."""

from __future__ import annotations

import pytest

from tools.difference import Difference, difference, numbers_of
from tools.problem import Problem

SURFACE = """# Public surface

## client.video

- `client.video.list_tasks(owner: UUID, page: int, *, limit: int | Unset=20) -> TaskPage` — `GET /l`
- `client.video.query(id) -> VideoTask` — `GET /v1/video/query`

## Models

### Variant

- `PLAIN = 'plain'`

### VideoTask

- `id: str` — required
- `video_url: str` — optional, nullable
- any other field: `Any`
"""


@pytest.mark.parametrize(
    ("old", "new", "breaking", "added"),
    [
        ("", "", [], []),
        ("- `id: str` — required\n", "", ["`VideoTask.id` is gone."], []),
        (
            "required",
            "optional",
            ["`VideoTask.id` was `str`, required and is `str`, optional."],
            [],
        ),
        (
            ", nullable",
            "",
            ["`VideoTask.video_url` was `str`, optional, nullable and is `str`, optional."],
            [],
        ),
        ("'plain'", "'p'", ["`Variant.PLAIN` was `'plain'` and is `'p'`."], []),
        ("`Any`", "`str`", ["`VideoTask[…]` was `Any` and is `str`."], []),
        (
            "GET /v1/video/query",
            "GET /v2/video/query",
            ["`client.video.query` asks `GET /v2/video/query`, no longer `GET /v1/video/query`."],
            [],
        ),
        (
            "-> TaskPage",
            "-> list[VideoTask]",
            ["`client.video.list_tasks` returns `list[VideoTask]`, no longer `TaskPage`."],
            [],
        ),
        (
            "page: int,",
            "page: str,",
            ["The parameter `page` of `client.video.list_tasks` takes `str`, no longer `int`."],
            [],
        ),
        (
            "(id)",
            "(id, kind: str)",
            ["The parameter `kind` of `client.video.query`, which must be given."],
            [],
        ),
        ("(id)", "(id, *, kind: str=UNSET)", [], ["The parameter `kind` of `client.video.query`."]),
        ("(id)", "()", ["The parameter `id` of `client.video.query` is gone."], []),
        (
            "limit: int | Unset=20",
            "limit: int | Unset",
            ["The parameter `limit` of `client.video.list_tasks` must be given differently."],
            [],
        ),
        (
            "owner: UUID, page: int",
            "page: int, owner: UUID",
            [
                "The parameter `owner` of `client.video.list_tasks` must be given differently.",
                "The parameter `page` of `client.video.list_tasks` must be given differently.",
            ],
            [],
        ),
        ("### VideoTask\n", "### New\n\n### VideoTask\n", [], ["`New`."]),
    ],
)
def test_changes_are_sorted_by_what_they_do_to_callers(
    old: str, new: str, breaking: list[str], added: list[str]
) -> None:
    """Breaking or added, with a sentence that names the place."""
    assert old in SURFACE
    found = difference(SURFACE, SURFACE.replace(old, new, 1) if old else SURFACE)
    assert (found.breaking, found.added) == (breaking, added)


@pytest.mark.parametrize(
    ("version", "nothing", "added", "breaking"),
    [
        ("0.3.1", "0.3.1", "0.3.2", "0.4.0"),
        ("v1.2.3", "1.2.3", "1.3.0", "2.0.0"),
        ("1.0.0", "1.0.0", "1.1.0", "2.0.0"),
    ],
)
def test_the_version_follows_the_change(
    version: str, nothing: str, added: str, breaking: str
) -> None:
    """By semantic versioning, one place lower before 1.0."""
    assert Difference().asks_for(version) == nothing
    assert Difference(added=["x"]).asks_for(version) == added
    assert Difference(added=["x"], breaking=["y"]).asks_for(version) == breaking


def test_the_draft_is_a_changelog_entry() -> None:
    """Under *Contract*, breaking first."""
    assert Difference(["a."], ["b."]).draft() == "### Contract\n\n- Breaking: a.\n- Added: b.\n"
    assert Difference().draft() == "### Contract\n\n- Nothing that callers see.\n"


def test_what_is_no_version_is_refused() -> None:
    """With a sentence."""
    with pytest.raises(Problem, match=r"main is no version such as 1\.2\.3"):
        numbers_of("main")
