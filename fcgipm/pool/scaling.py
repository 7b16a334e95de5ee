"""How many workers a pool wants, with a memory: what was wanted lately is kept ready for `idle_timeout`, so that a load that comes and goes does not flap."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from math import inf
from typing import NamedTuple

from fcgipm.pool.policy import Bounds, Load, PoolSettings, growth_reason, wanted
from fcgipm.pool.worker import WorkerHandle

RECENTLY = 1.0
"""Seconds for which a pool's need counts when `max_workers` is dealt out. Without, two pools that share a full number fork 20 times a second (simulated)."""


class Scaling:
    """`reason` says why the pool has the size it has; `peak` is the most workers that accepted at once; `max_reached` how often more were needed.

    `allowance` is the pool's share of the daemon's `max_workers`, `attainable` what it would be if the pool asked for more; None without such a limit.
    """

    def __init__(self, settings: PoolSettings) -> None:
        self.load = Load(0, 0)
        self.allowance: int | None = None
        self.attainable: int | None = None
        self.peak = 0
        self.max_reached = 0
        self._settings = settings
        self._bounds = Bounds(settings.min, settings.max)
        self._over_until = -inf
        self._rebounded = False
        """The bounds are others than when the pool last was as large as it should be."""
        self._earlier: deque[tuple[float, int]] = deque()
        """What was wanted before, as (until when, how many), the largest first; what was exceeded later is not remembered."""
        self.reason = "at rest since the start"

    @property
    def bounds(self) -> Bounds:
        """Least and most workers, as told last; `target` also respects the allowance."""
        return self._bounds

    @property
    def wanted(self) -> int:
        """Workers wanted for the load of this moment."""
        return wanted(self.load, self._bounds, self._settings.threads, self._settings.spare)

    @property
    def most(self) -> int:
        """Workers that there may be."""
        return self._bounds.max if self.allowance is None else min(self._bounds.max, self.allowance)

    @property
    def limit(self) -> int:
        """Workers that there may be once they are asked for."""
        return self._bounds.max if self.attainable is None else min(self._bounds.max, self.attainable)

    def held(self, now: float) -> int:
        """Workers wanted, or kept because they were wanted within `idle_timeout`; without regard to the allowance."""
        while self._earlier and self._earlier[0][0] + self._settings.idle_timeout <= now:
            self._earlier.popleft()
        before = self._earlier[0][1] if self._earlier else 0
        return self._bounds.clamp(max(self.wanted, before))

    def recently(self, now: float) -> int:
        """The most workers that were wanted within the last second."""
        return max([self.wanted, *(count for when, count in self._earlier if when + RECENTLY > now)])

    def target(self, now: float) -> int:
        """Workers that there should be."""
        return min(self.held(now), self.most)

    @property
    def next_change(self) -> float | None:
        """When `held` falls although nothing happens."""
        return self._earlier[0][0] + self._settings.idle_timeout if self._earlier else None

    def observe(self, load: Load, now: float) -> None:
        """Take in the load of this moment."""
        before, self.load = self.wanted, load
        self._remember(before, now)
        over = load.needed(self._settings.threads) > self.limit
        if over:
            self.max_reached += now >= self._over_until
            self._over_until = now + self._settings.idle_timeout

    def over(self, now: float) -> bool:
        """Whether more is needed than there may be, or was within `idle_timeout`: a load at the limit is one event, not one for each request."""
        return now < self._over_until

    def rebound(self, bounds: Bounds) -> None:
        """Other bounds from now on. What was wanted before does not count any more."""
        self._bounds = bounds
        self._earlier.clear()
        self._rebounded = True

    def succeed(self, older: Scaling, staying: int, now: float) -> None:
        """Go on where another has come to: `staying` workers may all be needed. Bounds given by command hold on, unless the configured ones have changed."""
        self.peak, self.max_reached, self._over_until = older.peak, older.max_reached, older._over_until
        self.allowance, self.attainable = older.allowance, older.attainable
        if (self._settings.min, self._settings.max) == (older._settings.min, older._settings.max):
            self._bounds = older._bounds
        self.reason = older.reason
        self.keep(staying, now)

    def keep(self, workers: int, now: float) -> None:
        """So many are there, and may all be needed: for `idle_timeout` they count as wanted."""
        self._earlier.clear()
        self._earlier.append((now, workers))

    def grown(self, count: int, workers: int) -> str:
        """`count` workers are added to `workers`: why."""
        self._rebounded = False
        self.reason = growth_reason(count, self.load, workers, self._bounds, self.wanted, self._settings.spare)
        return self.reason

    def crowded_out(self, count: int) -> str:
        """`count` workers leave because there may be no more: why."""
        self._rebounded = False
        pressed = self.most < self._bounds.max
        self.reason = f"-{count}: {'other pools need them' if pressed else f'max is {self.most}'}"
        return self.reason

    def shrunk(self, count: int) -> str:
        """`count` workers leave because no one needs them: why."""
        self.reason = f"-{count}: {f'min is {self._bounds.min}' if self._rebounded else f'not needed for {self._settings.idle_timeout:g} s'}"
        self._rebounded = False
        return self.reason

    def _remember(self, before: int, now: float) -> None:
        while self._earlier and self._earlier[-1][1] <= before:
            self._earlier.pop()
        if before > self.wanted:
            self._earlier.append((now, before))


class Surplus(NamedTuple):
    """Who leaves: `over` because there may be no more, `idle` because nobody needs them."""

    over: list[WorkerHandle]
    idle: list[WorkerHandle]


def surplus(workers: Iterable[WorkerHandle], target: int, most: int) -> Surplus:
    """Those of `workers` (that stay, of one generation) who leave. Idle ones first, the longest idle first, down to `target`; beyond `most` busy ones too,
    which finish their request first. One that does not accept yet never leaves but for `most`."""
    staying = list(workers)
    order = sorted(staying, key=lambda worker: (worker.busy, not worker.ready, worker.active_at or 0.0))
    over = order[: max(0, len(staying) - most)]
    idle = [worker for worker in order[len(over) :] if worker.ready and not worker.busy]
    return Surplus(over, idle[: max(0, len(staying) - len(over) - target)])
