"""Ready-made scripts, named by an id."""

import pytest

from chainhub.sandbox._scenarios import EXAMPLE_ID, SCENARIOS, script_for


@pytest.mark.parametrize("name", SCENARIOS)
@pytest.mark.parametrize("form", ["veo3.1-fast:{}", "grok:{}-2", "sora-2:{}-a:b\n", "x:{}-"])
def test_an_id_names_its_scenario(name: str, form: str) -> None:
    """Any model may stand before a scenario's name, and anything behind it."""
    assert script_for(form.format(name)) == SCENARIOS[name].script


@pytest.mark.parametrize(
    "task_id", ["completes", "veo:completed", "veo:completesx", ":completes", "a:b:completes", ""]
)
def test_other_ids_name_none(task_id: str) -> None:
    """An id that is only nearly right is that of an unknown task."""
    assert script_for(task_id) is None


def test_the_contracts_example_completes() -> None:
    """Whoever copies the id in the contract gets a task that completes."""
    assert script_for(EXAMPLE_ID) == SCENARIOS["completes"].script


def test_every_scenario_says_what_it_shows() -> None:
    """No two scenarios are the same, and each has its sentence."""
    assert len({one.script for one in SCENARIOS.values()}) == len(SCENARIOS)
    assert all(one.about for one in SCENARIOS.values())
