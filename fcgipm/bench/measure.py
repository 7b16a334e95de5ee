"""The rounds: every way in turn, several times over, the load in processes of its own."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from fcgipm.bench import cpu
from fcgipm.bench.figures import Round, percentile
from fcgipm.bench.load import Order, Seen
from fcgipm.bench.stage import Stage, StageError
from fcgipm.bench.watch import Watch
from fcgipm.bench.ways import DIRECT, Way

LOOK_SECONDS = 0.005
"""Between two looks at the tree: no Python comes and goes in less."""
WARM_SECONDS = 0.1
PROGRAM = [sys.executable, "-I", "-m", "fcgipm.bench.load"]
CPUS_A_LOAD = 4
"""One process of the load for so many CPUs: on a small machine a second one would only take away from what is measured."""


class Plan(NamedTuple):
    """How it is measured."""

    target: str
    clients: int
    rounds: int
    seconds: float
    """Of load for each way in each round."""


class Turn(NamedTuple):
    """What is about to be measured; `number` counts from 1."""

    way: Way
    number: int
    of: int


Heard = Callable[[Turn, Round | None], None]
"""Is told of each turn before it, and again with its outcome. A warm-up is turn 0."""


def measure(stage: Stage, field: list[Way], plan: Plan, heard: Heard) -> dict[Way, list[Round]]:
    """All rounds; each begins with another way. One short turn of each before them is thrown away. Raises StageError."""
    rounds: dict[Way, list[Round]] = {way: [] for way in field}
    for way in field:
        heard(Turn(way, 0, plan.rounds * len(field)), None)
        _check(stage, way, _load(stage, way, plan._replace(seconds=WARM_SECONDS, clients=min(2, plan.clients))))
    for number in range(plan.rounds):
        first = number % len(field)
        for place, way in enumerate([*field[first:], *field[:first]]):
            turn = Turn(way, number * len(field) + place + 1, plan.rounds * len(field))
            heard(turn, None)
            outcome = _round(stage, way, plan)
            rounds[way].append(outcome)
            heard(turn, outcome)
    return rounds


def _check(stage: Stage, way: Way, seen: list[Seen]) -> None:
    """The way works. An application that answers 404 where it was asked can be measured; one that fails cannot."""
    failures = [text for one in seen for text in one.failures]
    broken = [status for one in seen for status in one.statuses if status >= "500"]
    if failures or broken:
        what = failures[0] if failures else f"status {broken[0]}"
        nginx = f"\nnginx: {stage.nginx.said()}" if stage.nginx and way.door != DIRECT else ""
        raise StageError(f"{way.label}: {what}\n{stage.daemon(way).said()}{nginx}")


def _round(stage: Stage, way: Way, plan: Plan) -> Round:
    watch = Watch(stage.daemon(way).process.pid)
    front = stage.nginx.process.pid if stage.nginx and way.door != DIRECT else None
    before = 0.0 if front is None else cpu.used(cpu.tree(front))
    seen = _load(stage, way, plan, watch.look)
    used, front_used = watch.cpu_since(), 0.0 if front is None else cpu.used(cpu.tree(front)) - before
    if not watch.memory:
        watch.measure()
    return summary(seen, used, front_used, watch.memory, watch.started)


def summary(seen: list[Seen], used: float, front: float, memory: int, started: int) -> Round:
    """One round's figures from what the processes of the load saw, and from seconds of CPU of the daemon's tree and of nginx."""
    waits = sorted(wait / 1000 for one in seen for wait in one.waits)
    failed = sum(sum(one.failures.values()) + sum(count for status, count in one.statuses.items() if status >= "500") for one in seen)
    seconds = max(one.seconds for one in seen)
    a_request = 1000 / (len(waits) or 1)
    return Round(
        requests=len(waits),
        failed=failed,
        rate=len(waits) / seconds if seconds else 0.0,
        p50_ms=percentile(waits, 50),
        p90_ms=percentile(waits, 90),
        p99_ms=percentile(waits, 99),
        cpu_ms=used * a_request,
        front_ms=front * a_request,
        client_ms=sum(one.cpu for one in seen) * a_request,
        client_share=max(one.cpu / one.seconds if one.seconds else 0.0 for one in seen),
        memory=memory,
        started=started,
    )


def _load(stage: Stage, way: Way, plan: Plan, look: Callable[[], None] = lambda: None) -> list[Seen]:
    """Load one way, and look at it meanwhile."""
    direct = way.door == DIRECT
    orders = [
        Order(stage.address(way), "fastcgi" if direct else "http", way.kept or not direct, plan.target, clients, plan.seconds)
        for clients in shares(plan.clients, os.cpu_count() or 1)
    ]
    with _loads(orders) as loads:
        for process, order in zip(loads, orders, strict=True):
            assert process.stdin is not None
            process.stdin.write(json.dumps(order._asdict()).encode())
            process.stdin.close()
        return [Seen(**json.loads(text)) for text in _outputs(loads, look)]


def shares(clients: int, cpus: int) -> list[int]:
    """How many of the clients each process of the load has."""
    processes = max(1, min(cpus // CPUS_A_LOAD, clients))
    return [clients // processes + (number < clients % processes) for number in range(processes)]


def _outputs(loads: list[subprocess.Popen[bytes]], look: Callable[[], None]) -> list[bytes]:
    """What each wrote until its end. Raises StageError when one failed."""
    outputs = {process.stdout.fileno(): b"" for process in loads if process.stdout}
    open_ones = set(outputs)
    due = time.monotonic()
    while open_ones:
        for descriptor in select.select(open_ones, (), (), max(0.0, due - time.monotonic()))[0]:
            piece = os.read(descriptor, 1 << 20)
            outputs[descriptor] += piece
            if not piece:
                open_ones.discard(descriptor)
        if time.monotonic() >= due:
            look()
            due = time.monotonic() + LOOK_SECONDS
    if any(process.wait() for process in loads):
        raise StageError("a process of the load failed: its last words are above")
    return list(outputs.values())


@contextmanager
def _loads(orders: list[Order]) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Processes that carry out orders, started and imported already when the first order is given; killed if they are still there at the end."""
    loads: list[subprocess.Popen[bytes]] = []
    try:
        for _ in orders:
            loads.append(subprocess.Popen(PROGRAM, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True))
        yield loads
    finally:
        for process in loads:
            process.kill()
            process.wait()
            for stream in (process.stdin, process.stdout):
                if stream and not stream.closed:
                    stream.close()
