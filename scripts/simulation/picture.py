"""Pictures of runs, as PNG files. The only module that needs matplotlib, and imports it when a picture is drawn: tables come without."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from simulation.figures import percentile, percentile_of
from simulation.record import Record
from simulation.scenarios import Scenario
from simulation.series import binned, highest, stairs

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from simulation.fleet import Machine
    from simulation.sweep import Outcome

BINS = 150
"""Spans of time for each of which the longest queue and the longest wait are drawn: every single one would be a hatching."""


class Pen(NamedTuple):
    """How an algorithm is drawn; `order`: what is above covers what is below."""

    colour: str
    width: float = 1.4
    style: str = "-"
    order: int = 2


PENS = {
    "fcgipm": Pen("#0b5fd8", 2.4, order=4),
    "fcgipm ondemand": Pen("#45a5f5", 1.6, "--", order=3),
    "php-fpm dynamic": Pen("#c2188b"),
    "php-fpm ondemand": Pen("#e88cc9", style="--"),
    "php-fpm static": Pen("#8a8a8a", 1.0, ":"),
    "uWSGI spare": Pen("#c65d00"),
    "uWSGI busyness": Pen("#e0a030", style="--"),
}


TRADES = ("#c2188b", "#0b5fd8", "#1f9e6d", "#c65d00", "#555555")
TOTALS = {"workers": "workers", "busy": "busy workers", "waiting": "waiting requests"}


@contextmanager
def sheet(path: Path, title: str, heights: Sequence[int], below: str = "seconds") -> Iterator[Sequence[Axes]]:
    """Axes above each other with one abscissa, written to `path` at the end. Nothing is shown, so no display is needed."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(13, 10), layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(title, fontsize=14, fontweight="bold")
    axes = list(figure.subplots(len(heights), 1, sharex=True, height_ratios=heights, squeeze=False)[:, 0])
    for one in axes:
        one.grid(True, color="#e4e4e4", linewidth=0.7)
        one.set_axisbelow(True)
        one.spines[["top", "right"]].set_visible(False)
    yield axes
    axes[-1].set_xlabel(below)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)


def scenario(path: Path, what: Scenario, records: Mapping[str, Record]) -> None:
    """Workers, queue and waits over time, a line for each algorithm."""
    until, span = what.seconds, f"{what.seconds / BINS:.2g}"
    with sheet(path, f"{what.name}: {what.title}", [5, 3, 4]) as (workers, queue, waits):
        demand(workers, records, until)
        for name, record in records.items():
            pen = PENS.get(name, Pen("black"))
            style: Any = {"color": pen.colour, "linewidth": pen.width, "linestyle": pen.style, "zorder": pen.order}
            workers.step(*stairs(record.workers, until), where="post", label=name, **style)
            queue.plot(*highest(record.queue, until, BINS), **style)
            times, longest = binned(record.began, record.waits, until, BINS)
            waits.plot(times, [1000 * one for one in longest], **style)
        label(workers, "Workers", "workers")
        label(queue, f"Longest queue within {span} s", "waiting requests")
        label(waits, f"Longest wait of those who came within {span} s", "ms")
        magnitudes(waits, 1.0)
        magnitudes(queue, 1.0)
        workers.legend(loc="upper left", bbox_to_anchor=(1.005, 1.0), frameon=False)
        workers.set_xlim(0, until)


def demand(axes: Axes, records: Mapping[str, Record], until: float) -> None:
    """Behind the lines: how many workers were busy where nobody, or almost nobody, had to wait."""
    least = min(records.values(), key=lambda record: record.queue.area())
    axes.fill_between(*highest(least.busy, until, BINS), step="mid", color="#dfe6ee", linewidth=0, label="busy if none waits", zorder=1)
    axes.set_ylim(bottom=0)


def label(axes: Axes, title: str, unit: str) -> None:
    axes.set_title(title, loc="left", fontsize=11)
    axes.set_ylabel(unit)


def magnitudes(axes: Axes, linear: float) -> None:
    """Powers of ten above `linear`, so that 5 ms and 5 s can be told in one picture; 0 is at the bottom."""
    axes.set_yscale("symlog", linthresh=linear)
    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_formatter("{x:,.0f}")


def trade(path: Path, lines: Mapping[int, Sequence[Outcome]], timeouts: Sequence[float]) -> None:
    """What each pair of settings costs and gives: a line for each `spare`, along it the time-outs."""
    title = "fcgipm: what spare costs and gives, and along each line idle_timeout"
    with sheet(path, title, [1], "workers without a request (mean of all scenarios)") as (axes,):
        for (spare, outcomes), colour in zip(lines.items(), TRADES, strict=False):
            costs, gains = [one.idle for one in outcomes], [100 * one.waited for one in outcomes]
            axes.plot(costs, gains, marker="o", color=colour, linewidth=1.6, label=f"spare {spare}")
            for cost, gain, seconds in zip(costs, gains, timeouts, strict=True):
                axes.annotate(f"{seconds:g} s", (cost, gain), xytext=(4, 5), textcoords="offset points", fontsize=9, color=colour)
        axes.set_yscale("log", subs=())
        axes.set_yticks([0.1, 0.2, 0.5, 1, 2, 5])
        axes.yaxis.set_major_formatter("{x:g}%")
        axes.set_ylabel("requests that wait more than 1 ms (mean of all scenarios)")
        axes.set_xlim(left=0)
        axes.legend(frameon=False)


def fleet(path: Path, title: str, machines: Sequence[Machine]) -> None:
    """All machines together, the workers of a machine, and the waits, over a day."""
    instants = list(zip(*(one.seconds for one in machines), strict=True))
    seconds = list(range(len(instants)))
    came = list(chain.from_iterable(one.came for one in machines))
    waits = [1000 * wait for one in machines for wait in one.waits]
    with sheet(path, title, [4, 3, 4]) as (total, single, waiting):
        for name, colour in (("workers", "#0b5fd8"), ("busy", "#1f9e6d"), ("waiting", "#c2188b")):
            values = [sum(getattr(one, name) for one in instant) for instant in instants]
            total.plot(seconds, values, color=colour, linewidth=2.0, label=TOTALS[name])
        several = [sorted(one.workers for one in instant) for instant in instants]
        for low, high, colour in ((0, 100, "#d6e4f8"), (10, 90, "#a9c8f0")):
            least, most = ([percentile(one, edge) for one in several] for edge in (low, high))
            single.fill_between(seconds, least, most, color=colour, linewidth=0, label=f"p{low} to p{high} of the machines")
        single.plot(seconds, [percentile(one, 50) for one in several], color="#0b5fd8", linewidth=2.0, label="median")
        for percent, colour in ((50, "#1f9e6d"), (99, "#e0a030"), (100, "#c2188b")):
            points = binned(came, waits, seconds[-1], seconds[-1], partial(percentile_of, percent=percent))
            waiting.plot(*points, color=colour, linewidth=1.8, label="longest" if percent == 100 else f"p{percent}")
        label(total, "All machines", "number")
        label(single, "Workers of a machine", "workers")
        label(waiting, "Waits of those who came within a second", "ms")
        magnitudes(waiting, 1.0)
        total.yaxis.set_major_formatter("{x:,.0f}")
        for axes in (total, single, waiting):
            axes.set_ylim(bottom=0)
            axes.legend(loc="upper left", bbox_to_anchor=(1.005, 1.0), frameon=False)
        total.set_xlim(0, seconds[-1])
