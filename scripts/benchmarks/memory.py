"""A Django project with its admin in 8 workers: memory of the whole process tree, beside uWSGI.

    scripts/bench memory [--workers 8] [--requests 400] [--json FILE]

The project is generated as Django's tutorial does, with sqlite and migrations applied. Django loads the URLs, and with
them much of the admin, at the first request, so after the fork in each worker; the second pair of rows has a project
whose wsgi.py asks itself once for the page before the server forks. Requests for the admin's login page go straight to
the backend by FastCGI, one per worker at a time, until every worker has served. uWSGI runs with a master and loads the
application before it forks. The servers run one after the other, so that neither shares pages with the other. Memory is
PSS: a page shared by n processes counts 1/n for each, so the sum over a tree is what the tree costs; pages of the
interpreter that other Python programs of the machine map make it smaller, for both alike.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks import canned, daemon, django_project, pss, pump
from benchmarks.backends import Backend
from benchmarks.keeping import keep, offer
from benchmarks.processes import PYTHON_PACKAGES, Folder, program
from benchmarks.progress import Progress
from fcgipm.bench import cpu, table

SERVED_SECONDS = 0.002
"""CPU after which a worker has certainly served: a page costs more, waiting costs nothing."""
EXTRA_BURSTS = 50
MASTER_AIM_MIB = 14.0
HEAD = ["PSS in MiB", "processes", "served", "master", "beside it", "tree", "anonymous"]

LOGIN = {
    **{name: value for name, value in canned.BROWSER.items() if name != "HTTP_COOKIE"},
    "PATH_INFO": "/admin/login/",
    "REQUEST_URI": "/admin/login/?next=/admin/",
    "QUERY_STRING": "next=/admin/",
}
"""The page that a visitor of the admin sees first; no cookie yet, so no session is looked up."""


class Reading(NamedTuple):
    """Memory of one server after its load."""

    server: str
    warm: bool
    """The application had served a page before the server forked."""
    processes: int
    served: int
    """Workers that had served."""
    master: pss.Memory
    rest: pss.Memory
    """Everything beside the master."""

    @property
    def tree(self) -> pss.Memory:
        return pss.total([self.master, self.rest])


def main(arguments: Sequence[str]) -> int:
    options = parse_arguments(arguments)
    progress = Progress()
    readings = []
    for warm in (False, True):
        with Folder() as folder:
            progress.show("generating a Django project")
            site = django_project.generate(Path(folder), warm)
            for backend in (fcgipm(site, options.workers), uwsgi(site, options.workers)):
                progress.show(f"measuring {backend.name}")
                readings.append(measure(backend, warm, Path(folder) / backend.name, options))
    progress.done()
    print(text(readings))
    keep(options, [document(reading) for reading in readings])
    return 0


def parse_arguments(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/bench memory", description="memory of a Django site in 8 workers")
    parser.add_argument("--workers", type=int, default=8)
    parser.add_argument("--requests", type=int, default=400)
    offer(parser)
    return parser.parse_args(arguments)


def fcgipm(site: Path, workers: int) -> Backend:
    def start(folder: Path, socket: Path) -> list[str]:
        return daemon.fcgipm(folder, {"shop": daemon.pool("shop.wsgi:application", site, socket, workers)})

    return Backend("fcgipm", "fastcgi", start, ready="ready to serve")


def uwsgi(site: Path, workers: int) -> Backend:
    def start(folder: Path, socket: Path) -> list[str]:
        flags = ["--master", "--processes", str(workers), "--disable-logging", "--need-app", "--die-on-term"]
        serve = ["--fastcgi-socket", str(socket), "--chdir", str(site), "--module", "shop.wsgi:application"]
        return [program("uwsgi", PYTHON_PACKAGES), *flags, *serve]

    return Backend("uWSGI", "fastcgi", start, ready=f"spawned uWSGI worker {workers} ")


def measure(backend: Backend, warm: bool, folder: Path, options: argparse.Namespace) -> Reading:
    """Start one server, load it, and read its memory."""
    connect = pump.connector(f"unix:{backend.socket(folder)}")
    request = canned.request(LOGIN, keep=False)
    with backend.process(folder) as process:
        backend.wait(process, folder)
        before = {pid: cpu.own(pid) for pid in cpu.tree(process.pid)}
        for number in range(options.requests // options.workers + EXTRA_BURSTS):
            if number * options.workers < options.requests or served(before) < options.workers:
                pump.burst(connect, request, options.workers)
        master, *rest = cpu.tree(process.pid)
        memory = pss.read(master), pss.total(map(pss.read, rest))
        return Reading(backend.name, warm, len(rest) + 1, served(before), *memory)


def served(before: dict[int, float]) -> int:
    """How many of these processes, the master (the first) aside, have worked since."""
    return sum(cpu.own(pid) - seconds > SERVED_SECONDS for pid, seconds in list(before.items())[1:])


def text(readings: Sequence[Reading]) -> str:
    """A table of the readings, and the aims beside what they show. Readings come in pairs: fcgipm, uWSGI."""
    pairs = zip(readings[::2], readings[1::2], strict=True)
    return "\n".join([table.render(HEAD, [row(one) for one in readings]), *(aim(*pair) for pair in pairs)])


def row(reading: Reading) -> list[str]:
    memory = [reading.master.pss, reading.rest.pss, reading.tree.pss, reading.tree.anonymous]
    counts = [str(reading.processes), str(reading.served)]
    return [
        reading.server + (", warmed before the fork" if reading.warm else ""),
        *counts,
        *(f"{x:.1f}" for x in memory),
    ]


def aim(mine: Reading, other: Reading) -> str:
    """Whether our workers and template cost no more than uWSGI's whole tree, and our master stays small."""
    workers = f"{verdict(mine.rest.pss <= other.tree.pss)} beside its master {mine.rest.pss:.1f}"
    master = f"{verdict(mine.master.pss < MASTER_AIM_MIB)} master {mine.master.pss:.1f} (aim {MASTER_AIM_MIB:.0f})"
    return f"{workers} (aim: uWSGI's tree, {other.tree.pss:.1f}); {master}"


def verdict(reached: bool) -> str:
    return "reached:" if reached else "missed:"


def document(reading: Reading) -> dict[str, object]:
    """A reading as plain JSON, memory in MiB."""
    return {**reading._asdict(), "master": reading.master._asdict(), "rest": reading.rest._asdict()}
