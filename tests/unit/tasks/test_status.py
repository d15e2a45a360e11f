"""What is read out of one answer about a task."""

import json
import time
import warnings
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainhub._tasks import (
    State,
    UnknownStatusWarning,
    code_of,
    known_state,
    progress_of,
    reason_of,
    state_of,
    updated_at,
    video_url_of,
)
from chainhub._tasks import status as _status
from chainhub._tasks.status import shown_status
from chainhub_api.models import VideoTask


def task(status="pending", **fields):
    """Return a task as the generated parser makes it."""
    found = VideoTask.from_dict(
        {
            "id": "veo3.1-fast:1-a",
            "status": "",
            "video_url": None,
            "enhanced_prompt": None,
            "status_update_time": 0,
        }
    )
    found.status = status
    for name, value in fields.items():
        if name in ("video_url", "status_update_time"):
            setattr(found, name, value)
        else:
            found.additional_properties[name] = value
    return found


@pytest.fixture(autouse=True)
def _no_word_was_warned_about(monkeypatch):
    monkeypatch.setattr(_status, "_warned", set())


RUNNING = (
    "pending image_downloading video_generating video_generation_completed video_upsampling "
    "video_upsampling_completed processing queued unknown NOT_START SUBMITTED QUEUED IN_PROGRESS"
)
FAILED = "failed failure FAILURE error video_generation_failed video_upsampling_failed x_failed"


@pytest.mark.parametrize(
    ("word", "state"),
    [(word, State.RUNNING) for word in RUNNING.split()]
    + [(word, State.SUCCEEDED) for word in ("completed", "succeeded", "success", "SUCCESS")]
    + [(word, State.FAILED) for word in FAILED.split()]
    + [(word, State.CANCELLED) for word in ("cancelled", "canceled")]
    + [("expired", State.EXPIRED), (None, State.RUNNING), ("", State.RUNNING), (7, State.RUNNING)],
)
def test_every_word_of_the_service_has_its_state(word, state):
    """Each word the service was seen to use is read without a warning."""
    assert state_of(task(word)) is state


@pytest.mark.parametrize(
    "spelling", ["Completed", " completed\n", "COMPLETED", "cOmPlEtEd", "\tcompleted "]
)
def test_letter_case_and_surrounding_space_do_not_matter(spelling):
    """A word is the same in any letter case and with space around it."""
    assert state_of(task(spelling)) is State.SUCCEEDED


@pytest.mark.parametrize("spelling", ["in-progress", "In Progress", "IN_PROGRESS"])
def test_separators_do_not_matter(spelling):
    """Hyphen, space and underscore between the parts of a word are one separator."""
    assert known_state(task(spelling)) is State.RUNNING


@pytest.mark.parametrize("word", ["frobnicating", "SUCCESS_", "odd", "a" * 5000, "fertig\x00\n"])
def test_an_unknown_word_counts_as_running_and_warns_once(word):
    """A word in no table is running, with one warning in which nothing can hide."""
    with pytest.warns(UnknownStatusWarning) as seen:
        first = state_of(task(word))
    assert first is state_of(task(word)) is State.RUNNING
    text = str(seen[0].message)
    assert text.isprintable()
    assert len(text) < 250
    assert seen[0].filename == __file__


def test_warnings_about_unknown_words_are_bounded():
    """A server that makes up words cannot fill the memory or the terminal."""
    with pytest.warns(UnknownStatusWarning) as seen:
        for _ in map(state_of, [task(f"word{number}") for number in range(300)]):
            pass
    assert len(seen) == len(_status._warned) == 100


def test_words_can_be_added_and_changed():
    """The user's own words come before the table and are read as freely."""
    words = {"Done-It": State.SUCCEEDED, "error": State.RUNNING, "half_failed": State.RUNNING}
    assert state_of(task("DONE_IT"), words=words) is State.SUCCEEDED
    assert state_of(task("error"), words=words) is State.RUNNING
    assert state_of(task("half_failed"), words=words) is State.RUNNING
    assert state_of(task("completed"), words=words) is State.SUCCEEDED


def test_only_the_status_on_top_decides():
    """What stands in the details of a task changes nothing about its state."""
    finished = task("completed", detail={"status": "failed", "error_message": "[403]"})
    assert state_of(finished) is State.SUCCEEDED
    assert state_of(task("pending", detail={"status": "completed"})) is State.RUNNING


def test_all_states_but_running_are_final():
    """Only a running task can still change."""
    assert [state for state in State if not state.final] == [State.RUNNING]


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"error": "unsafe prompt"}, "unsafe prompt"),
        ({"error": {"message": "no faces", "code": 7}}, "no faces"),
        ({"error": {"message": "", "code": "moderation"}}, "moderation"),
        ({"error": {"message": {"message": "deep"}}}, "deep"),
        ({"error": {"code": 12}}, "12"),
        ({"error": "", "fail_reason": "late"}, "late"),
        ({"error": None, "failure_reason": "late"}, "late"),
        ({"detail": {"error": {"message": "inner"}}}, "inner"),
        ({"detail": {"video_generation_error": "unsafe", "error_message": "[403]"}}, "unsafe"),
        ({"detail": {"error_message": "[403] refused"}}, "[403] refused"),
        ({"detail": {"fail_reason": "quota"}}, "quota"),
        (
            {"task_status_msg": "Failure to pass the risk control"},
            "Failure to pass the risk control",
        ),
        ({"detail": {"task_status_msg": "no credit"}}, "no credit"),
        ({"detail": {"pending_info": {"failure_reason": "queue"}}}, "queue"),
        ({"error": "two\r\nlines\x1b[31m"}, "two lines [31m"),
        ({"error": "x" * 3000}, "x" * 499 + "…"),
        ({"error": ["a"], "fail_reason": 5, "detail": "text"}, None),
        ({"error": " ", "detail": {"error": {}}}, None),
        ({}, None),
    ],
)
def test_the_reason_of_a_failure_is_found_wherever_it_stands(fields, reason):
    """The first place that says something is the reason, in one bounded line."""
    assert reason_of(task("failed", **fields)) == reason


@pytest.mark.parametrize("status", ["completed", "pending", "frobnicating", None])
def test_leftover_errors_of_a_task_that_did_not_fail_are_no_reason(status):
    """Errors of earlier attempts are not the reason of anything."""
    leftover = task(status, error={"message": "m", "code": "c"})
    assert reason_of(leftover) is None
    assert code_of(leftover) is None


def test_words_of_the_user_decide_what_a_failure_is():
    """A word that the user calls a failure has a reason and a code."""
    broken = task("broken", error={"message": "m", "code": "c"})
    assert reason_of(broken, words={"broken": State.FAILED}) == "m"
    assert code_of(broken, words={"broken": State.FAILED}) == "c"


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"error": {"code": "moderation"}}, "moderation"),
        ({"error": {"code": 400}}, "400"),
        ({"error": {"code": "c" * 100}}, "c" * 64),
        ({"error": {"code": True}}, None),
        ({"error": {"code": ""}}, None),
        ({"error": {"code": -(10**12) + 1}}, "-999999999999"),
        ({"error": {"code": 10**12}}, None),
        ({"error": {"code": 10**5000}}, None),
        ({"error": {"code": {"message": "no"}}}, None),
        ({"error": "text", "detail": {"error": {"code": "inner"}}}, "inner"),
        ({}, None),
    ],
)
def test_the_code_of_a_failure_is_a_short_text(fields, code):
    """The code is text, whether the server gave a number or a word."""
    assert code_of(task("expired", **fields)) == code


@pytest.mark.parametrize(
    ("value", "fraction"),
    [
        (0, 0.0),
        (1, 0.01),
        (61, 0.61),
        (100, 1.0),
        (0.93, 0.93),
        (1.0, 1.0),
        (61.5, 0.615),
        (1.5, 0.015),
        ("61%", 0.61),
        (" 61 % ", 0.61),
        ("61", 0.61),
        ("0.93", 0.93),
        ("0.5%", 0.005),
        ("100%", 1.0),
        ("101%", None),
        (101, None),
        (-1, None),
        (10**400, None),
        (True, None),
        (float("nan"), None),
        (float("inf"), None),
        ("soon", None),
        ("٦١%", None),
        ("9" * 5000, None),
        (None, None),
        ([61], None),
        ({"value": 61}, None),
    ],
)
def test_progress_is_a_fraction(value, fraction):
    """Whole numbers and per cent are hundredths, numbers up to 1.0 are fractions."""
    assert progress_of(task(progress=value)) == pytest.approx(fraction)


def test_progress_is_found_in_the_details():
    """The first readable place counts, zero included."""
    assert progress_of(task(progress=None, detail={"pending_info": {"progress_pct": 0.93}})) == 0.93
    assert progress_of(task(progress="?", detail={"progress": 40})) == 0.4
    assert progress_of(task(progress=0, detail={"progress": 40})) == 0.0
    assert progress_of(task()) is None


@pytest.mark.parametrize(
    ("fields", "url"),
    [
        ({"video_url": "https://a/1.mp4"}, "https://a/1.mp4"),
        ({"video_url": " https://a/1.mp4\n"}, "https://a/1.mp4"),
        ({"video_url": "top", "detail": {"upsample_video_url": "up"}}, "top"),
        ({"video_url": "", "detail": {"upsample_video_url": "up", "video_url": "plain"}}, "up"),
        ({"video_url": None, "detail": {"video_url": "plain"}}, "plain"),
        ({"video_url": "  ", "detail": {"video_url": ""}}, None),
        ({"video_url": ["https://a/1.mp4"]}, None),
        ({"video_url": 5, "detail": [1]}, None),
    ],
)
def test_the_finished_file_comes_before_earlier_ones(fields, url):
    """The address on top counts, then the upsampled file, then the plain one."""
    assert video_url_of(task(**fields)) == url


def test_a_status_is_shown_quoted_and_bounded():
    """Whatever word a server makes up, it cannot break a line of text."""
    assert shown_status("completed") == "'completed'"
    assert shown_status("a\x1b\n" + "b" * 500) == "'a\\x1b\\n" + "b" * 61 + "'"


MAY = datetime(2025, 6, 19, 8, 52, 47, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "instant"),
    [
        (1750323167, MAY),
        (1750323167000, MAY),
        (1750323167000000, MAY),
        (1750323167000000000, MAY),
        (1750323167.0, MAY),
        ("1750323167000", MAY),
        (" 1750323167 ", MAY),
        ("2025-06-19T08:52:47Z", MAY),
        ("2025-06-19T10:52:47+02:00", MAY),
        ("2025-06-19T08:52:47", MAY),
        (1, datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)),
        (10**11 - 1, datetime(5138, 11, 16, 9, 46, 39, tzinfo=UTC)),
        (10**11, datetime(1973, 3, 3, 9, 46, 40, tzinfo=UTC)),
        (10**14, datetime(1973, 3, 3, 9, 46, 40, tzinfo=UTC)),
        (10**17, datetime(1973, 3, 3, 9, 46, 40, tzinfo=UTC)),
        (10**20, None),
        (0, None),
        (-1, None),
        (10**25, None),
        (True, None),
        (float("nan"), None),
        (float("inf"), None),
        ("9" * 5000, None),
        ("yesterday", None),
        ("0001-01-01T00:00:00+23:00", None),
        ("", None),
        (None, None),
        ([1], None),
    ],
)
def test_the_unit_of_a_time_is_told_by_its_magnitude(value, instant):
    """Seconds, milliseconds and finer units give the same instant in UTC."""
    assert updated_at(task(status_update_time=value)) == instant


def test_a_time_without_a_zone_is_in_utc_wherever_the_machine_is(monkeypatch):
    """The zone of the machine does not move an instant."""
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        assert updated_at(task(status_update_time="2025-06-19T08:52:47")) == MAY
    finally:
        monkeypatch.undo()
        time.tzset()


TEXT = st.text(st.sampled_from("a9.%-T:Z \x00\x1b\u00e9\u0663\ud800"), max_size=30)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["message", "code", "error", "video_url", "pending_info", "progress"]),
            inner,
        )
    ),
    max_leaves=12,
)


@pytest.mark.unmeasured
@given(
    st.dictionaries(
        st.sampled_from(
            ["status", "error", "detail", "progress", "video_url", "status_update_time"]
        ),
        JSON,
    )
)
def test_no_answer_makes_reading_fail(fields):
    """Whatever values stand in a task, every reading gives its type or None."""
    seen = task(**{"status": "failed", **fields})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert isinstance(state_of(seen), State)
    progress, reason = progress_of(seen), reason_of(seen)
    assert progress is None or 0.0 <= progress <= 1.0
    assert reason is None or (reason.isprintable() and 0 < len(reason) <= 500)
    assert code_of(seen) is None or len(code_of(seen)) <= 64
    assert video_url_of(seen) is None or video_url_of(seen).strip()
    assert updated_at(seen) is None or updated_at(seen).tzinfo is UTC


def test_a_model_in_place_of_a_mapping_is_read_alike():
    """A contract that declares a detail one day makes it a model: the readings stay."""
    detail = task(video_url="https://a/plain.mp4", error_message="late")
    assert video_url_of(task(detail=detail)) == "https://a/plain.mp4"
    assert reason_of(task("failed", detail=detail)) == "late"


def test_a_state_is_its_own_word():
    """A state goes into JSON and text as its word."""
    assert json.dumps({"state": State.SUCCEEDED}) == '{"state": "succeeded"}'
    assert f"{State.EXPIRED}" == "expired"
