"""`fcgipm bench` for the demonstration, a Flask and a Django application: what FastCGI makes of each, beside CGI.

    scripts/bench interfaces [--duration 36s] [--rounds 6] [--picture FILE]

Django's is the login page of the admin, from a generated project. The picture is that of the demonstration. Prints the table of the README.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks import django_project
from benchmarks.backends import APPLICATIONS
from benchmarks.processes import BenchError, Folder
from benchmarks.progress import Progress
from benchmarks.quiet import Quiet, text
from fcgipm.bench.report import number

HEAD = "| application | CGI | FastCGI, kept | requests | CPU a request | wait |\n|---|---|---|---|---|---|"


class Subject(NamedTuple):
    """One application."""

    title: str
    arguments: Sequence[str]
    folder: Path


def main(arguments: Sequence[str]) -> int:
    options = parse_arguments(arguments)
    progress, quiet = Progress(), Quiet([os.getpid()])
    rows: list[str] = []
    with Folder() as name:
        for subject in subjects(Path(name)):
            progress.show(f"measuring: {subject.title}")
            more = ["--picture", str(options.picture.absolute())] if options.picture and not rows else []
            rows.append(row(subject.title, measured(subject, [*more, "--duration", options.duration, "--rounds", str(options.rounds)])))
    progress.done()
    print("\n".join([HEAD, *rows]))
    print(text(*quiet.since()))
    return 0


def parse_arguments(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/bench interfaces", description="three applications as CGI and as FastCGI")
    parser.add_argument("--duration", default="36s", help="of load for each application (default 36s)")
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--picture", type=Path, metavar="FILE", help="draw the demonstration's outcome there")
    return parser.parse_args(arguments)


def subjects(folder: Path) -> list[Subject]:
    site = django_project.generate(folder, warm=False)
    return [
        Subject("the demonstration's start page", [], folder),
        Subject("Flask, hello", ["flask_hello:app"], APPLICATIONS),
        Subject("Django, the admin's login page", ["shop.wsgi:application", "--path", "/admin/login/"], site),
    ]


def measured(subject: Subject, more: Sequence[str]) -> dict[str, Any]:
    """What `fcgipm bench --json` says; BenchError when it fails."""
    command = [sys.executable, "-m", "fcgipm.cli", "bench", "--json", *subject.arguments, *more]
    with subprocess.Popen(command, cwd=subject.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            said, complained = process.communicate()
        except BaseException:
            process.terminate()  # killed, it could not clear its stage
            raise
    if process.returncode:
        raise BenchError(f"{' '.join(command)} failed:\n{complained}")
    return dict(json.loads(said))


def row(title: str, outcome: dict[str, Any]) -> str:
    """A line of the table: through nginx where there is one."""
    door = "nginx" if "nginx" in outcome["factors"] else "direct"
    rates = {one["way"]: number(one["requests_per_second"]) for one in outcome["rows"]}
    factor = {name: f"{value:.0f}" for name, value in outcome["factors"][door].items()}
    cells = [title, f"{rates[f'cgi-{door}']}/s", f"{rates[f'fastcgi-kept-{door}']}/s", f"×{factor['rate']}", f"÷{factor['cpu']}", f"÷{factor['wait']}"]
    return f"| {' | '.join(cells)} |"
