"""Memory and CPU of a pool's processes, measured one after another: all of 200 workers at once would stop the master for 165 ms.

What is its own and what is shared (`Shares`) makes the kernel walk a process's pages: one process every INTERVAL, also when somebody asks more often.
Its size and CPU time (`Usage`) are cheap: whoever asks for the status pays for some, those measured longest ago first.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from itertools import islice

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
        # In the order in which they were measured, those never measured first. (Sorting 200 of them was a fifth of what a status costs.)
        self._sizes: dict[int, Sample] = {}
        self._walks: dict[int, Sample] = {}
        self._next = 0.0

    def look(self, now: float) -> None:
        """At a beat: measure the one that was not for the longest time, if it is time to."""
        if now >= self._next:
            self._next = now + INTERVAL
            self._count()
            self._take(now, 1, float("inf"))
            self._walk(now, 1, float("inf"))

    def refresh(self, now: float) -> None:
        """For a status: measure as much as BUDGET allows."""
        self._count()
        self._take(now, len(self._sizes), BUDGET)
        self.look(now)
        known = sum(1 for _ in islice((sample for sample in self._known.values() if sample.shares is not None), ENOUGH))
        self._walk(now, ENOUGH - known, FIRST_BUDGET)

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

    def _count(self) -> None:
        """Who is there by now."""
        pids = dict.fromkeys(self._pids())
        if pids.keys() == self._known.keys():
            return
        new = {pid: Sample() for pid in pids if pid not in self._known}
        self._known = {**{pid: sample for pid, sample in self._known.items() if pid in pids}, **new}
        self._sizes, self._walks = ({**new, **{pid: one for pid, one in order.items() if pid in pids}} for order in (self._sizes, self._walks))

    def _take(self, now: float, most: int, budget: float) -> None:
        for pid in self._due(self._sizes, most, budget, lambda sample: now - sample.at):
            self._known[pid].take(pid, now)

    def _walk(self, now: float, most: int, budget: float) -> None:
        for pid in self._due(self._walks, most, budget, lambda sample: now - sample.walked):
            self._known[pid].walk(pid, now)

    @staticmethod
    def _due(order: dict[int, Sample], most: int, budget: float, age: Callable[[Sample], float]) -> Iterator[int]:
        """Whose turn it is, the `most` that waited longest, for `budget` seconds of our own CPU time."""
        end = time.thread_time() + budget
        for pid in list(islice(order, max(0, most))):
            if age(order[pid]) < FRESH or time.thread_time() >= end:
                break
            order[pid] = order.pop(pid)
            yield pid


_NOTHING = Sample()
