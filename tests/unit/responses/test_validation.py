"""Parsed models: what does not fit is named."""

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

from chainhub._responses.annotations import fields_of, resolve
from chainhub._responses.fault import Fault, shown, wanted
from chainhub._responses.locate import locate
from chainhub._responses.response import APIResponse, explain_misfit
from chainhub._responses.validation import settle
from chainhub.errors import ResponseError, StatusError

# As openapi-python-client writes them: strings of annotations, models imported for checkers only.
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
_MODULES = {"Part": "part", "Whole": "whole", "Color": "color"}
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
    "models/part.py": """
from __future__ import annotations
from typing import Any, TYPE_CHECKING
from attrs import define, field
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
        d = dict(src)
        part = cls(d.pop("name"), d.pop("size", None), d.pop("owner", None))
        part.additional_properties = d
        return part
""",
    "models/whole.py": """
from __future__ import annotations
import datetime
from uuid import UUID
from typing import Any, Literal, TYPE_CHECKING
from attrs import define, field
from ..models.color import Color
from ..types import UNSET, Unset
if TYPE_CHECKING:
    from ..models.part import Part
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


def part(models: ModuleType, **fields: object) -> typing.Any:
    """Return a part with a name."""
    return models.Part(**{"name": "p", **fields})


def whole(models: ModuleType, **fields: object) -> typing.Any:
    """Return a whole with what is required."""
    return models.Whole(**{"id": "w", "status_update_time": 1, **fields})


def test_what_fits_stays_as_it_is(models: ModuleType) -> None:
    """Values of their declared types are not touched, undeclared fields are kept."""
    given_ = whole(
        models,
        done=True,
        note_="",
        part=part(models, size=1, owner=whole(models)),
        parts=[],
        grid=[[1], []],
        color=models.Color.RED,
        word="a",
        number=uuid.UUID(int=1),
        mixed=[1, 2],
        plain=["a", None],
        anything=[{"x": object()}],
    )
    given_.additional_properties = {"progress": [None, {"a": 1}]}
    assert settle(given_, models.Whole, models).additional_properties["progress"] == [
        None,
        {"a": 1},
    ]
    assert given_.part.size == 1
    assert (given_.mixed, given_.word, given_.plain) == ([1, 2], "a", ["a", None])
    assert (given_.color, given_.done, given_.grid) == (models.Color.RED, True, [[1], []])


@pytest.mark.parametrize(
    ("fields", "message", "field"),
    [
        ({"id": 5}, "the field id should be a string but is 5", "id"),
        ({"id": None}, "the field id should be a string but is null", "id"),
        ({"status_update_time": True}, "should be an integer but is true", "status_update_time"),
        ({"status_update_time": 1.5}, "should be an integer but is 1.5", "status_update_time"),
        ({"status_update_time": "1"}, 'should be an integer but is "1"', "status_update_time"),
        ({"done": 1}, "should be true or false or null but is 1", "done"),
        ({"note_": {"href": "x"}}, "should be a string or null but is an object", "note_"),
        ({"note_": ["x"]}, "should be a string or null but is a list", "note_"),
        ({"color": "green"}, 'should be one of "red", "blue" or null but is "green"', "color"),
        ({"word": "c"}, 'should be one of "a", "b" but is "c"', "word"),
        ({"word": 2}, "should be one of", "word"),
        ({"word": True}, "should be one of", "word"),
        ({"grid": [[1], [2, "x"]]}, 'should be an integer but is "x"', "grid[1][1]"),
        ({"parts": "x"}, "should be a list or null", "parts"),
        ({"parts": [{"name": 7}]}, "should be a string but is 7", "parts[0].name"),
        ({"part": {"size": 1}}, "is missing; it should be a string", "part.name"),
        (
            {"part": {"name": "x", "Size": "big"}},
            'should be a number or null but is "big"',
            "part.Size",
        ),
        ({"when": "yesterday"}, 'should be a date with time or null but is "yesterday"', "when"),
        ({"number": "7"}, 'should be a UUID or null but is "7"', "number"),
        ({"mixed": [1, "x"]}, 'should be an integer but is "x"', "mixed[1]"),
        ({"mixed": 1.0}, "should be an object or a list or a string or null but is 1.0", "mixed"),
        ({"plain": ["a", 1]}, "should be a string or null but is 1", "plain[1]"),
    ],
)
def test_what_does_not_fit_is_named(
    models: ModuleType, fields: dict[str, object], message: str, field: str
) -> None:
    """The error names the field, what is wanted, and what stands there."""
    with pytest.raises(ResponseError) as caught:
        settle(whole(models, **fields), "Whole", models)
    assert message in caught.value.message
    assert caught.value.field == field
    assert caught.value.__context__ is None


def test_faults_deep_inside_carry_the_whole_path(models: ModuleType) -> None:
    """Names and positions from the outside to the fault."""
    inner = part(models)
    inner.additional_properties = {"a": "x", "b": 7}
    with pytest.raises(ResponseError) as caught:
        settle(
            whole(models, parts=[part(models), part(models, owner=whole(models, part=inner))]),
            "Whole",
            models,
        )
    assert caught.value.field == "parts[1].owner.part.additional_properties.b"


@pytest.mark.parametrize(
    ("value", "declared", "field"),
    [
        ("ok", "str", None),
        ("ok", "Literal['ok', 'no']", None),
        (None, "None", None),
        (None, "str | None", None),
        ([1], "list[int]", None),
        ([], "list[Whole]", None),
        ({"a": 1}, "dict[str, int]", None),
        ({"a": object()}, "dict[str, Any]", None),
        ([object()], "list[Any]", None),
        (object(), "Any", None),
        (object(), object, None),
        (1, float, None),
        (b"x", "bytes", None),
        ([1], "list", None),
        ((1,), "tuple[int]", None),
        (1, typing.TypeVar("V"), None),
    ],
)
def test_any_declared_type_is_understood(
    models: ModuleType, value: object, declared: object, field: str | None
) -> None:
    """Types may be given as types or as text."""
    assert settle(value, declared, models) is value


@pytest.mark.parametrize(
    ("value", "declared", "message"),
    [
        (None, "Whole", "the answer should be an object but is null"),
        ("x", "Whole", 'the answer should be an object but is "x"'),
        (1, "str", "the answer should be a string but is 1"),
        ("x", "None", 'the answer should be null but is "x"'),
        ([1, None], "list[int]", "the field [1] should be an integer but is null"),
        ({"a": None}, "dict[str, int]", "the field a should be an integer but is null"),
        (7, "File", "the answer should be something else but is 7"),
    ],
)
def test_the_answer_itself_may_not_fit(
    models: ModuleType, value: object, declared: str, message: str
) -> None:
    """A wrong answer as a whole has no field."""
    with pytest.raises(ResponseError) as caught:
        settle(value, declared, models)
    assert caught.value.message == message


def test_files_are_taken_as_they_are(models: ModuleType) -> None:
    """The generator's class for bytes is no model, though it is made by attrs."""
    file = sys.modules["like_generated.types"].File(payload=1)
    assert settle(file, "File", models) is file


@pytest.mark.parametrize(
    ("fields", "settled"),
    [
        ({"id": 4118}, "4118"),
        ({"id": -1}, "-1"),
        ({"status_update_time": "1770350329098"}, 1770350329098),
        ({"status_update_time": 1770350329098.0}, 1770350329098),
        ({"grid": [["7"]]}, [[7]]),
    ],
)
def test_lenient_conversion_loses_nothing(
    models: ModuleType, fields: dict[str, object], settled: object
) -> None:
    """Numbers in strings and strings in numbers are converted where asked for."""
    (name,) = fields
    with pytest.raises(ResponseError):
        settle(whole(models, **copy.deepcopy(fields)), "Whole", models)
    assert getattr(settle(whole(models, **fields), "Whole", models, lenient=True), name) == settled


@pytest.mark.parametrize(
    "fields",
    [
        {"id": None},
        {"id": True},
        {"id": 1.0},
        {"id": ["x"]},
        {"status_update_time": 1.5},
        {"status_update_time": 2.0**60},
        {"status_update_time": float("inf")},
        {"status_update_time": "2025-06-19"},
        {"status_update_time": "٣"},
        {"status_update_time": "9" * 5000},
        {"status_update_time": ""},
        {"status_update_time": True},
        {"done": "true"},
    ],
)
def test_lenient_does_not_guess(models: ModuleType, fields: dict[str, object]) -> None:
    """What would lose or invent something is refused all the same."""
    with pytest.raises(ResponseError):
        settle(whole(models, **fields), "Whole", models, lenient=True)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'[["name", "p"]]', "the answer should be an object but is a list"),
        (b' \n[["name", "p"]]', "the answer should be an object but is a list"),
        (b'\xef\xbb\xbf""', 'the answer should be an object but is "…"'),
        (b'{"name": "p"}', None),
        (None, None),
    ],
)
def test_a_list_of_pairs_is_no_object(
    models: ModuleType, body: bytes | None, message: str | None
) -> None:
    """Generated parsing would make a model of it."""
    if message is None:
        assert settle(part(models), "Part", models, body=body).name == "p"
        return
    with pytest.raises(ResponseError) as caught:
        settle(part(models), "Part", models, body=body)
    assert caught.value.message == message


def test_a_list_may_be_the_answer(models: ModuleType) -> None:
    """The look at the body is for models only."""
    assert settle([1], "list[int]", models, body=b"[1]") == [1]


@pytest.mark.parametrize(
    ("declared", "body", "message"),
    [
        ("list[Part]", b'[[["name", "p"]]]', "the field [0] should be an object but is a list"),
        ("list[Part]", b'[{"name": "p"}]', None),
        ("list[Part]", b'[["\xff"]]', None),
        (
            "Whole",
            b'{"id": "w", "status_update_time": 1, "parts": [["na", "me"]]}',
            "the field parts[0] should be an object but is a list",
        ),
        ("Whole", b'{"id": "w", "status_update_time": 1, "part": []}', "the field part should be"),
        ("Whole", b'{"id": "w", "status_update_time": 1, "parts": []}', None),
        ("Whole", b'{"id": "w", "status_update_time": "1", "plain": ["a"]}', None),
    ],
)
def test_a_list_of_pairs_is_no_object_deeper_inside_either(
    models: ModuleType, declared: str, body: bytes, message: str | None
) -> None:
    """Generated parsing would make a model of it there as well; nothing else is judged anew."""
    model = [part(models)] if declared == "list[Part]" else whole(models, parts=[part(models)])
    if message is None:
        assert settle(model, declared, models, body=body) is not None
        return
    with pytest.raises(ResponseError) as caught:
        settle(model, declared, models, body=body)
    assert caught.value.message.startswith(message)


def test_what_stands_there_is_masked(models: ModuleType) -> None:
    """Neither a value nor a name shows the key."""
    key = "sk-test-Kp7Qw2Xv9Lm4"
    for value in ({key: 1}, {"a": f"x {key}"}):
        with pytest.raises(ResponseError) as caught:
            settle(
                value,
                "dict[str, str]" if key in value else "dict[str, int]",
                models,
                secrets=(key,),
            )
        assert key not in str(caught.value) + str(caught.value.field)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (True, "true"),
        (False, "false"),
        (12, "12"),
        (-1.5, "-1.5"),
        (10**30 - 1, "9" * 30),
        (10**30, "an integer of 100 bits"),
        (10**500, "an integer of 1661 bits"),
        ("a\nb", '"a b"'),
        ("x" * 100, '"' + "x" * 59 + '…"'),
        ([1, 2], "a list"),
        ({"a": 1}, "an object"),
        (object(), "an object"),
    ],
)
def test_values_are_described_in_the_words_of_json(value: object, text: str) -> None:
    """What is large or deep is named, not shown."""
    assert shown(value) == text


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (str, "a string"),
        (str | None, "a string or null"),
        (list[int] | dict[str, int], "a list or an object"),
        (typing.Literal[1, 2, 3, 4, 5, 6], "one of 1, 2, 3, 4, 5, …"),
        (bytes, "bytes"),
        (complex, "something else"),
    ],
)
def test_types_are_described_in_the_words_of_json(kind: object, text: str) -> None:
    """People read what was wanted, not Python."""
    assert wanted(kind) == text


def test_a_type_of_nothing_wants_anything(models: ModuleType) -> None:
    """The mark for a field that was left out is not shown to people."""
    assert wanted(resolve("Unset", models)) == "anything"


@pytest.mark.parametrize(
    ("document", "field"),
    [
        ({"id": "a"}, "status_update_time"),
        ({"id": "a", "status_update_time": 1, "part": {"name": "p", "size": 2}}, None),
        ({"id": "a", "status_update_time": 1, "note": "n", "extra": 1}, None),
        ({"id": "a", "status_update_time": 1, "note": 5}, "note"),
        ({"id": "a", "statusUpdateTime": "x"}, "statusUpdateTime"),
        ({"id": "a", "status_update_time": 1, "when": "2025-06-19T08:52:47Z"}, None),
        ({"id": "a", "status_update_time": 1, "when": 7}, "when"),
        ({"id": "a", "status_update_time": 1, "number": str(uuid.UUID(int=3))}, None),
        ({"id": "a", "status_update_time": 1, "number": 3}, "number"),
        ({"id": "a", "status_update_time": 1, "color": "red"}, None),
        ({"id": "a", "status_update_time": 1, "color": []}, "color"),
        ({"id": "a", "status_update_time": 1, "word": "a", "anything": {}}, None),
        ({"id": "a", "status_update_time": 1, "grid": [[1], None]}, "grid[1]"),
        ({"id": "a", "status_update_time": 1, "parts": None, "plain": [None]}, None),
        ([], None),
    ],
)
def test_faults_are_located_in_the_raw_document(
    models: ModuleType, document: object, field: str | None
) -> None:
    """The first place that cannot be parsed is found, by whatever spelling of its name."""
    fault = locate(document, "Whole", models)
    assert (fault.field() if fault else None) == field
    assert (fault is None) == (field is None and isinstance(document, dict))


@pytest.mark.parametrize(
    ("document", "declared", "good"),
    [
        ({"a": 1}, "dict[str, int]", True),
        ([1], "list", True),
        ("x", "File", True),
        ("2025-06-19", "datetime.date", True),
        ("2025", "datetime.date", False),
        (1, "None", False),
        (None, "None", True),
        (1, "Any", True),
        ("x", "bytes", True),
        (b"", "UUID", False),
    ],
)
def test_faults_of_other_declared_types(
    models: ModuleType, document: object, declared: str, good: bool
) -> None:
    """Not only models are declared."""
    assert (locate(document, declared, models) is None) is good


def _answer(document: object) -> APIResponse:
    return APIResponse(200, [], json.dumps(document).encode(), "GET", "https://h/?id=1")


def test_an_exception_of_parsing_becomes_the_named_field(models: ModuleType) -> None:
    """KeyErrors and the like are replaced by the place in the document."""
    error = explain_misfit(_answer({"id": "a"}), KeyError("x"), declared="Whole", namespace=models)
    assert isinstance(error, ResponseError)
    assert (error.field, error.status) == ("status_update_time", 200)
    assert error.message == "the field status_update_time is missing; it should be an integer"


def test_parsing_that_failed_for_no_visible_reason_is_told_as_it_was(models: ModuleType) -> None:
    """Where the document seems good, the exception's own words stay."""
    good = {"id": "a", "status_update_time": 1}
    error = explain_misfit(_answer(good), ValueError("odd"), declared="Whole", namespace=models)
    assert error.message == "the response does not match the contract (ValueError: odd)"


class UnexpectedStatus(Exception):
    """Stand for the exception of generated code."""


def test_an_undeclared_status_is_not_blamed_on_a_field(models: ModuleType) -> None:
    """The body of such an answer need not be the declared one."""
    error = explain_misfit(_answer({}), UnexpectedStatus(), declared="Whole", namespace=models)
    assert error.message == "the contract declares no response for the status 200"


def test_an_error_in_the_body_goes_before_the_field(models: ModuleType) -> None:
    """An answer that says what is wrong is believed."""
    error = explain_misfit(
        _answer({"error": "busy", "x": 1}), KeyError("id"), declared="Whole", namespace=models
    )
    assert isinstance(error, StatusError)


def test_names_that_are_nowhere_are_a_mistake_of_ours(models: ModuleType) -> None:
    """An annotation that cannot be resolved is found by the tests, not hidden."""
    with pytest.raises(NameError):
        resolve("Nowhere", models)


def test_every_field_of_every_model_is_resolved(models: ModuleType) -> None:
    """Names of lazily imported models are found in their package."""
    assert dict(fields_of(models.Part, models))["name"] is str
    kinds = dict(fields_of(models.Whole, models))
    part_class: typing.Any = models.Part
    assert kinds["parts"] == list[part_class] | None
    assert kinds["plain"] == list[str | None] | None | sys.modules["like_generated.types"].Unset


def test_the_generated_task_settles() -> None:
    """The client's own model has the promised shape."""
    generated = pytest.importorskip("chainhub_api.models")
    task = generated.VideoTask.from_dict(
        {"id": "a", "status": "s", "status_update_time": 1, "x": 1}
    )
    settle(task, "VideoTask", generated)
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
            ["id", "status_update_time", "done", "note_", "part", "parts", "grid", "mixed", "word"]
        ),
        values,
    ),
    st.booleans(),
)
def test_no_value_raises_anything_foreign(
    models: ModuleType, fields: dict[str, object], lenient: bool
) -> None:
    """A settled model, or a ResponseError that names a field."""
    try:
        settled = settle(whole(models, **fields), "Whole", models, lenient=lenient)
    except ResponseError as error:
        refused: ResponseError | None = error
    else:
        refused = None
        assert type(settled.id) is str
        assert type(settled.status_update_time) is int
    assert refused is None or refused.field


def test_a_fault_is_an_ordinary_exception() -> None:
    """Without a path it is about the answer."""
    assert Fault(str, 1).sentence() == "the answer should be a string but is 1"
    assert (
        Fault(str, None, missing=True).sentence() == "the answer is missing; it should be a string"
    )
