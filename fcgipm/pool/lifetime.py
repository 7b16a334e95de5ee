"""How long a worker serves: the limits of `recycle`, and what each worker makes of them."""

from __future__ import annotations

from typing import NamedTuple

from fcgipm.pool.worker import WorkerHandle

_GOLDEN = 0.6180339887498949
"""Multiples of it, without their whole part, fill the range from 0 to 1 evenly however many there are: so neighbours in time are far apart."""


class Lifetime(NamedTuple):
    """The limits; 0: none. `jitter` is how far a worker's own may lie above them, as a fraction; memory in bytes (USS), age in seconds."""

    requests: int = 0
    jitter: float = 0.0
    memory: int = 0
    age: float = 0.0

    def factor(self, worker: int) -> float:
        """What the limits are multiplied by for the worker of that number."""
        return 1 + self.jitter * (worker * _GOLDEN % 1)

    def due_at(self, worker: WorkerHandle) -> float | None:
        """When the worker will be too old."""
        return worker.ready_at + self.age * self.factor(worker.number) if self.age and worker.ready_at is not None else None

    def reason(self, worker: WorkerHandle, now: float) -> str | None:
        """Why the worker is to be replaced, in the words of `exits`; None: it is not."""
        factor, due_at = self.factor(worker.number), self.due_at(worker)
        if worker.asked:
            return "retire"
        if self.requests and worker.begun >= self.requests * factor:
            return "requests"
        if self.memory and worker.memory >= self.memory * factor:
            return "memory"
        return "age" if due_at is not None and now >= due_at else None
