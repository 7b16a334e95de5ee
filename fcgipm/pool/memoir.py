"""A pool as plain data, for a program that goes on where this one has come to: what is certain of it, not what was under way.

Workers that do not accept yet and templates that are still importing are not in it: whoever writes it ends them.
"""

from __future__ import annotations

from typing import Any

from fcgipm.pool.decisions import LEAVE_PATIENCE
from fcgipm.pool.generation import Generation
from fcgipm.pool.policy import Bounds
from fcgipm.pool.pool import Pool
from fcgipm.pool.states import TemplateState, WorkerState
from fcgipm.pool.worker import WorkerHandle

_LASTING = (WorkerState.READY, WorkerState.LEAVING)


def lasting(worker: WorkerHandle) -> bool:
    """Whether a worker is in its pool's memoir."""
    return worker.state in _LASTING and worker.pid is not None


def describe(pool: Pool) -> dict[str, Any]:
    """The memoir; times are of the system's monotonic clock, which goes on."""
    roster, scaling = pool.roster, pool.scaling
    workers = [worker for worker in pool.workers.values() if lasting(worker)]
    living = {worker.generation for worker in workers}
    return {
        "generations": [
            {"number": g.number, "python": g.python, "ready_at": g.ready_at, "ready": g.ready}
            for g in pool.generations
            if g.ready or g.number in living
        ],
        "workers": [_worker(worker) for worker in workers],
        "next_number": roster.next_number,
        "exits": pool.exits,
        "bounds": list(scaling.bounds),
        "peak": scaling.peak,
        "max_reached": scaling.max_reached,
    }


def restore(pool: Pool, memoir: dict[str, Any], now: float) -> None:
    """Bring a new pool to where the other was. What it has, it keeps as long as it may be needed."""
    for one in memoir["generations"]:
        generation = Generation(one["number"])
        generation.state = TemplateState.READY if one["ready"] else TemplateState.GONE
        generation.python, generation.ready_at = one["python"], one["ready_at"]
        pool.roster.generations.append(generation)
    for one in memoir["workers"]:
        worker = pool.roster.rehire(one["number"], one["slot"], one["generation"])
        worker.enter(WorkerState.LEAVING if one["leaving"] else WorkerState.READY)
        worker.pid, worker.begun = one["pid"], one["begun"]
        worker.ready_at = worker.active_at = one["ready_at"]
        worker.leaving = one["leaving"]
        worker.due = now + LEAVE_PATIENCE if one["leaving"] else None
    pool.roster.proved(memoir["next_number"] - 1)
    pool.was_complete = True
    pool.exits = {**pool.exits, **memoir["exits"]}
    pool.scaling.rebound(Bounds(*memoir["bounds"]))
    pool.scaling.peak, pool.scaling.max_reached = memoir["peak"], memoir["max_reached"]
    pool.scaling.keep(pool.roster.staying, now)


def _worker(worker: WorkerHandle) -> dict[str, Any]:
    return {
        "number": worker.number,
        "slot": worker.slot,
        "generation": worker.generation,
        "pid": worker.pid,
        "begun": worker.begun,
        "ready_at": worker.ready_at,
        "leaving": worker.leaving,
    }
