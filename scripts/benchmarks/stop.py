"""A graceful stop under load: which connections are answered, which are reset, and what is refused.

    scripts/bench stop [--stops 20] [--seconds 1] [--clients 64] [--json FILE]

8 workers; clients straight at the socket, each on a new connection a request, until they are refused. `answered` are those that had been made or were made
after the stop was asked for; `reset` and `closed` those that were made and got no answer, by the kernel's doing and by the daemon's. To a unix socket nobody
can connect any more once its path is gone. A TCP port has no such step: between the last look into its queue and its closing the kernel still accepts for us.
How long this window is follows from how many were reset at the rate at which connections were made before; where none was, it is shorter than what would have
shown in 95 of 100 such measurements.
"""

from __future__ import annotations

import argparse
import os
import select
import signal
import socket
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import NamedTuple

from benchmarks import canned, daemon, pump, quiet, traffic
from benchmarks.backends import APPLICATIONS
from benchmarks.figures import verdict
from benchmarks.front import free_port
from benchmarks.keeping import keep, offer
from benchmarks.processes import BenchError, Folder, Process
from benchmarks.progress import Progress
from benchmarks.traffic import Attempt, Failed
from fcgipm.bench import table

WORKERS = 8
STOP_SECONDS = 20.0
"""After which a daemon that has not ended fails the measurement."""
RESETS = (ConnectionResetError.__name__, BrokenPipeError.__name__)
HEAD = ["a stop under load", "connections/s", "answered", "reset", "closed", "refused", "s to the last answer", "s to the end", "window µs"]


class Case(NamedTuple):
    """Where the clients come to, and what their requests take."""

    tcp: bool
    milliseconds: int

    @property
    def label(self) -> str:
        return f"{'TCP' if self.tcp else 'unix'}, requests of {self.milliseconds} ms"


CASES = [Case(False, 20), Case(True, 20), Case(False, 0), Case(True, 0)]


class Stop(NamedTuple):
    """One daemon's end."""

    rate: float
    """Connections per second before it."""
    answered: int
    reset: int
    """By the kernel."""
    closed: int
    """Made, and ended by the daemon without a good answer."""
    refused: int
    """Clients that could not connect any more; each then gives up."""
    last_answer: float
    """Seconds from the signal to the last answer."""
    end: float
    """Seconds from the signal to the end of the process."""
    failures: dict[str, int]


class Visitor:
    """A client on a new connection for each request, until it cannot make one. `refused` is when that was."""

    label = "GET"

    def __init__(self, connect: Callable[[], socket.socket], request: bytes) -> None:
        self._connect, self._request = connect, request
        self._sock: socket.socket | None = None
        self.refused: float | None = None

    def ask(self) -> socket.socket | None:
        """Connect and send."""
        self._reply = b""
        try:
            self._sock = self._connect()
        except (FileNotFoundError, ConnectionRefusedError):
            self.refused = time.monotonic()
            return None
        self._sock.sendall(self._request)
        return self._sock

    def read(self) -> bool:
        """Read what has come; whether the reply is whole. Raises Failed when it ends before, or is no 200."""
        assert self._sock is not None
        data = self._sock.recv(pump.RECEIVE)
        self._reply += data
        if not pump.ended(self._reply):
            if not data:
                raise Failed(f"closed after {len(self._reply)} bytes")
            return False
        try:
            pump.check(self._reply)
        except pump.UnexpectedReply as reply:
            raise Failed(str(reply)) from reply
        self.close()
        return True

    def close(self) -> None:
        """Let go of the connection."""
        if self._sock is not None:
            self._sock.close()
            self._sock = None


def main(arguments: Sequence[str]) -> int:
    options = parse_arguments(arguments)
    progress, calm = Progress(), quiet.Quiet([os.getpid()])
    measured: dict[Case, list[Stop]] = {case: [] for case in CASES}
    for number in range(1, options.stops + 1):
        for case, stops in measured.items():
            progress.show(f"stop {number} of {options.stops}: {case.label}")
            with Folder() as folder:
                stops.append(measure(case, Path(folder), options))
    progress.done()
    print("\n".join([table.render(HEAD, [row(case, stops) for case, stops in measured.items()]), *verdicts(measured), quiet.text(*calm.since())]))
    keep(options, {case.label: stops for case, stops in measured.items()})
    return 1 if any(one.reset or one.closed for case, stops in measured.items() if not case.tcp for one in stops) else 0


def parse_arguments(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/bench stop", description="a graceful stop under load")
    parser.add_argument("--stops", type=int, default=20, help="how often each daemon is stopped")
    parser.add_argument("--seconds", type=float, default=1, help="of load before a stop")
    parser.add_argument("--clients", type=int, default=64)
    offer(parser)
    return parser.parse_args(arguments)


def measure(case: Case, folder: Path, options: argparse.Namespace) -> Stop:
    """Start a daemon, load it, and stop it."""
    path = folder / "sock"
    address = f"127.0.0.1:{free_port()}" if case.tcp else f"unix:{path}"
    pool = daemon.pool("echo:application", APPLICATIONS, path, WORKERS)
    request = canned.request({**canned.PLAIN, "QUERY_STRING": str(case.milliseconds)}, keep=False)
    with Process(daemon.fcgipm(folder, {"web": {**pool, "listen": address}})) as server:
        server.wait_for_line("ready to serve")
        visitors = [Visitor(pump.connector(address), request) for _ in range(options.clients)]
        with traffic.beside(visitors) as end:
            time.sleep(options.seconds)
            told = time.monotonic()
            os.kill(server.pid, signal.SIGTERM)
            ended = wait_for_end(server.pid)
            while not all(one.refused for one in visitors) and time.monotonic() < ended + traffic.PATIENCE:
                time.sleep(traffic.LOOK_SECONDS)
            attempts = end()
        if server.popen.wait():
            raise BenchError(f"the daemon ended with {server.popen.returncode}:\n{server.said()}")
    return figures(attempts, sum(one.refused is not None for one in visitors), told, ended, options.seconds)


def wait_for_end(pid: int) -> float:
    """When a process has ended, to the moment: Popen.wait looks every 50 ms. BenchError when it takes too long."""
    number = os.pidfd_open(pid)
    try:
        if not select.select([number], [], [], STOP_SECONDS)[0]:
            raise BenchError(f"the daemon did not stop within {STOP_SECONDS:g} s")
    finally:
        os.close(number)
    return time.monotonic()


def figures(attempts: Sequence[Attempt], refused: int, told: float, ended: float, seconds: float) -> Stop:
    """What the clients saw of one stop that was asked for at `told`, after some seconds of load."""
    before = [one for one in attempts if told - seconds / 2 <= one.sent < told]  # At first all come at once.
    answers = [one.ended for one in attempts if not one.failure and one.ended >= told]
    failed = traffic.failures(attempts)
    reset = sum(failed[name] for name in RESETS)
    return Stop(2 * len(before) / seconds, len(answers), reset, failed.total() - reset, refused, max(answers, default=told) - told, ended - told, dict(failed))


def window(stops: Sequence[Stop]) -> str:
    """Microseconds in which a connection is accepted and not served: as many are reset as are made within it.

    When none was, it is below what three are made in: of a Poisson variable with mean 3 one value in 20 is 0.
    """
    reset, made = sum(one.reset for one in stops), sum(one.rate for one in stops)
    return f"{1e6 * reset / made:.0f}" if reset else f"< {1e6 * 3 / made:.0f}"


def row(case: Case, stops: Sequence[Stop]) -> list[str]:
    """Sums over all stops; of times and rates the median."""
    sums = [sum(column) for column in zip(*((one.answered, one.reset, one.closed, one.refused) for one in stops), strict=True)]
    times = [median(one.last_answer for one in stops), median(one.end for one in stops)]
    rate = median(one.rate for one in stops)
    return [case.label, f"{rate:,.0f}", *map(str, sums), *(f"{time:.3f}" for time in times), window(stops) if case.tcp else "-"]


def verdicts(measured: dict[Case, list[Stop]]) -> list[str]:
    """What was made and not answered, beside the aim where there is one."""
    lines = []
    for case, stops in measured.items():
        lost = sum(one.reset + one.closed for one in stops)
        aim = "" if case.tcp else f"{verdict(not lost)}: "
        why = "; ".join(sorted({what for one in stops for what in one.failures}))
        lines.append(f"{aim}{case.label}: {lost} lost in {len(stops)} stops{'' if case.tcp else ' (aim 0)'}{f' ({why})' if why else ''}")
    return lines
