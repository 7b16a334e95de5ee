"""Tracks and waits as points of a picture."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from math import nan

from simulation.record import Track

Points = tuple[list[float], list[float]]
"""Abscissas and ordinates."""


def stairs(track: Track, until: float) -> Points:
    """The steps of a track, up to the end of the recording."""
    return [*track.times, until], [*map(float, track.values), float(track.values[-1])]


def highest(track: Track, until: float, bins: int) -> Points:
    """The highest value of a track within each of `bins` equal spans; what it has when a span begins counts."""
    width = until / bins
    tops = [0.0] * bins
    last, before = 0, 0
    for when, value in zip(track.times, track.values, strict=True):
        at = min(int(when / width), bins - 1)
        for index in range(last + 1, at + 1):
            tops[index] = before
        tops[at] = max(tops[at], value)
        last, before = at, value
    tops[last + 1 :] = [before] * (bins - last - 1)
    return [(index + 0.5) * width for index in range(bins)], tops


def binned(times: Sequence[float], values: Sequence[float], until: float, bins: int, choose: Callable[[Iterable[float]], float] = max) -> Points:
    """One value for each of `bins` equal spans: of those whose time is in it, the one that `choose` takes; NaN, a gap in a line, where there is none."""
    width = until / bins
    held: list[list[float]] = [[] for _ in range(bins)]
    for when, value in zip(times, values, strict=True):
        if when < until:
            held[int(when / width)].append(value)
    return [(index + 0.5) * width for index in range(bins)], [choose(one) if one else nan for one in held]
