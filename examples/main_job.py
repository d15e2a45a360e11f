"""The main job, to look at: from the contract to a client, and with the client to a video on disk.

Without a key it runs against the sandbox on loopback. With CHAINHUB_API_KEY and TASK=<id> it uses
the real service, at CHAINHUB_BASE_URL if that is set.
"""

from __future__ import annotations

import os
import sys
import textwrap
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import chainhub
from chainhub.sandbox import Sandbox, SandboxError

PROJECT = Path(__file__).resolve().parent.parent
VIDEOS = Path("videos")


def main() -> int:
    """Show the contract, then a task; return 0 if its video is on disk, 1 if not, 2 if misused."""
    if os.environ.get("CHAINHUB_API_KEY") and not os.environ.get("TASK"):
        return complain("CHAINHUB_API_KEY is set but TASK is not: say TASK=<id of a task>.", 2)
    show_contract()
    heading("A task: waited for, then its video downloaded")
    try:
        with service() as (client, task_id, interval):
            show_task(client, task_id, interval)
    except (SandboxError, chainhub.ChainhubError) as error:
        return complain(str(error), 1)
    except KeyboardInterrupt:
        return complain("\nStopped; the task itself goes on.", 130)
    return 0


@contextmanager
def service() -> Generator[tuple[chainhub.Client, str, float | None], None, None]:
    """Give a client, a task's id and the seconds between two polls, if they are not learned."""
    if os.environ.get("CHAINHUB_API_KEY"):
        with chainhub.Client(on_retry=show_retry) as client:
            yield client, os.environ["TASK"], None
        return
    with Sandbox(speed=5) as sandbox:
        say(f"No CHAINHUB_API_KEY: the sandbox at {sandbox.base_url} answers, 5 times as fast.")
        with chainhub.Client(sandbox.key, base_url=sandbox.base_url) as client:
            yield client, "demo:completes", 0.1


def show_contract() -> None:
    """Print the repairs of the overlay, and the generated operations."""
    heading("The contract: openapi.yaml, exactly as the vendor publishes it")
    say("Repaired by overlays/openapi.overlay.yaml:")
    bullets("REPAIRS.md")
    say("Generated from it, in generated/:")
    bullets("API.md")


def show_task(client: chainhub.Client, task_id: str, interval: float | None) -> None:
    """Wait for a task, print its states as they come, then its result and the path of the file."""
    say(f"client.video.wait({task_id!r})")
    start = time.monotonic()

    def show(task: chainhub.VideoTask) -> None:
        say(f"{time.monotonic() - start:6.1f} s  {task.status}")

    task = client.video.wait(task_id, on_update=show, interval=interval)
    heading("The result")
    say(f"video    {chainhub.video_url_of(task)}")
    say(f"prompt   {task.enhanced_prompt or 'not told'}")
    if moment := chainhub.updated_at(task):
        say(f"updated  {moment:%Y-%m-%d %H:%M:%S} UTC")
    path = client.video.download(task, into=VIDEOS, if_exists="replace")
    say(f"on disk  {os.path.relpath(path)}, {path.stat().st_size:,} bytes")


def show_retry(event: chainhub.RetryEvent) -> None:
    """Print that a request failed and is retried."""
    say(
        f"{event.error.message} ({event.attempt} of {event.max_attempts}), "
        f"trying again in {event.delay:.0f} s"
    )


def bullets(name: str) -> None:
    """Print the points, and what they are about, of a Markdown file in generated/."""
    path = PROJECT / "generated" / name
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
