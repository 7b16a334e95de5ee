"""How missing workers are started: all at once when somebody waits for them, else one after the other."""

from __future__ import annotations

from fcgipm.pool.decisions import Decisions
from fcgipm.pool.roster import Roster
from fcgipm.pool.scaling import Scaling

PACE = 0.010
"""Seconds between two workers that nobody waits for: about what a large template needs for one. All at once, eight of a Django site raised the 99th
percentile of those being served on two CPUs to 1.2 times of before; so it is 1.1 at most (`scripts/bench steady --django`, in turn)."""


class Growth:
    """Of one pool. A new generation that takes the places of older workers comes all at once too: the sooner it is whole, the shorter two versions serve."""

    def __init__(self, roster: Roster, scaling: Scaling, decisions: Decisions) -> None:
        self._roster = roster
        self._scaling = scaling
        self._decisions = decisions
        self._next = 0.0

    @property
    def due(self) -> float:
        """When the next worker may be started, as far as the pace goes."""
        return 0.0 if self._urgent else self._next

    @property
    def _urgent(self) -> bool:
        """Whether somebody waits, nobody serves yet who could be disturbed, or older workers are to be relieved."""
        roster, source = self._roster, self._roster.source
        serving = any(worker.ready for worker in roster.workers.values())
        load = self._scaling.load
        return load.waiting > 0 or load.inside > 0 or not serving or source is None or roster.staying != roster.staying_in(source)

    def grow(self) -> None:
        """Start what is missing, or the next of it."""
        now, source, missing = self._decisions.now, self._roster.source, self._roster.forkable
        if source is None or now < self.due:
            return
        count, before = missing if self._urgent else 1, self._roster.staying_in(source)
        wanted = min(count, self._roster.target - before)
        if wanted > 0 and self._roster.staying == before:  # Else the new ones take the places of older ones.
            reason = self._scaling.grown(wanted, before)
            if before + wanted > self._scaling.bounds.min:
                self._decisions.log("info", f"{reason} (of {before})", "growth")
        if count < missing:
            self._next = now + PACE
        self._decisions.fork(source, count)
