"""When requests come in: independently of each other, at a rate that changes with time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import cos, pi
from random import Random

from simulation.services import Draw
from simulation.site import Request

Rate = Callable[[float], float]
"""Seconds since the beginning → requests a second."""


def poisson(random: Random, rate: Rate, highest: float, seconds: float, service: Draw) -> Iterator[Request]:
    """Requests of `rate`, which is nowhere above `highest`: of those that would come at the highest rate, as many are dropped as the rate is lower."""
    now = random.expovariate(highest)
    while now < seconds:
        if random.random() * highest < rate(now):
            yield Request(now, service())
        now += random.expovariate(highest)


def constant(rate: float) -> Rate:
    return lambda _now: rate


def step(low: float, high: float, begin: float, end: float) -> Rate:
    """`high` from `begin` to `end`, else `low`."""
    return lambda now: high if begin <= now < end else low


def ramp(highest: float, top: float, end: float) -> Rate:
    """From nothing up to `highest` at `top`, and back to nothing at `end`."""
    return lambda now: highest * (now / top if now < top else max(0.0, (end - now) / (end - top)))


def day(low: float, high: float, length: float, phase: float = 0.0) -> Rate:
    """A wave from `low` to `high` and back in `length` seconds; `phase`: the part of the wave at which it begins, 0 is the lowest point."""
    return lambda now: low + (high - low) * (1 - cos(2 * pi * (now / length + phase))) / 2


def square(rate: float, on: float, offs: tuple[float, ...]) -> Rate:
    """`rate` for `on` seconds, then nothing for each of `offs` in turn, and so on."""
    period = len(offs) * on + sum(offs)

    def now_and_then(now: float) -> float:
        within = now % period
        for off in offs:
            if within < on:
                return rate
            within -= on + off
            if within < 0:
                return 0.0
        return 0.0

    return now_and_then
