"""The scoreboards of a daemon whose master does not answer: the memory files are still open in its process, and root and its own user may map them."""

from __future__ import annotations

import json
import mmap
import os
from typing import NamedTuple

from fcgipm import scoreboard
from fcgipm.system.lock import lock_path

_PREFIX, _SUFFIX = "/memfd:fcgipm-", " (deleted)"


class BoardReading(NamedTuple):
    """One pool's slots that have an owner, and all their latencies."""

    pool: str
    slots: list[scoreboard.SlotReading]
    latency: list[int]


def master_pid(control: str) -> int | None:
    """The pid that the master with that control socket wrote into its lock file; None when there is none."""
    try:
        with open(lock_path(control), encoding="utf-8") as file:
            pid = json.load(file)["pid"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return pid if isinstance(pid, int) else None


def read_boards(pid: int) -> list[BoardReading]:
    """All scoreboards that the process has open, in the order of its descriptors; none when we may not look."""
    folder = f"/proc/{pid}/fd"
    try:
        names = sorted(os.listdir(folder), key=int)
    except OSError:
        return []
    return [reading for name in names if (reading := _read(f"{folder}/{name}")) is not None]


def _read(path: str) -> BoardReading | None:
    try:
        target = os.readlink(path)
        if not target.startswith(_PREFIX):
            return None
        with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as memory:
            return _reading(target[len(_PREFIX) :].removesuffix(_SUFFIX), bytes(memory))
    except (OSError, ValueError):
        return None


def _reading(pool: str, content: bytes) -> BoardReading | None:
    board = memoryview(content)
    header = scoreboard.words(board, -1)
    if header[scoreboard.LAYOUT] != scoreboard.LAYOUT_VERSION or scoreboard.size(header[scoreboard.SLOTS]) != len(content):
        return None
    owned = [index for index in range(header[scoreboard.SLOTS]) if scoreboard.words(board, index)[scoreboard.PID]]
    return BoardReading(pool, [scoreboard.read(board, index) for index in owned], scoreboard.read_latency(board, owned))
