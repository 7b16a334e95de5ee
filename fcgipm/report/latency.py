"""How long requests take and how many there are a second, from the buckets that workers count them in.

A bucket is RATIO wide, 1.099; a percentile is told as the geometric middle of its bucket, so it is within 4.9% of the exact one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from itertools import accumulate
from math import ceil
from operator import add, sub
from typing import NamedTuple

from fcgipm.scoreboard import BUCKETS, RATIO, SHORTEST_NS

WINDOW = 60.0
"""Seconds that rates and percentiles look back."""

INTERVAL = 5.0
"""Seconds between two totals that are kept."""

EDGES: tuple[float, ...] = tuple(SHORTEST_NS / 1e9 * RATIO**index for index in range(BUCKETS - 1))
"""The upper edge of each bucket but the last, which has none; in seconds."""

_MIDDLES: tuple[float, ...] = (EDGES[0] / 2, *(edge * RATIO**0.5 for edge in EDGES[:-1]), EDGES[-1])

PERCENTILES = {"p50": 0.50, "p90": 0.90, "p99": 0.99}


class Recent(NamedTuple):
    """The last WINDOW seconds. `latency` by the names of PERCENTILES, in seconds; None where no request ended. The rate is None where it is not known."""

    requests_per_second: float | None
    latency: dict[str, float | None]


class Totals(NamedTuple):
    """All requests that had ended at some time, by bucket."""

    when: float
    buckets: Sequence[int]


def nothing() -> list[int]:
    """Buckets before the first request."""
    return [0] * BUCKETS


def merged(one: Sequence[int], other: Sequence[int]) -> list[int]:
    """Two accounts as one."""
    return list(map(add, one, other))


def percentile(buckets: Sequence[int], part: float) -> float | None:
    """The time in seconds that this part (0 to 1) of the requests did not exceed; None without requests."""
    total = sum(buckets)
    if not total:
        return None
    rank = max(1, ceil(part * total))
    return next(middle for middle, below in zip(_MIDDLES, accumulate(buckets), strict=True) if below >= rank)


class History:
    """Totals of the last minute or so. It needs no clock of its own: totals are noted while something happens, and no request ends while nothing does."""

    def __init__(self, began: float) -> None:
        self._kept: deque[Totals] = deque([Totals(began, nothing())])

    def due(self, now: float) -> bool:
        """Whether totals are to be noted again."""
        return now >= self._kept[-1].when + INTERVAL

    def note(self, now: float, buckets: Sequence[int]) -> None:
        """Keep the totals of this moment; of those beyond the window only the newest is needed."""
        self._kept.append(Totals(now, buckets))
        while len(self._kept) > 1 and self._kept[1].when <= now - WINDOW:
            self._kept.popleft()

    def recent(self, now: float, buckets: Sequence[int]) -> Recent:
        """What happened in the last minute, given the totals of this moment."""
        before = self._kept[0]
        for totals in self._kept:
            if totals.when <= now - WINDOW:
                before = totals
        ended = [max(0, count) for count in map(sub, buckets, before.buckets)]
        # Longer than the window by up to an interval; and after a rest, during which nothing was noted, by nothing.
        seconds = min(now - before.when, WINDOW + INTERVAL)
        rate = sum(ended) / seconds if seconds > 0 else 0.0
        return Recent(rate, {name: percentile(ended, part) for name, part in PERCENTILES.items()})
