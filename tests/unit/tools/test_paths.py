"""Templates of paths become names that every tool takes."""

from __future__ import annotations

import pytest

from tools.contract import at
from tools.documents import Json
from tools.repair.paths import make_plain, write_out


def document(*paths: str, **parameter: Json) -> dict[str, Json]:
    """Make a contract with these paths, each with one parameter."""
    made: Json = {path: {"get": {"parameters": [dict(parameter)]}} for path in paths}
    return {"paths": made}


@pytest.mark.parametrize(
    ("path", "plain"),
    [
        ("/a/{Task ID}", "/a/{task_id}"),
        ("/a/{任务id}", "/a/{id}"),
        ("/a/{任务}", "/a/{id}"),
        ("/a/{3d}", "/a/{id_3d}"),
        ("/a/{任务}/{图片}", "/a/{id}/{id_too}"),
        ("/a\\/b", "/a/b"),
        ("a/{id}", "/a/{id}"),
        (" /a ", "/a"),
        ("//host.example/a", "/host.example/a"),
    ],
)
def test_a_path_is_read_as_a_plain_one(path: str, plain: str) -> None:
    """And told."""
    made = document(path)
    assert make_plain(made) == [(path, plain)]
    assert list(at(made, ("paths",)) or ()) == [plain]  # type: ignore[arg-type]


@pytest.mark.parametrize("path", ["/a/{task_id}", "/a/{taskId}", "https://a.example/b"])
def test_a_plain_path_stays(path: str) -> None:
    """So does one that is no path at all, which validation refuses."""
    made = document(path)
    assert make_plain(made) == []
    assert made == document(path)


def test_the_parameter_follows() -> None:
    """In the path, not in the query."""
    for place, name in (("path", "task_id"), ("query", "Task ID")):
        made = document("/a/{Task ID}", **{"in": place, "name": "Task ID"})
        make_plain(made)
        assert at(made, ("paths", "/a/{task_id}", "get", "parameters", 0, "name")) == name


def test_no_path_takes_the_place_of_another() -> None:
    """Both stay, and the order too."""
    made = document("/a/{Task ID}", "/a/{task_id}", "/b/{任务}")
    assert make_plain(made) == [("/b/{任务}", "/b/{id}")]
    assert list(at(made, ("paths",)) or ()) == ["/a/{Task ID}", "/a/{task_id}", "/b/{id}"]  # type: ignore[arg-type]


def test_a_path_that_is_described_elsewhere_is_written_out() -> None:
    """Under components, or as another path; what stands beside the reference counts."""
    made: dict[str, Json] = {
        "paths": {
            "/a": {"$ref": "#/components/pathItems/A", "summary": "own"},
            "/b": {"$ref": "#/paths/~1a"},
            "/c": {"$ref": "#/paths/~1c"},
            "/d": {"$ref": "#/components/pathItems/None"},
            "/e": None,
        },
        "components": {
            "parameters": {
                "P": {"$ref": "#/components/parameters/Q"},
                "Q": {"name": "q", "in": "query"},
            },
            "pathItems": {"A": {"summary": "its", "get": {"responses": {}}}},
            "schemas": {"S": {"$ref": "#/components/schemas/T"}, "T": {"type": "string"}},
        },
    }
    write_out(made)
    whole: Json = {"summary": "own", "get": {"responses": {}}}
    assert made["paths"] == {
        "/a": whole,
        "/b": whole,
        "/c": {"$ref": "#/paths/~1c"},
        "/d": {"$ref": "#/components/pathItems/None"},
        "/e": None,
    }
    assert at(made, ("components", "parameters", "P")) == {"name": "q", "in": "query"}
    assert at(made, ("components", "schemas", "S")) == {"$ref": "#/components/schemas/T"}
