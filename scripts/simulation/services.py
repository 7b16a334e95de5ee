"""How long requests take, in seconds: functions without arguments that draw the next one."""

from __future__ import annotations

from collections.abc import Callable
from math import log
from random import Random

Draw = Callable[[], float]


def fixed(seconds: float) -> Draw:
    """Always the same."""
    return lambda: seconds


def lognormal(random: Random, median: float, spread: float, most: float) -> Draw:
    """Most are short, a few very long: half are below `median`, one in six above `median` times e to the `spread`, none above `most`."""
    return lambda: min(most, random.lognormvariate(log(median), spread))
