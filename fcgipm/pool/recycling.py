"""Workers that are replaced although nothing is wrong with them: after so many requests, with so much memory, at such an age, or because somebody asked.

The replacement accepts before the worker is told to leave, and they go one at a time; only those that have twice the memory they may have do not wait.
"""

from __future__ import annotations

from collections.abc import Iterable

from fcgipm import orders
from fcgipm.pool.decisions import Decisions
from fcgipm.pool.lifetime import Lifetime
from fcgipm.pool.roster import Roster
from fcgipm.pool.worker import WorkerHandle

_URGENT = 2
"""Times the memory that it may have."""


class Recycling:
    """Of one pool. `roster.extra` counts those whose replacement is under way."""

    def __init__(self, limits: Lifetime, roster: Roster, decisions: Decisions) -> None:
        self._limits = limits
        self._roster = roster
        self._decisions = decisions
        self._chosen: dict[int, str] = {}

    @property
    def next_age(self) -> float | None:
        """When the next worker will be too old."""
        if not self._limits.age:
            return None
        times = [self._limits.due_at(worker) for worker in self._candidates()]
        return min((when for when in times if when is not None), default=None)

    def keep(self) -> None:
        """Choose who is next, and let go of those whose replacement accepts, until neither is to be done; before workers are forked.

        A pool above its target has the replacement already: nothing would happen that makes anybody ask again.
        """
        self._choose()
        while self._relieve():
            self._choose()

    def _choose(self) -> None:
        self._chosen = {number: why for number, why in self._chosen.items() if self._may_leave(self._roster.workers.get(number))}
        if self._roster.source is not None:
            for worker in self._candidates():
                why = self._limits.reason(worker, self._decisions.now)
                if why is not None and (not self._chosen or self._is_urgent(worker)):
                    self._chosen[worker.number] = why
                    self._decisions.log("info", f"worker {worker.pid} is replaced: {self._told(worker, why)}", "recycle")
        self._roster.extra = len(self._chosen)

    def _relieve(self) -> bool:
        newest = self._roster.newest
        if newest is None or self._roster.staying != self._roster.staying_in(newest):
            return False
        spared = max(0, self._roster.ready_in(newest) - self._roster.target)
        relieved = list(self._chosen.items())[:spared]
        for number, why in relieved:
            del self._chosen[number]
            self._decisions.let_go(self._roster.workers[number], orders.RETIRE, why)
        return bool(relieved)

    def _candidates(self) -> Iterable[WorkerHandle]:
        return [worker for worker in self._roster.workers.values() if self._may_leave(worker) and worker.number not in self._chosen]

    def _may_leave(self, worker: WorkerHandle | None) -> bool:
        """It serves; and is of the newest generation, for older ones have their own way out."""
        newest = self._roster.newest
        return worker is not None and worker.ready and newest is not None and worker.generation == newest.number

    def _is_urgent(self, worker: WorkerHandle) -> bool:
        return bool(self._limits.memory) and worker.memory >= _URGENT * self._limits.memory

    def _told(self, worker: WorkerHandle, why: str) -> str:
        if why == "retire":
            return "asked for"
        if why == "requests":
            return f"{worker.begun} requests"
        return f"{worker.memory >> 20} MiB of its own" if why == "memory" else f"{worker.lived(self._decisions.now):.0f} s old"
