"""What rounds add up to: medians, and ratios of rounds side by side."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import NamedTuple


class Round(NamedTuple):
    """One backend under load for some seconds."""

    rate: float
    """Requests per second."""
    cpu_us: float
    """Microseconds of CPU per request, of the backend's whole process tree."""
    front_us: float
    """The same of nginx."""
    p50_ms: float
    p99_ms: float
    bad: int
    """Replies other than 2xx or 3xx, and socket errors."""


def medians(rounds: Sequence[Round]) -> Round:
    """Each figure's median over the rounds; `bad` is the sum, because one is too many."""
    middle = Round(*(median(column) for column in zip(*rounds, strict=True)))
    return middle._replace(bad=sum(one.bad for one in rounds))


def rate_ratio(mine: Sequence[Round], theirs: Sequence[Round]) -> float:
    """Our requests/s as a multiple of theirs: the median of rounds side by side, which a busy machine leaves alone."""
    return median(one.rate / other.rate for one, other in zip(mine, theirs, strict=True))


def cpu_ratio(mine: Sequence[Round], theirs: Sequence[Round]) -> float:
    """Our CPU per request as a multiple of theirs: the median over rounds side by side."""
    return median(one.cpu_us / other.cpu_us for one, other in zip(mine, theirs, strict=True))


def verdict(reached: bool) -> str:
    """Of an aim; one as wide as the other."""
    return "reached" if reached else "missed "
