"""CPU time of processes that are not ours."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import NamedTuple

from fcgipm.worker.keeper_computing import cpu_time
from fcgipm.worker.keeper_holding import members

TICKS = os.sysconf("SC_CLK_TCK")


def tree(root: int) -> list[int]:
    """`root` and every living process below it."""
    return members(root)


def used(pids: Iterable[int]) -> float:
    """Seconds of CPU these processes have used, user and system, all threads, and the children they have reaped."""
    return sum(own(pid) + reaped(pid) for pid in pids)


def own(pid: int) -> float:
    """Seconds of CPU of one process; 0 when it is gone."""
    try:
        return cpu_time(pid) / 1e9
    except OSError:
        return 0.0


def reaped(pid: int) -> float:
    """Seconds of CPU of the children a process has waited for (cutime and cstime, proc(5)); 0 when it is gone."""
    fields = stat(pid)
    return (int(fields[13]) + int(fields[14])) / TICKS if fields else 0.0


def started(pid: int) -> int | None:
    """When a process started (starttime, proc(5)), which tells it from a later one of its number; None when gone."""
    fields = stat(pid)
    return int(fields[19]) if fields and fields[0] != "Z" else None


def stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat from the third, the state, on; none when the process is gone."""
    try:
        return _read(f"/proc/{pid}/stat").rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []


class Machine(NamedTuple):
    """Seconds of CPU since the machine started (proc(5), /proc/stat)."""

    used: float
    """By all its programs."""
    stolen: float
    """That its host gave to other guests; the program on the CPU at that moment is charged for it all the same."""


def machine() -> Machine:
    user, nice, system, _, _, irq, softirq, steal = map(int, _read("/proc/stat").splitlines()[0].split()[1:9])
    return Machine((user + nice + system + irq + softirq) / TICKS, steal / TICKS)


def _read(path: str) -> str:
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()
