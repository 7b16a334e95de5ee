"""A crowd at pools that rest: how soon everybody is served, beside php-fpm's and uWSGI's ways to grow.

    scripts/bench crowd [--clients 40] [--milliseconds 100] [--seconds 8] [--rounds 3] [--rest 60] [--django] [--json FILE]

Each server has a pool of 2 workers (ondemand: none) that may have as many as there are clients. The clients come all at once, straight to the server's socket,
and each asks again as soon as it is answered. A request waits 100 ms for something else, and tells which process served it and since when; so full capacity is
the moment when the last of the workers was called for the first time, counted from the first request. `--django`: all that can do so have a Django site with
its admin loaded before they fork. After the last round of each the tree is watched until it is as small as before.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median, quantiles
from typing import NamedTuple

from benchmarks import breathers, canned, clients, django_project, pss, pump
from benchmarks.backends import Backend
from benchmarks.figures import verdict
from benchmarks.keeping import keep, offer
from benchmarks.processes import Folder, Process
from benchmarks.progress import Progress
from fcgipm.bench import cpu, table

FULL_AIM_SECONDS = 0.25
SLOWEST_AIM_MS = 500.0
LOOK_SECONDS = 0.05
HEAD = ["a crowd at a pool at rest", "full after s", "slowest ms", "p99 ms", "requests/s", "workers", "at rest again s", "MiB at rest"]


class Round(NamedTuple):
    """One crowd at one server."""

    full: float | None
    """Seconds from the first request until the last of the workers was called; None: it never came to that."""
    slowest_ms: float
    p99_ms: float
    rate: float
    """Requests per second."""
    workers: int
    """Processes that served something."""
    rest: float | None
    """Seconds from the last reply until the tree was as small as before; None: not within the time, or not watched."""
    memory: float
    """PSS of the tree at rest, MiB."""


def main(arguments: Sequence[str]) -> int:
    options = parse_arguments(arguments)
    progress = Progress()
    with Folder() as folder:
        site = django_project.generate(Path(folder), warm=True) if options.django else None
        every = breathers.everybody(options.clients, site)
        measured: dict[str, list[Round]] = {one.label: [] for one in every}
        for number in range(1, options.rounds + 1):
            for one in every:
                progress.show(f"round {number} of {options.rounds}: {one.label}")
                measured[one.label].append(measure(one, Path(folder), options, watched=number == options.rounds))
    progress.done()
    print("\n".join([table.render(HEAD, [row(label, rounds) for label, rounds in measured.items()]), *aims(measured)]))
    keep(options, measured)
    return 0


def parse_arguments(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/bench crowd", description="a crowd of clients at pools that rest")
    parser.add_argument("--clients", type=int, default=40)
    parser.add_argument("--milliseconds", type=int, default=100, help="what a request takes")
    parser.add_argument("--seconds", type=float, default=8, help="how long a crowd stays")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rest", type=float, default=60, help="seconds to watch a pool go back to rest, after the last round")
    parser.add_argument("--django", action="store_true", help="load a Django site before the fork")
    offer(parser)
    return parser.parse_args(arguments)


def measure(one: Backend, above: Path, options: argparse.Namespace, *, watched: bool) -> Round:
    """Start one server, send it the crowd, and watch it go."""
    folder = above / one.label.replace(" ", "-")
    params = {**canned.PLAIN, "QUERY_STRING": str(options.milliseconds), "SCRIPT_FILENAME": str(folder / "sleeper.php")}
    request = canned.request(params, keep=one.kept)
    with one.process(folder) as process:
        one.wait(process, folder)
        wait_for_rest(process)
        tree = cpu.tree(process.pid)
        memory = pss.total(map(pss.read, tree)).pss
        served = clients.run(pump.connector(f"unix:{one.socket(folder)}"), request, options.clients, options.seconds, kept=one.kept)
        rest = watch_rest(process, len(tree), options.rest) if watched else None
    return figures(served, options.clients, rest, memory)


def wait_for_rest(process: Process) -> None:
    """The pool that the server starts with, and what a probe of its socket may have woken: until nothing changes for a while."""
    before, since = cpu.tree(process.pid), time.monotonic()
    while time.monotonic() < since + breathers.IDLE_SECONDS + 1:
        time.sleep(LOOK_SECONDS)
        now = cpu.tree(process.pid)
        if now != before:
            before, since = now, time.monotonic()


def watch_rest(process: Process, size: int, patience: float) -> float | None:
    """Seconds until the tree has no more than `size` processes; None when it takes longer than `patience`."""
    since = time.monotonic()
    while (passed := time.monotonic() - since) < patience:
        if len(cpu.tree(process.pid)) <= size:
            return passed
        time.sleep(LOOK_SECONDS)
    return None


def figures(served: Sequence[clients.Served], wanted: int, rest: float | None, memory: float) -> Round:
    """What the requests of one crowd say; `wanted` workers are all."""
    start = min(one.sent for one in served)
    called: dict[int, float] = {}
    for one in sorted(served, key=lambda one: one.begun):
        called.setdefault(one.worker, one.begun - start)
    times = sorted(one.milliseconds for one in served)
    rate = len(served) / (max(one.answered for one in served) - start)
    full = sorted(called.values())[wanted - 1] if len(called) >= wanted else None
    return Round(full, times[-1], quantiles(times, n=100)[-1], rate, len(called), rest, memory)


def row(label: str, rounds: Sequence[Round]) -> list[str]:
    """Medians; the slowest of all rounds."""
    rest = next((one.rest for one in rounds if one.rest is not None), None)
    return [
        label,
        seconds(full(rounds)),
        f"{max(one.slowest_ms for one in rounds):.0f}",
        f"{median(one.p99_ms for one in rounds):.0f}",
        f"{median(one.rate for one in rounds):.0f}",
        f"{median(one.workers for one in rounds):.0f}",
        seconds(rest),
        f"{median(one.memory for one in rounds):.0f}",
    ]


def full(rounds: Sequence[Round]) -> float | None:
    """The median of the times to full capacity; None when a round never came to that."""
    times = [one.full for one in rounds if one.full is not None]
    return median(times) if len(times) == len(rounds) else None


def seconds(value: float | None) -> str:
    return f"{value:.2f}" if value is not None else "-"


def aims(measured: dict[str, list[Round]]) -> list[str]:
    """Each aim beside what this run showed."""
    return [aim(label, rounds) for label, rounds in measured.items() if label.startswith("fcgipm")]


def aim(label: str, rounds: Sequence[Round]) -> str:
    """Whether every round was within the aims."""
    slowest = max(one.slowest_ms for one in rounds)
    worst = max((one.full if one.full is not None else float("inf")) for one in rounds)
    reached = worst <= FULL_AIM_SECONDS and slowest < SLOWEST_AIM_MS
    what = f"full after {worst:.2f} s at the worst (aim {FULL_AIM_SECONDS}), slowest request {slowest:.0f} ms (aim {SLOWEST_AIM_MS:.0f})"
    return f"{verdict(reached)}: {label}: {what}"
