"""What clients notice while what serves them is replaced again and again: fcgipm's reloads, and the same of gunicorn, uWSGI and php-fpm.

    scripts/bench deploy [--changes 20] [--seconds 6] [--limit 35] [--only TEXT] [--json FILE]

8 workers, requests of 20 ms, and 16 clients through nginx that ask with GET and POST in turn, each as soon as it is answered. Each server has two rounds, one
without anything and one with the changes, and the second's p99 is compared with the first's. A change begins every second, or half a second after the last.
No change begins later than `--limit`: who is slow makes fewer. "kept": over connections to the backend that stay open. A run takes 4 minutes, and never more
than 8; for a short one: `--changes 5 --seconds 2`.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median, quantiles
from typing import NamedTuple

from benchmarks import deployers, quiet, traffic
from benchmarks.applications.echo import BODY
from benchmarks.browsers import Browser
from benchmarks.deployers import Deployer
from benchmarks.figures import verdict
from benchmarks.front import Front
from benchmarks.keeping import keep, offer
from benchmarks.processes import BenchError, Folder
from benchmarks.progress import Progress
from fcgipm.bench import table

CLIENTS = 16
MILLISECONDS = 20
SETTLE_SECONDS = 0.5
"""From the end of a change to the next, at least: uWSGI's new workers are deaf to a second HUP that comes at once."""
PERIOD_SECONDS = 1.0
"""From the beginning of one change to that of the next, so that all are compared over the same time."""
WARM_UP_SECONDS = 1.0
P99_AIM = 1.3
HEAD = ["8 workers, 16 clients, 20 ms", "changes", "s each", "requests", "failed", "POST", "p50 ms", "p99 ms", "ratio", "slowest ms"]


class Round(NamedTuple):
    """What the clients saw; times are of requests that were answered."""

    changes: int
    change_seconds: float
    """Median; 0 without changes."""
    requests: int
    failed: int
    failed_posts: int
    p50_ms: float
    p99_ms: float
    slowest_ms: float
    failures: dict[str, int]
    """What went wrong, and how often."""
    trouble: str = ""
    """Why a change did not come to its end, if so; it was the last."""


class Pair(NamedTuple):
    """One server without changes and with them."""

    without: Round
    during: Round

    @property
    def ratio(self) -> float:
        """p99 during the changes, as a multiple of that without."""
        return self.during.p99_ms / self.without.p99_ms


def main(arguments: Sequence[str]) -> int:
    options = parse_arguments(arguments)
    progress, measured, calm = Progress(), {}, quiet.Quiet([os.getpid()])
    for one in chosen(options.only):
        with Folder() as folder:
            measured[one.label] = measure(one, Path(folder), options, progress)
    progress.done()
    rows = [row for label, pair in measured.items() for row in rows_of(label, pair)]
    print("\n".join([table.render(HEAD, rows), *complaints(measured), *aims(measured), quiet.text(*calm.since())]))
    keep(options, {label: {"without": pair.without, "during": pair.during} for label, pair in measured.items()})
    return 1 if any(pair.during.failed or pair.during.trouble for label, pair in measured.items() if label.startswith("fcgipm")) else 0


def parse_arguments(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/bench deploy", description="what clients notice of a deployment")
    parser.add_argument("--changes", type=int, default=20, help="how often each server replaces its workers")
    parser.add_argument("--seconds", type=float, default=6, help="of the round without changes")
    parser.add_argument("--limit", type=float, default=35, help="seconds after which no further change of a server begins")
    parser.add_argument("--only", action="append", default=[], metavar="TEXT", help="only those whose name has TEXT")
    offer(parser)
    return parser.parse_args(arguments)


def chosen(only: Sequence[str]) -> list[Deployer]:
    """Those whose label contains one of the texts; all without any. BenchError if none is left."""
    every = deployers.everybody()
    found = [one for one in every if not only or any(text in one.label for text in only)]
    if not found:
        raise BenchError(f"none is called like {', '.join(only)}; there are: {'; '.join(one.label for one in every)}")
    return found


def measure(one: Deployer, folder: Path, options: argparse.Namespace, progress: Progress) -> Pair:
    """Both rounds of a server; the second goes on with another process when the first has had enough changes."""
    without: list[traffic.Attempt] = []
    during: list[traffic.Attempt] = []
    lasted: list[float] = []
    deadline: float | None = None
    while len(lasted) < options.changes and (deadline is None or time.monotonic() < deadline):
        progress.show(f"{one.label}: starting")
        with served(one, folder / str(len(lasted))) as (change, url):
            load(url, WARM_UP_SECONDS)
            if deadline is None:
                progress.show(f"{one.label}: without changes")
                without = load(url, options.seconds)
                deadline = time.monotonic() + options.limit
            progress.show(f"{one.label}: changes {len(lasted) + 1} … of {options.changes}")
            with traffic.beside(browsers(url)) as end:
                try:
                    for seconds in changes(change, min(one.most, options.changes - len(lasted)), deadline):
                        lasted.append(seconds)
                    during += end()
                except BenchError as error:
                    during += end()
                    return Pair(figures(without, []), figures(during, lasted)._replace(trouble=str(error)))
    return Pair(figures(without, []), figures(during, lasted))


@contextmanager
def served(one: Deployer, folder: Path) -> Iterator[tuple[Callable[[], None], str]]:
    """A server behind nginx: how to change it, and where its clients come to."""
    place = folder / "server"
    folder.mkdir()
    with one.backend.process(place) as process:
        one.backend.wait(process, place)
        route = one.backend.route(place)
        front = Front(folder, [route])
        with front.process:
            front.process.wait_for_port(front.port)
            front.expect(route, BODY)
            yield lambda: one.change(process, place), f"{front.url(route)}?{MILLISECONDS}"


def load(url: str, seconds: float) -> list[traffic.Attempt]:
    """All requests of some seconds in which nothing else happens."""
    with traffic.beside(browsers(url)) as end:
        time.sleep(seconds)
        return end()


def browsers(url: str) -> list[Browser]:
    """All clients; half of them begin with a POST."""
    return [Browser(url, BODY, number) for number in range(CLIENTS)]


def changes(change: Callable[[], None], count: int, deadline: float) -> Iterator[float]:
    """Make so many, none after the deadline; how many seconds each took. Raises BenchError when one does not end."""
    while count and time.monotonic() < deadline:
        begun = time.monotonic()
        change()
        count -= 1
        yield (lasted := time.monotonic() - begun)
        time.sleep(max(SETTLE_SECONDS, PERIOD_SECONDS - lasted))


def figures(attempts: Sequence[traffic.Attempt], lasted: Sequence[float]) -> Round:
    """What a round comes to. BenchError when hardly anything was answered."""
    times = sorted(one.milliseconds for one in attempts if not one.failure)
    failed = traffic.failures(attempts)
    if len(times) < 2:
        raise BenchError(f"{len(times)} of {len(attempts)} requests were answered: {dict(failed)}")
    posts = sum(bool(one.failure) and one.label == "POST" for one in attempts)
    each = median(lasted) if lasted else 0.0
    return Round(len(lasted), each, len(attempts), failed.total(), posts, median(times), quantiles(times, n=100)[-1], times[-1], dict(failed))


def rows_of(label: str, pair: Pair) -> list[list[str]]:
    """Its two rounds."""
    return [row(f"{label}: without", pair.without, None), row(label, pair.during, pair.ratio)]


def row(label: str, one: Round, ratio: float | None) -> list[str]:
    changes = [str(one.changes), f"{one.change_seconds:.2f}"] if ratio is not None else ["-", "-"]
    counts = [f"{one.requests:,}", str(one.failed), str(one.failed_posts)]
    times = [f"{one.p50_ms:.1f}", f"{one.p99_ms:.1f}", f"{ratio:.2f}" if ratio is not None else "", f"{one.slowest_ms:.0f}"]
    return [label, *changes, *counts, *times]


def complaints(measured: Mapping[str, Pair]) -> list[str]:
    """What went wrong, by server."""
    told = []
    for label, pair in measured.items():
        for one in pair:
            told += [f"{label}: {'; '.join(f'{count} × {what}' for what, count in one.failures.items())}"] if one.failures else []
            told += [f"{label}: change {one.changes + 1} did not end: {one.trouble}"] if one.trouble else []
    return told


def aims(measured: Mapping[str, Pair]) -> list[str]:
    """Each aim beside what this run showed."""
    return [aim(label, pair) for label, pair in measured.items() if label.startswith("fcgipm")]


def aim(label: str, pair: Pair) -> str:
    """Whether nothing failed, and p99 stayed within the aim."""
    during = pair.during
    reached = not during.failed and not during.trouble and pair.ratio <= P99_AIM
    what = f"{during.failed} of {during.requests:,} failed (aim 0), p99 {pair.ratio:.2f} times that without (aim {P99_AIM}), {during.changes} changes"
    return f"{verdict(reached)}: {label}: {what}"
