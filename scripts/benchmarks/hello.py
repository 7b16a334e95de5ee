"""Hello world through a private nginx, beside the peers.

    scripts/bench hello [--rounds 5] [--seconds 3] [--with-floor] [--only fcgipm --only uWSGI] [--json FILE]

Two backend workers, two nginx workers, 16 clients, unix sockets; every backend gets the same parameters. They run
side by side, idle but one, and take turns in every round, so that what disturbs the machine disturbs all alike. CPU is
that of the backend's whole process tree.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from benchmarks import report, wrk
from benchmarks.backends import FCGIPM, Backend, chosen
from benchmarks.figures import Round
from benchmarks.front import Front, Route
from benchmarks.processes import BenchError, Folder
from benchmarks.progress import Progress
from benchmarks.quiet import Quiet
from fcgipm.bench import cpu

BODY = b"Hello world\n"
Rounds = dict[Backend, list[Round]]


class Running(NamedTuple):
    """A backend that serves, and the nginx location that leads to it."""

    backend: Backend
    route: Route
    pid: int


def main(arguments: Sequence[str]) -> int:
    options = parse_arguments(arguments)
    wrk.path()  # better now than after everything has started
    progress = Progress()
    with ExitStack() as stack:
        progress.show("starting")
        front, field = start(stack, chosen(options.with_floor, options.only))
        quiet = Quiet([os.getpid(), front.process.pid, *(one.pid for one in field)])
        rounds = measure(front, field, options, progress)
        others, stolen = quiet.since()
        complaints = front.errors()
    progress.done()
    print(report.text(rounds, others, stolen))
    if options.json:
        Path(options.json).write_text(report.document(rounds, others, stolen, vars(options)))
    return verdict(rounds, complaints)


def parse_arguments(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/bench hello", description="hello world through nginx")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3, help="of load for each backend in each round (default 3)")
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--with-floor", action="store_true", help="measure the bare loop without features too")
    parser.add_argument("--only", action="append", default=[], metavar="TEXT", help="only backends whose name has TEXT")
    parser.add_argument("--json", metavar="FILE", help="write every round's figures there")
    return parser.parse_args(arguments)


def start(stack: ExitStack, backends: Sequence[Backend]) -> tuple[Front, list[Running]]:
    """Start every backend and nginx, and ask each once. `stack` stops them, the last first."""
    top = Path(stack.enter_context(Folder()))
    field = [start_one(stack, backend, top / str(number)) for number, backend in enumerate(backends)]
    front = Front(top, [one.route for one in field])
    stack.enter_context(front.process)
    front.process.wait_for_port(front.port)
    for one in field:
        front.expect(one.route, BODY)
    return front, field


def start_one(stack: ExitStack, backend: Backend, folder: Path) -> Running:
    process = stack.enter_context(backend.process(folder))
    backend.wait(process, folder)
    return Running(backend, backend.route(folder), process.pid)


def measure(front: Front, field: Sequence[Running], options: argparse.Namespace, progress: Progress) -> Rounds:
    """All rounds; each begins with another backend. A short one before them, to warm up, is thrown away."""
    rounds: Rounds = {one.backend: [] for one in field}
    for one in field:
        progress.show(f"warming up: {one.backend.label}")
        wrk.run(front.url(one.route), options.clients, 1)
    for number in range(options.rounds):
        turn = number % len(field)
        for one in [*field[turn:], *field[:turn]]:
            progress.show(f"round {number + 1} of {options.rounds}: {one.backend.label}")
            rounds[one.backend].append(load(front, one, options.clients, options.seconds))
    return rounds


def load(front: Front, one: Running, clients: int, seconds: int) -> Round:
    """One backend under load."""
    backend_before, front_before = cpu.used(cpu.tree(one.pid)), cpu.used(cpu.tree(front.process.pid))
    seen = wrk.run(front.url(one.route), clients, seconds)
    backend = cpu.used(cpu.tree(one.pid)) - backend_before
    nginx = cpu.used(cpu.tree(front.process.pid)) - front_before
    if not seen.requests:
        raise BenchError(f"{one.backend.label} answered nothing in {seconds} s; nginx says:\n{front.errors()[-2000:]}")
    per_request = 1e6 / seen.requests
    return Round(seen.rate, backend * per_request, nginx * per_request, seen.p50_ms, seen.p99_ms, seen.bad)


def verdict(rounds: Mapping[Backend, Sequence[Round]], complaints: str) -> int:
    """1 when a reply of ours was bad, else 0; what nginx complained of goes to stderr."""
    if complaints:
        lines = complaints.splitlines()
        print(f"nginx complained {len(lines)} times; first: {lines[0][:500]}", file=sys.stderr)
    mine = [one for one in rounds if one.name == FCGIPM.name]
    failed = [one.label for one in mine if any(each.bad for each in rounds[one])]
    if failed:
        print(f"bad replies from {'; '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0
