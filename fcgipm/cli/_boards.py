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

_STATES = {scoreboard.STARTING: "starting", scoreboard.IDLE: "idle", scoreboard.BUSY: "busy", scoreboard.STOPPING: "stopping"}


def status_without_master(control: str, pool: str | None) -> dict[str, Any] | None:
    """A document of schema 1 whose states are ``unresponsive``: requests are those of living workers, percentiles of all their time. None: nothing to see."""
    pid = master_pid(control)
    boards = [board for board in read_boards(pid) if pool in (None, board.pool)] if pid is not None else []
    if pid is None or not boards:
        return None
    now, why = time.monotonic(), f"the master, pid {pid}, does not answer; this is what its workers say"
    return to_json(Snapshot(__version__, "unresponsive", pid, "", 0.0, control, tuple(_pool(board, now, why) for board in boards)))


def _pool(board: BoardReading, now: float, why: str) -> PoolSnapshot:
    by_pid: dict[int, list[scoreboard.SlotReading]] = {}
    for slot in board.slots:
        by_pid.setdefault(slot.pid, []).append(slot)
    processes = tuple(_process(pid, slots, now) for pid, slots in by_pid.items())
    counts = [sum(process.state == state for process in processes) for state in ("idle", "busy", "starting", "stopping")]
    idle, busy, starting, stopping = counts
    return PoolSnapshot(
        name=board.pool,
        interface="wsgi",
        python=None,
        generation=max((slot.generation for slot in board.slots), default=0),
        state="unresponsive",
        reason=why,
        listen=(),
        workers=WorkersSnapshot(idle, busy, starting, stopping, 0, 0, len(processes)),
        mode="unknown",
        target=len(processes),
        scaling_reason="not known without the master",
        requests=_requests(board.slots),
        exits={},
        template=None,
        processes=processes,
        recent=Recent(0.0, {name: percentile(board.latency, part) for name, part in PERCENTILES.items()}),
        latency=tuple(board.latency),
    )


def _process(pid: int, slots: list[scoreboard.SlotReading], now: float) -> ProcessSnapshot:
    running = tuple(_running(slot, now) for slot in slots if slot.state == scoreboard.BUSY)
    state = "busy" if running else _STATES.get(slots[0].state, "starting")
    used = usage(pid)
    rss, stopped = (None, False) if used is None else (used.rss, used.stopped)
    uptime = max(0.0, now - slots[0].started / 1000)
    requests, kept = sum(slot.begun for slot in slots), sum(slot.kept for slot in slots)
    return ProcessSnapshot(pid, slots[0].generation, state, requests, uptime, kept, rss, None, running, stopped)


def _running(slot: scoreboard.SlotReading, now: float) -> RunningSnapshot:
    method, _, uri = slot.text.partition(" ")
    return RunningSnapshot(method, uri, max(0.0, now - slot.request_started / 1e9))


def _requests(slots: list[scoreboard.SlotReading]) -> RequestsSnapshot:
    sums = dict.fromkeys(scoreboard.COUNTERS, 0)
    for slot in slots:
        for word, count in zip(scoreboard.COUNTERS, slot.counters, strict=True):
            sums[word] += count
    one, two, three, four, five = (sums[scoreboard.CLASS_1XX + index] for index in range(5))
    active = sum(slot.state == scoreboard.BUSY for slot in slots)
    faults = (sums[word] for word in (scoreboard.FAILED, scoreboard.ABORTED, scoreboard.SLOW, scoreboard.TIMED_OUT))
    return RequestsSnapshot(active, (one, two, three, four, five), *faults)
