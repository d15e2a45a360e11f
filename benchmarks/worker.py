"""The process that measures one library: it reads jobs and writes their figures, as lines of JSON.

Each library has a process of its own, so that another's imports, memory or threads have no effect.
Between jobs it waits for the next line, so that many processes can be measured in turn.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from typing import cast

from benchmarks import jobs
from benchmarks.jobs import Bench, Peer
from benchmarks.machine import pin


def run_job(bench: Bench, job: str, arguments: dict[str, object]) -> dict[str, object]:
    """Return the figures of a job, or its error."""
    module = jobs if hasattr(jobs, job) else importlib.import_module("benchmarks.waits")
    try:
        return dict(getattr(module, job)(bench, **arguments))
    except ModuleNotFoundError as error:
        return {"missing": str(error.name)}
    except Exception as error:  # noqa: BLE001 - the parent reports it and continues
        return {"error": f"{type(error).__name__}: {error}"[:300]}


def main(peer: str, url: str, media: str, core: str) -> None:
    """Run the jobs one after the other until standard input ends."""
    pin(int(core) if core else None)
    module = cast("Peer", importlib.import_module(f"benchmarks.peers.{peer}"))
    bench = Bench(module, url, media)
    print("{}", flush=True)
    for line in sys.stdin:
        arguments = json.loads(line)
        print(json.dumps(run_job(bench, arguments.pop("job"), arguments)), flush=True)
    sys.stdout.flush()
    os._exit(0)  # some libraries complain about clients that were never closed


if __name__ == "__main__":
    main(*sys.argv[1:])
