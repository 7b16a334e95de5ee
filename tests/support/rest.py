"""Processes that do nothing: that nothing happens has no event, so here alone time is waited for."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from pathlib import Path


def rested(pids: Iterable[int], seconds: float) -> bool:
    """Look for so long: whether no thread of them woke up."""
    watched = list(pids)
    before = wake_ups(watched)
    time.sleep(seconds)
    return wake_ups(watched) == before


def wake_ups(pids: Iterable[int]) -> dict[int, int]:
    """How often each thread of each process went to sleep: every wake-up ends in one."""
    found = {}
    for pid in pids:
        for thread in os.listdir(f"/proc/{pid}/task"):
            fields = Path(f"/proc/{pid}/task/{thread}/status").read_text().splitlines()
            found[int(thread)] = int(next(line for line in fields if line.startswith("voluntary_ctxt")).split()[1])
    return found
