"""The sandbox keeps to the repaired contract, which schemathesis reads.

The contract documents one answer, 200, and nothing about errors. So every question that finds a
task must be answered as documented, status included; the refusals, of which the contract says
nothing, are held against what is known of the service instead, and no other status may appear.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import Case
from schemathesis.checks import not_a_server_error
from schemathesis.schemas import APIOperation, BaseSchema
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    ignored_auth,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from chainhub.sandbox import (
    Sandbox,
    State,
    completed,
    completed_without_url,
    error,
    expired,
    failed,
    pending,
    state,
    video_generating,
    video_upsampling,
)

PROJECT = Path(__file__).resolve().parents[2]
KEY = "sk-test-contract"
HEADERS = {"Authorization": f"Bearer {KEY}"}
FAMILIES = ["", "veo3.1-fast:", "sora-2:task_", "grok:", "video_"]
STATES = [
    pending,
    video_generating,
    video_upsampling,
    completed,
    completed_without_url,
    failed("no luck"),
    error,
    expired,
    state("a new word"),
]
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
QUICKLY = settings(
    max_examples=45,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)


@pytest.fixture(scope="module")
def schema() -> BaseSchema:
    """Repair the contract, as the pipeline does, and read it."""
    command = [sys.executable, "-m", "tools", "repair"]
    subprocess.run(command, cwd=PROJECT, check=True, capture_output=True, timeout=60)
    return schemathesis.openapi.from_path(PROJECT / "build" / "openapi.json")


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """Give a sandbox whose clock stands still."""
    with Sandbox(key=KEY, speed=0) as running:
        yield running


def operations(schema: BaseSchema) -> list[APIOperation]:
    """Return every operation that the contract documents and the sandbox has: tasks by their id."""
    found = [one.ok() for one in schema.get_all_operations()]
    return [one for one in found if (one.method, one.path) == ("get", "/v1/video/query")]


def test_every_documented_operation_conforms(schema: BaseSchema, sandbox: Sandbox) -> None:
    """Whatever a task says, in every family's shape, the answer is as the contract documents it."""
    asked = [_explore(operation, sandbox) for operation in operations(schema)]
    assert asked
    assert min(asked) >= QUICKLY.max_examples


def _explore(operation: APIOperation, sandbox: Sandbox) -> int:
    before = len(sandbox.requests)

    @QUICKLY
    @given(operation.as_strategy(), st.sampled_from(FAMILIES), st.sampled_from(STATES))
    def explore(case: Case, family: str, says: State) -> None:
        case.query["id"] = sandbox.add(says, id=f"{family}{case.query['id']}" or "x")
        case.call_and_validate(base_url=sandbox.base_url, headers=HEADERS, checks=CHECKS)

    explore()
    return len(sandbox.requests) - before


def test_every_documented_operation_needs_the_key(schema: BaseSchema, sandbox: Sandbox) -> None:
    """What answers with the key answers 401, in the service's envelope, without it."""
    for operation in operations(schema):
        _explore_keys(operation, sandbox)


def _explore_keys(operation: APIOperation, sandbox: Sandbox) -> None:
    @settings(QUICKLY, max_examples=5)
    @given(operation.as_strategy())
    def explore(case: Case) -> None:
        case.query["id"] = sandbox.add(pending, id=case.query["id"] or "x")
        case.call_and_validate(base_url=sandbox.base_url, headers=HEADERS, checks=[ignored_auth])
        refused = case.call(base_url=sandbox.base_url)
        assert (refused.status_code, refused.json()["error"]["type"]) == (401, "new_api_error")

    explore()


def test_what_finds_no_task_is_refused(schema: BaseSchema, sandbox: Sandbox) -> None:
    """Any other id that the contract allows gets one of the service's two bodies with its 400."""
    for operation in operations(schema):
        _explore_unknown(operation, sandbox)


def _explore_unknown(operation: APIOperation, sandbox: Sandbox) -> None:
    @settings(QUICKLY, max_examples=20)
    @given(operation.as_strategy())
    def explore(case: Case) -> None:
        case.query["id"] = case.query["id"] and f"unknown:{case.query['id']}"
        got = case.call(base_url=sandbox.base_url, headers=HEADERS)
        body = got.json()
        said = body["code"] if case.query["id"] else body["error"]["param"]
        expected = "task_not_exist" if case.query["id"] else "id"
        assert (got.status_code, said) == (400, expected)

    explore()
