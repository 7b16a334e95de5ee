"""Keepers of foreign programs that were dismissed, and stay until the last of their copies is gone: for the pool they are templates that are no more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fcgipm.master.processes import TemplateProcess, signal_group
from fcgipm.pool.happenings import TemplateGone

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fcgipm.master.log import Log
    from fcgipm.master.runner import PoolRunner

GRACE = 2.0
"""Seconds that a keeper has to end when nobody is left for whom it stays."""


class Staying:
    """Of one pool."""

    def __init__(self, name: str, log: Log) -> None:
        self.next_wakeup: float | None = None
        """When to call `see_to` although nothing happened."""
        self._keepers: dict[int, TemplateProcess] = {}
        self._name = name
        self._log = log

    def __len__(self) -> int:
        return len(self._keepers)

    def __iter__(self) -> Iterator[TemplateProcess]:
        return iter(self._keepers.values())

    def add(self, keeper: TemplateProcess) -> None:
        """It was dismissed."""
        self._keepers[keeper.pid] = keeper

    def exited(self, pid: int) -> bool:
        """One process was reaped; whether it was one of these."""
        keeper = self._keepers.pop(pid, None)
        if keeper is not None:
            keeper.output.drain()
        return keeper is not None

    def see_to(self, now: float, needed: bool) -> None:
        """End those that stay without a reason; `needed`: there still are workers."""
        if needed or not self._keepers:
            self.next_wakeup = None
        elif self.next_wakeup is None:
            self.next_wakeup = now + GRACE
        elif now >= self.next_wakeup:
            self.next_wakeup = now + GRACE
            for pid in self._keepers:
                self._log.warning(f"keeper {pid} stays although its last copy is gone: killing it", self._name)
                signal_group(pid, force=True)


def let_stay(runner: PoolRunner, keeper: TemplateProcess, why: str) -> None:
    """It starts no more copies. Its end will be that of the last it has, and the pool goes on without it."""
    runner.drop_channel(keeper.channel)
    del runner.templates[keeper.generation]
    runner.staying.add(keeper)
    runner.happened(TemplateGone(keeper.generation, f"the keeper {why}"))
