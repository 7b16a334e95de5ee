"""Memory and CPU of a pool's processes, measured one after another: all of 200 workers at once would stop the master for 165 ms.

A beat measures one process; whoever asks for the status pays for a few more, those measured longest ago first.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from fcgipm.report.snapshot import MemorySnapshot
from fcgipm.system.memory import Shares, Usage, shares, usage

INTERVAL = 0.25
"""Seconds between two processes measured at a beat: under 1% of a CPU."""

BUDGET = 0.0015
"""Seconds of our own CPU time that one status may cost in measuring; the last process may exceed it, by about 1 ms."""

FRESH = 0.5
"""Seconds for which a figure is not taken again."""


class Sample:
    """What is known of one process. `cpu_percent` is over the time between the last two looks at least FRESH apart; None before there were two."""

    __slots__ = ("at", "cpu_percent", "shares", "usage")

    def __init__(self) -> None:
        self.at = float("-inf")
        self.shares: Shares | None = None
        self.usage: Usage | None = None
        self.cpu_percent: float | None = None

    def take(self, pid: int, now: float) -> None:
        """Measure it."""
        before, since = self.usage, now - self.at
        self.usage, self.shares, self.at = usage(pid), shares(pid), now
        if before is not None and self.usage is not None:
            self.cpu_percent = max(0.0, 100 * (self.usage.cpu - before.cpu) / since)


class Samples:
    """Of all processes of a pool; `pids` tells which there are."""

    def __init__(self, pids: Callable[[], Iterable[int]]) -> None:
        self._pids = pids
        self._known: dict[int, Sample] = {}
        self._next = 0.0

    def look(self, now: float) -> None:
        """At a beat: measure the one that was not for the longest time, if it is time to."""
        if now >= self._next:
            self._next = now + INTERVAL
            for pid, sample in self._oldest_first(now)[:1]:
                sample.take(pid, now)

    def refresh(self, now: float) -> None:
        """For a status: measure as many as BUDGET allows."""
        end = time.thread_time() + BUDGET
        for pid, sample in self._oldest_first(now):
            if time.thread_time() >= end:
                break
            sample.take(pid, now)

    def of(self, pid: int | None) -> Sample:
        """What is known of one."""
        return _NOTHING if pid is None else self._known.get(pid, _NOTHING)

    def together(self, pids: Iterable[int]) -> MemorySnapshot:
        """Of several processes. Those not measured yet count as the average of the others; nothing is known if none was."""
        all_pids = list(pids)
        measured = [sample.shares for sample in map(self.of, all_pids) if sample.shares is not None]
        if not measured:
            return MemorySnapshot(None, None, None) if all_pids else MemorySnapshot(0, 0, 0)
        scale = len(all_pids) / len(measured)
        return MemorySnapshot(*(int(sum(column) * scale) for column in zip(*measured, strict=True)))

    def _oldest_first(self, now: float) -> list[tuple[int, Sample]]:
        pids = list(self._pids())
        self._known = {pid: self._known.get(pid) or Sample() for pid in pids}
        due = [(pid, sample) for pid, sample in self._known.items() if now - sample.at >= FRESH]
        return sorted(due, key=lambda one: one[1].at)


_NOTHING = Sample()
