"""Figures as text."""

from __future__ import annotations

from collections.abc import Mapping

from fcgipm.bench import table
from simulation.figures import Figures
from simulation.scenarios import Scenario

HEAD = ["algorithm", "requests", "waited", "p50 ms", "p99 ms", "max ms", "workers", "peak", "forks", "full after", "idle w·s", "flaps"]
NOTES = (
    "waited: more than a millisecond; workers: mean; full after: until as many accept as the surge needs; idle w·s: workers times seconds without a request;\n"
    "flaps: changes of direction of the number of workers. What waits at the end of a scenario is served, and counts."
)


def text(scenario: Scenario, rows: Mapping[str, Figures]) -> str:
    """A scenario's table: one row for each algorithm."""
    return f"{scenario.name}: {scenario.title}\n\n{table.render(HEAD, [[name, *cells(one)] for name, one in rows.items()])}\n"


def cells(one: Figures) -> list[str]:
    return [
        f"{one.requests:,}",
        f"{100 * one.waited:.1f}%",
        *(milliseconds(value) for value in (one.p50, one.p99, one.longest)),
        f"{one.mean:.1f}",
        str(one.peak),
        str(one.forks),
        duration(one.full),
        f"{one.idle:,.0f}",
        str(one.flaps),
    ]


def milliseconds(seconds: float) -> str:
    """One digit behind the point while that tells something."""
    value = 1000 * seconds
    return f"{value:,.1f}" if value < 100 else f"{value:,.0f}"


def duration(seconds: float | None) -> str:
    """A dash when it never came to an end."""
    if seconds is None:
        return "-"
    return f"{seconds:.1f} s" if seconds >= 1 else f"{1000 * seconds:.0f} ms"
