"""What a user's own code sees of the types; read by type checkers, never run."""

from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import assert_type

import httpx

import chainhub
from chainhub import AsyncClient, ChainhubError, Client, RateLimitError, RawResponse, VideoTask
from chainhub_api.api.video import query


def made_in_every_way() -> None:
    assert_type(Client(), Client)
    assert_type(Client("sk-test-1"), Client)
    assert_type(Client(lambda: "sk-test-1", base_url="http://127.0.0.1:1", timeout=5.0), Client)
    assert_type(AsyncClient("sk-test-1", deadline=60.0), AsyncClient)


def derived_clients_keep_their_class(client: Client, asynchronous: AsyncClient) -> None:
    assert_type(client.with_headers({"X-Test": "1"}), Client)
    assert_type(client.with_cookies({"a": "b"}), Client)
    assert_type(client.with_options(deadline=3.0), Client)
    assert_type(asynchronous.with_headers({"X-Test": "1"}), AsyncClient)


def resources_give_what_the_contract_says() -> None:
    with Client() as client:
        task = client.video.query("veo3.1-fast:1")
        assert_type(task, VideoTask)
        assert_type(task.id, str)
        assert_type(task.status, str)
        assert_type(client.video.wait(task).video_url, str | None)


async def resources_give_it_asynchronously() -> None:
    async with AsyncClient() as client:
        assert_type(await client.video.query("veo3.1-fast:1"), VideoTask)


def each_call_has_options_of_its_own(client: Client, asynchronous: AsyncClient) -> None:
    assert_type(client.video.query("a", timeout=2, deadline=None, headers={"X-A": "1"}), VideoTask)
    assert_type(client.video.query("a", timeout=httpx.Timeout(5, connect=1)), VideoTask)
    asynchronous.video.query("a", deadline=5.0).close()


def whole_responses_know_what_they_stand_for(client: Client) -> None:
    response = chainhub.raw_response(client.video.query, "a", deadline=5)
    assert_type(response, RawResponse[VideoTask])
    assert_type(response.headers, httpx.Headers)
    assert_type(response.request_id, str | None)
    assert_type(chainhub.raw_response(client.video.wait, "a").parsed, VideoTask)
    print(client.request("GET", "/v1/models", params={"limit": 5}).parsed["data"])


async def whole_responses_are_awaited(client: AsyncClient) -> None:
    response = await chainhub.raw_response(client.video.query, "a", deadline=5)
    assert_type(response, RawResponse[VideoTask])
    assert_type((await client.request("POST", "/v1/x", json={})).status_code, int)


def clients_are_keys(client: Client) -> None:
    assert_type({client: 1}[client], int)


def generated_functions_take_our_clients(client: Client) -> None:
    assert_type(query.sync(client=client, id="veo3.1-fast:1"), VideoTask | None)


async def generated_functions_take_our_asynchronous_clients(client: AsyncClient) -> None:
    assert_type(await query.asyncio(client=client, id="veo3.1-fast:1"), VideoTask | None)


def errors_tell_what_they_know(client: Client) -> Mapping[str, object]:
    try:
        client.video.query("veo3.1-fast:1")
    except RateLimitError as error:
        assert_type(error.retry_after, float | None)
        assert_type(error.status, int | None)
    except ChainhubError as error:
        assert_type(error.request_id, str | None)
        assert_type(error.attempts, int)
    return {"version": chainhub.__version__}


def errors_hold_what_they_always_have(client: Client) -> VideoTask:
    try:
        return client.video.wait("veo3.1-fast:1")
    except chainhub.WaitTimeout as error:
        if isinstance(error.task, VideoTask):  # a contract may have tasks of other models too
            assert_type(error.task, VideoTask)
        return client.video.wait(error.task_id)
    except chainhub.TaskFailed as error:
        assert_type(error.reason, str | None)
        task: object = error.task
        assert isinstance(task, VideoTask)
        return task


def an_outcome_has_a_task_or_an_error(client: Client) -> None:
    outcomes: dict[str, chainhub.Outcome] = client.video.wait_many(["veo3.1-fast:1"])
    for outcome in outcomes.values():
        if outcome.error is None:
            assert_type(outcome.task, VideoTask)
        else:
            assert_type(outcome.error, ChainhubError)
            assert_type(outcome.task, VideoTask | None)
        assert_type(outcome.result(), VideoTask)


def an_outcome_names_its_model(client: Client) -> None:
    outcomes: dict[str, chainhub.Outcome[VideoTask]] = client.video.wait_many(["veo3.1-fast:1"])
    for outcome in outcomes.values():
        assert_type(outcome, chainhub.Outcome)


async def an_outcome_has_it_asynchronously(client: AsyncClient) -> None:
    async for outcome in client.video.as_completed(["veo3.1-fast:1"]):
        if outcome.error is not None:
            raise outcome.error
        assert_type(outcome.task, VideoTask)


def a_download_has_a_path_or_an_error(client: Client) -> chainhub.DownloadOutcome:
    (download,) = client.video.download_many(["veo3.1-fast:1"], into="videos").values()
    if download.error is None:
        assert_type(download.path, Path)
    return download


def models_are_exported(task: chainhub.VideoTask, name: type[chainhub.VideoTask]) -> str:
    return task.id


def an_operation_has_the_life_of_its_tasks(client: Client) -> list[str]:
    task = client.video.query.wait("veo3.1-fast:1")
    assert_type(task, VideoTask)
    for change in client.video.query.watch(task):
        assert_type(change, VideoTask)
    assert_type(client.video.query.download(task, into="videos"), Path)
    return chainhub.result_urls_of(task)


def a_submission_is_waited_for(client: Client, create: Callable[[str], VideoTask]) -> VideoTask:
    with chainhub.Submissions("jobs.jsonl") as jobs:
        job = jobs.submit("order-17", create, "a cow")
        assert_type(job, chainhub.Submission)
        client.video.wait_many(jobs)
    return client.video.wait(job)


async def a_submission_is_awaited(create: Callable[[str], Coroutine[None, None, None]]) -> str:
    with chainhub.Submissions("jobs.jsonl") as jobs:
        try:
            job = await jobs.submit("order-17", create, "a cow")
        except chainhub.SubmissionInDoubt as error:
            assert_type(error.key, str)
            raise
    assert_type(job, chainhub.Submission)
    return job.id
