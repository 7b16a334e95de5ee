"""What a pool can tell of its past: how long requests took, what happened, what its processes cost. The present is in the scoreboard."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from fcgipm import scoreboard
from fcgipm.master.log import timestamp
from fcgipm.master.samples import Samples
from fcgipm.report.events import Event, Events
from fcgipm.report.latency import History, Recent, merged, nothing

Numbers = Callable[[], Iterable[int]]


class Account:
    """Of one pool. `slots` are those that have an owner, `pids` its processes. `last_reload` is what the status shows of it."""

    def __init__(self, name: str, board: memoryview, slots: Numbers, pids: Numbers, now: float) -> None:
        self.events = Events()
        self.samples = Samples(pids)
        self.last_reload: Mapping[str, Any] | None = None
        self.draining = False
        self._name = name
        self._board = board
        self._slots = slots
        self._gone = nothing()
        self._history = History(now)

    def look(self, now: float, resting: bool) -> None:
        """At a beat; `resting`: there will be none for a while."""
        if resting or self._history.due(now):
            self._history.note(now, self.latency())
        self.samples.look(now)

    def latency(self) -> list[int]:
        """All requests that have ended, by bucket."""
        return merged(self._gone, scoreboard.read_latency(self._board, self._slots()))

    def recent(self, now: float, latency: list[int]) -> Recent:
        """The last minute, given the totals of this moment."""
        return self._history.recent(now, latency)

    def fold(self, slot: int) -> None:
        """The owner of a slot is no more, and the slot about to be cleared: what it counted stays."""
        self._gone = merged(self._gone, scoreboard.read_latency(self._board, [slot]))

    def post(self, kind: str, text: str, pid: int | None = None, stack: str | None = None) -> None:
        """Something happened that whoever looks should know."""
        self.events.post(Event(timestamp(time.time()), self._name, kind, text, pid, stack))
