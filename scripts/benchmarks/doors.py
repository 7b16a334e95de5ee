"""Many clients at each of the two doors of one pool: the embedded web server, and nginx.

    scripts/bench doors [--clients 200] [--seconds 20] [--rounds 1] [--json FILE]

One daemon with two workers of hello world; wrk with kept connections loads the doors in turn. The embedded server is one Python process in front of
the workers, made for development and small sites; nginx is the measure. What counts here is that no request fails, and how long the slowest percent waits.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from benchmarks import daemon, wrk
from benchmarks.applications.hello import BODY
from benchmarks.backends import APPLICATIONS
from benchmarks.front import Front, Route, free_port
from benchmarks.keeping import keep, offer
from benchmarks.processes import BenchError, Folder, Process
from benchmarks.progress import Progress
from fcgipm.bench import table

HEAD = ["hello world", "requests/s", "p50 ms", "p99 ms", "requests", "bad"]

def main(arguments: Sequence[str]) -> int:
    options = parse_arguments(arguments)
    with Folder() as folder:
        loads = measure(Path(folder), options)
    print(table.render(HEAD, [row(name, load) for name, load in loads]))
    keep(options, [{"door": name, **load._asdict()} for name, load in loads])
    return 1 if any(load.bad for _, load in loads) else 0


def parse_arguments(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/bench doors", description="the embedded web server beside nginx")
    parser.add_argument("--clients", type=int, default=200)
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=1, help="how often each door has its turn")
    offer(parser)
    return parser.parse_args(arguments)


def measure(folder: Path, options: argparse.Namespace) -> list[tuple[str, wrk.Load]]:
    """Each door's load, round by round."""
    progress, port = Progress(), free_port()
    socket = folder / "web.sock"
    route = Route("fcgipm", socket, "fastcgi", kept=True)
    pools = {"web": daemon.pool("hello:application", APPLICATIONS, socket, 2)}
    argv = daemon.fcgipm(folder, pools, http=[{"listen": f"127.0.0.1:{port}", "pool": "web"}])
    loads = []
    with Process(argv) as server:
        server.wait_for_line("ready to serve")
        front = Front(folder, [route])
        with front.process:
            front.process.wait_for_port(front.port)
            front.expect(route, BODY)
            for _ in range(options.rounds):
                for name, url in (("embedded", f"http://127.0.0.1:{port}/"), ("nginx", front.url(route))):
                    progress.show(f"{options.clients} clients at {name}")
                    loads.append((name, wrk.run(url, options.clients, options.seconds)))
    progress.done()
    if not loads:
        raise BenchError("nothing was measured: --rounds is at least 1")
    return loads


def row(name: str, load: wrk.Load) -> list[str]:
    return [name, f"{load.rate:,.0f}", f"{load.p50_ms:.2f}", f"{load.p99_ms:.2f}", str(load.requests), str(load.bad)]
