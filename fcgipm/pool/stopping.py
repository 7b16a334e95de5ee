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
        self._awaited = False
        """Nobody can serve the queue yet, and somebody will."""
        self._roster = roster
        self._decisions = decisions

    def begin(self, within: float, waiting: bool) -> None:
        """Everybody serves what is queued, finishes and leaves, within so many seconds; again only shortens the time.

        `waiting`: somebody is queued, so the first must come who can serve it, if nobody is there yet.
        """
        deadline = self._decisions.now + within
        if self.phase is not PoolPhase.RUNNING:
            self.deadline = min(self.deadline, deadline)
            return
        self.phase = PoolPhase.DRAINING
        self.deadline = deadline
        self._awaited = waiting
        self._drain()

    def hurry(self) -> None:
        """Wait no longer."""
        self.begin(0.0, waiting=False)
        self._awaited = False
        self._drain()

    def keep(self) -> None:
        """Go on to the next phase when it is time."""
        workers, now = self._roster.workers, self._decisions.now
        if self._awaited:
            self._drain()
        if self.finished or now < self.deadline:
            return
        self._awaited = False
        self.phase = NEXT_PHASE[self.phase]
        self.deadline = now + TERM_GRACE
        force = self.phase is PoolPhase.KILLING
        self._decisions.log("warning", f"{len(workers)} workers left: {'killing' if force else 'terminating'} them")
        self._decisions.end_templates(force)
        for worker in list(workers.values()):
            self._end(worker, force)

    def _drain(self) -> None:
        """Tell everybody, as soon as there is somebody who serves the queue or nobody will be."""
        roster = self._roster
        if self._awaited and not any(worker.ready for worker in roster.workers.values()):
            newest = roster.newest
            if roster.staying or (newest is not None and not newest.ready and not newest.gone):
                return
            if newest is not None and newest.ready and roster.room:
                self._decisions.fork(newest, 1)
                return
        self._awaited = False
        self._decisions.end_templates(force=False)
        for worker in roster.workers.values():
            self._decisions.let_go(worker, orders.STOP, "stop")

    @property
    def finished(self) -> bool:
        """Whether nothing is left to wait for."""
        return self.phase is not PoolPhase.RUNNING and self._roster.empty

    def _end(self, worker: WorkerHandle, force: bool) -> None:
        self._decisions.add(do.Kill(worker.number, force))
        if worker.pid is None:  # What is only slow leaves when its channel ends, which Release does.
            self._decisions.forget(worker)
