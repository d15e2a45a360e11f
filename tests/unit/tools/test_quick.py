"""Quick queries find what the library finds, in the same order."""

from __future__ import annotations

import pytest
from jsonpath_rfc9535 import JSONPathEnvironment
from jsonpath_rfc9535.filter_expressions import FilterContext, FilterExpression

from tools import documents, layout
from tools.documents import Json
from tools.repair.quick import quicken

LIBRARY = JSONPathEnvironment()
DOCUMENT: Json = {
    "openapi": "3.0.1",
    "a": {"type": "null", "tags": ["x/y", "z"], "inner": {"b": {"required": []}}},
    "b": [{"type": "string", "enum": [1, None]}, {"enum": [1]}, {}, [], "text", 7, None],
    "c": {"b": {"type": 1}, "properties": {"a": {}}, "required": ["a"], "description": None},
}
QUERIES = (
    "$",
    "$.a.type",
    "$..type",
    "$..*",
    "$.b[?@.type]",
    "$.b[?!@.type]",
    "$..[?@.type == 'null' && search($.openapi, '^3[.]0')].type",
    "$..[?@.type == 'null' && $.nope].type",
    "$..[?@.description == null].description",
    "$..[?(@.type || @.properties) && length(@.required) == 0].required",
    "$..[?@.enum && !@.enum[?@ == null]]",
    "$..[?@.nope == @.other]",
    "$..[?@['type', 'enum']]",
    "$..[?@.*.type]",
    "$..[?@..type]",
    "$..[?@ == 7]",
    "$.a.tags[?search(@, '/')]",
    "$.b[?@.type || @.enum]",
    "$.b[?!(@.type && @.enum)]",
    "$.b[?@[0]]",
    "$.b[?count(@.*) > 1 && @.type]",
)


@pytest.mark.parametrize("query", QUERIES)
def test_a_quick_query_finds_the_same(query: str) -> None:
    """Whatever its filters speak of, and whatever they are put to."""
    made = LIBRARY.compile(query)
    found = [(node.location, node.value) for node in made.find(DOCUMENT)]
    assert [(node.location, node.value) for node in quicken(made).find(DOCUMENT)] == found


@pytest.mark.parametrize("contract", ["openapi.yaml", "tests/golden/grown.yaml"])
def test_every_target_of_the_overlay_finds_the_same(contract: str) -> None:
    """In the project's own contracts."""
    document = documents.read(layout.ROOT / contract)
    actions = documents.read(layout.OVERLAY)["actions"]
    assert isinstance(actions, list)
    for action in actions:
        assert isinstance(action, dict)
        made = LIBRARY.compile(str(action["target"]))
        found = [node.location for node in made.find(document)]
        assert [node.location for node in quicken(made).find(document)] == found


def test_what_cannot_meet_a_filter_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the one value with that name is looked at, and an empty object for the thousand."""
    values: list[Json] = [{"a": number} for number in range(1000)]
    looked_at = []
    evaluate = FilterExpression.evaluate

    def counted(condition: FilterExpression, context: FilterContext) -> bool:
        looked_at.append(context.current)
        return evaluate(condition, context)

    monkeypatch.setattr(FilterExpression, "evaluate", counted)
    query = quicken(LIBRARY.compile("$..[?@.type == 'null']"))
    assert len(query.find([*values, {"type": "null"}])) == 1
    assert looked_at == [{}, {"type": "null"}]
