"""Memory and CPU of a pool's processes, measured one after another: all of 200 workers at once would stop the master for 165 ms.

What is its own and what is shared (`Shares`) makes the kernel walk a process's pages: one process every INTERVAL, also when somebody asks more often.
Its size and CPU time (`Usage`) are cheap: whoever asks for the status pays for some, those measured longest ago first.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping

from fcgipm.report.snapshot import MemorySnapshot
from fcgipm.system.memory import Shares, Usage, shares, usage

INTERVAL = 0.25
"""Seconds between two processes whose pages are walked: under 1% of a CPU."""

BUDGET = 0.0003
"""Seconds of our own CPU time that one status may cost in measuring: some 20 processes' sizes. The pages of one more may come on top, 0.2 to 1 ms."""

FIRST_BUDGET = 0.0015
"""The same for the walks of a pool of which fewer than ENOUGH processes are known."""

ENOUGH = 4
"""So many processes whose pages were walked stand for all of a pool: those of the others count as the average."""

FRESH = 0.5
"""Seconds for which a figure is not taken again."""


class Sample:
    """What is known of one process. `cpu_percent` is over the time between the last two looks at least FRESH apart; None before there were two."""

    __slots__ = ("at", "cpu_percent", "shares", "usage", "walked")

    def __init__(self) -> None:
        self.at = self.walked = float("-inf")
        self.shares: Shares | None = None
        self.usage: Usage | None = None
        self.cpu_percent: float | None = None

    def take(self, pid: int, now: float) -> None:
        """Measure its size and its CPU time."""
        before, since = self.usage, now - self.at
        self.usage, self.at = usage(pid), now
        if before is not None and self.usage is not None:
            self.cpu_percent = max(0.0, 100 * (self.usage.cpu - before.cpu) / since)

    def walk(self, pid: int, now: float) -> None:
        """Measure whose its pages are."""
        self.shares, self.walked = shares(pid), now


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
            known = self._living()
            for pid, sample in oldest(known, now, lambda one: one.at)[:1]:
                sample.take(pid, now)
            for pid, sample in oldest(known, now, lambda one: one.walked)[:1]:
                sample.walk(pid, now)

    def refresh(self, now: float) -> None:
        """For a status: measure as much as BUDGET allows."""
        end = time.thread_time() + BUDGET
        known = self._living()
        for pid, sample in oldest(known, now, lambda one: one.at):
            if time.thread_time() >= end:
                break
            sample.take(pid, now)
        self.look(now)
        end = time.thread_time() + FIRST_BUDGET
        missing = ENOUGH - sum(sample.shares is not None for sample in known.values())
        for pid, sample in oldest(known, now, lambda one: one.walked)[: max(0, missing)]:
            if time.thread_time() >= end:
                break
            sample.walk(pid, now)

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

    def _living(self) -> dict[int, Sample]:
        self._known = {pid: self._known.get(pid) or Sample() for pid in self._pids()}
        return self._known


def oldest(known: Mapping[int, Sample], now: float, when: Callable[[Sample], float]) -> list[tuple[int, Sample]]:
    """Those that are due by this time of theirs, oldest first."""
    return sorted((one for one in known.items() if now - when(one[1]) >= FRESH), key=lambda one: when(one[1]))


_NOTHING = Sample()
