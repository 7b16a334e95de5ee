"""The trial of a new generation before it may serve: the import, its first worker, and a probe if one is configured.

Nobody but the probe reaches that worker. One failure is the end of it, and nothing else has happened.
"""

from __future__ import annotations

from fcgipm.pool import actions as do
from fcgipm.pool.decisions import IMPORT_PATIENCE, Decisions
from fcgipm.pool.roster import Roster
from fcgipm.pool.states import TrialState


class Trial:
    """Of one pool that waits to be admitted. `reason` is why it failed, in one line."""

    def __init__(self, roster: Roster, decisions: Decisions, probes: bool) -> None:
        self.state = TrialState.IMPORTING
        self.reason: str | None = None
        self._roster = roster
        self._decisions = decisions
        self._probes = probes
        self._due: float | None = None

    @property
    def due(self) -> float | None:
        """When the import must have ended; the worker's own patience follows, and the probe's is its carrier's."""
        return self._due if self.state is TrialState.IMPORTING else None

    @property
    def over(self) -> bool:
        """Whether there is a verdict."""
        return self.state in (TrialState.PASSED, TrialState.FAILED)

    def fail(self, reason: str) -> None:
        """Something went wrong; the first thing that did counts."""
        if not self.over:
            self.state = TrialState.FAILED
            self.reason = reason

    def probed(self, fault: str | None) -> None:
        """How the probe went; None: well."""
        if fault is not None:
            self.fail(fault)
        elif self.state is TrialState.PROBING:
            self.state = TrialState.PASSED

    def keep(self) -> None:
        """Take the next step, if the last has been made."""
        newest, now = self._roster.newest, self._decisions.now
        if self.over:
            return
        if newest is None:
            self._due = now + IMPORT_PATIENCE
            self._decisions.add(do.StartTemplate(self._roster.open_generation().number))
        elif self.state is TrialState.IMPORTING and newest.ready:
            self.state = TrialState.STARTING
            self._decisions.fork(newest, 1)
        elif self._due is not None and self.due is not None and now >= self._due:
            self.fail(f"the import did not end within {IMPORT_PATIENCE:g} s")
        self._try_worker()

    def _try_worker(self) -> None:
        ready = next((worker for worker in self._roster.workers.values() if worker.ready), None)
        if self.state is not TrialState.STARTING or ready is None:
            return
        self.state = TrialState.PROBING if self._probes else TrialState.PASSED
        if self._probes:
            self._decisions.add(do.Probe(ready.number))
