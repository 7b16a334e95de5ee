"""What processes cost in memory (/proc/PID/smaps_rollup, proc(5))."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

KIB_PER_MIB = 1024


class Memory(NamedTuple):
    """Proportional set size in MiB: shared pages divided by the number of processes that share them."""

    pss: float
    anonymous: float
    """The part that is no file's: heap, stack, pages written to. What else runs on the machine does not change it."""


def read(pid: int) -> Memory:
    """Memory of one process; none when it is gone."""
    try:
        return parse(Path(f"/proc/{pid}/smaps_rollup").read_text())
    except (FileNotFoundError, ProcessLookupError):
        return Memory(0.0, 0.0)


def parse(text: str) -> Memory:
    """The figures in smaps_rollup."""
    kib = dict(re.findall(r"^(\w+):\s+(\d+) kB$", text, re.MULTILINE))
    return Memory(int(kib.get("Pss", 0)) / KIB_PER_MIB, int(kib.get("Pss_Anon", 0)) / KIB_PER_MIB)


def total(parts: Iterable[Memory]) -> Memory:
    memories = list(parts)
    return Memory(sum(one.pss for one in memories), sum(one.anonymous for one in memories))
