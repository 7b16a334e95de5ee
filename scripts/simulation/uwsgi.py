"""uWSGI's cheaper subsystem with two of its algorithms, as published.

Sources: uWSGI's documentation, "The uWSGI cheaper subsystem", for the options and their defaults; its own ``core/master_utils.c`` (``spare``, the master's
cycle, who is stopped) and ``plugins/cheaper_busyness`` for the rules; PEERS.md for what was measured.

Simplified: the options for memory, ``spare2`` and ``backlog`` are left out. Cheaping stops the oldest worker, which ends its request first.
"""

from __future__ import annotations

from math import inf
from typing import NamedTuple

from simulation.site import Site, Worker
from simulation.ticking import Ticking, oldest


class Cheaper(NamedTuple):
    """Its options: least and most workers (``cheaper``, ``workers``), workers a step (``cheaper-step``), cycles or seconds (``cheaper-overload``)."""

    least: int
    most: int
    step: int = 1
    overload: int = 3


class Cheap(Ticking):
    """Asks an algorithm once in a master's cycle of one second: a positive answer is so many more workers, a negative one is one fewer."""

    def __init__(self, site: Site, cheaper: Cheaper) -> None:
        super().__init__(site, cheaper.least)
        self.cheaper = cheaper

    def tick(self) -> None:
        answer = self.judge()
        if answer > 0:
            self.site.fork(answer)
        elif answer < 0:
            self._stop_oldest()

    def judge(self) -> int:
        """The algorithm."""
        return 0

    @property
    def active(self) -> list[Worker]:
        """Workers that are not stopped."""
        return [worker for worker in self.site.workers.values() if not worker.leaving]

    def room(self, wanted: int) -> int:
        """As many of them as there may be."""
        return min(wanted, self.cheaper.most - len(self.site.workers))

    def _stop_oldest(self) -> None:
        worker = oldest(self.active)
        if worker is not None:
            self.site.retire(worker)


class Spare(Cheap):
    """``cheaper-algo = spare``, the default: a cycle without an idle worker counts up, one with an idle worker counts down. More than `overload` of them:
    one step more. None left, and more than one worker idle: one worker fewer every `overload` cycles, counted since the last cycle without an idle one."""

    def __init__(self, site: Site, cheaper: Cheaper) -> None:
        super().__init__(site, cheaper)
        self.overloaded = 0
        self._healthy = 0

    def judge(self) -> int:
        active = self.active
        idle = sum(not worker.busy for worker in active)
        if idle:
            self.overloaded = max(0, self.overloaded - 1)
        else:
            self.overloaded += 1
            self._healthy = 0
        if self.overloaded > self.cheaper.overload:
            self.overloaded = 0
            return self.room(self.cheaper.step)
        if self.overloaded or idle == 1:
            return 0
        self._healthy += 1
        return -1 if len(active) > self.cheaper.least and self._healthy % self.cheaper.overload == 0 else 0


class Limits(NamedTuple):
    """Of busyness: per cent of their time that workers are busy, windows that have to pass before one is stopped, and what is added to them when it was
    too soon; connections that wait before an emergency worker is forked, and windows before those are stopped."""

    most: float = 50.0
    least: float = 25.0
    multiplier: int = 10
    penalty: int = 2
    backlog: int = 33
    backlog_multiplier: int = 3


class Busyness(Cheap):
    """``cheaper-algo = busyness``: the mean share of a window of `overload` seconds in which workers were busy. Above `most`: one step more; below `least`:
    one fewer, but not sooner than `multiplier` windows after the last change; in between, the third time in a row puts that off again.

    A queue longer than `backlog` gets one emergency worker a cycle. uWSGI sees the queue of TCP listeners alone (PEERS.md): here it does.
    """

    def __init__(self, site: Site, cheaper: Cheaper, limits: Limits | None = None) -> None:
        super().__init__(site, cheaper)
        self.limits = limits or Limits()
        self.multiplier = self.limits.multiplier
        self.emergencies = 0
        self._window = 0.0
        self._spent: dict[int, float] = {}
        """Worker's number → seconds in requests, at the end of the last window."""
        self._busy: dict[int, int] = {}
        """Worker's number → cycles of this window in which it was busy."""
        self._next_stop = self._delay()
        self._stopped_at = -inf
        self._stopped_last = False
        self._tolerated = 0

    def judge(self) -> int:
        active, now = self.active, self.site.clock.now
        for worker in active:
            self._busy[worker.number] = self._busy.get(worker.number, 0) + worker.busy
        if now - self._window < self.cheaper.overload:
            return self._emergency(active)
        self._window = now
        busyness = self._mean(active)
        if busyness > self.limits.most:
            return self._grow(now)
        return self._emergency(active) or (self._relax(len(active), now) if busyness < self.limits.least else self._tolerate(len(active)))

    def _mean(self, active: list[Worker]) -> float:
        """Per cent. A worker that ended no request and was seen busy was busy all the time."""
        shares = [self._share(worker) for worker in active]
        self._spent = {worker.number: worker.spent for worker in active}
        self._busy = {}
        return sum(shares) // len(shares) if shares else 0.0

    def _share(self, worker: Worker) -> float:
        spent = worker.spent - self._spent.get(worker.number, 0.0)
        return 100.0 if not spent and self._busy.get(worker.number) else min(100.0, 100.0 * spent / self.cheaper.overload)

    def _grow(self, now: float) -> int:
        self._tolerated = 0
        count = self.room(self.cheaper.step)
        if count > 0:
            self._stopped_last = False
            if (now - self._stopped_at) // self.cheaper.overload <= self.multiplier:
                self.multiplier += self.limits.penalty
            else:
                self._calm_down()
            self._put_off()
        return count

    def _emergency(self, active: list[Worker]) -> int:
        if len(self.site.queue) <= self.limits.backlog or len(active) >= self.cheaper.most:
            return 0
        self.multiplier = self.limits.multiplier
        self._stopped_last = False
        count = self.room(1)
        self.emergencies += count
        self._put_off()
        return count

    def _relax(self, active: int, now: float) -> int:
        if active == 1:
            return 0
        self._tolerated = 0
        if active <= self.cheaper.least or now < self._next_stop:
            return 0
        if self._stopped_last:
            self._calm_down()
        self._put_off()
        self._stopped_at, self._stopped_last = now, True
        self.emergencies = max(0, self.emergencies - 1)
        return -1

    def _tolerate(self, active: int) -> int:
        if active > 1:
            self.emergencies = max(0, self.emergencies - 1)
            self._tolerated += 1
            if self._tolerated >= 3:
                self._put_off()
            else:
                self._next_stop += self.cheaper.overload
        return 0

    def _delay(self) -> float:
        return self.cheaper.overload * (self.limits.backlog_multiplier if self.emergencies else self.multiplier)

    def _put_off(self) -> None:
        self._next_stop = self.site.clock.now + self._delay()

    def _calm_down(self) -> None:
        self.multiplier = max(self.limits.multiplier, self.multiplier - 1)
