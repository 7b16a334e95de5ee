"""What happens to a site: named scenarios, each a list of requests made from a seed. The same requests come to every algorithm."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import NamedTuple

from simulation import arrivals
from simulation.arrivals import poisson
from simulation.services import fixed, lognormal
from simulation.site import Request


class Surge(NamedTuple):
    """From `at` seconds on so many `workers` are needed to serve at once whatever comes: when that is reached, is measured."""

    at: float
    workers: int


class Scenario(NamedTuple):
    """`seconds` are recorded; what waits at their end is served all the same."""

    name: str
    title: str
    seconds: float
    requests: list[Request]
    surge: Surge | None = None


SERVICE = 0.1
"""Seconds of a request, where they are all alike."""


def steady(random: Random) -> Scenario:
    requests = poisson(random, arrivals.constant(50), 50, 60, fixed(SERVICE))
    return Scenario("steady", "50 requests/s of 100 ms", 60, list(requests))


def step(random: Random) -> Scenario:
    requests = poisson(random, arrivals.step(10, 200, 10.3, 40.3), 200, 70, fixed(SERVICE))
    return Scenario("step", "10 requests/s of 100 ms, 200 from 10.3 s to 40.3 s", 70, list(requests), Surge(10.3, 20))


def ramp(random: Random) -> Scenario:
    requests = poisson(random, arrivals.ramp(300, 60, 120), 300, 120, fixed(SERVICE))
    return Scenario("ramp", "from 0 to 300 requests/s of 100 ms in 60 s, and back", 120, list(requests))


def diurnal(random: Random) -> Scenario:
    requests = poisson(random, arrivals.day(5, 200, 300), 200, 300, fixed(SERVICE))
    return Scenario("diurnal", "a day of 300 s: from 5 to 200 requests/s of 100 ms, and back", 300, list(requests))


def flash(_random: Random) -> Scenario:
    """The measured case of PEERS.md: clients that ask again as soon as they are answered."""
    requests = [Request(5.3, SERVICE, again_until=15.3)] * 40
    return Scenario("flash", "40 clients at once after a rest, for 10 s; 100 ms", 40, requests, Surge(5.3, 40))


def square(random: Random) -> Scenario:
    """The rests are in turn a little shorter and a little longer than the `idle_timeout` of 10 s, so that no setting is merely lucky."""
    requests = poisson(random, arrivals.square(150, 2, (9.0, 11.0)), 150, 144, fixed(SERVICE))
    return Scenario("square", "150 requests/s of 100 ms for 2 s, then a rest of 9 s or 11 s in turn", 144, list(requests))


def heavy(random: Random) -> Scenario:
    requests = poisson(random, arrivals.constant(40), 40, 120, lognormal(random, 0.05, 1.5, 10.0))
    return Scenario("heavy", "40 requests/s, half of them below 50 ms, a few up to 10 s", 120, list(requests))


SCENARIOS: dict[str, Callable[[Random], Scenario]] = {
    "steady": steady,
    "step": step,
    "ramp": ramp,
    "diurnal": diurnal,
    "flash": flash,
    "square": square,
    "heavy": heavy,
}


def make(name: str, seed: int) -> Scenario:
    """The scenario of that name; KeyError when there is none."""
    return SCENARIOS[name](Random(f"{name} {seed}"))
