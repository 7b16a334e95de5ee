"""How much of a CPU the processes of a copy use, and how many connections wait for it.

A program that serves each connection in a thread accepts whoever comes, also when it cannot compute for one more: the kernel's queue stays empty, and those
who wait do so inside of it. So while a process fills a CPU, one of its connections is taken to compute and the others to wait. (Threads of Python wait for
the interpreter's lock as others wait for a database: from outside nothing tells them apart. But where CPU is left, nobody waits for it.)
"""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Callable, Dict, Iterable, Mapping, NamedTuple, Optional

WINDOW_NS = 100_000_000
"""Nanoseconds over which use is measured, at the least."""
_NEARLY = 0.2
"""Of a CPU: what may be left of one that counts as filled."""


def cpu_time(pid: int) -> int:
    """Nanoseconds of CPU that a process has had, all its threads together, those that ended too. Raises OSError when it is gone.

    Its CPU-time clock by number, as clock_getcpuclockid(3) would tell it: one system call, where /proc/PID/stat takes three and counts hundredths of a second.
    """
    return time.clock_gettime_ns(~pid << 3 | 2)


class Use(NamedTuple):
    """`spent` is what a process had had at the time `since`, in nanoseconds; `cpus` is how many it used on average before that."""

    since: int
    spent: int
    cpus: float


class Computing:
    """The use of CPU by some processes; `clock` and `spent` count nanoseconds."""

    def __init__(self, clock: Callable[[], int] = time.monotonic_ns, spent: Callable[[int], int] = cpu_time) -> None:
        self._clock = clock
        self._spent = spent
        self._uses: Dict[int, Use] = {}

    def measure(self, processes: Iterable[int]) -> Dict[int, float]:
        """CPUs that each of them uses; 0 for one that has not been known long enough to tell. Who is gone is left out."""
        now, uses = self._clock(), {}
        for pid in processes:
            with suppress(OSError):
                uses[pid] = _follow(self._uses.get(pid), now, self._spent(pid))
        self._uses = uses
        return {pid: use.cpus for pid, use in uses.items()}


def _follow(before: Optional[Use], now: int, spent: int) -> Use:
    if before is None:
        return Use(now, spent, 0.0)
    if now - before.since < WINDOW_NS:
        return before
    return Use(now, spent, (spent - before.spent) / (now - before.since))


def filled(cpus: float) -> int:
    """How many CPUs are filled by a use of so many."""
    return int(cpus + _NEARLY)


def waiting(held: Mapping[int, int], cpus: Mapping[int, float]) -> int:
    """Connections that wait for CPU inside of processes, which hold so many and use so much: those beyond one for each CPU that their process fills."""
    shares = ((count, filled(cpus.get(pid, 0.0))) for pid, count in held.items())
    return sum(max(0, count - full) for count, full in shares if full)
