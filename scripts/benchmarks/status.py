"""What `fcgipm status` costs while the daemon is at rest, computes, is full of waiting requests, or reloads.

    scripts/bench status [--workers 200] [--runs 21] [--json FILE]

A daemon with two pools: `many`, whose requests wait, and `spin`, whose two workers compute. Each situation is there for as long as it is measured.
The wall time is that of the whole command, from its start to its end; the master's turn is its own CPU time between a question at the control socket and
the answer.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from benchmarks import canned, daemon, pump
from benchmarks.backends import APPLICATIONS
from benchmarks.figures import verdict
from benchmarks.keeping import keep, offer
from benchmarks.processes import PYTHON_PACKAGES, BenchError, Folder, Process, clean_environment, program
from benchmarks.progress import Progress
from fcgipm.bench import cpu, table
from fcgipm.control.client import ask

AIM_WALL_MS = 150.0
AIM_TURN_MS = 5.0
TURNS = 40
"""Questions whose cost in the master is measured."""
PAUSE = 0.05
"""Seconds between two of them."""
FOREVER_MS = 3_600_000
HEAD = ["fcgipm status", "ms", "--json ms", "master's turn ms", "longest ms"]


class Row(NamedTuple):
    """One situation: medians in milliseconds, and the longest turn."""

    text_ms: float
    json_ms: float
    turn_ms: float
    longest_ms: float


def main(arguments: Sequence[str]) -> int:
    options = parse_arguments(arguments)
    progress = Progress()
    rows: dict[str, Row] = {}
    for label, situation in situations(options.workers).items():
        progress.show(label)
        rows[label] = row(situation, options)
    progress.done()
    print("\n".join([table.render(HEAD, [render(label, figures) for label, figures in rows.items()]), *map(aim, rows, rows.values())]))
    keep(options, rows)
    return 0


def row(situation: Situation, options: argparse.Namespace) -> Row:
    """With a daemon of its own: a request that nobody waits for any more would keep its worker into the next situation."""
    with Folder() as name:
        folder = Path(name)
        pools = {
            "many": daemon.pool("sleeper:application", APPLICATIONS, folder / "many", options.workers),
            "spin": daemon.pool("spinner:application", APPLICATIONS, folder / "spin", 2),
        }
        with Process(daemon.fcgipm(folder, pools, stop_timeout="1s")) as server:
            server.wait_for_line("ready to serve")
            control = str(folder / "control.sock")
            with situation(folder, control):
                return measure(server.pid, control, options.runs)


def parse_arguments(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/bench status", description="what it costs to ask what goes on")
    parser.add_argument("--workers", type=int, default=200, help="of the pool whose requests wait")
    parser.add_argument("--runs", type=int, default=21, help="commands of each kind in each situation")
    offer(parser)
    return parser.parse_args(arguments)


Situation = Callable[[Path, str], Any]


def situations(workers: int) -> dict[str, Situation]:
    """By their labels."""

    @contextmanager
    def rest(_folder: Path, _control: str) -> Iterator[None]:
        yield

    @contextmanager
    def computing(folder: Path, _control: str) -> Iterator[None]:
        with requests(folder / "spin", 2):
            yield

    @contextmanager
    def waiting(folder: Path, control: str) -> Iterator[None]:
        with requests(folder / "many", workers):
            wait_for_busy(control, workers)
            yield

    @contextmanager
    def reloading(_folder: Path, control: str) -> Iterator[None]:
        with again_and_again(lambda: ask(control, {"command": "reload"}, timeout=60)):
            yield

    return {
        f"{workers + 2} workers at rest": rest,
        "2 of them computing": computing,
        f"{workers} in a waiting request": waiting,
        f"a reload of {workers + 2} workers": reloading,
    }


@contextmanager
def requests(socket: Path, count: int) -> Iterator[None]:
    """So many requests that do not end before we leave them."""
    request = canned.request({**canned.PLAIN, "QUERY_STRING": str(FOREVER_MS)}, keep=False)
    connect = pump.connector(f"unix:{socket}")
    with ExitStack() as stack:
        for _ in range(count):
            stack.enter_context(connect()).sendall(request)
        yield


def wait_for_busy(control: str, count: int) -> None:
    """Until so many workers are inside a request."""
    end = time.monotonic() + 20
    while ask(control, {"command": "status"})["pools"]["many"]["workers"]["busy"] < count:
        if time.monotonic() > end:
            raise BenchError(f"not all of {count} workers became busy")
        time.sleep(0.1)


@contextmanager
def again_and_again(work: Callable[[], Any]) -> Iterator[None]:
    """In another thread, until we are through."""
    over = threading.Event()

    def run() -> None:
        while not over.is_set():
            work()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def measure(master: int, control: str, runs: int) -> Row:
    command = [program("fcgipm", PYTHON_PACKAGES), "status", "--control", control]
    text, document = [], []
    for _ in range(runs):
        text.append(wall(command))
        document.append(wall([*command, "--json"]))
    turns = [turn(master, control) for _ in range(TURNS)]
    return Row(median(text), median(document), median(turns), max(turns))


def wall(command: Sequence[str]) -> float:
    """Milliseconds that a command takes. BenchError when it fails; degraded and reloading are no failure."""
    since = time.perf_counter()
    done = subprocess.run(command, env=clean_environment(), stdin=subprocess.DEVNULL, capture_output=True, check=False)
    passed = time.perf_counter() - since
    if done.returncode not in (0, 1) or done.stderr:
        raise BenchError(f"{' '.join(command)} ended with {done.returncode}: {os.fsdecode(done.stderr)}")
    return 1000 * passed


def turn(master: int, control: str) -> float:
    """Milliseconds of CPU that the master needs for one answer, whatever else it does meanwhile included."""
    time.sleep(PAUSE)
    before = cpu.own(master)
    ask(control, {"command": "status", "events": False})
    return 1000 * (cpu.own(master) - before)


def render(label: str, row: Row) -> list[str]:
    return [label, *(f"{value:.1f}" for value in row)]


def aim(label: str, row: Row) -> str:
    """Whether a situation is within the aims."""
    reached = max(row.text_ms, row.json_ms) < AIM_WALL_MS and row.turn_ms < AIM_TURN_MS
    aims = f"{row.text_ms:.0f} ms (aim {AIM_WALL_MS:.0f}), a turn of {row.turn_ms:.1f} ms (aim {AIM_TURN_MS:.0f})"
    return f"{verdict(reached)}: {label}: {aims}"
