"""The sandbox keeps to the repaired contract, which schemathesis reads.

The contract documents one answer, 200, and nothing about errors. So every request that finds a
task must be answered as documented, status included; the refusals, of which the contract says
nothing, are held against what is known of the service instead, and no other status may appear.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openapi_schema_validator import OAS30Validator
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
    """Return the operations that ask for a task by its id; what others say is tested below."""
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


def test_every_operation_of_a_grown_contract_conforms(grown: Path) -> None:
    """From `contract.json` alone: what a task says, what creates one, files, and all the rest."""
    contract = grown / "chainhub_api" / "contract.json"
    known = json.loads(contract.read_text("utf-8"))["operations"]
    assert len(known) > 10
    with (
        Sandbox(key=KEY, speed=0, contract=contract) as sandbox,
        httpx.Client(base_url=sandbox.base_url, headers=HEADERS, trust_env=False) as client,
    ):
        for operation in known.values():
            # All but the word that no contract has; a file is there once its task is completed.
            script = STATES[:-1] if "task" in operation else [completed]
            sandbox.add(script, id="7")
            for _ in script:
                _conforms(client, operation)
        for name, operation in known.items():
            if "create" in operation:
                _conforms(client, operation)
                created = sandbox.requests[-1]
                assert (created.operation, created.task_id is None) == (name, False)
                _conforms(client, known[operation["create"]["task"]], created.task_id)


def _conforms(client: httpx.Client, operation: dict[str, Any], task_id: str | None = "7") -> None:
    """Send a request with all that is required, and compare the response with the schema."""
    path, query = operation["path"], {}
    for name in operation["required"]:
        place, wire = operation["in"][name]
        path = path.replace(f"{{{wire}}}", str(task_id))
        query |= {wire: task_id} if place == "query" else {}
    got = client.request(operation["method"], path, params=query)
    assert got.status_code == operation["status"], (path, got.text)
    if operation["binary"]:
        assert got.headers["content-type"] == operation["binary"]
    elif operation["schema"] is not None:
        OAS30Validator(operation["schema"]).validate(got.json())
