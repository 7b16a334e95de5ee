"""The status without the master: what its scoreboards tell."""

from __future__ import annotations

import time
from typing import Any

from fcgipm import __version__, scoreboard
from fcgipm.report.document import to_json
from fcgipm.report.latency import PERCENTILES, Recent, percentile
from fcgipm.report.snapshot import (
    PoolSnapshot,
    ProcessSnapshot,
    RequestsSnapshot,
    RunningSnapshot,
    Snapshot,
    WorkersSnapshot,
)
from fcgipm.system.boards import BoardReading, master_pid, read_boards
from fcgipm.system.memory import usage

_STATES = {scoreboard.IDLE: "idle", scoreboard.BUSY: "busy", scoreboard.STOPPING: "stopping"}


def status_without_master(control: str, pool: str | None) -> dict[str, Any] | None:
    """A document of schema 1 whose states are ``unresponsive``: requests are those of living workers, percentiles of all their time, and what only the
    master knows is null. None: nothing to see."""
    pid = master_pid(control)
    boards = [board for board in read_boards(pid) if pool in (None, board.pool)] if pid is not None else []
    if pid is None or not boards:
        return None
    now, why = time.monotonic(), f"the master, pid {pid}, does not answer; this is what its workers say"
    return to_json(Snapshot(__version__, "unresponsive", pid, None, None, control, tuple(_pool(board, now, why) for board in boards)))


def _pool(board: BoardReading, now: float, why: str) -> PoolSnapshot:
    by_pid: dict[int, list[scoreboard.SlotReading]] = {}
    for slot in board.slots:
        by_pid.setdefault(slot.pid, []).append(slot)
    processes = tuple(_process(pid, slots, now) for pid, slots in by_pid.items())
    counts = [sum(process.state == state for process in processes) for state in ("idle", "busy", "starting", "stopping")]
    idle, busy, starting, stopping = counts
    requests = _requests(board.slots)
    return PoolSnapshot(
        name=board.pool,
        interface=None,
        python=None,
        generation=max((slot.generation for slot in board.slots), default=0),
        state="unresponsive",
        reason=why,
        listen=(),
        workers=WorkersSnapshot(idle, busy, starting, stopping, None, None, None, None),
        mode="unknown",
        target=None,
        scaling_reason="not known without the master",
        requests=requests,
        exits=None,
        template=None,
        processes=processes,
        rejected=_sum(board.slots, scoreboard.REJECTED),
        recent=Recent(None, {name: percentile(board.latency, part) for name, part in PERCENTILES.items()}),
        latency=tuple(board.latency),
        served=_sum(board.slots, scoreboard.SERVED_NS) / 1e9,
        counted=requests.total > 0,  # Else its workers of before may have served some, or a foreign program, which counts nothing.
    )


def _process(pid: int, slots: list[scoreboard.SlotReading], now: float) -> ProcessSnapshot:
    running = tuple(RunningSnapshot.of(slot, now) for slot in slots if slot.state == scoreboard.BUSY)
    state = "busy" if running else _STATES.get(slots[0].state, "starting")
    used = usage(pid)
    rss, stopped = (None, False) if used is None else (used.rss, used.stopped)
    uptime = max(0.0, now - slots[0].started / 1000)
    requests, kept = sum(slot.begun for slot in slots), sum(slot.kept for slot in slots)
    return ProcessSnapshot(pid, slots[0].generation, state, requests, uptime, kept, rss, None, running, stopped)


def _requests(slots: list[scoreboard.SlotReading]) -> RequestsSnapshot:
    one, two, three, four, five = (_sum(slots, scoreboard.CLASS_1XX + index) for index in range(5))
    active = sum(slot.state == scoreboard.BUSY for slot in slots)
    faults = (_sum(slots, word) for word in (scoreboard.FAILED, scoreboard.ABORTED, scoreboard.SLOW, scoreboard.TIMED_OUT))
    return RequestsSnapshot(active, (one, two, three, four, five), *faults)


def _sum(slots: list[scoreboard.SlotReading], word: int) -> int:
    index = scoreboard.COUNTERS.index(word)
    return sum(slot.counters[index] for slot in slots)
