"""A site on a simulated clock, with whatever manager a test wants, and checks of what must hold in every run."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from simulation.algorithms import Algorithm
from simulation.clock import Clock
from simulation.record import Record
from simulation.scenarios import Scenario, Surge
from simulation.site import Costs, Manager, Request, Site

CROWD = [Request(0.5, 0.1, again_until=30.0)] * 40
"""40 clients at once, who ask again as soon as they are answered."""


def site(manage: Callable[[Site], Manager], requests: Iterable[Request] = (), costs: Costs | None = None, fair: bool = True) -> Site:
    """Started, nothing has happened yet."""
    one = Site(Clock(), Record(100.0), costs or Costs(), fair)
    one.manager = manage(one)
    one.manager.start()
    one.expect(requests)
    return one


def scenario(requests: list[Request], seconds: float = 60.0, surge: Surge | None = None) -> Scenario:
    return Scenario("test", "of a test", seconds, requests, surge)


def sizes(one: Site, instants: Iterable[float]) -> list[int]:
    """How many workers there are at these instants."""
    seen = []
    for instant in instants:
        one.clock.run(instant)
        seen.append(len(one.workers))
    return seen


def whatever(least: int, algorithm: Algorithm) -> int:
    """Least workers that an algorithm keeps: those named ondemand none."""
    return 0 if "ondemand" in algorithm.name else least
