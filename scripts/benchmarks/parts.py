"""What single parts of the request path cost: the same worker with and without each, in turn.

    scripts/bench parts [--requests 8000] [--rounds 15] [--plain] [--json FILE]

One daemon, a pool of one worker for each variant, 16 requests of browsers at once on kept connections, no nginx. Each round asks
every variant; a part's cost is the median over rounds of the difference to the worker beside it. "Off" means a worker from which the
benchmark has taken the part (applications/without.py), or one that has no access log.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from benchmarks import control, daemon, pump
from benchmarks.loop import Backend, Figure, Mode, run_mode
from benchmarks.processes import SCRIPTS, Folder, Process
from benchmarks.quiet import Quiet, text
from fcgipm.bench import table

CONNECTIONS = 16
WHOLE = "whole"


class Part(NamedTuple):
    """`variant` has it or lacks it; `beside` is the variant that differs in nothing else. `aim` in µs of CPU a request."""

    name: str
    variant: str
    beside: str
    aim: float | None


PARTS = (
    Part("scoreboard and counters", WHOLE, "no-scoreboard", 1.5),
    Part("time-outs", WHOLE, "no-watch", None),
    Part("both", WHOLE, "neither", None),
    Part("access log, json", "json", WHOLE, 6.0),
    Part("access log, combined", "combined", WHOLE, 6.0),
)


def main(arguments: Sequence[str]) -> int:
    options = parse_arguments(arguments)
    with Folder() as name:
        folder = Path(name)
        with Process(daemon.fcgipm(folder, pools(folder))) as server:
            server.wait_for_line("ready to serve")
            quiet = Quiet([os.getpid(), server.pid])
            mode = Mode("plain" if options.plain else "browser", True, CONNECTIONS)
            figures = dict(zip(variants(folder), run_mode(mode, backends(folder), options.requests, options.rounds), strict=True))
            disturbed = quiet.since()
    print(table.render(["part", "µs CPU/request", "aim"], [row(part, figures) for part in PARTS]))
    print(f"a whole worker: {middle(figures[WHOLE]):.1f} µs; {text(*disturbed)}")
    if options.json:
        costs = {part.name: cost(part, figures) for part in PARTS}
        Path(options.json).write_text(json.dumps({"costs": costs, "whole": middle(figures[WHOLE])}, indent=1) + "\n")
    return 0


def parse_arguments(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/bench parts", description="what single parts of the request path cost")
    parser.add_argument("--requests", type=int, default=8000, help="requests a round and variant")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--plain", action="store_true", help="requests with few headers instead of a browser's")
    parser.add_argument("--json", metavar="FILE", help="write the figures there")
    return parser.parse_args(arguments)


def variants(folder: Path) -> Mapping[str, Mapping[str, Any]]:
    """Settings of a pool beside the usual ones."""
    logs = {form: {"access_log": {"file": str(folder / f"{form}.log"), "format": form}} for form in ("json", "combined")}
    without = {WHOLE: "nothing", "no-scoreboard": "scoreboard", "no-watch": "watch", "neither": "scoreboard,watch", **dict.fromkeys(logs, "nothing")}
    # One seed for all: where names fall in dictionaries makes microseconds of difference from process to process.
    return {name: {"env": {"WITHOUT": part, "PYTHONHASHSEED": "0"}, **logs.get(name, {})} for name, part in without.items()}


def pools(folder: Path) -> dict[str, dict[str, Any]]:
    return {
        variant: {**daemon.pool("benchmarks.applications.without:application", SCRIPTS, folder / variant, 1), **settings}
        for variant, settings in variants(folder).items()
    }


def backends(folder: Path) -> list[Backend]:
    """The only worker of each pool."""
    status = control.ask(folder / "control.sock", command="status")
    pids = {name: pool["processes"][0]["pid"] for name, pool in status["pools"].items()}
    return [Backend(variant, pump.connector(f"unix:{folder / variant}"), [pids[variant]]) for variant in variants(folder)]


def middle(figures: Sequence[Figure]) -> float:
    return median(figure.cpu_us for figure in figures)


def cost(part: Part, figures: Mapping[str, Sequence[Figure]]) -> float:
    """µs of CPU a request."""
    return median(mine.cpu_us - other.cpu_us for mine, other in zip(figures[part.variant], figures[part.beside], strict=True))


def row(part: Part, figures: Mapping[str, Sequence[Figure]]) -> list[str]:
    spent = cost(part, figures)
    verdict = "" if part.aim is None else f"{'reached' if spent <= part.aim else 'missed'} ({part.aim:g})"
    return [part.name, f"{spent:.2f}", verdict]
