"""``fcgipm stack``: several workers are asked for their stacks at the same time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from fcgipm.master.fleet import Fleet
from fcgipm.master.processes import WorkerProcess
from fcgipm.master.runner import PoolRunner

FOREIGN = "a foreign program has no Python stack to show"

Deliver = Callable[[list[dict[str, Any]]], None]


def collect_stacks(fleet: Fleet, name: object, deliver: Deliver) -> bool:
    """Hand the stacks of a pool's workers, of one by its pid, or of all (None) to `deliver`, within a second or so; False: there is none such."""
    chosen = [(runner, worker) for runner in fleet for worker in runner.overseer.answering() if name is None or name in (runner.name, worker.pid)]
    foreign = [runner.name for runner in fleet if runner.foreign and (name in (None, runner.name) or name in _pids(runner))]
    if chosen or foreign or name is None or name in fleet.serving:
        _Collection(chosen, foreign, deliver)
        return True
    return False


def _pids(runner: PoolRunner) -> list[int | None]:
    return [worker.pid for worker in runner.workers.values()]


class _Collection:
    """The stacks of several workers, asked for at the same time; `deliver` gets them when the last has come, after a word about each `foreign` pool."""

    def __init__(self, chosen: Iterable[tuple[PoolRunner, WorkerProcess]], foreign: Iterable[str], deliver: Deliver) -> None:
        self._deliver = deliver
        self._found: list[dict[str, Any]] = [{"pool": pool, "pid": None, "stack": [FOREIGN]} for pool in foreign]
        everybody = list(chosen)
        self._left = len(everybody)
        now = time.monotonic()
        for runner, worker in everybody:
            came = partial(self._came, runner.name, worker.pid)
            came([]) if worker.stacks is None else worker.stacks.ask(worker, came, now)
        if not everybody:
            deliver(self._found)

    def _came(self, pool: str, pid: int | None, lines: list[str]) -> None:
        self._found.append({"pool": pool, "pid": pid, "stack": lines})
        self._left -= 1
        if not self._left:
            self._deliver(self._found)
