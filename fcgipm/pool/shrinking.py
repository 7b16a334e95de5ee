"""Workers that leave although nothing is wrong with them: those of older generations, and those that are not needed any more."""

from __future__ import annotations

from collections.abc import Iterable

from fcgipm import orders
from fcgipm.pool.decisions import Decisions
from fcgipm.pool.roster import Roster
from fcgipm.pool.scaling import Scaling, surplus
from fcgipm.pool.worker import WorkerHandle


class Shrinking:
    """Of one pool."""

    def __init__(self, roster: Roster, scaling: Scaling, decisions: Decisions) -> None:
        self._roster = roster
        self._scaling = scaling
        self._decisions = decisions

    def shrink(self) -> None:
        """Tell those to leave."""
        self._retire_older()
        self._dismiss_surplus()

    def _retire_older(self) -> None:
        """When the newest generation that has workers has all it can have for now, and all accept, the older ones go.

        That it is the newest of all is not asked: its template may be dead already, and its successor needs the slots of the older ones.
        """
        roster = self._roster
        latest = roster.newest if roster.newest_is_ready and not roster.target else roster.latest
        if latest is None or roster.ready_in(latest) < roster.staying_in(latest):
            return
        if roster.missing_in(latest) <= 0 or (not roster.room and roster.newest_is_ready):
            for worker in self._roster.workers.values():
                if worker.stays and worker.generation != latest.number:
                    self._decisions.let_go(worker, orders.RETIRE, "reload")

    def _dismiss_surplus(self) -> None:
        """Who is not needed any more leaves; generations before the latest have their own way out."""
        latest, most = self._roster.latest, self._scaling.most
        if latest is not None:
            staying = [worker for worker in self._roster.workers.values() if worker.stays and worker.generation == latest.number]
            over, idle = surplus(staying, self._roster.target + self._roster.extra, most + self._roster.extra)
            if over:
                self._let_go(over, "scale", f"{self._scaling.crowded_out(len(over))} (of {len(staying)})")
            if idle:
                self._let_go(idle, "idle", f"{self._scaling.shrunk(len(idle))} (of {len(staying) - len(over)})")
        if self._roster.newest is not None and self._roster.rests_without_template and not self._roster.workers:
            self._decisions.dismiss(self._roster.newest)

    def _let_go(self, workers: Iterable[WorkerHandle], why: str, reason: str) -> None:
        self._decisions.log("info", reason, "shrink")
        for worker in workers:
            self._decisions.let_go(worker, orders.RETIRE, why)
