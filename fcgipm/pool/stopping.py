"""How a pool stops: politely, then less so, each phase with its time."""

from __future__ import annotations

from fcgipm import orders
from fcgipm.pool import actions as do
from fcgipm.pool.decisions import Decisions
from fcgipm.pool.roster import Roster
from fcgipm.pool.states import PoolPhase
from fcgipm.pool.worker import WorkerHandle

TERM_GRACE = 2.0
"""Seconds between TERM and KILL to what did not leave in time."""

NEXT_PHASE = {
    PoolPhase.DRAINING: PoolPhase.TERMINATING,
    PoolPhase.TERMINATING: PoolPhase.KILLING,
    PoolPhase.KILLING: PoolPhase.KILLING,
}


class Stopping:
    """`phase` is RUNNING until a stop begins; `deadline` is when the present phase has lasted long enough."""

    def __init__(self, roster: Roster, decisions: Decisions) -> None:
        self.phase = PoolPhase.RUNNING
        self.deadline = 0.0
        self._roster = roster
        self._decisions = decisions

    def begin(self, within: float) -> None:
        """Everybody serves what is queued, finishes and leaves, within so many seconds; again changes nothing."""
        if self.phase is not PoolPhase.RUNNING:
            return
        self.phase = PoolPhase.DRAINING
        self.deadline = self._decisions.now + within
        self._decisions.end_templates(force=False)
        for worker in self._roster.workers.values():
            self._decisions.let_go(worker, orders.STOP, "stop")

    def hurry(self) -> None:
        """Wait no longer."""
        self.begin(0.0)
        self.deadline = min(self.deadline, self._decisions.now)

    def keep(self) -> None:
        """Go on to the next phase when it is time."""
        workers, now = self._roster.workers, self._decisions.now
        if self.finished or now < self.deadline:
            return
        self.phase = NEXT_PHASE[self.phase]
        self.deadline = now + TERM_GRACE
        force = self.phase is PoolPhase.KILLING
        self._decisions.log("warning", f"{len(workers)} workers left: {'killing' if force else 'terminating'} them")
        self._decisions.end_templates(force)
        for worker in list(workers.values()):
            self._end(worker, force)

    @property
    def finished(self) -> bool:
        """Whether nothing is left to wait for."""
        return self.phase is not PoolPhase.RUNNING and self._roster.empty

    def _end(self, worker: WorkerHandle, force: bool) -> None:
        self._decisions.add(do.Kill(worker.number, force))
        if worker.pid is None:  # What is only slow leaves when its channel ends, which Release does.
            self._decisions.forget(worker)
