"""Documents before generated code parses them: what does not fit is named."""

from __future__ import annotations

import copy
import importlib
import json
import sys
import typing
import uuid
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chainhub._responses import Mismatch, TypeValidator, explain_mismatch, resolve
from chainhub._transport import Response
from chainhub.errors import ResponseError, StatusError

# As openapi-python-client writes them: strings of annotations, models imported for checkers only.
HEAD = """
from __future__ import annotations
import datetime
from uuid import UUID
from typing import Any, Literal, TYPE_CHECKING
from attrs import define, field
"""
FILES = {
    "__init__.py": "",
    "types.py": """
from attrs import define
class Unset:
    def __bool__(self): return False
UNSET = Unset()
@define
class File:
    payload: "BinaryIO"
""",
    "models/__init__.py": """
_MODULES = {name: name.lower() for name in ("Part", "Whole", "Color", "Other", "Closed")}
def __getattr__(name):
    if name not in _MODULES:
        raise AttributeError(name)
    from importlib import import_module
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
""",
    "models/color.py": """
from enum import Enum
class Color(str, Enum):
    RED = "red"
    BLUE = "blue"
""",
    "models/part.py": f"""{HEAD}
if TYPE_CHECKING:
    from ..models.whole import Whole
@define
class Part:
    name: str
    size: float | None = None
    owner: Whole | None = None
    additional_properties: dict[str, str] = field(init=False, factory=dict)
    @classmethod
    def from_dict(cls, src):
        return cls(src["name"], src.get("size"), src.get("owner"))
""",
    "models/other.py": f"""{HEAD}
@define
class Other:
    size: str
    name: int | None = None
    additional_properties: dict[str, str] = field(init=False, factory=dict)
    @classmethod
    def from_dict(cls, src):
        return cls(src["size"], src.get("name"))
""",
    "models/closed.py": f"""{HEAD}
@define
class Closed:
    name: str
    @classmethod
    def from_dict(cls, src):
        return cls(src["name"])
""",
    "models/whole.py": f"""{HEAD}
from ..models.color import Color
from ..types import UNSET, Unset
if TYPE_CHECKING:
    from ..models.part import Part
_JSON_NAMES = {{"note_": "note", "status_update_time": "statusUpdateTime"}}
@define
class Whole:
    id: str
    status_update_time: int
    done: bool | None = None
    note_: str | None = None
    part: Part | None = None
    parts: list[Part] | None = None
    grid: list[list[int]] | None = None
    color: Color | None = None
    word: Literal["a", "b"] | Literal[1] | None = None
    when: datetime.datetime | None = None
    number: UUID | None = None
    mixed: Part | list[Part] | list[int] | str | None = None
    plain: list[str | None] | None | Unset = UNSET
    anything: Any = None
    additional_properties: dict[str, Any] = field(init=False, factory=dict)
    @classmethod
    def from_dict(cls, src):
        raise NotImplementedError
""",
}


def whole(**fields: object) -> dict[str, object]:
    """Return a document with what a whole requires."""
    return {"id": "w", "statusUpdateTime": 1, **fields}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModuleType]:
    """Write and import a package of models as the generator makes them."""
    root = tmp_path_factory.mktemp("models")
    for name, text in FILES.items():
        path = root / "like_generated" / Path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    sys.path.insert(0, str(root))
    importlib.import_module("like_generated.types")
    yield importlib.import_module("like_generated.models")
    sys.path.remove(str(root))
    for name in [name for name in sys.modules if name.startswith("like_generated")]:
        del sys.modules[name]


def kind(declared: object, models: ModuleType) -> object:
    """Return the type that a text stands for in one of the generated modules."""
    importlib.import_module(f"{models.__name__}.whole")
    return resolve(declared, sys.modules[f"{models.__name__}.whole"])


def validate(value: object, declared: object, *, lenient: bool = False) -> object:
    """Return the value to keep."""
    return TypeValidator(declared).validate(value, lenient)


def refused(
    models: ModuleType, document: object, declared: str = "Whole", *, lenient: bool = False
) -> Mismatch:
    """Return why a document is refused."""
    with pytest.raises(Mismatch) as caught:
        validate(document, kind(declared, models), lenient=lenient)
    return caught.value


def test_what_fits_stays_as_it_is(models: ModuleType) -> None:
    """Values of their declared types are not touched, undeclared fields are kept."""
    document = whole(
        done=True,
        note="",
        part={"name": "p", "size": 1, "owner": whole(), "other": "text"},
        parts=[],
        grid=[[1], []],
        color="red",
        word="a",
        when="2025-06-19T08:52:47Z",
        number=str(uuid.UUID(int=1)),
        mixed=[1, 2],
        plain=["a", None],
        anything=[{"x": [1]}],
        progress=[None, {"a": 1}],
    )
    before = copy.deepcopy(document)
    assert validate(document, kind("Whole", models)) is document
    assert document == before


@pytest.mark.parametrize(
    ("fields", "message", "field"),
    [
        ({"id": 5}, "the field id should be a string but is 5", "id"),
        ({"id": None}, "the field id should be a string but is null", "id"),
        ({"statusUpdateTime": True}, "should be an integer but is true", "statusUpdateTime"),
        ({"statusUpdateTime": 1.5}, "should be an integer but is 1.5", "statusUpdateTime"),
        ({"statusUpdateTime": "1"}, 'should be an integer but is "1"', "statusUpdateTime"),
        ({"done": 1}, "should be true or false or null but is 1", "done"),
        ({"note": {"href": "x"}}, "should be a string or null but is an object", "note"),
        ({"note": ["x"]}, "should be a string or null but is a list", "note"),
        ({"color": "green"}, 'should be one of "red", "blue" or null but is "green"', "color"),
        ({"color": []}, 'should be one of "red", "blue" or null but is a list', "color"),
        ({"word": "c"}, 'should be one of "a", "b" or one of 1 or null but is "c"', "word"),
        ({"word": 2}, "should be one of", "word"),
        ({"word": True}, "should be one of", "word"),
        ({"when": 7}, "should be a date with time or null but is 7", "when"),
        ({"when": "yesterday"}, 'should be a date with time or null but is "yesterday"', "when"),
        ({"number": 3}, "should be a UUID or null but is 3", "number"),
        ({"number": "x"}, 'should be a UUID or null but is "x"', "number"),
        ({"grid": [[1], [2, "x"]]}, 'should be an integer but is "x"', "grid[1][1]"),
        ({"grid": [[1], None]}, "should be a list but is null", "grid[1]"),
        ({"parts": "x"}, "should be a list or null", "parts"),
        ({"parts": [{"name": 7}]}, "should be a string but is 7", "parts[0].name"),
        ({"parts": [["na", "me"]]}, "should be an object but is a list", "parts[0]"),
        ({"part": []}, "should be an object or null but is a list", "part"),
        ({"part": {"size": 1}}, "is missing; it should be a string", "part.name"),
        (
            {"part": {"name": "x", "size": "big"}},
            'should be a number or null but is "big"',
            "part.size",
        ),
        ({"part": {"name": "x", "further": 1}}, "should be a string but is 1", "part.further"),
        ({"mixed": [1, "x"]}, 'should be an integer but is "x"', "mixed[1]"),
        ({"mixed": {"name": 1}}, "should be a string but is 1", "mixed.name"),
        ({"mixed": 1.5}, "should be an object or a list or a string or null but is 1.5", "mixed"),
        ({"plain": [1]}, "should be a string or null but is 1", "plain[0]"),
        (
            {"parts": [{"name": "p"}, {"name": "p", "owner": whole(part={"name": "p", "b": 7})}]},
            "should be a string but is 7",
            "parts[1].owner.part.b",
        ),
    ],
)
def test_what_does_not_fit_is_named(
    models: ModuleType, fields: dict[str, object], message: str, field: str
) -> None:
    """The sentence says where, what was declared and what is there."""
    mismatch = refused(models, whole(**fields))
    assert mismatch.sentence() == f"the field {field} {message}" or message in mismatch.sentence()
    assert mismatch.field() == field


@pytest.mark.parametrize(
    ("document", "missing"),
    [
        ({"id": "a"}, "statusUpdateTime"),
        ({"id": "a", "status_update_time": 1}, "statusUpdateTime"),
        ({"statusUpdateTime": 1}, "id"),
        (whole(), None),
        (whole(part={"size": 2}), "part.name"),
    ],
)
def test_only_optional_fields_may_be_left_out(
    models: ModuleType, document: object, missing: str | None
) -> None:
    """Fields go by their names in the document."""
    if missing is None:
        assert validate(document, kind("Whole", models)) is document
    else:
        assert "is missing; it should be" in refused(models, document).sentence()
        assert refused(models, document).field() == missing


@pytest.mark.parametrize(
    ("value", "declared"),
    [
        ("ok", "str"),
        ("ok", "Literal['ok', 'no']"),
        (None, "None"),
        (None, "str | None"),
        ([1], "list[int]"),
        ({"name": "a", "more": 1}, "Closed"),
        ([], "list[Whole]"),
        ({"a": 1}, "dict[str, int]"),
        ({"a": object()}, "dict[str, Any]"),
        ([object()], "list[Any]"),
        (b"x", "Any"),
        (None, "Any"),
        ([True, {"a": 1.5}], object),
        (1, float),
        (1.5, float),
        (b"x", "bytes"),
        ([1], "list"),
        ("2025-06-19", "datetime.date"),
        (1, typing.TypeVar("V")),
    ],
)
def test_any_declared_type_is_understood(
    models: ModuleType, value: object, declared: object
) -> None:
    """Types may be given as types or as text."""
    assert validate(value, kind(declared, models)) is value


@pytest.mark.parametrize(
    ("value", "declared", "message"),
    [
        (None, "Whole", "the answer should be an object but is null"),
        ("x", "Whole", 'the answer should be an object but is "x"'),
        ([["id", "w"]], "Whole", "the answer should be an object but is a list"),
        ("", "Part", 'the answer should be an object but is ""'),
        (1, "str", "the answer should be a string but is 1"),
        ("x", "None", 'the answer should be null but is "x"'),
        ("2025", "datetime.date", 'the answer should be a date but is "2025"'),
        ([1, None], "list[int]", "the field [1] should be an integer but is null"),
        ([[["name", "p"]]], "list[Part]", "the field [0] should be an object but is a list"),
        ({"a": None}, "dict[str, int]", "the field a should be an integer but is null"),
        (7, "Unset", "the answer should be anything but is 7"),
        (7, "bytes", "the answer should be bytes but is 7"),
        (7, "complex", "the answer should be something else but is 7"),
        (
            None,
            "list[int] | dict[str, int]",
            "the answer should be a list or an object but is null",
        ),
        (7, "Literal[1, 2, 3, 4, 5, 6]", "the answer should be one of 1, 2, 3, 4, 5, … but is 7"),
        (True, "None", "the answer should be null but is true"),
        (False, "None", "the answer should be null but is false"),
        (-1.5, "None", "the answer should be null but is -1.5"),
        (10**30 - 1, "None", f"the answer should be null but is {'9' * 30}"),
        (10**30, "None", "the answer should be null but is an integer of 100 bits"),
        (10**500, "None", "the answer should be null but is an integer of 1661 bits"),
        ("a\nb", "None", 'the answer should be null but is "a b"'),
        ("x" * 100, "None", f'the answer should be null but is "{"x" * 59}…"'),
    ],
)
def test_the_answer_itself_may_not_fit(
    models: ModuleType, value: object, declared: str, message: str
) -> None:
    """A wrong answer as a whole has no field, and is described in the words of JSON."""
    assert refused(models, value, declared).sentence() == message


@pytest.mark.parametrize(
    ("document", "declared", "field"),
    [
        ({"name": "p"}, "Part | Other", None),
        ({"name": "p", "size": 1}, "Part | Other", None),
        ({"size": "big"}, "Part | Other", None),
        ({"size": 1}, "Part | Other", "size"),
        # Generated parsing takes it for a part, and that is what the caller gets.
        ({"name": 1, "size": "big"}, "Part | Other", "name"),
        ({"name": 1, "size": "big"}, "Other | Part", None),
        ({}, "Part | Other", "size"),
        ([{"size": "big"}], "list[Part] | list[Other]", None),
        ([{"name": "p"}], "list[Part] | list[Other]", None),
        ([{}], "list[Part] | list[Other]", "[0].size"),
        ("red", "Color | Literal['green']", None),
        ("green", "Color | Literal['green']", None),
    ],
)
def test_of_several_models_the_one_that_is_parsed_counts(
    models: ModuleType, document: object, declared: str, field: str | None
) -> None:
    """A value is judged by what generated code makes of it."""
    if field is None:
        assert validate(document, kind(declared, models)) is document
    else:
        assert refused(models, document, declared).field() == field


@pytest.mark.parametrize(
    ("name", "value", "kept"),
    [
        ("id", 4118, "4118"),
        ("id", -1, "-1"),
        ("statusUpdateTime", "1770350329098", 1770350329098),
        ("statusUpdateTime", 1770350329098.0, 1770350329098),
        ("grid", [["7"]], [[7]]),
        ("part", {"name": 7, "owner": None, "a": 8}, {"name": "7", "owner": None, "a": "8"}),
        ("mixed", ["7"], [7]),
    ],
)
def test_lenient_conversion_loses_nothing(
    models: ModuleType, name: str, value: object, kept: object
) -> None:
    """Numbers in strings and strings in numbers are converted where asked for."""
    refused(models, whole(**{name: copy.deepcopy(value)}))
    document = whole(**{name: value})
    assert validate(document, kind("Whole", models), lenient=True) is document
    assert document[name] == kept
    assert validate("7", kind("int", models), lenient=True) == 7  # it need not be in an object


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("id", None),
        ("id", True),
        ("id", 1.0),
        ("id", ["x"]),
        ("statusUpdateTime", 1.5),
        ("statusUpdateTime", 2.0**60),
        ("statusUpdateTime", float("inf")),
        ("statusUpdateTime", "2025-06-19"),
        ("statusUpdateTime", "٣"),
        ("statusUpdateTime", "9" * 5000),
        ("statusUpdateTime", ""),
        ("statusUpdateTime", True),
        ("done", "true"),
    ],
)
def test_lenient_does_not_guess(models: ModuleType, name: str, value: object) -> None:
    """What would lose or invent something is refused all the same."""
    assert refused(models, whole(**{name: value}), lenient=True).field() == name


def test_what_stands_there_is_masked(models: ModuleType) -> None:
    """Neither a value nor a name shows the key."""
    key = "sk-test-Kp7Qw2Xv9Lm4"
    for mismatch in (
        refused(models, {key: 1}, "dict[str, str]"),
        refused(models, {"a": f"x {key}"}, "dict[str, int]"),
    ):
        assert key not in f"{mismatch.sentence((key,))}{mismatch.field((key,))}"


def _answer(document: object) -> Response:
    return Response(200, [], json.dumps(document).encode())


def test_a_mismatch_becomes_the_error_that_names_the_field(models: ModuleType) -> None:
    """The path is an attribute of the error, and the sentence has it too."""
    error = explain_mismatch(_answer({"id": "a"}), refused(models, {"id": "a"}))
    assert isinstance(error, ResponseError)
    assert (error.field, error.status) == ("statusUpdateTime", 200)
    assert error.message == "the field statusUpdateTime is missing; it should be an integer"


def test_an_error_in_the_body_goes_before_the_field(models: ModuleType) -> None:
    """An answer that says what is wrong is believed."""
    document = {"error": "busy", "x": 1}
    error = explain_mismatch(_answer(document), refused(models, document))
    assert isinstance(error, StatusError)


def test_names_that_are_nowhere_are_a_mistake_of_ours(models: ModuleType) -> None:
    """An annotation that cannot be resolved is found by the tests, not hidden."""
    with pytest.raises(NameError):
        kind("Nowhere", models)


def test_the_generated_task_fits() -> None:
    """The client's own model has the promised shape."""
    generated = pytest.importorskip("chainhub_api.models")
    document = {"id": "a", "status": "s", "status_update_time": 1, "x": 1}
    task = generated.VideoTask.from_dict(validate(document, generated.VideoTask))
    assert (task.video_url, task.enhanced_prompt, task.additional_properties) == (
        None,
        None,
        {"x": 1},
    )


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.dictionaries(
        st.sampled_from(
            ["id", "statusUpdateTime", "done", "note", "part", "parts", "grid", "mixed", "word"]
        ),
        values,
    ),
    st.booleans(),
)
def test_no_value_raises_anything_foreign(
    models: ModuleType, fields: dict[str, object], lenient: bool
) -> None:
    """A document that fits, or a mismatch that names a field."""
    document = whole(**fields)
    refusal = None
    try:
        validate(document, kind("Whole", models), lenient=lenient)
    except Mismatch as mismatch:
        refusal = mismatch
    else:
        assert type(document["id"]) is str
        assert type(document["statusUpdateTime"]) is int
    assert refusal is None or refusal.field()
