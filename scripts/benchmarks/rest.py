"""What a daemon costs beside the requests: wake-ups of a tree of three pools that rest, and the master's CPU while workers are busy.

    scripts/bench rest [--seconds 10] [--json FILE]

At rest strace follows the master, the templates and all workers of a static, a dynamic and an ondemand pool, and each system call that returns is counted: a
process that sleeps makes none. Under load the beat looks at the scoreboard; that is nearly all that the master does then.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from benchmarks import canned, clients, daemon, pump
from benchmarks.backends import APPLICATIONS
from benchmarks.figures import verdict
from benchmarks.keeping import keep, offer
from benchmarks.processes import BenchError, Folder, Process, program
from benchmarks.progress import Progress
from fcgipm.bench import cpu, table

STRACE = "on Debian and Ubuntu: apt-get install strace"
SETTLE = 3.0
"""Seconds until pools with this idle_timeout have gone back to rest."""
MODES: Mapping[str, Mapping[str, Any]] = {
    "static": {"mode": "static", "max": 2},
    "dynamic": {"mode": "dynamic", "min": 2, "max": 40, "idle_timeout": "1s"},
    "ondemand": {"mode": "ondemand", "max": 40, "idle_timeout": "1s"},
}
LOADS = {"40 requests of 100 ms at a time": (40, 100), "2 requests of 0 ms at a time": (2, 0)}
HEAD = ["master's CPU", "requests/s", "% of a CPU", "µs/request"]


def main(arguments: Sequence[str]) -> int:
    options = parse_arguments(arguments)
    progress = Progress()
    strace = program("strace", STRACE)
    with Folder() as name:
        folder = Path(name)
        pools = {mode: daemon.pool("sleeper:application", APPLICATIONS, folder / mode, workers) for mode, workers in MODES.items()}
        with Process(daemon.fcgipm(folder, pools)) as server:
            server.wait_for_line("ready to serve")
            loads = {}
            for label, (count, milliseconds) in LOADS.items():
                progress.show(label)
                loads[label] = under_load(server.pid, folder / "dynamic", count, milliseconds, options.seconds)
            load(folder / "ondemand", 4, 10, 1.0)
            time.sleep(SETTLE)
            tree = cpu.tree(server.pid)
            progress.show(f"{len(tree)} processes at rest")
            calls = system_calls(strace, tree, folder / "strace", options.seconds)
    progress.done()
    print(table.render(HEAD, [[label, *(f"{figure:,.1f}" for figure in figures)] for label, figures in loads.items()]))
    print(f"{verdict(not calls)}: at rest {len(calls)} system calls of {len(tree)} processes in {options.seconds:g} s (aim 0)")
    print("".join(f"  {line}\n" for line in calls[:20]), end="")
    keep(options, {"loads": loads, "processes": len(tree), "calls": calls})
    return 0


def parse_arguments(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/bench rest", description="what a daemon costs beside the requests")
    parser.add_argument("--seconds", type=float, default=10)
    offer(parser)
    return parser.parse_args(arguments)


def load(socket: Path, count: int, milliseconds: int, seconds: float) -> int:
    """Clients with kept connections; how many requests they had answered."""
    request = canned.request({**canned.PLAIN, "QUERY_STRING": str(milliseconds)}, keep=True)
    return len(clients.run(pump.connector(f"unix:{socket}"), request, count, seconds, kept=True))


def under_load(master: int, socket: Path, count: int, milliseconds: int, seconds: float) -> tuple[float, float, float]:
    """Requests per second, and of the master percent of one CPU and microseconds per request; after the pool has grown."""
    with ThreadPoolExecutor(1) as thread:
        running = thread.submit(load, socket, count, milliseconds, seconds + 1.0)
        time.sleep(0.5)
        before, since = cpu.own(master), time.monotonic()
        time.sleep(seconds)
        used, passed = cpu.own(master) - before, time.monotonic() - since
        rate = running.result() / (seconds + 1.0)
    return rate, 100 * used / passed, 1e6 * used / passed / rate


def system_calls(strace: str, pids: Sequence[int], output: Path, seconds: float) -> list[str]:
    """The system calls that these processes made within the time; the ones in which they sleep do not count."""
    processes = [word for pid in pids for word in ("-p", str(pid))]
    with Process([strace, "-f", "-ttt", "-o", str(output), *processes]) as tracer:
        tracer.wait(lambda: tracer.said().count(" attached") >= len(pids), "attach")
        since = time.time()
        time.sleep(seconds)
        until = time.time()
    if not output.exists():
        raise BenchError(f"strace wrote nothing: {tracer.argv}")
    lines = [line for line in output.read_text().splitlines() if len(line.split()) > 2]
    return [line for line in lines if since <= float(line.split()[1]) <= until]
