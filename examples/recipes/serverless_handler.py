"""A serverless function: it waits as long as it may live, then says when to ask again.

The handler takes an event of an HTTP gateway and the platform's context, as AWS Lambda gives them.
"""

import json
from functools import cache
from typing import Any, Protocol

import chainhub

SPARE = 2.0
"""Seconds before the end of the function's life in which it still answers."""


class Context(Protocol):
    """What is used of the platform's context."""

    def get_remaining_time_in_millis(self) -> int:
        """Return how long the function may still live."""
        ...


@cache
def client() -> chainhub.Client:
    """Return the client, made by the first call; later ones find its connections warm."""
    return chainhub.Client()


def handler(event: dict[str, Any], context: Context) -> dict[str, Any]:
    """Answer 200 with the video's address, 202 if it is not there yet, or an error."""
    task_id = event["pathParameters"]["id"]
    left = context.get_remaining_time_in_millis() / 1000 - SPARE
    try:
        task = client().video.wait(task_id, deadline=max(left, 1.0))
    except chainhub.WaitTimeout:
        return answer(202, {"state": "running"}, {"Retry-After": "5"})
    except chainhub.TaskNotFoundError:
        return answer(404, {"error": "there is no such task"})
    except chainhub.TaskError as error:
        return answer(200, {"state": type(error).__name__, "reason": error.message})
    except chainhub.ChainhubError as error:
        print(error)  # one line, without the key; the platform keeps it
        return answer(502, {"error": type(error).__name__})
    return answer(200, {"state": "succeeded", "url": chainhub.video_url_of(task)})


def answer(
    status: int, body: dict[str, Any], headers: dict[str, str] | None = None
) -> dict[str, Any]:
    """Return an answer as gateways want it."""
    return {"statusCode": status, "headers": headers or {}, "body": json.dumps(body)}
