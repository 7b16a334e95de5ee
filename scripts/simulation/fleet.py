"""A hundred machines, each with some pools of fcgipm that share its `max_workers`: does it hold together at ten thousand workers?

A machine is simulated by itself, in as many processes at a time as there are CPUs. How `max_workers` is dealt out is fcgipm's own (``pool/sharing.py``); when
it is, is that of the master (``master/master.py``: `_share`): after every turn in which a pool's claim has changed.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from heapq import merge
from itertools import chain
from multiprocessing import get_context
from pathlib import Path
from random import Random
from statistics import median
from typing import NamedTuple

from benchmarks.progress import Progress

from fcgipm.pool.happenings import Allowed
from fcgipm.pool.sharing import Claim, attainable, granted
from simulation import arrivals, picture
from simulation.algorithms import Settings
from simulation.arrivals import poisson
from simulation.breathing import Breathing
from simulation.clock import Clock
from simulation.figures import NOTICED, percentile, percentile_of
from simulation.record import Record
from simulation.report import milliseconds
from simulation.services import lognormal
from simulation.site import Costs, Request, Site


class Plan(NamedTuple):
    """`machines` of so many `pools`, `max_workers` each; a day of `seconds`. Every pool has its own hours and a crowd of its own; in the middle of the day
    a crowd comes to most pools of all machines at once, as after news."""

    machines: int = 100
    pools: int = 5
    max_workers: int = 100
    seconds: int = 24
    settings: Settings = Settings(min=1, max=60)
    costs: Costs = Costs()
    seed: int = 1


class Second(NamedTuple):
    """A machine at one instant: workers that exist, that serve, requests that wait."""

    workers: int
    busy: int
    waiting: int


class Machine(NamedTuple):
    """What became of one: `seconds` in a row, waits in seconds and when their requests came, forks, looks of the beats, most workers at any instant."""

    seconds: list[Second]
    came: Sequence[float]
    waits: Sequence[float]
    forks: int
    looks: int
    peak: int
    arrived: int
    served: int


class Shares:
    """Deals out `total` workers to pools, as the master does."""

    def __init__(self, total: int, clock: Clock) -> None:
        self.pools: list[Breathing] = []
        self._total = total
        self._clock = clock
        self._claims: list[Claim] = []

    def deal(self) -> None:
        """After a turn of the master's loop."""
        claims = [one.pool.claim(self._clock.now) for one in self.pools]
        if claims == self._claims:
            return
        self._claims = claims
        for index, (one, workers) in enumerate(zip(self.pools, granted(self._total, claims), strict=True)):
            allowed, scaling = Allowed(workers, attainable(self._total, claims, index)), one.pool.scaling
            if allowed != (scaling.allowance, scaling.attainable):
                one.told((allowed,))


def fleet(plan: Plan, folder: Path, progress: Progress, jobs: int | None = None) -> None:
    """Simulate it, print its figures, write its picture."""
    began = time.monotonic()
    machines: list[Machine] = []
    for one in simulated(plan, jobs or os.cpu_count() or 1):
        machines.append(one)
        progress.show(f"machine {len(machines)} of {plan.machines}")
    progress.show("picture")
    path = folder / "fleet.png"
    picture.fleet(path, f"fcgipm: {plan.machines} machines of {plan.pools} pools, max_workers {plan.max_workers} each", machines)
    progress.done()
    print(text(plan, machines))
    print(f"{path}\nsimulated in {time.monotonic() - began:.0f} s")


def simulated(plan: Plan, jobs: int) -> Iterator[Machine]:
    """The machines, in their order."""
    if jobs == 1:
        yield from map(partial(machine, plan), range(plan.machines))
        return
    with get_context("spawn").Pool(jobs) as processes:
        yield from processes.imap(partial(machine, plan), range(plan.machines))


def machine(plan: Plan, number: int) -> Machine:
    """One machine's day."""
    random = Random(f"machine {number} {plan.seed}")
    clock = Clock()
    shares = Shares(plan.max_workers, clock)
    sites = [Site(clock, Record(plan.seconds), plan.costs, fair=False) for _ in range(plan.pools)]
    for site in sites:
        site.manager = pool = Breathing(site, plan.settings.pool(), shares.deal)
        shares.pools.append(pool)
    shares.deal()
    for index, site in enumerate(sites):
        site.manager.start()
        site.expect(day(plan, random, has_news=index < plan.pools * 3 // 5))
    seconds = []
    for second in range(plan.seconds + 1):
        clock.run(second)
        seconds.append(Second(*map(sum, zip(*(counts(site.record) for site in sites), strict=True))))
    clock.run_while(lambda: any(site.open for site in sites))
    return summed(seconds, sites, shares)


def counts(record: Record) -> tuple[int, int, int]:
    """Workers, busy ones, waiting requests, of this instant."""
    return record.workers.value, record.busy.value, record.queue.value


def day(plan: Plan, random: Random, has_news: bool) -> Iterator[Request]:
    """What comes to one pool."""
    seconds, service = plan.seconds, lognormal(random, 0.3, 0.8, 5.0)
    hours = poisson(random, arrivals.day(2, 20, seconds, random.random()), 20, seconds, service)
    own = crowd(random.uniform(0, seconds), 30, service())
    news = crowd(seconds / 2 + random.uniform(0, 0.5), 50, 0.4) if has_news else []
    return merge(hours, own, news, key=lambda request: request.at)


def crowd(begin: float, clients: int, service: float) -> list[Request]:
    """Clients who come at once and ask again for three seconds."""
    return [Request(begin, service, begin + 3.0)] * clients


def summed(seconds: list[Second], sites: Sequence[Site], shares: Shares) -> Machine:
    """A machine's pools together."""
    records = [site.record for site in sites]
    return Machine(
        seconds=seconds,
        came=list(chain.from_iterable(record.began for record in records)),
        waits=list(chain.from_iterable(record.waits for record in records)),
        forks=sum(record.forks for record in records),
        looks=sum(pool.looks for pool in shares.pools),
        peak=highest(records),
        arrived=sum(record.arrived for record in records),
        served=sum(record.served for record in records),
    )


def highest(records: Iterable[Record]) -> int:
    """The most workers that there ever were at one instant, over all pools. Within an instant those who leave go before those who come."""
    changes: dict[float, int] = {}
    for record in records:
        before = 0
        for when, after in zip(record.workers.times, record.workers.values, strict=True):
            changes[when] = changes.get(when, 0) + after - before
            before = after
    total = most = 0
    for when in sorted(changes):
        total += changes[when]
        most = max(most, total)
    return most


def text(plan: Plan, machines: Sequence[Machine]) -> str:
    """Totals, and percentiles over requests and over machines."""
    waits = sorted(chain.from_iterable(one.waits for one in machines))
    totals = [Second(*map(sum, zip(*instant, strict=True))) for instant in zip(*(one.seconds for one in machines), strict=True)]
    pools = plan.machines * plan.pools
    return "\n".join(
        [
            f"{plan.machines} machines, {pools} pools, {plan.machines * plan.max_workers:,} workers at most; a day of {plan.seconds} s",
            f"requests  {sum(one.arrived for one in machines):,} came, {sum(one.served for one in machines):,} were served",
            f"workers   {highs([one.workers for one in totals])}",
            f"busy      {highs([one.busy for one in totals])}",
            f"waiting   {max(one.waiting for one in totals):,} at the most, looked at once a second",
            f"forks     {sum(one.forks for one in machines):,}",
            f"looks     {sum(one.looks for one in machines) / pools / plan.seconds:.1f} a second and pool",
            f"waits     {waited(waits)}",
            f"machines  p99 of the wait, ms: {spread([percentile_of(one.waits, 99) for one in machines])}",
            f"          most workers at an instant: {', '.join(f'{label} {value:.0f}' for label, value in middle([one.peak for one in machines]))}"
            f" (max_workers {plan.max_workers})",
        ]
    )


def highs(values: Sequence[int]) -> str:
    return f"{max(values):,} at the most, median {median(values):,.0f}"


def waited(waits: Sequence[float]) -> str:
    """Percentiles of sorted waits."""
    share_of_them = sum(wait > NOTICED for wait in waits) / len(waits)
    figures = ", ".join(f"p{percent:g} {milliseconds(percentile(waits, percent))} ms" for percent in (50, 90, 99, 99.9))
    return f"{100 * share_of_them:.1f}% of the requests; {figures}, longest {milliseconds(percentile(waits, 100))} ms"


def spread(values: Iterable[float]) -> str:
    """Seconds of several machines, as milliseconds."""
    return ", ".join(f"{label} {milliseconds(value)}" for label, value in middle(values))


def middle(values: Iterable[float]) -> list[tuple[str, float]]:
    """The best, the median and the worst of several."""
    ordered = sorted(values)
    return [("least", ordered[0]), ("median", percentile(ordered, 50)), ("most", ordered[-1])]
