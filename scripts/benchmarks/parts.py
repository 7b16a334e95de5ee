"""What single parts of the request path cost: one worker that leaves out one after the other.

    scripts/bench parts [--requests 8000] [--processes 9] [--rounds 5] [--plain] [--python PATH] [--json FILE]

16 requests of browsers at once on kept connections, no nginx. In each round the worker is switched from variant to variant
(applications/switched.py), the first one another each time; a part's cost is the median over rounds of the difference between two of them. The two are
the same process, because where names fall in dictionaries and pages in caches makes microseconds of difference from process to process; and as it makes
tenths of one for a single part too, there are several processes, one after the other.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import NamedTuple

from benchmarks import canned, control, daemon, pump
from benchmarks.keeping import keep, offer
from benchmarks.loop import Backend, measure
from benchmarks.processes import SCRIPTS, Folder, Process
from benchmarks.progress import Progress
from benchmarks.quiet import Quiet, text
from fcgipm.bench import table

CONNECTIONS = 16
WHOLE = "whole"
POOL = "switched"
SWITCH = "parts="
"""Begins a query string that applications/switched.py obeys."""


class Part(NamedTuple):
    """`variant` has it or lacks it; `beside` is the variant that differs in nothing else. `aim` in µs of CPU a request."""

    name: str
    variant: str
    beside: str
    aim: float | None


PARTS = (
    Part("scoreboard and counters", WHOLE, "no-scoreboard", 1.5),
    Part("time-outs", WHOLE, "no-watch", None),
    Part("both", WHOLE, "neither", None),
    Part("access log, json", "json", WHOLE, 6.0),
    Part("access log, combined", "combined", WHOLE, 6.0),
)
VARIANTS = tuple(dict.fromkeys(name for part in PARTS for name in (part.variant, part.beside)))


def main(arguments: Sequence[str]) -> int:
    options = parse_arguments(arguments)
    costs: dict[str, list[float]] = {variant: [] for variant in VARIANTS}
    quiet = Quiet([os.getpid()])
    progress = Progress()
    for number in range(options.processes):
        progress.show(f"process {number + 1} of {options.processes}")
        for variant, figures in of_one_process(options).items():
            costs[variant] += figures
    progress.done()
    disturbed = quiet.since()
    print(table.render(["part", "µs CPU/request", "aim"], [row(part, costs) for part in PARTS]))
    print(f"a whole worker: {median(costs[WHOLE]):.1f} µs; {text(*disturbed)}")
    keep(options, {"costs": {part.name: cost(part, costs) for part in PARTS}, "whole": median(costs[WHOLE])})
    return 0


def parse_arguments(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/bench parts", description="what single parts of the request path cost")
    parser.add_argument("--requests", type=int, default=8000, help="requests a round and variant")
    parser.add_argument("--processes", type=int, default=9, help="workers, one after the other")
    parser.add_argument("--rounds", type=int, default=5, help="of each process")
    parser.add_argument("--python", default=sys.executable, help="the worker's Python (one built with PGO takes a tenth less; default: this one)")
    parser.add_argument("--plain", action="store_true", help="requests with few headers instead of a browser's")
    offer(parser)
    return parser.parse_args(arguments)


def of_one_process(options: argparse.Namespace) -> dict[str, list[float]]:
    """µs of CPU a request of each variant, round by round."""
    with Folder() as name:
        folder = Path(name)
        settings = {**daemon.pool("benchmarks.applications.switched:application", SCRIPTS, folder / POOL, 1), "python": options.python}
        settings["access_log"] = {"file": str(folder / "log")}
        with Process(daemon.fcgipm(folder, {POOL: settings})) as server:
            server.wait_for_line("ready to serve")
            return rounds(worker(folder), "plain" if options.plain else "browser", options.requests, options.rounds)


def worker(folder: Path) -> Backend:
    """The only one of the pool."""
    [process] = control.ask(folder / "control.sock", command="status")["pools"][POOL]["processes"]
    return Backend(POOL, pump.connector(f"unix:{folder / POOL}"), [process["pid"]])


def rounds(backend: Backend, params: str, count: int, number: int) -> dict[str, list[float]]:
    """µs of CPU a request of each variant, round by round, after one to warm up."""
    requests = canned.traffic(params, keep=True)
    plan = pump.Plan(requests, len(pump.first(backend.connect, requests[0])), CONNECTIONS, kept=True)
    costs: dict[str, list[float]] = {variant: [] for variant in VARIANTS}
    for turn in range(number + 1):
        first = turn % len(VARIANTS)
        for variant in (*VARIANTS[first:], *VARIANTS[:first]):
            pump.first(backend.connect, canned.request({**canned.PLAIN, "QUERY_STRING": SWITCH + variant}, keep=False))
            costs[variant].append(measure(backend, plan, count if turn else count // 10).cpu_us)
    return {variant: figures[1:] for variant, figures in costs.items()}


def cost(part: Part, costs: Mapping[str, Sequence[float]]) -> float:
    """µs of CPU a request."""
    return median(mine - other for mine, other in zip(costs[part.variant], costs[part.beside], strict=True))


def row(part: Part, costs: Mapping[str, Sequence[float]]) -> list[str]:
    spent = cost(part, costs)
    verdict = "" if part.aim is None else f"{'reached' if spent <= part.aim else 'missed'} ({part.aim:g})"
    return [part.name, f"{spent:.2f}", verdict]
