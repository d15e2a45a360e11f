"""Retry storms in virtual time: the load of many clients on a failing, then recovering service.

Every client makes a call each 5 s and retries with the shipped `decide` and `RetryBudget`,
which are not modelled here. The service has one queue and a fixed capacity. An outage is "down"
(503 at once) or "slow" (5 % of the capacity, so that the queue fills and calls time out). "open"
clients start a call every 5 s, "closed" ones 5 s after the end of the call before.

Limits of the table: a bucket bounds the retries of a client, not their ratio to its
calls. An outage too short, or calls too rare, for the bucket to empty see up to `attempts` times
the load; the rows "10 s" and "rare calls" are there to show it.

Run: `PYTHONPATH=overlays python benchmarks/storm.py [SEED]`. Same seed, same table; about half a
minute. Shares below 1 % and recoveries differ between seeds: compare several before you decide.
"""

from __future__ import annotations

import heapq
import itertools
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from math import ceil
from random import Random
from typing import Literal

from chainhub._session import Retry, RetryBudget, RetryPolicy, decide
from chainhub._transport import Failure, Response

PERIOD = 5.0
TIMEOUT = 10.0
DEADLINE = 60.0
START, END, HORIZON = 60.0, 90.0, 210.0  # whole seconds: events are counted by the second
QUICK = 0.02

GOOD = Response(200, [], b"{}")
LOST = Failure("timeout", "", sent=True)

Draw = Callable[[float], float]


@dataclass(frozen=True)
class Scenario:
    """The outage of the service, and its load."""

    name: str
    outage: Literal["down", "slow", "none"]
    closed: bool = False
    utilisation: float = 0.93  # share of the capacity that normal load takes
    shed: float = 0.5  # work of refusing one attempt, as a share of serving it
    hint: bool = False  # whether a 503 says when the outage ends
    flaky: float = 0.0  # share of attempts that fail at random
    period: float = PERIOD
    end: float = END


@dataclass(frozen=True)
class Client:
    """How one kind of client retries; `draw` bends the random number that decides the jitter."""

    name: str
    policy: RetryPolicy = field(default_factory=RetryPolicy)
    budget: Callable[[], RetryBudget] = RetryBudget
    draw: Draw = lambda number: number


class Service:
    """One queue, as the sum of accepted work, from which follows when an attempt is served."""

    def __init__(self, scenario: Scenario, normal: float, random: Random) -> None:
        self.scenario = scenario
        self.random = random
        self.rate = normal / scenario.utilisation
        self.room = 2 * self.rate
        self.accepted_work = 0.0
        share = {"down": 0.0, "slow": 0.05, "none": 1.0}[scenario.outage]
        self.in_outage = self.rate * share
        self.before = self.rate * START
        self.by_end = self.before + self.in_outage * (scenario.end - START)

    def attempt(self, now: float) -> tuple[Response | Failure, float]:
        """Return the outcome of an attempt at this instant, and its latency in seconds."""
        in_outage = START <= now < self.scenario.end
        if in_outage and self.scenario.outage == "down":
            return self._refusal(self.scenario.end - now if self.scenario.hint else 0.0), QUICK
        if self.random.random() < self.scenario.flaky:
            return self._refusal(), QUICK
        finished_work = self._work_until(now)
        self.accepted_work = max(self.accepted_work, finished_work)
        if self.accepted_work - finished_work >= self.room:
            self.accepted_work += self.scenario.shed
            return self._refusal(), QUICK
        self.accepted_work += 1.0
        latency = self._instant_of(self.accepted_work) - now
        # Given up by the client, but not by the service: the work is wasted.
        return (GOOD, latency) if latency <= TIMEOUT else (LOST, TIMEOUT)

    def _refusal(self, wait: float = 0.0) -> Response:
        headers = [(b"retry-after", b"%d" % ceil(wait))] if wait else []
        return Response(503, headers, b"")

    def _work_until(self, now: float) -> float:
        if now < START:
            return self.rate * now
        if now < self.scenario.end:
            return self.before + self.in_outage * (now - START)
        return self.by_end + self.rate * (now - self.scenario.end)

    def _instant_of(self, work: float) -> float:
        if work <= self.before:
            return work / self.rate
        if work < self.by_end:
            return START + (work - self.before) / self.in_outage
        return self.scenario.end + (work - self.by_end) / self.rate


class Simulation:
    """One run: clients, their service, and the counts by the second."""

    def __init__(self, client: Client, scenario: Scenario, clients: int, seed: int) -> None:
        self.client, self.scenario, self.clients = client, scenario, clients
        self.random = Random(seed)
        self.normal = clients / scenario.period
        self.service = Service(scenario, self.normal, self.random)
        self.now = 0.0
        self.queue: list[tuple[float, int, Iterator[float]]] = []
        self.order = itertools.count()
        self.attempts: Counter[int] = Counter()
        self.good: Counter[int] = Counter()
        self.calls: Counter[int] = Counter()
        self.lost: Counter[int] = Counter()  # by the second in which the call began

    def run(self) -> Simulation:
        """Run to the horizon; a process is an iterator of the seconds it sleeps."""
        for _ in range(self.clients):
            self._spawn(self._life(), self.random.random() * self.scenario.period)
        while self.queue and self.queue[0][0] <= HORIZON:
            self.now, _, process = heapq.heappop(self.queue)
            pause = next(process, None)
            if pause is not None:
                self._spawn(process, pause)
        return self

    def _spawn(self, process: Iterator[float], pause: float) -> None:
        heapq.heappush(self.queue, (self.now + pause, next(self.order), process))

    def _life(self) -> Iterator[float]:
        budget = self.client.budget()
        while True:
            if self.scenario.closed:
                yield from self._call(budget)
            else:
                self._spawn(self._call(budget), 0.0)
            yield self.scenario.period * self.random.uniform(0.9, 1.1)

    def _call(self, budget: RetryBudget) -> Iterator[float]:
        start, cost = self.now, 0.0
        self.calls[int(start)] += 1
        for attempt in itertools.count(1):
            self.attempts[int(self.now)] += 1
            outcome, latency = self.service.attempt(self.now)
            yield latency
            if outcome is GOOD:
                self.good[int(self.now)] += 1
                budget.refund(cost)
                return
            decision = decide(
                self.client.policy,
                budget,
                idempotent=True,
                outcome=outcome,
                attempt=attempt,
                remaining=DEADLINE - (self.now - start),
                wall=self.now,
                now=self.now,
                random=lambda: self.client.draw(self.random.random()),
            )
            if not isinstance(decision, Retry):
                self.lost[int(start)] += 1
                return
            cost += decision.cost
            yield decision.delay

    def load(self, start: float, end: float) -> float:
        """Return the attempts of a span, as a multiple of normal."""
        return _over(self.attempts, start, end) / (end - start) / self.normal

    def peak(self) -> float:
        """Return the worst second from the outage on, as a multiple of normal."""
        return max(n for second, n in self.attempts.items() if second >= START) / self.normal

    def recovery(self) -> float:
        """Return the seconds from the outage's end to 5 s of 95 % of normal; inf if never."""
        end = self.scenario.end
        spans = (end + second for second in range(int(HORIZON - end) - 5))
        recovered = (
            start for start in spans if _over(self.good, start, start + 5) >= 0.95 * 5 * self.normal
        )
        return next(recovered, float("inf")) - end

    def lost_of(self, start: float, end: float) -> float:
        """Return the share of the calls begun in a span that failed for their caller."""
        return _over(self.lost, start, end) / _over(self.calls, start, end)


def _over(counts: Counter[int], start: float, end: float) -> int:
    return sum(counts[second] for second in range(int(start), int(end)))


class LessRefund(RetryBudget):
    """A bucket that gets back less than the retries of a successful call cost."""

    def __init__(self, most: float) -> None:
        super().__init__()
        self.most = most

    def refund(self, cost: float = 0.0) -> None:
        """Put back the cost of the retries, up to `most`."""
        super().refund(min(cost, self.most))


SCENARIOS = (
    Scenario("down, open", "down"),
    Scenario("down, closed", "down", closed=True),
    Scenario("slow, open", "slow"),
    Scenario("slow, closed", "slow", closed=True),
    Scenario("down for 10 s, open", "down", end=START + 10),
    Scenario("down, open, rare calls (20 s)", "down", period=20.0),
    Scenario("down, closed, Retry-After = end", "down", closed=True, utilisation=0.77, hint=True),
    Scenario("down for 2 s", "down", end=START + 2, utilisation=0.77),
    Scenario("1 in 5 attempts fails", "none", end=150.0, utilisation=0.6, flaky=0.2),
    Scenario("3 in 10 attempts fail", "none", end=150.0, utilisation=0.4, flaky=0.3),
)

SHIPPED = Client("4 attempts, bucket 50 (ours)")
CLIENTS = (
    Client("one attempt", RetryPolicy.off()),
    Client("no budget", budget=lambda: RetryBudget(capacity=1e9)),
    Client("bucket 100", budget=lambda: RetryBudget(capacity=100)),
    SHIPPED,
    Client("bucket 30", budget=lambda: RetryBudget(capacity=30)),
    Client("no refund", budget=lambda: LessRefund(1.0)),
    Client("refund of the last retry", budget=lambda: LessRefund(10.0)),
    Client("+0.5 tokens a second", budget=lambda: RetryBudget(refill=0.5)),
    Client("full jitter", draw=lambda number: 2 * number - 1),
    Client("Retry-After exactly", draw=lambda _: 0.0),
    Client("3 attempts", RetryPolicy(attempts=3)),
    Client("6 attempts", RetryPolicy(attempts=6)),
)


def main(seed: int = 1) -> None:
    """Print the table."""
    print("load: of normal, in the outage/after it; peak: worst second; lost: of the calls begun")
    print(f"{'':32}{'load':>7}{'after':>7}{'peak':>7}{'back in':>9}{'lost':>8}")
    for scenario in SCENARIOS:
        print(f"\n{scenario.name}")
        end = scenario.end
        for client in CLIENTS:
            simulation = Simulation(client, scenario, clients=400, seed=seed).run()
            loads = f"{simulation.load(START, end):7.2f}{simulation.load(end, end + 60):7.2f}"
            lost = f"{simulation.lost_of(START, end):8.2%}"
            rest = f"{simulation.peak():7.1f}{simulation.recovery():7.0f} s{lost}"
            print(f"  {client.name:30}{loads}{rest}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]))
