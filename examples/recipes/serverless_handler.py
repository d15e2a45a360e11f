"""A serverless function: it waits as long as it may run, then responds with Retry-After.

The handler takes an event of an HTTP gateway and the platform's context, as AWS Lambda gives them.
"""

import json
from functools import cache
from typing import Any, Protocol

import chainhub

SPARE = 2.0
"""Seconds that are kept for the response."""


class Context(Protocol):
    """The part of the platform's context that is used."""

    def get_remaining_time_in_millis(self) -> int:
        """Return how long the function may still run."""
        ...


@cache
def client() -> chainhub.Client:
    """Return the client; the first call creates it, later ones use its connections again."""
    return chainhub.Client()


def handler(event: dict[str, Any], context: Context) -> dict[str, Any]:
    """Respond 200 with the video's URL, 202 if it is not finished yet, or an error."""
    task_id = event["pathParameters"]["id"]
    seconds_left = context.get_remaining_time_in_millis() / 1000 - SPARE
    try:
        task = client().video.wait(task_id, deadline=max(seconds_left, 1.0))
    except chainhub.WaitTimeout:
        return respond(202, {"state": "running"}, {"Retry-After": "5"})
    except chainhub.TaskNotFoundError:
        return respond(404, {"error": "there is no such task"})
    except chainhub.TaskError as error:
        return respond(200, {"state": type(error).__name__, "reason": error.message})
    except chainhub.ChainhubError as error:
        print(error)  # one line, without the key, into the platform's log
        return respond(502, {"error": type(error).__name__})
    return respond(200, {"state": "succeeded", "url": chainhub.video_url_of(task)})


def respond(
    status: int, body: dict[str, Any], headers: dict[str, str] | None = None
) -> dict[str, Any]:
    """Return a response in the form of HTTP gateways."""
    return {"statusCode": status, "headers": headers or {}, "body": json.dumps(body)}
