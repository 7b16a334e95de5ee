"""Which of our own children hold a pipe: how a child is found whose pid nobody told (proc(5))."""

from __future__ import annotations

import os


def children_with(pipe: int) -> list[int]:
    """Pids of our living children that have the pipe of descriptor `pipe` open; those that we may not look into are left out."""
    wanted = os.readlink(f"/proc/self/fd/{pipe}")
    return [pid for pid in _children() if wanted in _open_files(pid)]


def _children() -> list[int]:
    return [int(entry) for entry in os.listdir("/proc") if entry.isdigit() and _parent(entry) == os.getpid()]


def _parent(pid: str) -> int:
    """The fourth field; the second, a name in parentheses, may hold anything."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return int(file.read().rpartition(b")")[2].split()[1])
    except OSError:
        return 0


def _open_files(pid: int) -> set[str]:
    found = set()
    try:
        for number in os.listdir(f"/proc/{pid}/fd"):
            found.add(os.readlink(f"/proc/{pid}/fd/{number}"))
    except OSError:
        pass  # It ended, or closed one, while we looked.
    return found
