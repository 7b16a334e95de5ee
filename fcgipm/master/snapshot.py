"""The master's view of itself as a report.Snapshot: handles say what a worker is for, its slots what it does."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from fcgipm import scoreboard
from fcgipm.master.fleet import Fleet
from fcgipm.master.processes import TemplateProcess
from fcgipm.master.reloads import Reloads
from fcgipm.master.runner import PoolRunner
from fcgipm.master.samples import Sample, Samples
from fcgipm.pool.scaling import Scaling
from fcgipm.pool.states import WorkerState
from fcgipm.pool.worker import WorkerHandle
from fcgipm.report.snapshot import (
    ListenerSnapshot,
    PoolSnapshot,
    ProcessSnapshot,
    RequestsSnapshot,
    RunningSnapshot,
    WorkersSnapshot,
)
from fcgipm.system.listeners import Listener

_FIRST_CLASS = scoreboard.COUNTERS.index(scoreboard.CLASS_1XX)
_FAILED = scoreboard.COUNTERS.index(scoreboard.FAILED)
_ABORTED = scoreboard.COUNTERS.index(scoreboard.ABORTED)
_SLOW = scoreboard.COUNTERS.index(scoreboard.SLOW)
_TIMED_OUT = scoreboard.COUNTERS.index(scoreboard.TIMED_OUT)
_SERVED = scoreboard.COUNTERS.index(scoreboard.SERVED_NS)
_REJECTED = scoreboard.COUNTERS.index(scoreboard.REJECTED)

_STARTING = frozenset({WorkerState.ORDERED, WorkerState.STARTING})

Readings = Sequence[tuple[WorkerHandle, list[scoreboard.SlotReading]]]


def pool_snapshot(runner: PoolRunner, fleet: Fleet, reloads: Reloads, now: float) -> PoolSnapshot:
    """One pool, with those of its workers that leave. `now` is monotonic, in seconds."""
    pool, settings = runner.pool, runner.settings
    generations = [runner, *(other for other in fleet.leaving if other.account is runner.account)]
    readings = [(worker, _read(one, worker)) for one in generations for worker in one.pool.workers.values()]
    states = [worker_state(*reading) for reading in readings]
    totals = _totals(runner, readings)
    current, newest = pool.roster.current, pool.roster.newest
    template = runner.templates.get(newest.number) if newest is not None else None
    account = runner.account
    account.samples.refresh(now)
    latency = account.latency()
    return PoolSnapshot(
        name=runner.name,
        interface=settings["interface"],
        python=current.python if current is not None and not runner.foreign else None,
        generation=current.number if current is not None else 0,
        state="reloading" if pool.state == "ready" and reloads.concerns(runner.name) else pool.state,
        reason=pool.reason,
        listen=tuple(_listener(runner, listener) for listener in runner.listeners),
        workers=_count(states, pool.scaling),
        mode=settings["workers"]["mode"],
        target=pool.roster.target,
        scaling_reason=pool.scaling.reason,
        requests=_requests(totals, readings),
        exits=dict(pool.exits),
        template=template.pid if template is not None else None,
        processes=tuple(
            _process(worker, worker.pid, state, slots, now, account.samples.of(worker.pid))
            for (worker, slots), state in zip(readings, states, strict=True)
            if worker.pid is not None
        ),
        rejected=totals[_REJECTED],
        recent=account.recent(now, latency),
        memory=account.samples.together(worker.pid for worker, _ in readings if worker.pid is not None),
        template_pss=_pss(account.samples, template),
        last_reload=reloads.last.get(runner.name),
        draining=account.draining,
        latency=tuple(latency),
        served=totals[_SERVED] / 1e9,
        counted=not runner.foreign,
    )


def worker_state(worker: WorkerHandle, slots: Sequence[scoreboard.SlotReading]) -> str:
    """``starting``, ``idle``, ``busy`` or ``stopping``."""
    if worker.state in _STARTING:
        return "starting"
    if not worker.ready:
        return "stopping"
    return "busy" if any(slot.state == scoreboard.BUSY for slot in slots) else "idle"


def _read(runner: PoolRunner, worker: WorkerHandle) -> list[scoreboard.SlotReading]:
    return [scoreboard.read(runner.board.memory, slot) for slot in runner.slots(worker.slot)]


def _listener(runner: PoolRunner, listener: Listener) -> ListenerSnapshot:
    depth = runner.queues.depth(listener.socket)
    return ListenerSnapshot(listener.address) if depth is None else ListenerSnapshot(listener.address, depth.queued, depth.limit)


def _count(states: Iterable[str], scaling: Scaling) -> WorkersSnapshot:
    all_states = list(states)
    idle, busy, starting, stopping = map(all_states.count, ("idle", "busy", "starting", "stopping"))
    return WorkersSnapshot(idle, busy, starting, stopping, *scaling.bounds, scaling.peak, scaling.max_reached)


def _totals(runner: PoolRunner, readings: Readings) -> Sequence[int]:
    """Those that are gone and the living, in the order of COUNTERS."""
    return list(map(sum, zip(runner.account.counters, *(slot.counters for _, slots in readings for slot in slots), strict=True)))


def _requests(totals: Sequence[int], readings: Readings) -> RequestsSnapshot:
    one, two, three, four, five = totals[_FIRST_CLASS : _FIRST_CLASS + 5]
    active = sum(slot.state == scoreboard.BUSY for _, slots in readings for slot in slots)
    return RequestsSnapshot(active, (one, two, three, four, five), totals[_FAILED], totals[_ABORTED], totals[_SLOW], totals[_TIMED_OUT])


def _process(
    worker: WorkerHandle, pid: int, state: str, slots: Sequence[scoreboard.SlotReading], now: float, sample: Sample
) -> ProcessSnapshot:
    requests = sum([slot.begun for slot in slots])
    kept = sum([slot.kept for slot in slots])
    running = tuple([RunningSnapshot.of(slot, now) for slot in slots if slot.state == scoreboard.BUSY and slot.text])
    rss, stopped = (None, False) if sample.usage is None else (sample.usage.rss, sample.usage.stopped)
    return ProcessSnapshot(pid, worker.generation, state, requests, worker.lived(now), kept, rss, sample.cpu_percent, running, stopped)


def _pss(samples: Samples, template: TemplateProcess | None) -> int | None:
    known = samples.of(template.pid if template is not None else None).shares
    return None if known is None else known.pss
