"""How a pool ends: relieved by a successor, one worker after the other; or stopped, politely, then less so, each phase with its time."""

from __future__ import annotations

from fcgipm import orders
from fcgipm.pool import actions as do
from fcgipm.pool.bounds import counted
from fcgipm.pool.decisions import Decisions
from fcgipm.pool.roster import Roster
from fcgipm.pool.states import PoolPhase, WorkerState
from fcgipm.pool.worker import WorkerHandle

TERM_GRACE = 2.0
"""Seconds between TERM and KILL to what did not leave in time."""

NEXT_PHASE = {
    PoolPhase.DRAINING: PoolPhase.TERMINATING,
    PoolPhase.TERMINATING: PoolPhase.KILLING,
    PoolPhase.KILLING: PoolPhase.KILLING,
}


class Stopping:
    """`phase` is RUNNING until the end begins; `deadline` is when the present phase of a stop has lasted long enough, None while nobody is in a hurry."""

    def __init__(self, roster: Roster, decisions: Decisions) -> None:
        self.phase = PoolPhase.RUNNING
        self.deadline: float | None = None
        self._awaited = False
        """Nobody can serve the queue yet, and somebody will."""
        self._tried = False
        """Who ends never served: it was on trial."""
        self._needed = 0
        """Workers that a successor cannot do without yet."""
        self._roster = roster
        self._decisions = decisions

    def step_aside(self, needed: int) -> None:
        """A successor serves, and needs so many of the workers still; again only lessens it. What runs may take its time."""
        if self.phase is PoolPhase.RUNNING:
            self.phase = PoolPhase.LEAVING
            self._needed = needed
        self._needed = min(self._needed, needed)

    def begin(self, within: float, waiting: bool) -> None:
        """Everybody serves what is queued, finishes and leaves, within so many seconds; again only shortens the time.

        `waiting`: somebody is queued, so the first must come who can serve it, if nobody is there yet.
        """
        deadline = self._decisions.now + within
        if self.deadline is not None:
            self.deadline = min(self.deadline, deadline)
            return
        self._awaited = waiting and self.phase is PoolPhase.RUNNING
        self.phase = PoolPhase.DRAINING
        self.deadline = deadline
        self._drain()

    def hurry(self, tried: bool = False) -> None:
        """Wait no longer. `tried`: it was on trial, and its end is nothing to worry about."""
        self._tried = self._tried or tried
        self.begin(0.0, waiting=False)
        self._awaited = False
        self._drain()

    def keep(self) -> None:
        """Let go of who is not needed any more, or go on to the next phase when it is time."""
        if self.phase is PoolPhase.LEAVING:
            self._relieve()
            return
        workers, now = self._roster.workers, self._decisions.now
        if self._awaited:
            self._drain()
        if self.finished or self.deadline is None or now < self.deadline:
            return
        self._awaited = False
        self.phase = NEXT_PHASE[self.phase]
        self.deadline = now + TERM_GRACE
        force = self.phase is PoolPhase.KILLING
        left = f"{counted(len(workers))} left" if workers else "the template is left"
        verb, them = "killing" if force else "terminating", "it" if len(workers) < 2 else "them"
        text = f"the trial is over: {verb} what was tried" if self._tried and not force else f"{left}: {verb} {them}"
        self._decisions.log("info" if self._tried else "warning", text)
        self._decisions.end_templates(force)
        for worker in list(workers.values()):
            self._end(worker, force)

    def _relieve(self) -> None:
        """Those that serve nothing go first, the longest idle first; busy ones finish."""
        staying = [worker for worker in self._roster.workers.values() if worker.stays]
        staying.sort(key=lambda worker: (worker.ready, worker.busy, worker.active_at or 0.0))
        for worker in staying[: max(0, len(staying) - self._needed)]:
            self._decisions.let_go(worker, orders.RETIRE, "reload")
        if not self._needed:
            for generation in self._roster.generations:
                self._decisions.dismiss(generation)

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
            if worker.state is WorkerState.STARTING:  # It has served nobody yet, and may hang in a hook for ever.
                self._decisions.add(do.Kill(worker.number, force=False))
            self._decisions.let_go(worker, orders.STOP, "stop")

    @property
    def finished(self) -> bool:
        """Whether nothing is left to wait for."""
        return self.phase is not PoolPhase.RUNNING and self._roster.empty

    def _end(self, worker: WorkerHandle, force: bool) -> None:
        self._decisions.add(do.Kill(worker.number, force))
        if worker.pid is None:  # What is only slow leaves when its channel ends, which Release does.
            self._decisions.forget(worker)
