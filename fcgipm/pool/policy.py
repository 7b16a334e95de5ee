"""How many workers a pool wants: the one place that says so."""

from __future__ import annotations

from typing import NamedTuple


class PoolSettings(NamedTuple):
    """What of the configuration a pool decides by. `stop_timeout` in seconds."""

    name: str
    min: int
    max: int
    threads: int
    stop_timeout: float

    @property
    def handles(self) -> int:
        """Most workers that can exist at once: a replacement may start before its predecessor has left."""
        return 2 * self.max

    @property
    def slots(self) -> int:
        """Slots of the pool's scoreboard: one for each thread."""
        return self.handles * self.threads


def target(settings: PoolSettings) -> int:
    """Workers wanted. A static pool has min = max."""
    return settings.min
