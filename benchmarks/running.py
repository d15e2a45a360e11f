"""How figures are taken: everybody in turn, in an order drawn anew for each round."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from random import Random
from typing import TypeVar

from benchmarks.processes import Cores, Failed, Server, Worker, server, worker
from benchmarks.report import Entry, entry, related

SDKS = ("openai", "runwayml", "google_genai", "replicate", "fal_client", "lumaai")
"""The peers: what other services of this kind give to their users."""

LIBRARIES = ("httpx", "httpx2", "rawgen")
"""What one can use instead of any: a library, or the plain generated functions."""

OTHERS = ("niquests", "urllib3", "pyreqwest")
"""Other HTTP libraries, shown beside and never the best peer; `aiohttp` is async only."""

LIMITS = ("raw", "stdlib")
"""What cannot be beaten, or hardly."""

OURS = "chainhub"
EVERYBODY = (OURS, *SDKS, *LIBRARIES, *OTHERS, *LIMITS)

SPARED = ("openai", "runwayml", "lumaai", "httpx2", "rawgen", *OTHERS, "stdlib")
"""Those that no goal needs, for none was ever the best peer: only a run with all has them."""

_KNOWN = {
    "raw": "bare socket",
    "stdlib": "http.client",
    "rawgen": "plain generated",
    "openai_aiohttp": "openai[aiohttp]",
    "google_genai_aiohttp": "google-genai[aiohttp]",
    "chainhub_uvloop": "chainhub, uvloop",
}

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")
Measured = Mapping[str, "Samples"]


@dataclass
class Samples:
    """The figures of one subject's rounds, or why there are none."""

    figures: list[dict[str, float]] = field(default_factory=list)
    why: str = ""

    def of(self, name: str) -> list[float]:
        """Return one figure of all rounds."""
        return [figures[name] for figures in self.figures]


@dataclass
class Run:
    """How a run is made.

    Attributes:
        tiny: Whether each benchmark only shows that it works.
        everybody: Whether those are measured too that no goal needs.
        cores: Where clients and servers run.
        random: Draws the order of every round.
    """

    tiny: bool = False
    everybody: bool = False
    cores: Cores = field(default_factory=Cores)
    random: Random = field(default_factory=lambda: Random(1))

    def sized(self, full: T, tiny: T) -> T:
        """Return the size of something for this run."""
        return tiny if self.tiny else full

    def asked(self, peers: Sequence[str]) -> tuple[str, ...]:
        """Return those of them that this run measures."""
        return tuple(one for one in peers if self.everybody or one not in SPARED)

    def rounds(self, full: int) -> int:
        """Return how many rounds are made; a tiny run makes one."""
        return 1 if self.tiny else full

    @contextmanager
    def serving(self, latency: float = 0.0, video: int = 4096) -> Iterator[Server]:
        """Run a server on its core while the block runs."""
        with server(latency, video, self.cores.server) as started:
            yield started

    @contextmanager
    def working(self, peers: Sequence[str], served: Server) -> Iterator[dict[str, Worker]]:
        """Run a process for everybody on the clients' core while the block runs."""
        with ExitStack() as stack:
            yield {
                peer: stack.enter_context(worker(peer, served, self.cores.client)) for peer in peers
            }

    def in_turn(
        self, measures: Mapping[K, Callable[[], dict[str, float]]], rounds: int
    ) -> dict[K, Samples]:
        """Measure everybody in turn; who fails once is not asked again, and it is said why."""
        found = {name: Samples() for name in measures}
        for _ in range(self.rounds(rounds)):
            for name in self.random.sample(list(measures), len(measures)):
                samples = found[name]
                if samples.why:
                    continue
                try:
                    samples.figures.append(measures[name]())
                except Failed as error:
                    samples.why = str(error)
        return found


def by_case(measured: Mapping[tuple[str, str], Samples]) -> dict[str, dict[str, Samples]]:
    """Return everybody's samples of each case, from those of (peer, case)."""
    found: dict[str, dict[str, Samples]] = {}
    for (peer, case), samples in measured.items():
        found.setdefault(case, {})[peer] = samples
    return found


def with_cases(found: Mapping[str, Sequence[Entry]], first: str) -> list[Entry]:
    """Return the entries of the first case, which hold their values of the others too."""
    others = [case for case in found if case != first]
    values = {case: {one.name: one.value for one in found[case]} for case in others}
    return [
        replace(
            one,
            extra={
                **one.extra,
                **{case: value for case in others if (value := values[case].get(one.name))},
            },
        )
        for one in found[first]
    ]


def job(one: Worker, name: str, **given: object) -> Callable[[], dict[str, float]]:
    """Return a measure: a job of somebody's process."""
    return lambda: one.do(name, **given)


def shown(peer: str) -> str:
    """Return the name people know."""
    if not peer.isidentifier():
        return peer  # it is no module but says already what it is
    return _KNOWN.get(peer, peer.replace("_", "-"))


def entries(
    measured: Measured, figure: str, extras: Sequence[str] = (), yardstick: str = ""
) -> list[Entry]:
    """Return everybody's entry for one figure, quickest first."""
    listed = [
        entry(shown(peer), samples.of(figure), samples.why, _extras(samples, extras))
        for peer, samples in measured.items()
    ]
    return related(listed, shown(yardstick) if yardstick else "")


def best(found: Sequence[Entry], peers: Sequence[str] = SDKS) -> str:
    """Return the peer with the least value, empty if none has one."""
    names = {shown(peer): peer for peer in peers}
    able = [one for one in found if one.name in names and one.value is not None]
    return names[min(able, key=lambda one: one.value or 0.0).name] if able else ""


def _extras(samples: Samples, names: Sequence[str]) -> dict[str, float]:
    from statistics import median

    return {name: median(samples.of(name)) for name in names} if samples.figures else {}
