"""Which request has run too long, which worker does not yield, which request is slow: decided from a look at the slots and the time.

The clock of a request runs while its application does, and begins anew with each block that is handed over.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple


class Limits(NamedTuple):
    """Seconds; `slow` None: nothing is slow."""

    request: float
    kill_after: float
    slow: float | None = None


class Running(NamedTuple):
    """A thread whose application runs, and since when: nanoseconds, monotonic."""

    worker: int
    thread: int
    since: int


class Overdue(NamedTuple):
    """Its request is to be interrupted."""

    running: Running


class Stuck(NamedTuple):
    """The worker is to be killed: these of its threads did not yield."""

    worker: int
    threads: tuple[Running, ...]


class Slow(NamedTuple):
    """Its stack is wanted for the slow log."""

    running: Running


Verdict = Overdue | Stuck | Slow


class Deadlines:
    """Says each thing once. `next_due` is when something may be due if nothing new begins to run, None: never."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._slow: set[Running] = set()
        self._overdue: set[Running] = set()
        self._stuck: set[int] = set()
        self.next_due: float | None = None

    def judge(self, running: Collection[Running], yielding: Collection[int], now: float) -> list[Verdict]:
        """`yielding` are the workers that have interrupted a request and so can still act: those may finish their healthy ones."""
        self._forget(running)
        verdicts: list[Verdict] = [*self._judge_slow(running, now), *self._judge_overdue(running, now)]
        verdicts += self._judge_stuck(running, yielding, now)
        self.next_due = min((due for one in running if (due := self._due(one, now)) is not None), default=None)
        return verdicts

    def describe(self) -> dict[str, list[Running]]:
        """What has been said, as plain data: what is stuck is said again, because only its end settles that."""
        return {"slow": sorted(self._slow), "overdue": sorted(self._overdue)}

    def restore(self, described: Mapping[str, Iterable[Iterable[int]]]) -> None:
        """Know again what has been said."""
        self._slow = {Running(*one) for one in described["slow"]}
        self._overdue = {Running(*one) for one in described["overdue"]}

    def _forget(self, running: Collection[Running]) -> None:
        self._slow.intersection_update(running)
        self._overdue.intersection_update(running)
        self._stuck.intersection_update(one.worker for one in running)

    def _judge_slow(self, running: Iterable[Running], now: float) -> list[Slow]:
        limit = self._limits.slow
        found = [] if limit is None else [one for one in running if one not in self._slow and _age(one, now) >= limit]
        self._slow.update(found)
        return [Slow(one) for one in found]

    def _judge_overdue(self, running: Iterable[Running], now: float) -> list[Overdue]:
        found = [one for one in running if one not in self._overdue and _age(one, now) >= self._limits.request]
        self._overdue.update(found)
        return [Overdue(one) for one in found]

    def _judge_stuck(self, running: Collection[Running], yielding: Collection[int], now: float) -> list[Stuck]:
        last = self._limits.request + self._limits.kill_after
        verdicts = []
        for worker in dict.fromkeys(one.worker for one in running if _age(one, now) >= last):
            threads = [one for one in running if one.worker == worker]
            healthy = any(_age(one, now) < self._limits.request for one in threads)
            if worker not in self._stuck and not (healthy and worker in yielding):
                self._stuck.add(worker)
                verdicts.append(Stuck(worker, tuple(one for one in threads if _age(one, now) >= self._limits.request)))
        return verdicts

    def _due(self, one: Running, now: float) -> float | None:
        """When the next thing is due for it. A worker that waits for its healthy requests is looked at with every beat."""
        limits, since = self._limits, one.since / 1e9
        times = [since + limits.request, since + limits.request + limits.kill_after]
        if limits.slow is not None:
            times.append(since + limits.slow)
        later = [when for when in times if when > now]
        if later:
            return min(later)
        return None if one.worker in self._stuck else now + AGAIN


AGAIN = 0.05
"""Seconds between looks at a worker that is stuck beside healthy requests."""


def _age(one: Running, now: float) -> float:
    return now - one.since / 1e9
