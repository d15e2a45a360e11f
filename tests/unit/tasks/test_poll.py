"""One wait for one task, in virtual time."""

import copy
import math
import pickle
import warnings
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainhub import errors
from chainhub._tasks import Outcome, State, UnknownStatusWarning, fault_of, task_named
from chainhub._tasks import status as _status
from chainhub._tasks.intervals import DurationMemory, PollIntervals
from chainhub._tasks.outcome import state_of_end
from chainhub._tasks.poll import Poll, Severity, Update, WaitOptions, severity_of
from chainhub._tasks.table import TaskId
from chainhub_api.models import VideoTask

QUERY = task_named("video.query")
URL = "https://cdn.example/v/1.mp4"


def task(status="processing", url=None, **more):
    """Return a task as the service gives it."""
    fields = {"id": "veo:1", "status": status, "status_update_time": 1750323167}
    return VideoTask.from_dict({**fields, "video_url": url, "enhanced_prompt": None, **more})


GOOD = task("completed", URL)
RUNNING = task()


class Story:
    """Lead one wait through a script of answers, errors and (answer, hint) pairs."""

    def __init__(
        self,
        *script,
        deadline=900.0,
        interval=None,
        latency=0.0,
        number=0.5,
        start=0.0,
        lag=0.0,
        **options,
    ):
        self.memory = DurationMemory(lambda: number)
        schedule = PollIntervals(self.memory, lambda: number, interval)
        self.wait = Poll(TaskId("veo:1"), WaitOptions(QUERY, schedule, deadline, **options), start)
        self.asked, self.changes, self.now, self.lag = [], [], start, lag
        self.end = self.lead(list(script), latency, deadline)

    def lead(self, script, latency, deadline):
        """Return the outcome, having asked at every instant it was told."""
        update = Update(next_at=self.now)
        for _ in range(3000):
            if update.changed:
                self.changes.append(update.changed)
            if update.outcome is not None:
                return update.outcome
            if update.next_at is None:
                self.now = max(self.now, deadline)
                update = self.wait.on_deadline(self.now)
                continue
            assert update.next_at >= self.now, "a poll in the past"
            self.now = update.next_at + self.lag
            if not self.wait.may_poll(self.now):
                update = Update()
                continue
            self.asked.append(self.now)
            self.now += latency
            update = self.take(script.pop(0) if len(script) > 1 else script[0])
        raise AssertionError("the wait never ends")

    def take(self, answer):
        """Hand in one answer or error."""
        if isinstance(answer, errors.ChainhubError):
            return self.wait.on_failure(answer, self.now)
        found, hint = answer if isinstance(answer, tuple) else (answer, None)
        return self.wait.on_answer(found, self.now, hint)

    @property
    def error(self):
        """Return the error the wait ended with."""
        assert self.end.error is not None, self.end
        return self.end.error

    @property
    def task(self):
        """Return the task the wait ended with."""
        assert self.end.error is None, self.end
        return self.end.task


@pytest.fixture(autouse=True)
def _no_word_was_warned_about(monkeypatch):
    monkeypatch.setattr(_status, "_warned", set())


def status(number, kind=errors.StatusError, **facts):
    """Return the error of an answer."""
    return kind("upstream says no", status=number, **facts)


def busy():
    """Return an error that passes."""
    return status(503, errors.ServerError)


def unknown_task():
    """Return the error for a task the service does not know."""
    return status(400, errors.TaskNotFoundError, code="task_not_exist")


def test_the_first_poll_is_asked_at_once():
    """A task that is done already costs one poll and no time."""
    story = Story(GOOD)
    assert story.task == GOOD
    assert story.asked == [0.0]
    assert story.changes == [GOOD]


def test_a_running_task_is_asked_about_until_it_is_done():
    """The wait goes by the schedule and ends with the finished task."""
    story = Story(task("pending"), RUNNING, RUNNING, GOOD)
    assert story.task == GOOD
    assert story.asked == pytest.approx([0.0, 4.75, 19.0, 24.0])
    assert story.wait.polls == 4


@pytest.mark.parametrize(
    ("second", "changed"),
    [
        (RUNNING, False),
        (task(status_update_time=5, enhanced_prompt="new"), False),
        (task("pending"), True),
        (task("PROCESSING"), True),
        (task(progress=5), True),
        (task(url=URL), True),
        (task(detail={"video_url": URL}), True),
    ],
)
def test_a_change_is_a_new_word_progress_or_address(second, changed):
    """Watchers hear of what they can see, and of nothing else."""
    story = Story(RUNNING, second, second, GOOD)
    assert story.changes == [RUNNING, *([second] if changed else []), GOOD]


def test_flipping_back_and_strange_times_do_not_disturb():
    """States may go back and times may run backwards: only an end ends the wait."""
    story = Story(RUNNING, task("pending", status_update_time=5), RUNNING, GOOD)
    assert story.task == GOOD


def test_the_id_in_the_answer_need_not_be_the_one_asked_for():
    """Gateways rename tasks; the one that was asked for is asked for again."""
    other = task("completed", URL, id="033fa60e")
    story = Story(task("pending", id="033fa60e"), other)
    assert story.task == other
    assert story.wait.task_id.id == "veo:1"


@pytest.mark.parametrize(
    ("word", "kind", "text"),
    [
        ("failed", errors.TaskFailed, "failed ('failed'): no faces"),
        ("video_upsampling_failed", errors.TaskFailed, "failed ('video_upsampling_failed'): no"),
        ("FAILURE", errors.TaskFailed, "failed ('FAILURE'): no faces"),
        ("canceled", errors.TaskCancelled, "was cancelled ('canceled'): no faces"),
        ("expired", errors.TaskExpired, "expired ('expired'): no faces"),
    ],
)
def test_a_task_that_ended_badly_is_its_own_error(word, kind, text):
    """The error carries the task, the reason and the code, and says so in one line."""
    bad = task(word, error={"message": "no faces", "code": "moderation"})
    story = Story(RUNNING, bad)
    assert type(story.error) is kind
    assert text in str(story.error)
    assert story.error.task is bad
    assert story.error.code == "moderation"
    assert story.error.elapsed == pytest.approx(4.75)
    assert story.changes == [RUNNING, bad]
    assert Story(bad, raise_on_failure=False).task == bad


def test_a_failure_without_a_reason_says_so():
    """No reason is no reason to be silent."""
    error = Story(task("failed")).error
    assert error.reason is None
    assert "the service does not say why" in str(error)
    assert Story(task("failed", fail_reason="late")).error.reason == "late"


def test_the_users_words_decide():
    """A word in the user's table ends the wait as it says."""
    words = {"fertig": State.SUCCEEDED, "kaputt": State.FAILED}
    done = task("fertig", URL)
    assert Story(RUNNING, done, words=words).task == done
    assert Story(task("kaputt", error="why"), words=words).error.reason == "why"


def test_completed_without_an_address_gets_a_short_grace():
    """Three answers without an address are an outcome of its own, not an endless wait."""
    empty = task("completed", "")
    story = Story(RUNNING, empty)
    assert type(story.error) is errors.ResultMissing
    assert story.error.task is empty
    assert story.asked == pytest.approx([0.0, 4.75, 6.75, 8.75])
    assert "no video URL" in str(story.error)
    assert Story(empty, raise_on_failure=False).task == empty


def test_an_address_that_comes_late_is_waited_for():
    """An address within the grace is a success, and running again starts the grace anew."""
    empty = task("completed")
    assert Story(empty, empty, GOOD).task == GOOD
    assert Story(empty, empty, RUNNING, empty, empty, GOOD).task == GOOD
    assert Story(empty, empty, GOOD, interval=0.1).asked == pytest.approx([0.0, 0.1, 0.2])


def test_completed_without_an_address_at_the_deadline_is_not_called_running():
    """A deadline within the grace ends with what is known: it is done, without an address."""
    story = Story(task("completed"), deadline=3.0, interval=9.0)
    assert type(story.error) is errors.ResultMissing


def test_an_address_in_the_details_counts():
    """A completed task may name its file in the details only."""
    deep = task("completed", detail={"upsample_video_url": URL})
    assert Story(deep).task == deep


def test_an_address_while_running_is_not_the_end():
    """A known word decides, whatever else the answer holds."""
    early = task("video_generation_completed", URL)
    assert Story(early, early, early, early, GOOD).task == GOOD


def test_an_unknown_word_is_running_until_the_deadline_and_named():
    """A word nobody knows goes on, and the error at the deadline names it."""
    with pytest.warns(UnknownStatusWarning, match="frobnicating"):
        story = Story(task("frobnicating"))
    assert type(story.error) is errors.WaitTimeout
    assert "'frobnicating'" in str(story.error)


def test_an_unknown_word_with_a_lasting_address_counts_as_succeeded():
    """The same address in three answers over ten seconds is a result, with a warning."""
    odd = task("fertig", URL)
    with pytest.warns(UnknownStatusWarning) as seen:
        story = Story(RUNNING, odd)
    assert "treated as succeeded" in str(seen[-1].message)
    assert story.task == odd
    assert story.asked == pytest.approx([0.0, 4.75, 19.0, 24.0])


@pytest.mark.parametrize("interval", [0.25, 1.0, 3.0])
def test_a_preview_is_not_taken_for_the_video_at_the_callers_own_pace(interval):
    """An unknown word with an address must hold for ten seconds, whatever the pace."""
    odd = task("fertig", URL)
    with pytest.warns(UnknownStatusWarning):
        story = Story(odd, interval=interval)
    assert 10.0 <= story.asked[-1] < 10.0 + interval
    assert story.task == odd


@pytest.mark.parametrize("number", [400, 404, 422])
def test_a_refusal_to_show_an_unfinished_video_is_not_yet(number):
    """However often it comes, and whether or not the task was seen: the wait goes on."""
    kind = errors.TaskNotFoundError if number == 404 else errors.StatusError
    not_ready = status(number, kind, code="video_not_ready")
    assert Story(*[not_ready] * 30, GOOD).task == GOOD
    assert Story(RUNNING, *[not_ready] * 30, GOOD).task == GOOD
    story = Story(*[busy()] * 9, not_ready, *[busy()] * 9, GOOD)
    assert story.task == GOOD
    error = Story(not_ready, deadline=30.0).error
    assert type(error) is errors.WaitTimeout
    assert error.__cause__ is not_ready


def test_each_step_is_in_the_debug_log(caplog):
    """With what is known, and when the next poll is."""
    caplog.set_level("DEBUG", "chainhub")
    Story(busy(), RUNNING, deadline=9.0, interval=4.0)
    texts = [record.getMessage() for record in caplog.records]
    assert texts[0].startswith("task veo:1: no answer yet; next poll in ")
    assert texts[-1] == "task veo:1: 'processing'; no more polls, the deadline is in 1.10 s"


def test_the_bytes_of_a_task_that_runs_are_kept_instead_of_the_task():
    """One that is complete without a URL, or has an unknown word, counts each time it comes."""
    schedule = PollIntervals(DurationMemory(float), float)
    options = WaitOptions(QUERY, schedule, 60.0, parse=lambda body: (body, "read again"))
    wait = Poll(TaskId("veo:1"), options, 0.0)
    for number, (found, kept) in enumerate([(RUNNING, True), (task("completed"), False)]):
        wait.on_answer(found, number)
        wait.remember(b"{}")
        assert wait.repeats(b"{}") is kept
        assert wait.task == ((b"{}", "read again") if kept else found)


@pytest.mark.parametrize(
    ("headers", "told"),
    [
        ([("60", "a")], "(Age: 60)"),
        ([("9" * 400, None)], "(Age: 999999999)"),
        ([(None, "a"), (None, "a")], "(its Date did not change)"),
        ([("0", "a"), (None, "b")], None),
        ([("60", "a"), (None, "b")], None),
        ([("sixty", None), (None, None)], None),
        ([], None),
    ],
)
def test_a_timeout_names_a_cache_that_keeps_an_answer(headers, told):
    """`Age`, or a `Date` that stays the same, says that the service did not answer itself."""
    schedule = PollIntervals(DurationMemory(float), float)
    wait = Poll(TaskId("veo:1"), WaitOptions(QUERY, schedule, 60.0), 0.0)
    for number, (age, date) in enumerate(headers):
        now = 40.0 + number
        wait.on_answer(RUNNING, now)
        wait.note_headers(age, date, now)
    message = str(wait.on_deadline(42.0 if headers[-1:] == [(None, "b")] else 60.0).outcome.error)
    assert ("came from a cache" in message) == (told is not None)
    assert (told or "") in message


def test_quick_answers_late_in_a_wait_have_to_last_ten_seconds_too():
    """The seconds count from the first answer with the address, not from the beginning."""
    odd = task("fertig", URL)
    with pytest.warns(UnknownStatusWarning):
        story = Story(*[RUNNING] * 30, (odd, 1.0))
    assert story.task == odd
    assert 10.0 <= story.now - story.asked[30] <= 11.1


@pytest.mark.parametrize(
    "script",
    [
        [task("fertig", URL), task("fertig", URL), task("fertig", URL + "?new"), RUNNING],
        [task("fertig", URL), task("fertig", URL), RUNNING, task("fertig", URL), RUNNING],
        [*[task("fertig", URL)] * 2, task("processing", URL), *[task("fertig", URL)] * 2, RUNNING],
        [task("fertig", detail={"video_url": URL})] * 9 + [RUNNING],
        [task("fertig", "  ")] * 9 + [RUNNING],
    ],
)
def test_an_address_that_changes_or_is_of_a_stage_is_no_result(script):
    """Only the same address on top, in answers in a row, makes up for an unknown word."""
    with pytest.warns(UnknownStatusWarning):
        story = Story(*script, interval=0.5, deadline=60.0)
    assert type(story.error) is errors.WaitTimeout


def test_an_unknown_stage_before_quick_polls_is_not_taken_for_the_end():
    """In a short wait an unknown word never becomes a success by haste."""
    with pytest.warns(UnknownStatusWarning):
        story = Story(task("video_upscaling", URL), deadline=8.0)
    assert len(story.asked) > 3
    assert type(story.error) is errors.WaitTimeout


def test_transient_errors_slow_down_and_success_resets_it():
    """Nine failures in a row are survived, again and again."""
    story = Story(*[busy()] * 9, RUNNING, *[busy()] * 9, GOOD, deadline=math.inf)
    assert story.task == GOOD
    gaps = [later - before for before, later in zip(story.asked, story.asked[1:], strict=False)]
    assert gaps[:5] == pytest.approx([7.5, 11.25, 16.875, 25.3125, 30.0])
    assert max(gaps) == pytest.approx(30.0)
    assert gaps[9] == pytest.approx(5.0)


def test_ten_failures_in_a_row_end_the_wait():
    """The last error is raised as what it is, with the whole story, and is its own cause."""
    last = status(502, errors.ServerError, request_id="r-1", code="E502")
    story = Story(RUNNING, *[busy()] * 9, last, deadline=math.inf)
    assert type(story.error) is errors.ServerError
    assert story.error.__cause__ is last
    assert (story.error.status, story.error.request_id, story.error.code) == (502, "r-1", "E502")
    assert story.error.attempts == len(story.asked) == 11
    assert "10 polls in a row failed" in str(story.error)
    assert story.error.args == (story.error.message,)
    assert "upstream says no" in str(story.error)
    assert "wait for the same id again" in str(story.error)
    assert last.message == "upstream says no"
    assert pickle.loads(pickle.dumps(story.error)).message == story.error.message


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (status(400, errors.BadRequestError), Severity.HOPELESS),
        (status(401, errors.AuthenticationError), Severity.HOPELESS),
        (status(402, errors.QuotaExceededError), Severity.HOPELESS),
        (status(403, errors.PermissionDeniedError), Severity.HOPELESS),
        (status(404, errors.NotFoundError), Severity.HOPELESS),
        (status(405), Severity.HOPELESS),
        (status(409, errors.ConflictError), Severity.HOPELESS),
        (status(410), Severity.HOPELESS),
        (status(422, errors.UnprocessableError), Severity.HOPELESS),
        (status(429, errors.QuotaExceededError), Severity.HOPELESS),
        (status(200, errors.AuthenticationError), Severity.HOPELESS),
        (errors.CredentialsError("no key"), Severity.HOPELESS),
        (errors.ClientClosedError("closed"), Severity.HOPELESS),
        (errors.CancelledByUser("cancelled"), Severity.HOPELESS),
        (errors.ChainhubError("anything else"), Severity.HOPELESS),
        (status(404, errors.TaskNotFoundError), Severity.UNKNOWN_TASK),
        (status(400, errors.TaskNotFoundError), Severity.UNKNOWN_TASK),
        (status(499), Severity.HOPELESS),
        (status(300, errors.RedirectError), Severity.DOUBTFUL),
        (status(399, errors.RedirectError), Severity.DOUBTFUL),
        (status(501, errors.ServerError), Severity.DOUBTFUL),
        (status(505, errors.ServerError), Severity.DOUBTFUL),
        (status(525, errors.ServerError), Severity.DOUBTFUL),
        (status(526, errors.ServerError), Severity.DOUBTFUL),
        (errors.TLSError("broken"), Severity.DOUBTFUL),
        (errors.ProxyError("refused"), Severity.DOUBTFUL),
        (status(408), Severity.PASSING),
        (status(425), Severity.PASSING),
        (status(429, errors.RateLimitError), Severity.PASSING),
        (status(500, errors.ServerError), Severity.PASSING),
        (status(524, errors.ServerError), Severity.PASSING),
        (status(530, errors.ServerError), Severity.PASSING),
        (status(200, errors.BadRequestError), Severity.PASSING),
        (status(None), Severity.PASSING),
        (errors.ConnectionFailedError("reset"), Severity.PASSING),
        (errors.RequestTimeoutError("slow"), Severity.PASSING),
        (errors.DeadlineError("late"), Severity.PASSING),
        (errors.ResponseError("HTML"), Severity.PASSING),
    ],
)
def test_every_error_has_its_severity(error, expected):
    """What will not get better ends a wait, what may is tolerated for a while."""
    assert severity_of(error) is expected
    fresh, seen = len(Story(error).asked), len(Story(RUNNING, error, deadline=math.inf).asked) - 1
    assert (fresh, seen) == {
        Severity.HOPELESS: (1, 1),
        Severity.UNKNOWN_TASK: (3, 1),
        Severity.DOUBTFUL: (3, 10),
        Severity.PASSING: (10, 10),
    }[expected]


def test_what_will_not_get_better_is_raised_as_it_came():
    """The error of the poll itself is raised."""
    refused = status(401, errors.AuthenticationError)
    assert Story(RUNNING, refused).error is refused


def test_a_task_may_take_a_moment_to_become_visible():
    """An unknown task is asked about three times, soon, if it was never seen."""
    story = Story(unknown_task(), unknown_task(), RUNNING, GOOD)
    assert story.task == GOOD
    assert story.asked[:3] == pytest.approx([0.0, 2.0, 4.0])


def test_a_task_that_was_seen_does_not_become_invisible():
    """Once a good answer came, an unknown task is the end."""
    story = Story(RUNNING, unknown_task())
    assert type(story.error) is errors.TaskNotFoundError


def test_other_errors_do_not_use_up_the_grace():
    """Three answers that the task is unknown are needed, whatever failed between them."""
    story = Story(busy(), busy(), unknown_task(), busy(), unknown_task(), GOOD)
    assert story.task == GOOD


def test_one_broken_handshake_is_survived_but_a_wrong_certificate_is_told_soon():
    """A failure that may be a wrong set-up is tried three times before it ever worked."""
    assert Story(errors.TLSError("eof"), GOOD).task == GOOD
    story = Story(errors.TLSError("untrusted"))
    assert type(story.error) is errors.TLSError
    assert story.asked[-1] == pytest.approx(4.0)


def refused():
    """Return the error of an attempt that reached nobody."""
    return errors.ConnectionFailedError(
        "could not connect: Connection refused",
        kind="connect",
        method="GET",
        url="http://127.0.0.1:9/v1/video/query?id=a",
    )


def unreached(kind):
    """Return the error of an attempt that ended so."""
    return errors.ConnectionFailedError("nobody there", kind=kind)


@pytest.mark.parametrize(
    ("error", "latency", "asked", "ends"),
    [
        (refused(), 0.0, [0.0, 2.0, 6.0, 14.0], 14.0),
        (unreached("lookup"), 0.0, [0.0, 2.0, 6.0, 14.0], 14.0),
        (unreached("connect_timeout"), 5.0, [0.0, 7.0, 13.0, 21.0], 26.0),
        (
            errors.RequestTimeoutError("slow", kind="connect_timeout"),
            0.0,
            [0.0, 2.0, 6.0, 14.0],
            14,
        ),
        (errors.TLSError("untrusted", kind="tls"), 0.0, [0.0, 2.0, 4.0], 4.0),
        (errors.ProxyError("refused", kind="proxy"), 0.0, [0.0, 2.0, 4.0], 4.0),
    ],
)
def test_an_address_where_nothing_ever_answered_is_given_up_soon(error, latency, asked, ends):
    """After 14 s, or 26 s where connecting runs out of time; the caller's pace changes nothing."""
    for options in ({}, {"deadline": math.inf}, {"interval": 60.0}):
        story = Story(error, latency=latency, **options)
        assert story.asked == pytest.approx(asked)
        assert story.now == pytest.approx(ends)
        assert type(story.error) is type(error)
        assert story.error.__cause__ is error


def test_a_dead_address_is_named_with_cause_count_and_advice():
    """All in one line; the id in the address of the last poll may be another task's."""
    error = Story(refused()).error
    assert str(error) == (
        "task veo:1: no response in 4 attempts; last error: could not connect: Connection refused;"
        " check the base URL and the network; the task is not affected: wait for the same id again"
        " [GET http://127.0.0.1:9/v1/video/query; 4 attempts in 14.0 s]"
    )
    assert error.kind == "connect"
    assert pickle.loads(pickle.dumps(error)).kind == "connect"


@pytest.mark.parametrize(
    ("script", "asked"),
    [
        # A gateway that is back within 14 s is not missed.
        ([refused(), refused(), refused(), RUNNING, GOOD], 5),
        # It has answered, be it with an error: then ten failures in a row are survived as ever.
        ([busy(), refused()], 10),
        ([unknown_task(), *[refused()] * 8, GOOD], 10),
        ([RUNNING, refused()], 11),
        ([errors.ResponseError("a page", status=200), refused()], 10),
        # A connection that was made is no dead address, whatever became of it.
        ([unreached("closed")], 10),
        ([errors.RequestTimeoutError("slow", kind="timeout")], 10),
        ([refused(), unreached("closed"), refused(), unreached("closed")], 10),
    ],
)
def test_what_once_answered_or_connected_is_no_dead_address(script, asked):
    """The rule of ten failures in a row holds for everything else."""
    assert len(Story(*script, deadline=math.inf).asked) == asked


@pytest.mark.parametrize(
    ("script", "tallies"),
    [
        ([refused(), refused(), RUNNING, GOOD], [(1, 4), (2, 4), (2, 4), (2, 4)]),
        ([unknown_task(), GOOD], [(1, 3), (1, 3)]),
        ([RUNNING, busy(), refused(), GOOD], [(0, 10), (1, 10), (2, 10), (2, 10)]),
    ],
)
def test_how_many_polls_have_failed_and_how_many_may_is_known(script, tallies, monkeypatch):
    """For whoever shows it while it happens."""
    seen = []
    taken = Story.take
    monkeypatch.setattr(
        Story, "take", lambda self, answer: (taken(self, answer), seen.append(self.wait.tally))[0]
    )
    Story(*script)
    assert seen == tallies


def test_a_short_deadline_ends_the_wait_for_a_dead_address():
    """With the cause in the error."""
    story = Story(refused(), deadline=5.0)
    assert type(story.error) is errors.WaitTimeout
    assert story.asked == pytest.approx([0.0, 2.0, 3.9])
    assert "no response; last error: could not connect: Connection refused; " in str(story.error)
    assert story.error.url == story.error.__cause__.url


def test_a_retry_after_is_obeyed():
    """The service's own time to come back is not undercut."""
    limited = status(429, errors.RateLimitError, retry_after=40.0)
    story = Story(RUNNING, limited, GOOD)
    assert story.asked[2] - story.asked[1] == pytest.approx(45.0)


def test_a_retry_after_beyond_the_deadline_is_not_undercut_at_the_end():
    """If there is no time left to come back, nothing more is asked."""
    limited = status(429, errors.RateLimitError, retry_after=40.0)
    story = Story(limited, GOOD, deadline=30.0)
    assert story.asked == [0.0]
    assert story.now == 30.0
    assert story.error.__cause__ is limited


def test_hints_are_read_anew_with_every_answer():
    """A hint counts once; without a new one the schedule goes on."""
    story = Story((RUNNING, 12.0), (RUNNING, None), (RUNNING, 36000.0), GOOD)
    assert story.asked == pytest.approx([0.0, 12.6, 19.0, 24.0])


def test_a_wait_that_ran_out_carries_everything_to_go_on():
    """The error has id, task, polls, elapsed and cause, and says how to resume."""
    story = Story(RUNNING, busy(), deadline=60.0)
    error = story.error
    assert isinstance(error, TimeoutError)
    assert type(error) is errors.WaitTimeout
    assert (error.task_id, error.task) == ("veo:1", RUNNING)
    assert error.polls == len(story.asked)
    assert error.elapsed == 60.0
    assert type(error.__cause__) is errors.ServerError
    text = str(error)
    assert "task veo:1 is still 'processing'" in text
    assert "; last error: 503 Service Unavailable: upstream says no; " in text
    assert "the task keeps running: wait for the same id again" in text


def test_a_wait_that_never_got_an_answer_says_so():
    """No answer at all is told, with the last error as the cause."""
    error = Story(busy(), deadline=20.0).error
    assert error.task is None
    assert ": no response" in str(error)


def test_an_error_that_passed_is_not_the_cause():
    """A failure before a good answer has nothing to do with the deadline."""
    error = Story(busy(), RUNNING, deadline=60.0).error
    assert error.__cause__ is None
    assert "failed" not in str(error)


def test_where_the_clock_begins_does_not_matter():
    """A clock is a clock: only differences between instants count."""
    script = [RUNNING, busy(), RUNNING]
    early, late = Story(*script, deadline=60.0), Story(*script, deadline=4156.0, start=4096.0)
    assert [at - 4096.0 for at in late.asked] == pytest.approx(early.asked)
    assert late.error.elapsed == early.error.elapsed


@pytest.mark.parametrize(
    ("deadline", "last"), [(900.0, 898.9), (12.0, 10.9), (4.0, 2.9), (2.0, 1.45), (0.4, 0.2)]
)
def test_the_last_poll_leaves_time_for_its_answer(deadline, last):
    """The last poll starts a second before the deadline, or a quarter of a short wait."""
    story = Story(RUNNING, deadline=deadline, number=0.3)
    assert story.asked[-1] == pytest.approx(last)
    assert story.now == deadline


def test_a_sleep_that_ends_late_does_not_cost_the_last_poll():
    """Clocks are read after the sleep: the last poll has room for that, but not for much."""
    for lag, last in ((0.09, 8.99), (0.12, 6.36)):
        story = Story(RUNNING, deadline=10.0, interval=3.0, lag=lag)
        assert story.asked[-1] == pytest.approx(last)
        assert story.now == 10.0


@pytest.mark.parametrize(
    ("interval", "last"),
    [(2.9, 8.7), (4.1, 8.2), (3.8, 8.9), (0.93, 8.37 + 0.53), (0.94, 8.46), (4.5, 8.9)],
)
def test_the_last_poll_does_not_follow_on_the_heels_of_another(interval, last):
    """Half an interval, or a second, lies between the last poll and the one before."""
    story = Story(RUNNING, deadline=10.0, interval=interval)
    assert story.asked[-1] == pytest.approx(last)
    assert story.now == 10.0


def test_a_final_answer_to_a_poll_sent_in_time_counts():
    """An answer that comes after the deadline is not thrown away if it is final."""
    assert Story(RUNNING, GOOD, deadline=7.0, interval=4.3, latency=1.5).task == GOOD
    assert type(Story(task("failed"), deadline=1.0, latency=2.0).error) is errors.TaskFailed


@pytest.mark.parametrize("late", [RUNNING, busy(), task("completed"), unknown_task()])
def test_an_answer_after_the_deadline_that_is_not_final_ends_the_wait(late):
    """Nothing is asked after the deadline."""
    story = Story(late, deadline=1.0, latency=2.0)
    assert len(story.asked) == 1
    assert isinstance(story.error, errors.WaitTimeout | errors.ResultMissing)


@pytest.mark.parametrize(
    "script",
    [
        [task("pending"), RUNNING, task("pending"), RUNNING, GOOD],
        [task("pending"), busy(), GOOD],
        [task("pending"), errors.ResponseError("a page"), busy(), GOOD],
        [task("pending"), status(429, errors.RateLimitError, retry_after=2.0), GOOD],
        [(RUNNING, 36000.0), GOOD],
    ],
)
def test_a_few_changes_and_errors_fit_in_a_short_wait(script):
    """Eight seconds are enough for a task that needs a few polls."""
    assert Story(*script, deadline=8.0, latency=0.05).task == GOOD


def test_a_wait_may_have_no_deadline():
    """Without a deadline the wait goes on."""
    story = Story(*[RUNNING] * 2000, GOOD, deadline=math.inf)
    assert story.task == GOOD


def test_a_poll_may_be_asked_until_the_last_call_and_a_first_one_until_the_deadline():
    """Late first polls of a large batch are asked as long as there is time at all."""
    schedule = PollIntervals(DurationMemory(lambda: 0.5), lambda: 0.5)
    wait = Poll(TaskId("veo:1"), WaitOptions(QUERY, schedule, 10.0), 0.0)
    assert [wait.may_poll(now) for now in (0.0, 9.0, 9.9, 10.0)] == [True, True, True, False]
    wait.on_answer(RUNNING, 0.0)
    assert [wait.may_poll(now) for now in (0.0, 9.0, 9.1)] == [True, True, False]


def test_only_tasks_seen_running_and_then_succeeding_teach_the_schedule():
    """A failure, a time-out and a task that was done already say nothing about durations."""
    assert Story(RUNNING, GOOD).memory._models["veo"].durations == [pytest.approx(4.75 / 2)]
    for script in ([GOOD], [RUNNING, task("failed")], [RUNNING], [RUNNING, unknown_task()]):
        window = Story(*script, deadline=30.0).memory._models["veo"]
        assert (window.waits_begun, window.waits_ended, window.durations) == (1, 1, [])


def test_the_schedule_learned_by_one_wait_serves_the_next():
    """Durations seen by earlier waits shape the times of the next one."""
    memory, now = DurationMemory(Random(1).random), 0.0
    schedule = PollIntervals(memory, lambda: 0.5)
    for _ in range(40):
        wait = Poll(TaskId("veo:1"), WaitOptions(QUERY, schedule, math.inf), now)
        wait.on_answer(RUNNING, now)
        wait.on_answer(RUNNING, now + 59.0)
        now += 61.0
        wait.on_answer(GOOD, now)
    plan = memory.begin("veo:2", now)
    assert plan.median == pytest.approx(60.0)
    assert 25 < plan.first < 60


def test_long_and_strange_ids_stay_on_one_bounded_line():
    """An id of any length and any characters is shown safely."""
    schedule = PollIntervals(DurationMemory(lambda: 0.5), lambda: 0.5)
    wait = Poll(TaskId("x\n\x1b[31m" + "y" * 5000), WaitOptions(QUERY, schedule, 1.0), 0.0)
    text = str(wait.on_deadline(1.0).outcome.error)
    assert text.isprintable()
    assert len(text) < 400


ANSWERS = st.sampled_from(
    [
        RUNNING,
        (RUNNING, 2.0),
        (RUNNING, -5.0),
        task("odd", URL),
        task("completed"),
        task("pending", progress="10%"),
        busy(),
        unknown_task(),
        errors.TLSError("eof"),
        status(429, errors.RateLimitError, retry_after=50.0),
    ]
)


@given(
    st.lists(ANSWERS, min_size=1, max_size=30),
    st.floats(0.1, 2000),
    st.floats(0.0, 3.0),
    st.floats(0.0, 1.0, exclude_max=True),
    st.floats(0.0, 0.5),
)
def test_every_wait_ends_by_its_deadline_and_never_hammers(script, deadline, latency, number, lag):
    """Whatever comes, the wait ends in time, asks ever later and leaves time to answer."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        story = Story(*script, deadline=deadline, latency=latency, number=number, lag=lag)
    assert story.now <= deadline + latency + lag
    gaps = [later - before for before, later in zip(story.asked, story.asked[1:], strict=False)]
    assert all(gap >= min(0.02, deadline / 20) for gap in gaps)
    assert all(at <= deadline - min(1.0, deadline / 4) for at in story.asked[1:])
    assert len(story.asked) == story.wait.polls


def test_an_outcome_gives_its_task_or_raises_its_error():
    """`result()` is the finished task, or the error that stands for it."""
    assert Outcome("veo:1", GOOD, None, 3, 9.0).result() is GOOD
    failed = fault_of("veo:1", task("failed"), State.FAILED, 9.0)
    with pytest.raises(errors.TaskFailed):
        Outcome("veo:1", task("failed"), failed, 3, 9.0).result()
    with pytest.raises(errors.ResultMissing, match="there is no result for task veo:1"):
        Outcome("veo:1", None, None, 0, 0.0).result()


@pytest.mark.parametrize(
    ("state", "word"),
    [
        (State.SUCCEEDED, "completed"),
        (State.FAILED, "failed"),
        (State.CANCELLED, "cancelled"),
        (State.EXPIRED, "expired"),
    ],
)
def test_the_error_of_an_end_tells_its_state(state, word):
    """A state makes an error, and the error tells the state again."""
    assert state_of_end(fault_of("veo:1", task(word, None), state, 0.0)) is state
    assert state_of_end(None) is State.SUCCEEDED
    assert state_of_end(errors.WaitTimeout("late")) is None
    assert copy.copy(fault_of("veo:1", task(word), state, 0.0)).task is not None
