# ruff: noqa: E501  # a line is an answer, or a kind of difference
"""Overlay actions that recorded answers ask for: what is there, how often, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tools import commands, documents, layout
from tools.__main__ import main
from tools.contract import mapping, sequence
from tools.documents import Json
from tools.errors import PipelineError
from tools.propose import Answer, proposals, recorded
from tools.repair import overlay

PUBLISHED = layout.ROOT / "tests" / "golden" / "published.yaml"
QUERY = "$.paths['/v1/video/query'].get.responses['200'].content['application/json'].schema"
# As the service answers: a task that runs, two that are done, one that was just made, two of others.
ANSWERS: list[Json] = [
    {"id": "a", "status": "pending", "video_url": None, "enhanced_prompt": "p", "status_update_time": 1},
    {"id": "b", "status": "completed", "video_url": "u", "status_update_time": 2, "detail": {"x": 1}},
    {"id": "c", "status": "completed", "video_url": "v", "status_update_time": 3, "secret-9": 0},
    {"id": "d", "status": "pending", "status_update_time": 4},
    {"task_id": "e", "status": "succeeded", "url": "w"},
    {"id": "f", "status": "queued", "created_at": 5},
    "text",
]  # fmt: skip


@pytest.fixture
def general(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Lay over the actions that hold for any page only."""
    laid_over = documents.read(layout.OVERLAY)
    actions = sequence(laid_over["actions"])
    laid_over["actions"] = [one for one in actions if "/v1/" not in str(mapping(one)["target"])]
    path = tmp_path / "overlay.yaml"
    path.write_text(documents.text_of(laid_over))
    monkeypatch.setattr(layout, "OVERLAY", path)
    return path


def wrote(folder: Path, value: Json, name: str = "answers.json") -> Path:
    """Write recorded answers."""
    path = folder / name
    path.write_text(json.dumps(value))
    return path


def test_what_was_written_by_hand_for_the_task_is_proposed(general: Path, tmp_path: Path) -> None:
    """Both actions, with counts, and no other; once they are laid over, nothing."""
    answers = wrote(tmp_path, ANSWERS)
    actions, notes = commands.proposed(PUBLISHED, [answers])
    assert actions == [
        {
            "target": f"{QUERY}.required[?@ == 'video_url' || @ == 'enhanced_prompt']",
            "description": "Of 4 recorded answers some leave out: video_url (1), enhanced_prompt (3).",
            "remove": True,
        },
        {
            "target": f"{QUERY}.properties.video_url",
            "description": "3 recorded answers have here: null (1), string (2).",
            "update": {"type": "string", "nullable": True},
        },
    ]  # fmt: skip
    assert notes == [
        "4 of 7 recorded answers are of an operation.",
        "Fields that the contract does not describe were seen 2 times.",
    ]
    laid_over = documents.read(general)
    laid_over["actions"] = [*sequence(laid_over["actions"]), *actions]
    general.write_text(documents.text_of(laid_over))
    assert commands.proposed(PUBLISHED, [answers])[0] == []


def test_the_overlay_of_today_leaves_nothing_to_propose(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And says how many answers it looked at."""
    answers = wrote(tmp_path, ANSWERS[:4])
    assert main(["propose", "--contract", str(PUBLISHED), str(answers)]) == 0
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith("4 of 4 recorded answers are of an operation.\n")
    nothing = tmp_path / "nothing.yaml"
    nothing.write_text(
        "overlay: 1.1.0\ninfo: {title: t, version: '1'}\nactions: [{target: $.info, update: {}}]\n"
    )
    monkeypatch.setattr(layout, "OVERLAY", nothing)
    assert main(["propose", "--contract", str(PUBLISHED), str(answers)]) == 0
    told = capsys.readouterr()
    assert told.out.startswith("# Put them before the actions on fields that answers leave out.\n")
    assert not any(word in told.out for word in ("completed", "pending", "secret-9"))


def contract(schema: str) -> dict[str, Json]:
    """Describe an operation that answers with this."""
    content = f"content: {{application/json: {{schema: {schema}}}}}"
    paths = (
        f'paths: {{"/a/{{id}}": {{get: {{responses: {{"200": {{description: ok, {content}}}}}}}}}}}'
    )
    shared = "components: {schemas: {A: {type: object, properties: {a: {type: string}}}}}"
    return documents.parse(f"openapi: 3.0.3\n{paths}\n{shared}", "contract")


A = "properties: {a: "


@pytest.mark.parametrize(
    ("schema", "bodies", "changes"),
    [
        (f"{{{A}{{type: string}}}}}}", [{"a": 1}, {"a": "x"}], [True, {"oneOf": [{"type": "integer"}, {"type": "string"}]}]),
        (f"{{{A}{{type: integer}}}}}}", [{"a": 1}, {"a": 1.5}], [{"type": "number"}]),
        (f"{{{A}{{type: number}}}}}}", [{"a": 1}], []),
        (f"{{{A}{{type: boolean}}}}}}", [{"a": True}], []),
        (f"{{{A}{{type: object}}}}}}", [{"a": []}], [True, {"oneOf": [{"type": "array", "items": {}}, {"type": "object"}]}]),
        (f"{{{A}{{type: string}}}}}}", [{"a": None}], [{"nullable": True}]),
        (f"{{{A}{{type: string, nullable: true}}}}}}", [{"a": None}], []),
        (f"{{{A}{{type: string, enum: [x]}}}}}}", [{"a": None}], [{"nullable": True, "enum": [None]}]),
        (f"{{{A}{{oneOf: [{{type: string}}, {{type: integer}}]}}}}}}", [{"a": None}], [{"nullable": True}]),
        ("{additionalProperties: {type: string}}", [{"a": 1, "b": None}], [True, {"oneOf": [{"type": "integer"}, {"type": "string"}], "nullable": True}]),
        (f"{{{A}{{}}}}}}", [{"a": "x"}], []),
        (f"{{{A}{{}}}}}}", [{"a": "x"}, {"a": "y"}], [{"type": "string"}]),
        (f"{{{A}{{}}}}}}", [{"a": "x"}, {"a": 1}], []),
        (f"{{{A}{{}}}}}}", [{"a": None}], []),
        (f"{{{A}{{oneOf: [{{type: string}}]}}}}}}", [{"a": 1}, {"a": 2}], []),
        (f"{{{A}{{type: array, items: {{type: string}}}}}}}}", [{"a": ["x", None]}], [{"nullable": True}]),
        ("{$ref: '#/components/schemas/A'}", [{"a": None}], [{"nullable": True}]),
        ("{allOf: [{$ref: '#/components/schemas/A'}, {properties: {b: {type: integer}}}]}", [{"a": None, "b": 1}], [{"nullable": True}]),
        ("{type: string}", ["x", None], [{"nullable": True}]),
        ('{properties: {"it\'s": {type: string}}, required: ["it\'s"]}', [{"it's": None}, {}], [True, {"nullable": True}]),
    ],
)  # fmt: skip
def test_each_difference_is_one_change(
    schema: str, bodies: list[Json], changes: list[Json]
) -> None:
    """And once it is made, none is left."""
    document = contract(schema)
    answers = [Answer("GET /a/1", body) for body in bodies]
    actions, _ = proposals(document, answers)
    assert [one.get("update", True) for one in actions] == changes
    if changes:
        head: dict[str, Json] = {"overlay": "1.1.0", "info": {"title": "t", "version": "1"}}
        applied = overlay.apply(document, {**head, "actions": [*actions]}, "proposed")
        assert all(places == 1 for _, places in applied)
        assert proposals(document, answers)[0] == []


def test_answers_are_read_as_they_are_kept(tmp_path: Path) -> None:
    """One a file, many in one, with their operation, from a browser; others are left out."""
    entry: Json = {
        "request": {"method": "GET", "url": "https://a.example/a/7?key=x"},
        "response": {"status": 200, "content": {"text": "eyJhIjogMX0=", "encoding": "base64"}},
    }
    failed = {**mapping(entry), "response": {"status": 500, "content": {"text": "{}"}}}
    no_json = {**mapping(entry), "response": {"status": 200, "content": {"text": "x"}}}
    wrote(tmp_path, {"log": {"entries": [entry, failed, no_json]}}, "a.har")
    wrote(tmp_path, {"a": 1}, "b.json")
    wrote(tmp_path, [{"operation": "GET /b", "body": 2}, {"body": 3}, 4], "c.json")
    (tmp_path / "d.txt").write_text("no answer")
    assert [*recorded([tmp_path])] == [
        Answer("GET /a/7", {"a": 1}),
        Answer("", {"a": 1}),
        Answer("GET /b", 2),
        Answer("", 3),
        Answer("", 4),
    ]
    with pytest.raises(PipelineError, match=r"d\.txt is no JSON\."):
        [*recorded([tmp_path / "d.txt"])]
    document = contract(f"{{{A}{{type: string}}}}}}")
    _, notes = proposals(document, [*recorded([tmp_path])])
    assert notes == ["2 of 5 recorded answers are of an operation."]


def test_a_server_may_have_a_path_of_its_own() -> None:
    """Which a browser records, and the contract says once for all operations."""
    document = contract(f"{{{A}{{type: string}}}}}}")
    document["servers"] = [{"url": "https://a.example/v1/"}, {"url": "/v2"}]
    answers = [Answer(name, {"a": 1}) for name in ("GET /v1/a/7", "get /a/7", "GET /v3/a/7")]
    assert proposals(document, answers)[1] == ["2 of 3 recorded answers are of an operation."]
