"""The storm simulation supports the numbers that are shipped."""

from __future__ import annotations

import importlib.util
import sys
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import pytest


def _load() -> ModuleType:
    path = Path(__file__).parents[2] / "benchmarks" / "storm.py"
    spec = importlib.util.spec_from_file_location("chainhub_storm", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


storm = _load()
CLIENTS = {client.name: client for client in storm.CLIENTS}
SCENARIOS = {scenario.name: scenario for scenario in storm.SCENARIOS}


pytestmark = pytest.mark.unmeasured

OURS = "4 attempts, bucket 50 (ours)"


class Figures(NamedTuple):
    """What a storm came to."""

    load: float
    after: float
    peak: float
    recovery: float
    lost: float


@cache
def figures(client: str, scenario: str, seed: int = 1) -> Figures:
    """Run a small storm."""
    run = storm.Simulation(CLIENTS[client], SCENARIOS[scenario], clients=60, seed=seed).run()
    start, end = storm.START, run.scenario.end
    return Figures(
        load=run.load(start, end),
        after=run.load(end, end + 60),
        peak=run.peak(),
        recovery=run.recovery(),
        lost=run.lost_of(start, end),
    )


@pytest.mark.parametrize("scenario", ["down, open", "down, closed", "slow, open", "slow, closed"])
def test_an_outage_is_not_made_worse(scenario: str) -> None:
    """The load of an outage stays below twice the normal, and it recovers by itself."""
    ours = figures(OURS, scenario)
    assert ours.load < 2.0
    assert ours.after < 1.1
    assert ours.recovery < 60


@pytest.mark.parametrize("scenario", ["down, open", "slow, open"])
def test_the_simulation_can_tell_a_storm(scenario: str) -> None:
    """Without a budget the load is over three times the normal, and the service stays down."""
    unbounded = figures("no budget", scenario)
    assert unbounded.load > 3.0
    assert unbounded.recovery == float("inf")


@pytest.mark.parametrize("loop", ["open", "closed"])
def test_slow_is_not_down(loop: str) -> None:
    """A slow service comes back later than one that was down, for it has a queue to work off."""
    slow, down = figures(OURS, f"slow, {loop}"), figures(OURS, f"down, {loop}")
    assert slow.recovery > down.recovery + 5
    assert slow.lost < down.lost


def test_randomness_on_top_of_retry_after() -> None:
    """All clients that obey Retry-After exactly come back at once, ours do not."""
    scenario = "down, closed, Retry-After = end"
    assert figures("Retry-After exactly", scenario).peak > 3.0
    assert figures(OURS, scenario).peak < 2.0
    assert figures(OURS, scenario).lost == 0.0


def test_random_failures_are_survived() -> None:
    """If 1 in 5 attempts fails hardly a call is lost; the refund matters more the more fail."""
    assert figures(OURS, "1 in 5 attempts fails").lost < 0.01
    ours, without = (figures(client, "3 in 10 attempts fail") for client in (OURS, "no refund"))
    assert without.lost > 3 * ours.lost


def test_a_blip_is_survived() -> None:
    """An outage of 2 s loses no call."""
    assert figures(OURS, "down for 2 s").lost == 0.0
    assert figures("full jitter", "down for 2 s").lost > 0.0


@pytest.mark.parametrize("scenario", ["down for 10 s, open", "down, open, rare calls (20 s)"])
def test_what_a_bucket_cannot_do(scenario: str) -> None:
    """An outage too short, or calls too rare, to empty the bucket see up to four times the load."""
    assert 2.0 < figures(OURS, scenario).load < 4.0


def test_same_seed_same_storm() -> None:
    """The figures depend on the seed alone."""
    first = figures(OURS, "slow, closed")
    figures.cache_clear()
    assert figures(OURS, "slow, closed") == first
    assert figures(OURS, "slow, closed", seed=2) != first


def test_the_table_is_printed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command prints a line for each client under each scenario."""
    monkeypatch.setattr(storm, "SCENARIOS", [SCENARIOS["down for 2 s"]])
    monkeypatch.setattr(storm, "CLIENTS", [CLIENTS["one attempt"], CLIENTS[OURS]])
    storm.main()
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("  ")[1] for line in lines[-2:]] == ["one attempt", OURS]
