"""How figures are measured: all subjects in each round, in a new random order."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from random import Random
from typing import TypeVar

from benchmarks.processes import Cores, JobError, Server, Worker, server, worker
from benchmarks.report import Entry, entry, related

SDKS = ("openai", "runwayml", "google_genai", "replicate", "fal_client", "lumaai")
"""The peers: the SDKs of similar services."""

LIBRARIES = ("httpx", "httpx2", "rawgen")
"""What can be used instead of an SDK: a library, or the plain generated functions."""

HTTP_LIBRARIES = ("niquests", "urllib3", "pyreqwest")
"""Other HTTP libraries, for comparison, never the best peer; `aiohttp` is async only."""

LIMITS = ("raw", "stdlib")
"""Lower limits: little or nothing can be faster."""

OURS = "chainhub"
EVERYBODY = (OURS, *SDKS, *LIBRARIES, *HTTP_LIBRARIES, *LIMITS)

OPTIONAL = ("openai", "runwayml", "lumaai", "httpx2", "rawgen", *HTTP_LIBRARIES, "stdlib")
"""Peers that no goal needs, as none was ever the best: measured with `--all` only."""

_LABELS = {
    "raw": "bare socket",
    "stdlib": "http.client",
    "rawgen": "plain generated",
    "openai_aiohttp": "openai[aiohttp]",
    "google_genai_aiohttp": "google-genai[aiohttp]",
    "chainhub_uvloop": "chainhub, uvloop",
}

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")
SamplesByPeer = Mapping[str, "Samples"]


@dataclass
class Samples:
    """The figures of one subject's rounds, or the reason why there are none."""

    figures: list[dict[str, float]] = field(default_factory=list)
    why: str = ""

    def of(self, name: str) -> list[float]:
        """Return one figure of all rounds."""
        return [figures[name] for figures in self.figures]


@dataclass
class Run:
    """The settings of a run.

    Attributes:
        tiny: Whether each benchmark is only tried, with the least work.
        everybody: Whether the peers that no goal needs are measured too.
        cores: Where clients and servers run.
        random: Source of the order of every round.
    """

    tiny: bool = False
    everybody: bool = False
    cores: Cores = field(default_factory=Cores)
    random: Random = field(default_factory=lambda: Random(1))

    def size(self, full: T, tiny: T) -> T:
        """Return the size of something for this run."""
        return tiny if self.tiny else full

    def select(self, peers: Sequence[str]) -> tuple[str, ...]:
        """Return the peers that this run measures."""
        return tuple(peer for peer in peers if self.everybody or peer not in OPTIONAL)

    def rounds(self, full: int) -> int:
        """Return the number of rounds; a tiny run has one."""
        return 1 if self.tiny else full

    @contextmanager
    def server(self, latency: float = 0.0, video: int = 4096) -> Iterator[Server]:
        """Run a server on its core while the block runs."""
        with server(latency, video, self.cores.server) as instance:
            yield instance

    @contextmanager
    def workers(self, peers: Sequence[str], server: Server) -> Iterator[dict[str, Worker]]:
        """Run a process for each peer on the clients' core while the block runs."""
        with ExitStack() as stack:
            yield {
                peer: stack.enter_context(worker(peer, server, self.cores.client)) for peer in peers
            }

    def measure(
        self, measures: Mapping[K, Callable[[], dict[str, float]]], rounds: int
    ) -> dict[K, Samples]:
        """Measure all in each round; after a failure, which is kept in `why`, not again."""
        results = {name: Samples() for name in measures}
        for _ in range(self.rounds(rounds)):
            for name in self.random.sample(list(measures), len(measures)):
                samples = results[name]
                if samples.why:
                    continue
                try:
                    samples.figures.append(measures[name]())
                except JobError as error:
                    samples.why = str(error)
        return results


def by_case(samples_by_pair: Mapping[tuple[str, str], Samples]) -> dict[str, dict[str, Samples]]:
    """Return the samples of each case by peer, from those by (peer, case)."""
    cases: dict[str, dict[str, Samples]] = {}
    for (peer, case), samples in samples_by_pair.items():
        cases.setdefault(case, {})[peer] = samples
    return cases


def with_cases(tables: Mapping[str, Sequence[Entry]], first: str) -> list[Entry]:
    """Return the entries of the first case, with the values of the other cases as extras."""
    later_cases = [case for case in tables if case != first]
    values = {case: {line.name: line.value for line in tables[case]} for case in later_cases}
    return [
        replace(
            line,
            extra={
                **line.extra,
                **{case: value for case in later_cases if (value := values[case].get(line.name))},
            },
        )
        for line in tables[first]
    ]


def job(worker: Worker, name: str, **arguments: object) -> Callable[[], dict[str, float]]:
    """Return a function that runs a job in a worker."""
    return lambda: worker.do(name, **arguments)


def label(peer: str) -> str:
    """Return the name on the page."""
    if not peer.isidentifier():
        return peer  # a description, not a module
    return _LABELS.get(peer, peer.replace("_", "-"))


def entries(
    samples_by_peer: SamplesByPeer, figure: str, extras: Sequence[str] = (), yardstick: str = ""
) -> list[Entry]:
    """Return each peer's entry for one figure, fastest first."""
    lines = [
        entry(label(peer), samples.of(figure), samples.why, _extras(samples, extras))
        for peer, samples in samples_by_peer.items()
    ]
    return related(lines, label(yardstick) if yardstick else "")


def best(lines: Sequence[Entry], peers: Sequence[str] = SDKS) -> str:
    """Return the peer with the least value, empty if none has one."""
    names = {label(peer): peer for peer in peers}
    candidates = [line for line in lines if line.name in names and line.value is not None]
    return names[min(candidates, key=lambda line: line.value or 0.0).name] if candidates else ""


def _extras(samples: Samples, names: Sequence[str]) -> dict[str, float]:
    from statistics import median

    return {name: median(samples.of(name)) for name in names} if samples.figures else {}
