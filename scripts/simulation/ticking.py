"""A manager with a timer: both peers look at their workers once a second, whatever happens meanwhile."""

from __future__ import annotations

from collections.abc import Iterable

from simulation.site import Idle, Site, Worker


class Ticking(Idle):
    """`tick` is called once in `interval` seconds, the first time one interval after the start."""

    interval = 1.0

    def __init__(self, site: Site, first: int) -> None:
        self.site = site
        self._first = first

    def start(self) -> None:
        self.site.fork(self._first, at_once=True)
        self.site.clock.after(self.interval, self._tick)

    def tick(self) -> None:
        """Look, and decide."""

    def _tick(self) -> None:
        self.tick()
        self.site.clock.after(self.interval, self._tick)


def oldest(workers: Iterable[Worker]) -> Worker | None:
    """The one that was forked first."""
    return min(workers, key=lambda worker: worker.number, default=None)
