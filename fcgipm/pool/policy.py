"""How many workers a pool wants: the one place that says so, as functions of what is seen now. What is remembered stands in `scaling`."""

from __future__ import annotations

from typing import NamedTuple

from fcgipm.pool.lifetime import Lifetime

WORKERS_LIMIT = 1000
"""Most workers of one pool, also by command: its scoreboard has slots for twice as many (memory nobody writes to costs nothing)."""


class PoolSettings(NamedTuple):
    """What of the configuration a pool decides by. `stop_timeout` and `idle_timeout` in seconds."""

    name: str
    min: int
    max: int
    threads: int
    stop_timeout: float
    spare: int = 0
    idle_timeout: float = 10.0
    preload: bool = True
    probe: bool = False
    lifetime: Lifetime = Lifetime()
    generation: int = 1
    """Number of its first generation."""

    @property
    def slots(self) -> int:
        """Slots of the pool's scoreboard: one for each thread, and room for a replacement to start before its predecessor has left."""
        return 2 * WORKERS_LIMIT * self.threads


class Load(NamedTuple):
    """What is to be done at one instant: threads inside a request, connections that wait because no thread is free, and others that wait `inside` copies of a
    foreign program: accepted, but the copy is out of CPU."""

    busy: int
    waiting: int
    inside: int = 0

    def needed(self, threads: int) -> int:
        """Workers that would serve all of it at once."""
        return -(-(self.busy + self.waiting + self.inside) // threads)

    def __str__(self) -> str:
        busy = f"{self.waiting} waiting, all {self.busy} busy" if self.waiting or not self.inside else f"{self.busy} busy"
        return f"{busy}, {self.inside} waiting inside copies that are out of CPU" if self.inside else busy


class Bounds(NamedTuple):
    """Least and most workers, the most from which on no worker is added however much waits."""

    min: int
    max: int

    def clamp(self, workers: int) -> int:
        """The nearest number within; `max` counts where the two contradict each other."""
        return min(max(workers, self.min), self.max)


def wanted(load: Load, bounds: Bounds, threads: int, spare: int) -> int:
    """Workers wanted for this load: ``clamp(busy + spare, min, max)``, what waits, wherever, counted as busy."""
    return bounds.clamp(load.needed(threads) + spare)


def growth_reason(count: int, load: Load, workers: int, bounds: Bounds, needed: int, spare: int) -> str:
    """Why `count` workers are added to `workers`; `needed` are those wanted for this load."""
    if load.waiting and not workers:
        return f"+{count}: {load.waiting} waiting, no worker there"
    if load.waiting or load.inside:
        return f"+{count}: {load}"
    if workers + count <= bounds.min:
        return f"+{count}: min is {bounds.min}"
    if workers + count <= needed:
        return f"+{count}: {load.busy} busy, {spare} spare wanted"
    return f"+{count}: {workers + count} were needed lately"
