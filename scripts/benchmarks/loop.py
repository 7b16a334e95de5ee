"""The worker alone, without nginx: CPU of the backend per request, for work on the hot path.

    scripts/bench loop --address unix:/run/fcgipm/web.sock
    scripts/bench loop --address unix:/tmp/new.sock --address unix:/tmp/old.sock --kept --params browser

Without --pid it is the process that made the unix socket listen (SO_PEERCRED) and all below it. Several backends take
turns round by round, and the bare loop of floor.py is always the last of them (--no-floor leaves it out): on a shared
machine the microseconds wander, the ratio of rounds side by side does not. One connection waits for each reply, so the
backend sleeps and wakes for each request; with several a wake-up serves a few, as on a busy server.
"""

from __future__ import annotations

import argparse
import itertools
import socket
import statistics
import struct
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from benchmarks import canned, pump
from benchmarks.processes import Folder, Process, command
from fcgipm.bench import cpu


class Backend(NamedTuple):
    """Who is measured: its name in the output, how to reach it, its topmost processes."""

    name: str
    connect: Callable[[], socket.socket]
    roots: Sequence[int]


class Mode(NamedTuple):
    """How requests come: which parameters, on kept connections or fresh ones, how many at once."""

    params: str
    kept: bool
    connections: int

    def __str__(self) -> str:
        return f"{self.params:8} {'kept ' if self.kept else 'fresh'} {self.connections:3} at once"


class Figure(NamedTuple):
    """One round: microseconds of CPU of the backend per request, and requests per second of real time."""

    cpu_us: float
    rate: float


def main(arguments: Sequence[str]) -> int:
    options = parse_arguments(arguments)
    with ExitStack() as stack:
        backends = [reach(address, pids) for address, pids in pair_up(options.address, options.pid)]
        if not options.no_floor:
            backends.append(start_floor(stack))
        for mode in wanted_modes(options):
            for line in lines(mode, backends, run_mode(mode, backends, options.requests, options.rounds)):
                print(line, flush=True)
    return 0


def parse_arguments(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/bench loop", description="CPU of a FastCGI backend per request, without nginx"
    )
    parser.add_argument(
        "--address", action="append", default=[], help="unix:/path or host:port (repeatable: they take turns)"
    )
    parser.add_argument(
        "--pid", type=int, action="append", help="backend process, measured with all below it; one for each --address"
    )
    parser.add_argument("--requests", type=int, default=8000, help="requests a round (default 8000)")
    parser.add_argument("--rounds", type=int, default=7, help="default 7")
    parser.add_argument(
        "--connections", type=int, action="append", help="requests under way at once (repeatable; default 1 and 16)"
    )
    parser.add_argument("--kept", action="store_true", help="only kept connections (default: fresh, then kept)")
    parser.add_argument("--fresh", action="store_true", help="only a connection a request")
    parser.add_argument(
        "--params", choices=sorted(canned.TRAFFIC), action="append", help="default: plain, then browser"
    )
    parser.add_argument("--no-floor", action="store_true", help="leave out the bare loop")
    options = parser.parse_args(arguments)
    if options.pid and len(options.pid) != len(options.address):
        parser.error("give one --pid for each --address, or none")
    return options


def wanted_modes(options: argparse.Namespace) -> list[Mode]:
    kept = (
        [True]
        if options.kept and not options.fresh
        else [False]
        if options.fresh and not options.kept
        else [False, True]
    )
    return [
        Mode(*mode)
        for mode in itertools.product(options.params or ["plain", "browser"], kept, options.connections or [1, 16])
    ]


def pair_up(addresses: Sequence[str], pids: Sequence[int] | None) -> list[tuple[str, int | None]]:
    return list(zip(addresses, pids, strict=True)) if pids else [(address, None) for address in addresses]


def reach(address: str, pid: int | None) -> Backend:
    connect = pump.connector(address)
    return Backend(address, connect, [pid or listening_pid(connect)])


def listening_pid(connect: Callable[[], socket.socket]) -> int:
    """The process that called listen() on a unix socket."""
    with connect() as sock:
        if sock.family != socket.AF_UNIX:
            sys.exit("scripts/bench loop: give --pid PID for each address: a TCP socket does not tell who listens")
        pid: int = struct.unpack("3i", sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[0]
    return pid


def start_floor(stack: ExitStack) -> Backend:
    """The bare loop, one worker, on a socket of its own until the end of the run."""
    path = Path(stack.enter_context(Folder())) / "floor.sock"
    process = stack.enter_context(Process(command("floor", "--address", f"unix:{path}", "--workers", "1", "--epoll")))
    process.wait_for_socket(path)
    return Backend("floor", pump.connector(f"unix:{path}"), [process.pid])


def run_mode(mode: Mode, backends: Sequence[Backend], count: int, rounds: int) -> list[list[Figure]]:
    """The figures of each backend; round by round they take turns, after a short one to warm up."""
    requests = canned.traffic(mode.params, keep=mode.kept)
    sizes = [len(pump.first(backend.connect, requests[0])) for backend in backends]
    figures: list[list[Figure]] = [[] for _ in backends]
    for number in range(rounds + 1):
        for backend, size, into in zip(backends, sizes, figures, strict=True):
            plan = pump.Plan(requests, size, mode.connections, mode.kept)
            figure = measure(backend, plan, count if number else count // 10)
            into += [figure] if number else []
    return figures


def measure(backend: Backend, plan: pump.Plan, count: int) -> Figure:
    """One round of about `count` requests."""
    count = max(count // plan.connections, 1) * plan.connections
    pids = [pid for root in backend.roots for pid in cpu.tree(root)]
    began_cpu, began = cpu.used(pids), time.monotonic()
    pump.run(backend.connect, plan, count)
    seconds, busy = time.monotonic() - began, cpu.used(pids) - began_cpu
    return Figure(1e6 * busy / count, count / seconds)


def lines(mode: Mode, backends: Sequence[Backend], figures: Sequence[Sequence[Figure]]) -> list[str]:
    """One line a backend; the ratio is the median over rounds against the last backend, the floor."""
    base = [figure.cpu_us for figure in figures[-1]]
    return [f"{mode}  {summary(mine, base)}  {backend.name}" for backend, mine in zip(backends, figures, strict=True)]


def summary(figures: Sequence[Figure], base: Sequence[float]) -> str:
    cpu_us = [figure.cpu_us for figure in figures]
    rate = statistics.median(figure.rate for figure in figures)
    ratio = statistics.median(mine / other for mine, other in zip(cpu_us, base, strict=True))
    cost = f"median {statistics.median(cpu_us):6.2f}  min {min(cpu_us):6.2f} µs CPU/request"
    return f"{cost}  {ratio:4.2f} x last  {rate:7,.0f}/s"
