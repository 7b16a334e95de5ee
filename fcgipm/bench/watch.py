"""Looks at a process tree while it is under load: what began in it, and its memory."""

from __future__ import annotations

import time

from fcgipm.bench import cpu
from fcgipm.system import memory

MEMORY_SECONDS = 0.4
"""Between two readings: one walks all pages of all processes, some milliseconds of CPU."""


class Watch:
    """The tree below `root`, from now on. Who is there already has not begun meanwhile."""

    def __init__(self, root: int) -> None:
        self._root = root
        self._known = set(cpu.tree(root))
        self._at_first = len(self._known)
        self._cpu = cpu.used(cpu.tree(root))
        self._memory_due = time.monotonic() + MEMORY_SECONDS / 2
        self.memory = 0
        """Bytes (PSS), the most so far."""

    def look(self) -> None:
        """A process that lives for less than the time between two looks is not seen; a number that comes again in the same round is not seen twice."""
        pids = cpu.tree(self._root)
        self._known.update(pids)
        if time.monotonic() >= self._memory_due:
            self.measure(pids)
            self._memory_due = time.monotonic() + MEMORY_SECONDS

    def measure(self, pids: list[int] | None = None) -> None:
        """Read the memory now."""
        read = (memory.shares(pid) for pid in (cpu.tree(self._root) if pids is None else pids))
        self.memory = max(self.memory, sum(one.pss for one in read if one is not None))

    @property
    def started(self) -> int:
        """Processes seen that were not there at first."""
        return len(self._known) - self._at_first

    def cpu_since(self) -> float:
        """Seconds of CPU that the tree has used since the beginning, those that have ended in it among them."""
        return cpu.used(cpu.tree(self._root)) - self._cpu
