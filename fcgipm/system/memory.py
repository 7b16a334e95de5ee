"""What a process has in memory (proc(5), smaps_rollup)."""

from __future__ import annotations


def own_memory(pid: int) -> int | None:
    """Bytes that would come free if the process ended alone (USS); None: it is gone, or not ours to look at."""
    try:
        with open(f"/proc/{pid}/smaps_rollup", "rb") as file:
            lines = file.read().split(b"\n")
    except OSError:
        return None
    private = [line.split()[1] for line in lines if line.startswith((b"Private_Clean:", b"Private_Dirty:"))]
    return 1024 * sum(map(int, private))
