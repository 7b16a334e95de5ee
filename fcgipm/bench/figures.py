"""What one round of load tells, and what several rounds add up to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil
from statistics import median
from typing import NamedTuple

from fcgipm.bench.ways import CGI, FASTCGI, Way

SATURATED = 0.9
"""CPUs that a process of the load may take before it is what limits the rate: it has one at most."""


class Round(NamedTuple):
    """One way under load for a while."""

    requests: int
    """That were answered."""
    failed: int
    rate: float
    """Answered requests a second."""
    p50_ms: float
    p90_ms: float
    p99_ms: float
    cpu_ms: float
    """CPU a request, user and system, of the daemon's whole tree, nginx not among it."""
    front_ms: float
    """The same of nginx."""
    client_ms: float
    """The same of the load itself."""
    client_share: float
    """CPUs that the busiest process of the load took."""
    memory: float
    """Bytes (PSS) of the daemon's tree under load, the most that was seen."""
    started: float
    """Processes that began below the daemon meanwhile."""


Rounds = Mapping[Way, Sequence[Round]]


class Factor(NamedTuple):
    """FastCGI with kept connections beside CGI, through the same door."""

    door: str
    rate: float
    """As many times the requests a second."""
    cpu: float
    """CGI's CPU a request, as many times that of FastCGI."""
    wait: float
    """CGI's median wait, as many times that of FastCGI."""


def percentile(ordered: Sequence[float], percent: float) -> float:
    """The nearest-rank percentile of sorted values; 0 of none."""
    return ordered[max(1, ceil(len(ordered) * percent / 100)) - 1] if ordered else 0.0


def medians(rounds: Sequence[Round]) -> Round:
    """Each figure's median; `failed` and `requests` are sums, because one failure is too many."""
    middle = Round(*(median(column) for column in zip(*rounds, strict=True)))
    return middle._replace(failed=sum(one.failed for one in rounds), requests=sum(one.requests for one in rounds))


def client_limits(rounds: Sequence[Round]) -> bool:
    """Whether the load could not do more, so that the rate is a lower bound."""
    return median(one.client_share for one in rounds) > SATURATED


def factors(rounds: Rounds) -> list[Factor]:
    """Medians of the ratios of rounds side by side, which a busy machine leaves alone better than ratios of medians."""
    return [_factor(way.door, rounds[way], rounds[way._replace(interface=FASTCGI, kept=True)]) for way in rounds if way.interface == CGI]


def _factor(door: str, slow: Sequence[Round], fast: Sequence[Round]) -> Factor:
    pairs = list(zip(slow, fast, strict=True))
    return Factor(
        door,
        rate=median(_ratio(quick.rate, one.rate) for one, quick in pairs),
        cpu=median(_ratio(one.cpu_ms, quick.cpu_ms) for one, quick in pairs),
        wait=median(_ratio(one.p50_ms, quick.p50_ms) for one, quick in pairs),
    )


def _ratio(high: float, low: float) -> float:
    return high / low if low else 0.0
