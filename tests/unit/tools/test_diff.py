"""What a changed surface means for callers, and which version it asks for."""

from __future__ import annotations

import pytest

from tools.changes.diff import Difference, Told, asked_for, difference, members, numbers_of
from tools.errors import PipelineError

SURFACE = """# Public surface

## client.video

- `client.video.create(*, body: VideoCreate) -> Created` — `POST /v1/video/create`
- `client.video.list_tasks(owner: UUID, page: int, *, limit: int | Unset=20) -> A | B` — `GET /l`
- `client.video.query(id) -> VideoTask` — `GET /v1/video/query`

## Models

### A

### B

### Created

- `task: VideoTask` — required

### Variant

- `PLAIN = 'plain'`

### VideoCreate

- `prompt: str` — optional, nullable
- `size: Size` — required

### Size

- `width: int` — required

### VideoTask

- `id: str` — required
- `video_url: str` — optional, nullable
- any other field: `Any`
"""


def changed(*pairs: str) -> Difference:
    """Compare the surface with one in which texts were replaced: old, new, and so on."""
    text = SURFACE
    for old, new in zip(pairs[::2], pairs[1::2], strict=True):
        assert old in text
        text = text.replace(old, new, 1)
    return difference(SURFACE, text)


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("- `id: str` — required\n", "", "`VideoTask.id` is gone."),
        (
            "`id: str` — required",
            "`id: str` — optional",
            "`VideoTask.id` was `str`, required and is `str`, optional.",
        ),
        (
            "`id: str` — required",
            "`id: str` — required, nullable",
            "`VideoTask.id` was `str`, required and is `str`, required, nullable.",
        ),
        (
            "`id: str` — required",
            "`id: int | str` — required",
            "`VideoTask.id` was `str`, required and is `int | str`, required.",
        ),
        (
            "`id: str` — required",
            "`id: str` — required, JSON `ID`",
            "`VideoTask.id` was `str`, required and is `str`, required, JSON `ID`.",
        ),
        (
            "`id: str` — required",
            "`id = 'x'`",
            "`VideoTask.id` was `str`, required and is `'x'`.",
        ),
        (
            "`prompt: str` — optional, nullable",
            "`prompt: str` — optional",
            "`VideoCreate.prompt` was `str`, optional, nullable and is `str`, optional.",
        ),
        (
            "`prompt: str` — optional, nullable",
            "`prompt: str` — required, nullable",
            "`VideoCreate.prompt` was `str`, optional, nullable and is `str`, required, nullable.",
        ),
        (
            "`width: int`",
            "`width: bool`",
            "`Size.width` was `int`, required and is `bool`, required.",
        ),
        (
            "- `width: int`",
            "- `depth: int` — required\n- `width: int`",
            "`Size.depth`, which must be given.",
        ),
        ("'plain'", "'p'", "`Variant.PLAIN` was `'plain'` and is `'p'`."),
        ("`Any`", "`str`", "`VideoTask.…` was `Any` and is `str`."),
        (
            "GET /v1/video/query",
            "GET /v2/video/query",
            "`client.video.query` asks `GET /v2/video/query`, no longer `GET /v1/video/query`.",
        ),
        ("-> A | B", "-> A | C", "`client.video.list_tasks` returns `A | C`, no longer `A | B`."),
        (
            "page: int,",
            "page: str,",
            "The parameter `page` of `client.video.list_tasks` takes `str`, no longer `int`.",
        ),
        (
            "(id)",
            "(id, kind: str)",
            "The parameter `kind` of `client.video.query`, which must be given.",
        ),
        ("(id)", "()", "The parameter `id` of `client.video.query` is gone."),
        (
            "=20",
            "",
            "The parameter `limit` of `client.video.list_tasks` must now be given.",
        ),
        (
            "=20",
            "=50",
            "The parameter `limit` of `client.video.list_tasks` is `50` where it is not given, "
            "no longer `20`.",
        ),
        (
            "(id)",
            "(*, id='x')",
            "The parameter `id` of `client.video.query` must be given differently.",
        ),
    ],
)
def test_what_can_stop_a_program_is_breaking(old: str, new: str, sentence: str) -> None:
    """With a sentence that names the place."""
    found = changed(old, new)
    assert [told.sentence for told in found.breaking] == [sentence]
    assert found.added == []


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        (
            "- `id: str` — required",
            "- `id: str` — required\n- `more: int` — required",
            "`VideoTask.more`.",
        ),
        (
            ", nullable\n- any",
            "\n- any",
            "`VideoTask.video_url` was `str`, optional, nullable and is `str`, optional.",
        ),
        (
            "`prompt: str`",
            "`prompt: int | str`",
            "`VideoCreate.prompt` was `str`, optional, nullable and is `int | str`, optional, "
            "nullable.",
        ),
        (
            "- `width: int`",
            "- `depth: int` — optional\n- `width: int`",
            "`Size.depth`.",
        ),
        ("- `PLAIN", "- `HIGH = 'high'`\n- `PLAIN", "`Variant.HIGH`."),
        ("-> A | B", "-> A", "`client.video.list_tasks` returns `A`, no longer `A | B`."),
        (
            "page: int,",
            "page: int | str,",
            "The parameter `page` of `client.video.list_tasks` takes `int | str`, no longer `int`.",
        ),
        (
            "(id)",
            "(id, *, kind: str=UNSET)",
            "The parameter `kind` of `client.video.query`.",
        ),
        ("(id)", "(id='x')", "The parameter `id` of `client.video.query` may be left out."),
        ("### A\n", "### A\n\n### New\n", "`New`."),
    ],
)
def test_what_stops_nobody_is_added(old: str, new: str, sentence: str) -> None:
    """Also what a request no longer has to give, and what an answer no longer leaves out."""
    found = changed(old, new)
    assert [told.sentence for told in found.added] == [sentence]
    assert found.breaking == []


def test_order_and_quotes_mean_nothing() -> None:
    """A union is a set."""
    assert changed("-> A | B", "-> B | A") == Difference()
    assert members("'A | B' | list[int]") == members("list[int] | B | A")
    assert members("not (a type") == {"not (a type"}


def test_what_goes_with_a_call_is_not_told_again() -> None:
    """Its models are new or gone with it; those that other calls use, or none, are told."""
    call = "- `client.video.create(*, body: VideoCreate) -> Created` — `POST /v1/video/create`\n"
    size = "### Size\n\n- `width: int` — required\n\n"
    plain = "### Variant\n\n- `PLAIN = 'plain'`\n\n"
    gone = changed(call, "", size, "", plain, "")
    told = ["`Variant` is gone.", "`client.video.create` is gone."]
    assert sorted(told.sentence for told in gone.breaking) == told
    back = difference(SURFACE.replace(call, "").replace(size, ""), SURFACE)
    assert [told.sentence for told in back.added] == ["`client.video.create`."]
    assert back.breaking == []


def test_what_the_code_shows_is_taken_in_once() -> None:
    """Under the surface's name, if the surface has not told it or what it belongs to."""
    ours = changed("- `id: str` — required\n", "", "### A\n\n", "")
    theirs = Difference(
        breaking=[
            Told("x.VideoTask.id", "`x.VideoTask.id` is gone."),
            Told("x.VideoTask", "`x.VideoTask` is now of another kind."),
            Told("x.A.to_dict", "`x.A.to_dict` is gone."),
            Told("x.module", "`x.module` is gone."),
            Told("x.Other", "`x.Other` is gone."),
        ],
        added=[Told("x.B.new", "`x.B.new`.")],
        documentation=[Told("x.VideoCreate", "`x.VideoCreate`.")],
    )
    ours.take(theirs, lambda name: None if name == "x.module" else name.removeprefix("x."))
    assert list(ours.lines()) == [
        "- Breaking: `A` is gone.\n",
        "- Breaking: `Other` is gone.\n",
        "- Breaking: `VideoTask.id` is gone.\n",
        "- Added: `B.new`.\n",
        "- Changed documentation: `VideoCreate`.\n",
    ]


@pytest.mark.parametrize(
    ("version", "nothing", "documentation", "added", "breaking"),
    [
        ("0.3.1", "0.3.1", "0.3.2", "0.3.2", "0.4.0"),
        ("v1.2.3", "1.2.3", "1.2.4", "1.3.0", "2.0.0"),
        ("1.0.0", "1.0.0", "1.0.1", "1.1.0", "2.0.0"),
    ],
)
def test_the_version_follows_the_change(
    version: str, nothing: str, documentation: str, added: str, breaking: str
) -> None:
    """By semantic versioning, one place lower before 1.0; the greatest change decides."""
    told = [Told("x", "x")]
    kinds = Difference(documentation=told), Difference(added=told), Difference(breaking=told)
    assert asked_for(version, [Difference()]) == nothing
    assert asked_for(version, kinds[:1]) == documentation
    assert asked_for(version, kinds[:2]) == added
    assert asked_for(version, kinds) == breaking


def test_what_is_no_version_is_refused() -> None:
    """With a sentence."""
    for word in ("main", "1.2", "1.2.3.4"):
        with pytest.raises(PipelineError, match=rf"{word} is no version such as 1\.2\.3"):
            numbers_of(word)
