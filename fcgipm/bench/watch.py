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
        self._known = _identities(cpu.tree(root))
        self._at_first = len(self._known)
        self._cpu = cpu.used(cpu.tree(root))
        self._memory_due = time.monotonic() + MEMORY_SECONDS / 2
        self.memory = 0
        """Bytes (PSS), the most so far."""

    def look(self) -> None:
        """Processes that live for less than the time between two looks are not seen; no Python starts in the 10 ms that ours are apart."""
        pids = cpu.tree(self._root)
        self._known |= _identities(pids)
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


def _identities(pids: list[int]) -> set[tuple[int, int]]:
    """Their numbers, which come again, with when each began."""
    return {(pid, began) for pid in pids if (began := cpu.started(pid)) is not None}
