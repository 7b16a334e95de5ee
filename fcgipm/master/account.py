"""What a pool can tell of its past: what its workers counted, how long requests took, what happened, what its processes cost. The present
is in the scoreboards.

All generations of a pool share one account, so that totals never go back.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import NamedTuple

from fcgipm import scoreboard
from fcgipm.master.log import timestamp
from fcgipm.master.samples import Samples
from fcgipm.report.events import Event, Events
from fcgipm.report.latency import History, Recent, merged, nothing

Numbers = Callable[[], Iterable[int]]


class Source(NamedTuple):
    """One scoreboard; `slots` are those that have an owner, `pids` the processes behind them."""

    board: memoryview
    slots: Numbers
    pids: Numbers


class Account:
    """Of one pool. `counters` are those of workers that are gone, in the order of `scoreboard.COUNTERS`; `gone` are their latencies."""

    def __init__(self, name: str, now: float) -> None:
        self.counters = [0] * len(scoreboard.COUNTERS)
        self.gone = nothing()
        self.events = Events()
        self.samples = Samples(self._pids)
        self.draining = False
        self._name = name
        self._sources: list[Source] = []
        self._history = History(now)

    def join(self, source: Source) -> None:
        """A generation's scoreboard counts from now on."""
        self._sources.append(source)

    def leave(self, board: memoryview) -> None:
        """A generation is no more; all its slots have been folded."""
        self._sources = [source for source in self._sources if source.board is not board]

    def look(self, now: float, resting: bool) -> None:
        """At a beat; `resting`: there will be none for a while."""
        if resting or self._history.due(now):
            self._history.note(now, self.latency())
        self.samples.look(now)

    def latency(self) -> list[int]:
        """All requests that have ended, by bucket."""
        total = self.gone
        for source in self._sources:
            total = merged(total, scoreboard.read_latency(source.board, source.slots()))
        return total

    def recent(self, now: float, latency: list[int]) -> Recent:
        """The last minute, given the totals of this moment."""
        return self._history.recent(now, latency)

    def fold(self, board: memoryview, slot: int) -> None:
        """The owner of a slot is no more: what it counted stays, and the slot is free."""
        self.counters = scoreboard.add(self.counters, scoreboard.read(board, slot).counters)
        self.gone = merged(self.gone, scoreboard.read_latency(board, [slot]))
        scoreboard.clear(board, slot)

    def post(self, kind: str, text: str, pid: int | None = None, stack: str | None = None) -> None:
        """Something happened that whoever looks should know. The log's line begins with the kind and the pool's name, which an event has apart."""
        text = text.removeprefix(f"{kind}: ").removeprefix(f"{self._name}: ")
        self.events.post(Event(timestamp(time.time()), self._name, kind, text, pid, stack))

    def _pids(self) -> list[int]:
        return [pid for source in self._sources for pid in source.pids()]
