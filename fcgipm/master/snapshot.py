"""The master's view of itself as a report.Snapshot: handles say what a worker is for, its slots what it does."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from fcgipm import scoreboard
from fcgipm.master.runner import PoolRunner
from fcgipm.pool.scaling import Scaling
from fcgipm.pool.states import WorkerState
from fcgipm.pool.worker import WorkerHandle
from fcgipm.report.snapshot import ListenerSnapshot, PoolSnapshot, ProcessSnapshot, RequestsSnapshot, WorkersSnapshot
from fcgipm.system.listeners import Listener

_BEGUN = scoreboard.COUNTERS.index(scoreboard.BEGUN)
_FIRST_CLASS = scoreboard.COUNTERS.index(scoreboard.CLASS_1XX)
_FAILED = scoreboard.COUNTERS.index(scoreboard.FAILED)
_SLOW = scoreboard.COUNTERS.index(scoreboard.SLOW)
_TIMED_OUT = scoreboard.COUNTERS.index(scoreboard.TIMED_OUT)
_ABORTED = scoreboard.COUNTERS.index(scoreboard.ABORTED)
_REJECTED = scoreboard.COUNTERS.index(scoreboard.REJECTED)

_STARTING = frozenset({WorkerState.ORDERED, WorkerState.STARTING})

Readings = dict[int, list[scoreboard.SlotReading]]


def pool_snapshot(runner: PoolRunner, now: float) -> PoolSnapshot:
    """One pool. `now` is monotonic, in seconds."""
    pool, settings = runner.pool, runner.settings
    readings = {worker.number: _read(runner, worker) for worker in pool.workers.values()}
    states = {worker.number: worker_state(worker, readings[worker.number]) for worker in pool.workers.values()}
    totals = _totals(runner, readings)
    current, newest = pool.roster.current, pool.roster.newest
    template = runner.templates.get(newest.number) if newest is not None else None
    return PoolSnapshot(
        name=runner.name,
        interface=settings["interface"],
        python=current.python if current is not None else None,
        generation=current.number if current is not None else 0,
        state=pool.state,
        reason=pool.reason,
        listen=tuple(_listener(runner, listener) for listener in runner.listeners),
        workers=_count(states.values(), pool.scaling),
        mode=settings["workers"]["mode"],
        target=pool.roster.target,
        scaling_reason=pool.scaling.reason,
        requests=_requests(totals, readings),
        exits=dict(pool.exits),
        template=template.pid if template is not None else None,
        processes=tuple(
            _process(worker, worker.pid, states[worker.number], readings[worker.number], now)
            for worker in pool.workers.values()
            if worker.pid is not None
        ),
        rejected=totals[_REJECTED],
    )


def worker_state(worker: WorkerHandle, slots: Sequence[scoreboard.SlotReading]) -> str:
    """``starting``, ``idle``, ``busy`` or ``stopping``."""
    if worker.state in _STARTING:
        return "starting"
    if not worker.ready:
        return "stopping"
    return "busy" if any(slot.state == scoreboard.BUSY for slot in slots) else "idle"


def _read(runner: PoolRunner, worker: WorkerHandle) -> list[scoreboard.SlotReading]:
    slots = range(worker.slot, worker.slot + runner.pool.settings.threads)
    return [scoreboard.read(runner.board.memory, slot) for slot in slots]


def _listener(runner: PoolRunner, listener: Listener) -> ListenerSnapshot:
    depth = runner.queues.depth(listener.socket)
    return ListenerSnapshot(listener.address) if depth is None else ListenerSnapshot(listener.address, depth.queued, depth.limit)


def _count(states: Iterable[str], scaling: Scaling) -> WorkersSnapshot:
    all_states = list(states)
    idle, busy, starting, stopping = map(all_states.count, ("idle", "busy", "starting", "stopping"))
    return WorkersSnapshot(idle, busy, starting, stopping, *scaling.bounds, scaling.peak, scaling.max_reached)


def _totals(runner: PoolRunner, readings: Readings) -> Sequence[int]:
    """The ledger and the living, in the order of COUNTERS."""
    totals = runner.ledger
    for slot in (slot for worker in readings.values() for slot in worker):
        totals = scoreboard.add(totals, slot.counters)
    return totals


def _requests(totals: Sequence[int], readings: Readings) -> RequestsSnapshot:
    one, two, three, four, five = totals[_FIRST_CLASS : _FIRST_CLASS + 5]
    active = sum(slot.state == scoreboard.BUSY for worker in readings.values() for slot in worker)
    return RequestsSnapshot(active, (one, two, three, four, five), totals[_FAILED], totals[_ABORTED], totals[_SLOW], totals[_TIMED_OUT])


def _process(
    worker: WorkerHandle, pid: int, state: str, slots: Sequence[scoreboard.SlotReading], now: float
) -> ProcessSnapshot:
    requests = sum(slot.counters[_BEGUN] for slot in slots)
    kept = sum(slot.kept for slot in slots)
    return ProcessSnapshot(pid, worker.generation, state, requests, worker.lived(now), kept)
