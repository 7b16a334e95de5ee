"""A record as a handful of figures."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import ceil
from typing import NamedTuple

from simulation.record import Record
from simulation.scenarios import Surge

NOTICED = 0.001
"""Seconds: who waits longer than this has waited."""


class Figures(NamedTuple):
    """Waits in seconds; `waited` is the share of the requests that waited more than a millisecond; `idle` worker-seconds; `full` seconds from the surge
    until all the workers that it needs accept, None when that never was or there is no surge; `flaps` changes of direction of the number of workers."""

    requests: int
    waited: float
    p50: float
    p99: float
    longest: float
    mean: float
    peak: int
    forks: int
    full: float | None
    idle: float
    flaps: int


def figures(record: Record, surge: Surge | None = None) -> Figures:
    waits = sorted(record.waits)
    return Figures(
        requests=len(waits),
        waited=sum(wait > NOTICED for wait in waits) / len(waits) if waits else 0.0,
        p50=percentile(waits, 50),
        p99=percentile(waits, 99),
        longest=percentile(waits, 100),
        mean=record.workers.area() / record.until,
        peak=record.workers.peak,
        forks=record.forks,
        full=record.ready.reached(surge.workers, surge.at) if surge else None,
        idle=record.idle,
        flaps=record.workers.turns,
    )


def percentile(ordered: Sequence[float], percent: float) -> float:
    """The smallest of the `ordered` values that at least so many per cent of them do not exceed; 0 when there are none."""
    return ordered[max(0, ceil(len(ordered) * percent / 100) - 1)] if ordered else 0.0


def percentile_of(values: Iterable[float], percent: float) -> float:
    """The same of values in any order."""
    return percentile(sorted(values), percent)
