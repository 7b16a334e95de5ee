"""What growing costs those who are being served: a steady load while the pool doubles again and again.

    scripts/bench steady [--doublings 30] [--milliseconds 10] [--django] [--json FILE]

6 clients keep a pool of 8 workers busy. Once a second `fcgipm scale` asks for 16, and half a second later for 8 again. The requests that were sent within 0.2 s
before the pool doubles are compared with those sent within 0.2 s from then on: the load is the same, so what differs is the work of forking.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median, quantiles
from typing import NamedTuple

from benchmarks import canned, clients, control, daemon, django_project, pump
from benchmarks.breathers import application
from benchmarks.figures import verdict
from benchmarks.keeping import keep, offer
from benchmarks.processes import BenchError, Folder, Process
from benchmarks.progress import Progress
from fcgipm.bench import table

CLIENTS = 6
WORKERS = 8
WINDOW = 0.2
"""Seconds before and after."""
HALF_PERIOD = 0.5
WARM_UP = 1.0
P99_AIM = 1.2
HEAD = ["a steady load", "requests", "p50 ms", "p99 ms", "slowest ms"]


class Side(NamedTuple):
    """Requests before the doublings, or from then on."""

    requests: int
    p50_ms: float
    p99_ms: float
    slowest_ms: float


def main(arguments: Sequence[str]) -> int:
    options = parse_arguments(arguments)
    with Folder() as folder:
        site = django_project.generate(Path(folder), warm=True) if options.django else None
        before, after = measure(Path(folder), site, options)
    print(table.render(HEAD, [row("before", before), row("while the pool doubles", after)]))
    ratio = after.p99_ms / before.p99_ms
    print(f"{verdict(ratio <= P99_AIM)}: p99 {ratio:.2f} times of before (aim {P99_AIM}), {options.doublings} doublings")
    keep(options, {"before": before, "after": after})
    return 0


def parse_arguments(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/bench steady", description="a steady load while the pool doubles")
    parser.add_argument("--doublings", type=int, default=30)
    parser.add_argument("--milliseconds", type=int, default=10, help="what a request takes")
    parser.add_argument("--django", action="store_true", help="load a Django site before the fork")
    offer(parser)
    return parser.parse_args(arguments)


def measure(folder: Path, site: Path | None, options: argparse.Namespace) -> tuple[Side, Side]:
    """Run the load beside the doublings."""
    progress, socket = Progress(), folder / "sock"
    workers = {"mode": "dynamic", "min": WORKERS, "max": 2 * WORKERS, "spare": 0, "idle_timeout": "1s"}
    request = canned.request({**canned.PLAIN, "QUERY_STRING": str(options.milliseconds)}, keep=True)
    seconds = WARM_UP + 2 * HALF_PERIOD * (options.doublings + 1)
    with Process(daemon.fcgipm(folder, {"steady": daemon.pool(*application(site), socket, workers)})) as server, ThreadPoolExecutor(1) as thread:
        server.wait_for_line("ready to serve")
        load = thread.submit(clients.run, pump.connector(f"unix:{socket}"), request, CLIENTS, seconds, kept=True)
        time.sleep(WARM_UP)
        moments = []
        for number in range(1, options.doublings + 1):
            progress.show(f"doubling {number} of {options.doublings}")
            moments.append(double(folder / "control.sock"))
        progress.done()
        served = load.result()
    return side(served, [(moment - WINDOW, moment) for moment in moments]), side(served, [(moment, moment + WINDOW) for moment in moments])


def double(path: Path) -> float:
    """Have the pool grow, and then shrink; when the growth was asked for."""
    asked = time.monotonic()
    control.ask(path, command="scale", pool="steady", min=2 * WORKERS)
    time.sleep(HALF_PERIOD)
    if control.ask(path, command="status")["pools"]["steady"]["workers"]["total"] < 2 * WORKERS:
        raise BenchError("the pool did not double: nothing was measured")
    control.ask(path, command="scale", pool="steady", min=WORKERS)
    time.sleep(HALF_PERIOD)
    return asked


def side(served: Sequence[clients.Served], windows: Sequence[tuple[float, float]]) -> Side:
    """The requests that were sent within these times."""
    times = sorted(one.milliseconds for one in served if any(since <= one.sent < until for since, until in windows))
    return Side(len(times), median(times), quantiles(times, n=100)[-1], times[-1])


def row(label: str, one: Side) -> list[str]:
    return [label, str(one.requests), f"{one.p50_ms:.2f}", f"{one.p99_ms:.2f}", f"{one.slowest_ms:.2f}"]
