"""Every operation of the published pages gives back what its page says it answers.

Run by `test_pages.py` over the client that was generated from the pages; `PAGES_CASES` names the
file with the answers.
"""

import importlib
import json
import os
from datetime import datetime
from pathlib import Path

import pytest

import chainhub
import chainhub_resources
from chainhub._responses import is_hidden_error
from tests.contract.test_operations import Operation

CASES = json.loads(Path(os.environ["PAGES_CASES"]).read_text("utf-8"))
KEY = "sk-test-pages-0123456789"


def plain(value):
    """Return the JSON value that an answer gives back."""
    if isinstance(value, list):
        return [plain(item) for item in value]
    if hasattr(value, "to_dict"):
        return value.to_dict()
    if hasattr(value, "payload"):
        return value.payload.read().decode()
    return value


def same(one, two):
    """Tell whether two JSON values mean the same; a time may be spelt in two ways."""
    if isinstance(one, dict) and isinstance(two, dict):
        return one.keys() == two.keys() and all(same(one[name], two[name]) for name in one)
    if isinstance(one, list) and isinstance(two, list):
        return len(one) == len(two) and all(map(same, one, two))
    if isinstance(one, str) and isinstance(two, str) and one != two:
        return datetime.fromisoformat(one) == datetime.fromisoformat(two)
    return one == two


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_a_published_answer_is_returned(case, mode, server, http):
    """Typed and complete; an example that its own schema does not allow is a typed error."""
    body = b"" if case["empty"] else json.dumps(case["answer"]).encode()
    if case["text"]:
        body = case["answer"].encode()
    server.answers = [http(case["status"], body, f"Content-Type: {case['kind']}")]
    client = mode.client(KEY, base_url=server.url)
    operation = Operation(case["tag"], case["name"])
    if case["mismatch"]:
        with pytest.raises(chainhub.ResponseError):
            mode(operation.call(client))
        return
    if is_hidden_error(case["answer"], certain=True):
        with pytest.raises(chainhub.StatusError, match="error"):
            mode(operation.call(client))
        return
    result = mode(operation.call(client))
    assert same(plain(result), case["answer"])
    assert len(server.requests) == 1


def test_every_operation_has_an_answer():
    """None is left out: what was generated is what was served."""
    served = {(case["tag"], case["name"]) for case in CASES}
    tags = [name for name in dir(chainhub_resources.Resources) if not name.startswith("_")]
    assert tags
    methods = set()
    for tag in tags:
        module = importlib.import_module(f"chainhub_resources.{tag}")
        (resource,) = (
            value
            for name, value in vars(module).items()
            if name.endswith("Resource") and not name.startswith(("Async", "_"))
        )
        # What waits for tasks is no operation; one may be an object that is called.
        inherited = {name for base in resource.__mro__[1:] for name in vars(base)}
        own = vars(resource).keys() - inherited
        methods |= {(tag, name) for name in own if not name.startswith("_")}
    assert methods == served
