"""Reloads asked for: one is under way, at most one waits, and whoever asks meanwhile shares the waiting one's outcome."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from fcgipm.master.children import ChildExit
from fcgipm.master.log import timestamp
from fcgipm.master.reload import Outcome, Reload
from fcgipm.report.events import ALL, Event, Events
from fcgipm.report.snapshot import ReloadSnapshot

if TYPE_CHECKING:
    from fcgipm.master.master import Master

STOPPING = Outcome(False, "the daemon stops")


class Wish:
    """What was asked for: all pools (None) or one. `outcome` once it has ended, `progress`, lines, while it is under way."""

    def __init__(self, pool: str | None) -> None:
        self.pool = pool
        self.progress = ["waiting for the reload that is under way"]
        self.outcome: Outcome | None = None


class Reloads:
    """Of one daemon. `last` is how the last one ended, by pool; `events` are of those of all pools."""

    def __init__(self, master: Master) -> None:
        self.last: dict[str, ReloadSnapshot] = {}
        self.events = Events()
        self._master = master
        self._present: tuple[Reload, Wish] | None = None
        self._waiting: Wish | None = None

    @property
    def under_way(self) -> Reload | None:
        """The one that runs."""
        return None if self._present is None else self._present[0]

    def concerns(self, pool: str) -> bool:
        """Whether a reload of that pool is under way."""
        return self._present is not None and pool in self._present[0].names

    @property
    def next_wakeup(self) -> float | None:
        """When to call `see_to` although nothing happened; 0: one waits, and may begin."""
        if self._present is None:
            return None if self._waiting is None else 0.0
        return self._present[0].next_wakeup

    def ask(self, pool: str | None) -> Wish:
        """Reload a pool, or all (None). One under way may have read its file already, so another follows it."""
        if self._waiting is None:
            self._waiting = Wish(pool)
        elif self._waiting.pool != pool:
            self._waiting.pool = None
        return self._waiting

    def see_to(self, now: float) -> None:
        """Begin, go on, and end."""
        if self._present is None and self._waiting is not None:
            wish, self._waiting = self._waiting, None
            self._master.tell_reloading(now)
            self._present = (Reload(self._master, wish.pool, now), wish)
            self._master.log.info("reload: " + ("all pools" if wish.pool is None else f"pool {wish.pool}"))
        if self._present is None:
            return
        reload, wish = self._present
        reload.see_to(now)
        wish.progress = wish.progress if reload.outcome is not None else reload.progress
        if reload.outcome is not None:
            self._ended(reload, wish, reload.outcome)

    def child_exited(self, child: ChildExit) -> bool:
        """One process was reaped; whether it was a reload's."""
        return self._present is not None and self._present[0].child_exited(child)

    def abandon(self) -> None:
        """The daemon stops."""
        if self._present is not None:
            reload, wish = self._present
            reload.abandon(STOPPING.text)
            assert reload.outcome is not None
            self._ended(reload, wish, reload.outcome)
        if self._waiting is not None:
            self._waiting.outcome = STOPPING
            self._waiting = None

    def _ended(self, reload: Reload, wish: Wish, outcome: Outcome) -> None:
        self._present = None
        wish.outcome = outcome
        level = "info" if outcome.ok else "error"
        first, *others = outcome.text.splitlines()
        self._master.log.write(level, f"reload: {first}" if outcome.ok else f"reload failed: {first}")
        for line in others:
            self._master.log.write(level, f"reload failed: {line}")
        reason, at = None if outcome.ok else first, timestamp(time.time())
        text = first.removeprefix(f"{wish.pool}: ") if outcome.ok else f"failed: {first.removeprefix(f'{wish.pool}: ')}"
        if wish.pool is None:
            self.events.post(Event(at, ALL, "reload", text))
        elif wish.pool in self._master.fleet.serving:
            self._master.fleet.serving[wish.pool].account.post("reload", text)
        self.last.update(dict.fromkeys(reload.names, ReloadSnapshot(at, outcome.ok, reason)))
