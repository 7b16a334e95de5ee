"""What a run leaves behind: how long each request waited, and how many workers and waiting requests there were when."""

from __future__ import annotations

from array import array
from math import inf


class Track:
    """A number that changes in steps: its points, its area, its highest value, and how often it changed direction. Only what is up to `until` counts."""

    def __init__(self, until: float = inf) -> None:
        self.value = 0
        self.peak = 0
        self.turns = 0
        self.times = array("d", [0.0])
        self.values = array("l", [0])
        self._until = until
        self._rising: bool | None = None
        self._area = 0.0

    def add(self, by: int, now: float) -> None:
        """It changes by so much."""
        if now <= self._until:
            self._area += self.value * (now - self.times[-1])
            self._turn(by > 0)
            self.peak = max(self.peak, self.value + by)
            self.times.append(now)
            self.values.append(self.value + by)
        self.value += by

    def area(self) -> float:
        """Value times seconds, from 0 to `until`."""
        return self._area + self.values[-1] * (self._until - self.times[-1])

    def reached(self, value: int, since: float) -> float | None:
        """Seconds from `since` until it was at least `value`; None: never."""
        before = 0
        for when, after in zip(self.times, self.values, strict=True):
            if when > since and before >= value:
                return 0.0
            if when >= since and after >= value:
                return when - since
            before = after
        return 0.0 if before >= value else None

    def _turn(self, rising: bool) -> None:
        self.turns += self._rising is not None and self._rising != rising
        self._rising = rising


class Record:
    """Of one pool. `waits`: seconds, one for each request in the order in which they were begun; `workers` are all that exist, `ready` those that accept
    and stay, `busy` those that serve, `queue` the requests that wait. `forks` does not count the workers of the start."""

    def __init__(self, until: float = inf) -> None:
        self.until = until
        self.arrived = 0
        self.served = 0
        self.forks = 0
        self.waits = array("d")
        self.began = array("d")
        self.workers = Track(until)
        self.ready = Track(until)
        self.busy = Track(until)
        self.queue = Track(until)

    @property
    def idle(self) -> float:
        """Worker-seconds in which a worker was there and served nothing."""
        return self.workers.area() - self.busy.area()
