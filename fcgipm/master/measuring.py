"""Workers' memory, for pools that recycle by it: one worker at a look, because the figure costs the kernel a walk through the whole of its memory."""

from __future__ import annotations

from collections.abc import Mapping

from fcgipm.master.processes import WorkerProcess
from fcgipm.pool.happenings import Measured
from fcgipm.pool.pool import Pool
from fcgipm.system.memory import shares


class Measuring:
    """Whose turn it is."""

    def __init__(self) -> None:
        self._last = 0

    def measure(self, pool: Pool, workers: Mapping[int, WorkerProcess]) -> Measured | None:
        """The next worker that is ready; None: there is none, or it has just ended."""
        numbers = [number for number, worker in pool.workers.items() if worker.ready]
        self._last = next((number for number in numbers if number > self._last), min(numbers, default=0))
        worker = workers.get(self._last)
        found = shares(worker.pid) if worker is not None and worker.pid is not None and not worker.reaped else None
        return None if found is None else Measured(self._last, found.uss)
