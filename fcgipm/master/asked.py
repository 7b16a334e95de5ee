"""What commands ask of one pool or one worker."""

from __future__ import annotations

from fcgipm.master.fleet import Fleet
from fcgipm.pool.happenings import RetireRequested


def retire(fleet: Fleet, pid: object) -> str | None:
    """Replace one worker, its replacement first. What is done, None if no worker that stays has that pid."""
    for runner in fleet.serving.values():
        for worker in runner.pool.workers.values():
            if worker.pid == pid and worker.stays:
                runner.happened(RetireRequested(worker.number))
                return f"{runner.name}: worker {pid} leaves as soon as another accepts in its place"
    return None


def drain(fleet: Fleet, name: object, undo: bool) -> list[str] | None:
    """Have `/readyz` turn visitors away from a pool (None: from all), which serves on; `undo`: no more. The pools, None if there is none of that name."""
    runners = [runner for runner in fleet.serving.values() if name is None or runner.name == name]
    for runner in runners:
        runner.account.draining = not undo
    return [runner.name for runner in runners] or None
