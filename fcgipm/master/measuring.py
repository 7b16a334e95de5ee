"""The memory that workers have for themselves, for `recycle: {memory}`: measured one worker at a look."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fcgipm.pool import happenings as event
from fcgipm.system.memory import shares

if TYPE_CHECKING:
    from fcgipm.master.runner import PoolRunner


class Measuring:
    """Of one pool's workers, in turn."""

    def __init__(self, runner: PoolRunner) -> None:
        self._runner = runner
        self._last = 0

    def see_to(self) -> None:
        """One worker at a look: the figure costs the kernel a walk through the whole of its memory."""
        runner = self._runner
        if not runner.settings["recycle"]["memory"]:
            return
        numbers = [number for number, worker in runner.pool.workers.items() if worker.ready]
        self._last = next((number for number in numbers if number > self._last), min(numbers, default=0))
        worker = runner.workers.get(self._last)
        found = shares(worker.pid) if worker is not None and worker.pid is not None and not worker.reaped else None
        if found is not None:
            runner.happened(event.Measured(self._last, found.uss))
