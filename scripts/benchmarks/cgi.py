"""CGI requests to a shell script beside fcgiwrap, and beside the bare program.

    scripts/bench cgi [--requests 1000] [--rounds 7] [--json FILE]

Two workers of ours, two processes of fcgiwrap, two requests at a time, a connection each, no nginx; round by round in turn. The bare
program is the same script, started by posix_spawn and waited for, one at a time, with nobody asking for it by a socket: what no server can
be cheaper than. fcgiwrap lets the kernel reap its children, whose CPU then is nobody's: its column is what the whole machine took meanwhile, but for
the clients.
"""

from __future__ import annotations

import argparse
import os
import resource
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median

from benchmarks import canned, daemon, pump
from benchmarks.figures import verdict
from benchmarks.keeping import keep, offer
from benchmarks.loop import Backend, Figure, measure
from benchmarks.processes import Folder, Process, program
from benchmarks.quiet import Quiet, text
from fcgipm.bench import table

WORKERS = 2
SCRIPT = "#!/bin/sh\nprintf 'Content-Type: text/plain\\r\\n\\r\\nHello\\n'\n"
SLACK = len("Content-Length: 6\r\n") + 16
"""What our replies differ by: one to a script that is through at once has a length."""
FCGIWRAP = "on Debian and Ubuntu: apt-get install fcgiwrap"
BARE, OURS, THEIRS = "the bare program", "fcgipm", "fcgiwrap"
RATE_AIM = 1.0
"""Times fcgiwrap's requests per second."""


def main(arguments: Sequence[str]) -> int:
    options = parse_arguments(arguments)
    fcgiwrap = program("fcgiwrap", FCGIWRAP)
    with Folder() as name:
        folder = Path(name)
        script = folder / "scripts" / "hello"
        script.parent.mkdir()
        script.write_text(SCRIPT)
        script.chmod(0o755)
        pool = {key: value for key, value in daemon.pool("", folder, folder / OURS, WORKERS).items() if key != "app"}
        ours = Process(daemon.fcgipm(folder, {"cgi": {**pool, "cgi": str(script.parent)}}))
        with ours, Process([fcgiwrap, "-c", str(WORKERS), "-s", f"unix:{folder / THEIRS}"]) as theirs:
            ours.wait_for_line("ready to serve")
            theirs.wait_for_socket(folder / THEIRS)
            quiet = Quiet([os.getpid()])
            figures = rounds(folder, script, {OURS: ours.pid, THEIRS: theirs.pid}, quiet, options)
            disturbed = quiet.since()
    print(table.render([f"{WORKERS} at a time", "requests/s", "µs CPU/request"], [row(label, found) for label, found in figures.items()]))
    ratio = median(mine.rate / other.rate for mine, other in zip(figures[OURS], figures[THEIRS], strict=True))
    cpu_ratio = median(mine.cpu_us / other.cpu_us for mine, other in zip(figures[OURS], figures[BARE], strict=True))
    print(f"{verdict(ratio >= RATE_AIM)}: {ratio:.2f} times fcgiwrap's requests/s (aim {RATE_AIM})")
    print(f"{cpu_ratio:.2f} times the CPU of the bare program; {text(*disturbed)}")
    keep(options, figures)
    return 0


def parse_arguments(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/bench cgi", description="CGI requests to a shell script, beside fcgiwrap")
    parser.add_argument("--requests", type=int, default=1000, help="requests a round and server")
    parser.add_argument("--rounds", type=int, default=7)
    offer(parser)
    return parser.parse_args(arguments)


def rounds(folder: Path, script: Path, roots: Mapping[str, int], quiet: Quiet, options: argparse.Namespace) -> dict[str, list[Figure]]:
    """The figures of each, after a short round to warm up."""
    params = {**canned.PLAIN, "SCRIPT_NAME": "/hello", "SCRIPT_FILENAME": str(script), "PATH_INFO": ""}
    request = canned.request(params, keep=False)
    ours, theirs = (Backend(label, pump.connector(f"unix:{folder / label}"), [pid]) for label, pid in roots.items())
    plan = pump.Plan([request], len(pump.first(ours.connect, request)), WORKERS, kept=False, slack=SLACK)
    figures: dict[str, list[Figure]] = {BARE: [], OURS: [], THEIRS: []}
    for number in range(options.rounds + 1):
        count = options.requests if number else options.requests // 10
        found = {BARE: bare(script, count), OURS: measure(ours, plan, count)}
        with quiet.apart() as seconds:
            rate = measure(theirs, plan, count).rate
        found[THEIRS] = Figure(1e6 * seconds[0] / count, rate)
        if number:
            for label, figure in found.items():
                figures[label].append(figure)
    return figures


def bare(script: Path, count: int) -> Figure:
    """The program alone, `count` times."""
    null = os.open(os.devnull, os.O_RDWR)
    actions = [(os.POSIX_SPAWN_DUP2, null, number) for number in range(2)]
    began, used = time.monotonic(), cpu_of_children()
    for _ in range(count):
        os.waitpid(os.posix_spawn(str(script), [str(script)], {"PATH": os.defpath}, file_actions=actions), 0)
    seconds, busy = time.monotonic() - began, cpu_of_children() - used
    os.close(null)
    return Figure(1e6 * busy / count, count / seconds)


def cpu_of_children() -> float:
    """Seconds of CPU of this process and of those it has waited for."""
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def row(label: str, figures: Sequence[Figure]) -> list[str]:
    return [label, f"{median(one.rate for one in figures):,.0f}", f"{median(one.cpu_us for one in figures):,.0f}"]
