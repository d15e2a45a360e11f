"""What a changed surface means for callers, and which version it asks for."""

from __future__ import annotations

import pytest

from tools.changes.diff import Change, Difference, asked_for, difference, numbers_of
from tools.changes.entries import from_surface, members
from tools.errors import PipelineError

SURFACE = """# Public surface

## client.video

- `client.video.create(*, body: VideoCreate) -> Created` — `POST /v1/video/create`
  `client.video.create` starts a task of `client.video.query`.
- `client.video.list_tasks(owner: UUID, page: int, *, limit: int | Unset=20) -> A | B` — `GET /l`
- `client.video.query(id) -> VideoTask` — `GET /v1/video/query`
  `client.video.query` is a task; `client.video.content` is its file; \
`client.video` has its methods too; commands mean it where none is named.

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
    return difference(from_surface(SURFACE), from_surface(text))


CALLS = " of `client.video.create(…)`, `client.video.query(…)`"


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("- `id: str` — required\n", "", f"`VideoTask.id`{CALLS} is gone."),
        ("`id: str` — required", "`id: str` — optional", "optional, no longer required"),
        ("`id: str` — required", "`id: str` — required, nullable", "may be null"),
        ("`id: str` — required", "`id: int | str` — required", "`int`, `str`, no longer `str`"),
        ("`id: str` — required", "`id: str` — required, JSON `ID`", "called `ID` in JSON"),
        ("`id: str` — required", "`id = 'x'`", f"`VideoTask.id`{CALLS} is of another kind."),
        ("str` — optional, nullable", "str` — optional", "`VideoCreate.prompt` of `client.video"),
        ("str` — optional, nullable", "str` — required, nullable", "required, no longer optional"),
        ("`width: int`", "`width: bool`", "`Size.width` of `client.video.create(…)`: `bool`"),
        (
            "- `width: int`",
            "- `depth: int` — required\n- `width: int`",
            "`Size.depth` of `client.video.create(…)`, which must be given.",
        ),
        ("'plain'", "'p'", "`Variant.PLAIN`: `'p'`, no longer `'plain'`"),
        ("GET /v1/video/query", "GET /v2/video/query", "`GET /v2/video/query`, no longer `GET /v1"),
        ("-> A | B", "-> A | C", "What `client.video.list_tasks(…)` returns: `A`, `C`, no longer"),
        ("page: int,", "page: str,", "The parameter `page` of `client.video.list_tasks(…)`: `str`"),
        ("(id)", "(id, kind: str)", "`kind` of `client.video.query(…)`, which must be given."),
        ("(id)", "()", "The parameter `id` of `client.video.query(…)` is gone."),
        ("=20", "", "The parameter `limit` of `client.video.list_tasks(…)`: required, no longer"),
        ("=20", "=50", "`50` where nothing is given, no longer `20`"),
        (
            "` is a task;",
            "` was a task;",
            "`client.video.query(…)`: no task that can be waited for",
        ),
        (
            "task of `client.video.query`",
            "task of `client.video.get`",
            "starts a task of `client.v",
        ),
        (" starts a task of", " starts", "no longer starts a task of `client.video.query`"),
        ("; `client.video.content` is its file", "", "no longer its file comes from `client.video"),
        ("; `client.video` has its methods too", "", "its group lacks its methods"),
        ("; commands mean it where none is named", "", "commands do not mean it where none is"),
        ("(id)", "(*, id='x')", "`id` of `client.video.query(…)`: no longer given at place `1`"),
    ],
)
def test_what_can_stop_a_program_is_breaking(old: str, new: str, sentence: str) -> None:
    """With a sentence that names the place."""
    found = changed(old, new)
    assert any(sentence in told.sentence for told in found.breaking), found


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        (
            "required\n- `video",
            "required\n- `more: int` — required\n- `video",
            f"`VideoTask.more`{CALLS}.",
        ),
        (", nullable\n- any", "\n- any", "is never null now (what reads answers goes on)."),
        (
            "`prompt: str`",
            "`prompt: int | str`",
            "`int`, `str`, no longer `str` (more may be sent).",
        ),
        ("- `width: int`", "- `depth: int` — optional\n- `width: int`", "`Size.depth` of `client"),
        ("- `PLAIN", "- `HIGH = 'high'`\n- `PLAIN", "`Variant.HIGH`."),
        ("`Any`", "`str`", "`VideoTask.…`"),
        ("-> A | B", "-> A", "What `client.video.list_tasks(…)` returns: `A`, no longer `A`, `B`"),
        ("page: int,", "page: int | str,", "`page` of `client.video.list_tasks(…)`: `int`, `str`"),
        ("(id)", "(id, *, kind: str=UNSET)", "The parameter `kind` of `client.video.query(…)`."),
        ("### A\n", "### A\n\n### New\n", "`New`."),
        (
            "`GET /l`\n",
            "`GET /l`\n  `client.video.list_tasks` is a task; `client.film.content` is its file.\n",
            "`client.video.list_tasks(…)`: a task that can be waited for (more may be sent).",
        ),
    ],
)
def test_what_stops_nobody_is_added(old: str, new: str, sentence: str) -> None:
    """Also what a request no longer has to give, and what an answer no longer leaves out."""
    found = changed(old, new)
    assert any(sentence in told.sentence for told in found.added), found
    assert found.breaking == []


def test_order_and_quotes_mean_nothing() -> None:
    """A union is a set."""
    assert changed("-> A | B", "-> B | A") == Difference()
    assert members("'A | B' | list[int]") == members("list[int] | B | A")
    assert members("not (a type") == ["not (a type"]


def test_what_goes_with_a_call_is_not_told_again() -> None:
    """Its models are new or gone with it; those that other calls use, or none, are told."""
    call = "- `client.video.create(*, body: VideoCreate) -> Created` — `POST /v1/video/create`\n"
    call += "  `client.video.create` starts a task of `client.video.query`.\n"
    size = "### Size\n\n- `width: int` — required\n\n"
    plain = "### Variant\n\n- `PLAIN = 'plain'`\n\n"
    gone = changed(call, "", size, "", plain, "")
    told = ["`Variant` is gone.", "`client.video.create(…)` is gone."]
    assert sorted(told.sentence for told in gone.breaking) == told
    less = SURFACE.replace(call, "").replace(size, "")
    back = difference(from_surface(less), from_surface(SURFACE))
    assert [told.sentence for told in back.added] == ["`client.video.create(…)`."]
    assert back.breaking == []


def test_what_the_code_shows_is_taken_in_once() -> None:
    """Under the surface's name, if the surface has not told it or what it belongs to."""
    ours = changed("- `id: str` — required\n", "", "### A\n\n", "")
    theirs = Difference(
        breaking=[
            Change("x.VideoTask.id", "`x.VideoTask.id` is gone."),
            Change("x.VideoTask", "`x.VideoTask` is now of another kind."),
            Change("x.A.to_dict", "`x.A.to_dict` is gone."),
            Change("x.module", "`x.module` is gone."),
            Change("x.Other", "`x.Other` is gone."),
        ],
        added=[Change("x.B.new", "`x.B.new`.")],
        documentation=[Change("x.VideoCreate", "`x.VideoCreate`.")],
    )
    ours.take(theirs, lambda name: None if name == "x.module" else name.removeprefix("x."))
    assert list(ours.lines()) == [
        "- Breaking: `A` of `client.video.list_tasks(…)` is gone.\n",
        "- Breaking: `Other` is gone.\n",
        f"- Breaking: `VideoTask.id`{CALLS} is gone.\n",
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
    told = [Change("x", "x")]
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
