"""The main job, to look at: from the contract to a client, and with the client to a finished video.

Without a key it runs against the sandbox on loopback. With CHAINHUB_API_KEY and TASK=<id> it asks
the real service, at CHAINHUB_BASE_URL if that is set.
"""

from __future__ import annotations

import os
import sys
import textwrap
import time
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import chainhub
from chainhub.sandbox import Sandbox, SandboxError


def main() -> int:
    """Show the contract, then a task; return 0 if it completed, 1 if not, 2 for a wrong call."""
    if os.environ.get("CHAINHUB_API_KEY") and not os.environ.get("TASK"):
        return complain("CHAINHUB_API_KEY is set but TASK is not: say TASK=<id of a task>.", 2)
    show_contract()
    heading("A task: asked for until it is done")
    try:
        with service() as (client, task_id, interval):
            return show_task(client, task_id, interval)
    except (SandboxError, chainhub.ChainhubError) as error:
        return complain(str(error), 1)
    except KeyboardInterrupt:
        return complain("\nStopped; the task itself goes on.", 130)


@contextmanager
def service() -> Generator[tuple[chainhub.Client, str, float], None, None]:
    """Give a client, a task's id and the seconds between two questions."""
    if os.environ.get("CHAINHUB_API_KEY"):
        with chainhub.Client() as client:
            yield client, os.environ["TASK"], 5.0
        return
    with Sandbox(speed=5) as sandbox:
        say(f"No CHAINHUB_API_KEY: the sandbox at {sandbox.base_url} answers, 5 times as fast.")
        with chainhub.Client(sandbox.key, base_url=sandbox.base_url) as client:
            yield client, "demo:completes", 0.1


def show_contract() -> None:
    """Print what the overlay repaired, and what was generated."""
    heading("The contract: openapi.yaml, exactly as the vendor publishes it")
    say("Repaired by overlays/openapi.overlay.yaml:")
    bullets("REPAIRS.md")
    say("Generated from it, in generated/:")
    bullets("API.md")


def show_task(client: chainhub.Client, task_id: str, interval: float) -> int:
    """Ask for a task until it is done, print its states as they come, then its result."""
    say(f"client.video.query({task_id!r})")
    began, seen = time.monotonic(), ""
    while (elapsed := time.monotonic() - began) < 900:
        task = client.video.query(task_id)
        if task.status != seen:
            seen = task.status
            say(f"{elapsed:6.1f} s  {seen}")
        if is_final(seen):
            show_result(task)
            return 0 if task.video_url else 1
        time.sleep(interval)
    return complain(f"Not done after {elapsed:.0f} s; the task itself goes on.", 1)


def is_final(word: str) -> bool:
    """Return whether the service says no more after this status word."""
    final = "completed succeeded success failed failure error cancelled canceled expired"
    return word.lower().endswith("_failed") or word.lower() in final.split()


def show_result(task: chainhub.VideoTask) -> None:
    """Print what the task has given."""
    heading("The result")
    moment = task.status_update_time / (1000 if task.status_update_time > 10**11 else 1)
    say(f"video    {task.video_url or 'none'}")
    say(f"prompt   {task.enhanced_prompt or 'not told'}")
    say(f"updated  {datetime.fromtimestamp(moment, UTC):%Y-%m-%d %H:%M:%S} UTC")


def bullets(name: str) -> None:
    """Print the points, and what they are about, of a Markdown file in generated/."""
    path = Path(__file__).resolve().parent.parent / "generated" / name
    text = path.read_text("utf-8") if path.exists() else f"- {name} is not there: make generate"
    for line in text.replace("`", "").splitlines():
        if line.startswith(("- ", "### ")):
            point = line.removeprefix("### ")
            print(textwrap.fill(point, 96, initial_indent="    ", subsequent_indent="      "))


def heading(text: str) -> None:
    """Print a heading, bold where that can be shown."""
    bold = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    print(f"\n\033[1m{text}\033[0m" if bold else f"\n{text}")


def say(text: str) -> None:
    """Print a line at once, also into a pipe."""
    print(f"  {text}", flush=True)


def complain(sentence: str, status: int) -> int:
    """Print a sentence where errors belong and return the exit status."""
    print(sentence, file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main())
