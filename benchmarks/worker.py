"""The process that measures one library: an order a line comes in, the figures go out.

Each library has a process of its own, so that none pays for another's imports, memory or threads.
While it is not asked it waits for the next line, so that many can be measured in turn.
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


def carry_out(bench: Bench, job: str, given: dict[str, object]) -> dict[str, object]:
    """Return the figures of a job, or what it failed with."""
    home = jobs if hasattr(jobs, job) else importlib.import_module("benchmarks.waits")
    try:
        return dict(getattr(home, job)(bench, **given))
    except ModuleNotFoundError as error:
        return {"missing": str(error.name)}
    except Exception as error:  # noqa: BLE001 - the parent tells which library failed, and goes on
        return {"error": f"{type(error).__name__}: {error}"[:300]}


def main(peer: str, url: str, media: str, core: str) -> None:
    """Carry out one order after the other until there are no more."""
    pin(int(core) if core else None)
    module = cast("Peer", importlib.import_module(f"benchmarks.peers.{peer}"))
    bench = Bench(module, url, media)
    print("{}", flush=True)
    for line in sys.stdin:
        order = json.loads(line)
        print(json.dumps(carry_out(bench, order.pop("job"), order)), flush=True)
    sys.stdout.flush()
    os._exit(0)  # some libraries complain about clients that were never closed


if __name__ == "__main__":
    main(*sys.argv[1:])
