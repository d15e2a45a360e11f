"""Ready-made scripts, named by an id."""

import pytest

from chainhub.sandbox._scenarios import EXAMPLE_ID, STORIES, story_for


@pytest.mark.parametrize("name", STORIES)
@pytest.mark.parametrize("form", ["veo3.1-fast:{}", "grok:{}-2", "sora-2:{}-a:b\n", "x:{}-"])
def test_an_id_names_its_story(name: str, form: str) -> None:
    """Any model may stand before a story's name, and anything behind it."""
    assert story_for(form.format(name)) == STORIES[name].script


@pytest.mark.parametrize(
    "task_id", ["completes", "veo:completed", "veo:completesx", ":completes", "a:b:completes", ""]
)
def test_other_ids_name_none(task_id: str) -> None:
    """An id that is only nearly right is that of an unknown task."""
    assert story_for(task_id) is None


def test_the_contracts_example_completes() -> None:
    """Whoever copies the id in the contract gets a task that completes."""
    assert story_for(EXAMPLE_ID) == STORIES["completes"].script


def test_every_story_says_what_it_is_about() -> None:
    """No two stories are the same, and each has its sentence."""
    assert len({story.script for story in STORIES.values()}) == len(STORIES)
    assert all(story.about for story in STORIES.values())
