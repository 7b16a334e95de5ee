"""What `spare` and `idle_timeout` are good for: fcgipm with each pair of them, in every scenario."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import product
from pathlib import Path
from statistics import fmean
from typing import NamedTuple, TypeVar

from benchmarks.progress import Progress

from fcgipm.bench import table
from simulation import picture
from simulation.algorithms import Settings, fcgipm
from simulation.figures import Figures, figures
from simulation.report import milliseconds
from simulation.run import run
from simulation.scenarios import Scenario
from simulation.site import Costs

T = TypeVar("T")
SPARES = (0, 1, 2, 4, 10)
"""The last two are 10% and 25% of the 40 workers that there may be."""
IDLE_TIMEOUTS = (1.0, 2.0, 5.0, 10.0, 30.0, 60.0)


class Pair(NamedTuple):
    """Settings that are tried; seconds."""

    spare: int
    idle_timeout: float


class Outcome(NamedTuple):
    """Over all scenarios, each of the same weight. `waited`: share of the requests; `p99`, `longest`: seconds, of the worst scenario; `idle`: workers
    without a request, the mean; `forks` and `flaps` a minute, the mean."""

    waited: float
    p99: float
    longest: float
    idle: float
    forks: float
    flaps: float


def sweep(scenarios: Sequence[Scenario], settings: Settings, costs: Costs, folder: Path, progress: Progress) -> None:
    """Print the table and what follows from it, and write the picture."""
    outcomes = {}
    pairs = [Pair(*pair) for pair in product(SPARES, IDLE_TIMEOUTS)]
    for index, pair in enumerate(pairs, 1):
        progress.show(f"spare {pair.spare}, idle_timeout {pair.idle_timeout:g} s ({index} of {len(pairs)})")
        outcomes[pair] = tried(scenarios, settings._replace(spare=pair.spare, idle_timeout=pair.idle_timeout), costs)
    progress.done()
    path = folder / "sweep.png"
    picture.trade(path, {spare: [outcomes[Pair(spare, each)] for each in IDLE_TIMEOUTS] for spare in SPARES}, IDLE_TIMEOUTS)
    default = Pair(settings.spare, settings.idle_timeout)
    print(text(outcomes, default))
    print(f"{path}\n")
    print("\n".join(verdict(outcomes, default)))


def tried(scenarios: Iterable[Scenario], settings: Settings, costs: Costs) -> Outcome:
    """One pair in every scenario."""
    return outcome([(figures(run(scenario, fcgipm(settings), costs)), scenario.seconds) for scenario in scenarios])


def outcome(runs: Sequence[tuple[Figures, float]]) -> Outcome:
    """Of figures, each with the seconds of its scenario."""
    return Outcome(
        waited=fmean(one.waited for one, _ in runs),
        p99=max(one.p99 for one, _ in runs),
        longest=max(one.longest for one, _ in runs),
        idle=fmean(one.idle / seconds for one, seconds in runs),
        forks=fmean(60 * one.forks / seconds for one, seconds in runs),
        flaps=fmean(60 * one.flaps / seconds for one, seconds in runs),
    )


def front(outcomes: Mapping[Pair, Outcome]) -> set[Pair]:
    """Those that no other beats."""
    return {pair for pair, mine in outcomes.items() if not any(beats(other, mine) for other in outcomes.values())}


def beats(other: Outcome, mine: Outcome) -> bool:
    """Whether the other has fewer requests that wait and fewer idle workers, or as many of the one and fewer of the other.

    Forks and flaps do not count: with them every pair tried is the best at something, and nothing would be said.
    """
    pairs = [(other.waited, mine.waited), (other.idle, mine.idle)]
    return all(theirs <= ours for theirs, ours in pairs) and any(theirs < ours for theirs, ours in pairs)


def text(outcomes: Mapping[Pair, Outcome], default: Pair) -> str:
    """The table. A * marks pairs that no other beats, > the defaults."""
    head = ["fcgipm, all scenarios", "waited", "p99 ms", "max ms", "idle workers", "forks/min", "flaps/min", "best"]
    best = front(outcomes)
    rows = [[name(pair), *cells(one), "*" * (pair in best) + ">" * (pair == default)] for pair, one in outcomes.items()]
    notes = "*: none has at once fewer waiting requests and fewer idle workers; >: as set. p99, max: of the worst scenario; the rest: mean of all"
    return f"{table.render(head, rows)}\n{notes}"


def name(pair: Pair) -> str:
    return f"spare {pair.spare:2}, idle_timeout {pair.idle_timeout:g} s"


def cells(one: Outcome) -> list[str]:
    return [
        f"{100 * one.waited:.2f}%",
        milliseconds(one.p99),
        milliseconds(one.longest),
        f"{one.idle:.1f}",
        f"{one.forks:.1f}",
        f"{one.flaps:.1f}",
    ]


def verdict(outcomes: Mapping[Pair, Outcome], default: Pair) -> list[str]:
    """The settings beside their neighbours: what one gets for a worker more. Nothing when they were not tried."""
    if default not in outcomes:
        return []
    here = outcomes[default]
    neighbours = [
        *(Pair(spare, default.idle_timeout) for spare in beside(SPARES, default.spare)),
        *(Pair(default.spare, each) for each in beside(IDLE_TIMEOUTS, default.idle_timeout)),
    ]
    better = [pair for pair, other in outcomes.items() if beats(other, here)]
    return [
        f"as set: {name(default)}; beside it",
        *(exchange(name(pair), here, outcomes[pair]) for pair in neighbours),
        "with fewer waiting requests and fewer idle workers at once:" if better else "none has fewer waiting requests and fewer idle workers at once",
        *(exchange(name(pair), here, outcomes[pair]) for pair in better),
    ]


def beside(values: Sequence[T], value: T) -> list[T]:
    index = values.index(value)
    return [values[at] for at in (index - 1, index + 1) if 0 <= at < len(values)]


def exchange(label: str, here: Outcome, there: Outcome) -> str:
    """What is different there."""
    waited, forks = 100 * (there.waited - here.waited), there.forks - here.forks
    return f"  {label}: {there.idle - here.idle:+.1f} idle workers, {waited:+.2f} points of the requests wait, {forks:+.1f} forks/min"
