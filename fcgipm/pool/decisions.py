"""What one step of a pool has decided so far, and the small decisions that all its parts share."""

from __future__ import annotations

from fcgipm.pool import actions as do
from fcgipm.pool.backoff import BackOff
from fcgipm.pool.generation import Generation
from fcgipm.pool.roster import Roster
from fcgipm.pool.states import WorkerEvent
from fcgipm.pool.worker import WorkerHandle

START_PATIENCE = 30.0
"""Seconds between a worker's order and its READY: an application's own hooks run in it, and may hang."""
IMPORT_PATIENCE = 300.0
"""The same, where each worker imports the application."""
TEMPLATE_GRACE = 2.0
"""Seconds that a template has to end when it is told to: an import may have left it deaf to TERM."""
LEAVE_PATIENCE = 30.0
"""Seconds that a worker outside of a request has to leave: a connection that has sent half a head, and then an application's `atexit`, which may hang."""


class Decisions:
    """`actions` of the step that `begin` has begun, at the time `now`. `start_patience`: seconds that a worker has to accept."""

    def __init__(self, roster: Roster, start_patience: float = START_PATIENCE) -> None:
        self.actions: list[do.Action] = []
        self.now = 0.0
        self.start_patience = start_patience
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
            self.expect_end(worker)

    def expect_start(self, worker: WorkerHandle) -> None:
        """It was ordered: it must accept in time."""
        worker.due = self.now + self.start_patience

    def expect_end(self, worker: WorkerHandle) -> None:
        """It was told to leave: it must end in time, but for its request."""
        worker.due = self.now + LEAVE_PATIENCE

    def evict(self, worker: WorkerHandle) -> None:
        """It did not leave in time."""
        self.expect_end(worker)
        self.add(do.Evict(worker.number))

    def fork(self, generation: Generation, count: int) -> None:
        """So many new workers of a generation."""
        born = [self._roster.hire(generation) for _ in range(count)]
        for worker in born:
            self.expect_start(worker)
        self.add(do.Fork(generation.number, tuple((worker.number, worker.slot) for worker in born)))

    def order(self, worker: WorkerHandle, word: bytes) -> None:
        """Send it a word."""
        self.add(do.Order(worker.number, word))

    def forget(self, worker: WorkerHandle) -> None:
        """It is no more."""
        self._roster.dismiss(worker)
        self.add(do.Release(worker.number, worker.slot))

    def dismiss(self, generation: Generation) -> None:
        """Nothing is forked from its template any more; it must end in time. Again is harmless."""
        if not generation.gone and not generation.dismissed:
            generation.dismissed = True
            generation.due = self.now + TEMPLATE_GRACE
            self.add(do.EndTemplate(generation.number, force=False))

    def end_templates(self, force: bool) -> None:
        """Every one that is there."""
        self.add(*(do.EndTemplate(g.number, force) for g in self._roster.generations if not g.gone))

    def when(self, backoff: BackOff) -> str:
        """How long a back-off lasts, for people."""
        delay = backoff.retry_at - self.now
        return f"in {delay:.1f} s" if delay > 0 else "now"

    def log(self, level: str, text: str, kind: str | None = None) -> None:
        """A line for the log, and an event of that kind."""
        self.add(do.Log(level, text, kind))
