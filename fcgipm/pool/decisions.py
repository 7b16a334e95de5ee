"""What one step of a pool has decided so far, and the small decisions that all its parts share."""

from __future__ import annotations

from fcgipm.pool import actions as do
from fcgipm.pool.backoff import BackOff
from fcgipm.pool.roster import Roster
from fcgipm.pool.states import WorkerEvent
from fcgipm.pool.worker import WorkerHandle


class Decisions:
    """`actions` of the step that `begin` has begun, at the time `now`."""

    def __init__(self, roster: Roster) -> None:
        self.actions: list[do.Action] = []
        self.now = 0.0
        self._roster = roster

    def begin(self, now: float) -> None:
        """A new step."""
        self.now = now
        self.actions = []

    def add(self, *actions: do.Action) -> None:
        """Decide this."""
        self.actions.extend(actions)

    def let_go(self, worker: WorkerHandle, word: bytes, why: str) -> None:
        """Tell a worker to leave; what leaves already is left alone."""
        if not worker.take(WorkerEvent.LEAVE):
            return
        worker.leaving = why
        if worker.pid is not None:
            self.order(worker, word)

    def order(self, worker: WorkerHandle, word: bytes) -> None:
        """Send it a word."""
        self.add(do.Order(worker.number, word))

    def forget(self, worker: WorkerHandle) -> None:
        """It is no more."""
        self._roster.dismiss(worker)
        self.add(do.Release(worker.number, worker.slot))

    def end_templates(self, force: bool) -> None:
        """Every one that is there."""
        self.add(*(do.EndTemplate(g.number, force) for g in self._roster.generations if not g.gone))

    def when(self, backoff: BackOff) -> str:
        """How long a back-off lasts, for people."""
        delay = backoff.retry_at - self.now
        return f"in {delay:.1f} s" if delay > 0 else "now"

    def log(self, level: str, text: str) -> None:
        """A line for the log."""
        self.add(do.Log(level, text))
