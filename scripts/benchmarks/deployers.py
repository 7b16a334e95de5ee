"""The servers that replace what serves under traffic: how each is told to, and when it has done so."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks import backends, control, daemon
from benchmarks.backends import APPLICATIONS, Backend
from benchmarks.processes import PYTHON_PACKAGES, BenchError, Process, program
from fcgipm.bench import cpu

WORKERS = 8
APP = "echo:application"
CHANGE_SECONDS = 10.0
"""After which a change that is not over ends the measurement."""
LOOK_SECONDS = 0.02
ANY = 1_000_000
"""As many changes as one likes."""

PHP_ECHO = """\
<?php
$posted = file_get_contents("php://input");
usleep(1000 * (int) $_SERVER["QUERY_STRING"]);
$body = $posted !== "" ? $posted : "ok";
header("Content-Type: text/plain");
header("Content-Length: " . strlen($body));
echo $body;
"""


class Deployer(NamedTuple):
    """A server, and one way to have it replace its workers."""

    backend: Backend
    action: str
    change: Callable[[Process, Path], None]
    """Has the process, whose folder this is, do it, and returns when all workers are new ones. BenchError when that does not come to pass."""
    most: int
    """Changes that one process is put through; after so many the next takes its place."""

    @property
    def label(self) -> str:
        return f"{self.backend.name} {self.action}{', kept' if self.backend.kept else ''}"


def everybody() -> list[Deployer]:
    """Who is compared.

    Only fcgipm keeps connections to the backend here: uWSGI and gunicorn's sync workers keep none, a gthread worker of gunicorn takes more of them than it can
    serve (one of eight took all 16 when tried), and a php-fpm child belongs to its connection, so that half of the clients would not be answered.
    """
    fcgipm = Backend("fcgipm", "fastcgi", _fcgipm, ready="ready to serve")
    mine = [Deployer(one, *how) for how in FCGIPM for one in (fcgipm, fcgipm._replace(kept=True))]
    recycling = Backend("fcgipm", "fastcgi", _fcgipm_recycling, ready="ready to serve")
    mine += [Deployer(one, "recycling", _recycle, ANY) for one in (recycling, recycling._replace(kept=True))]
    others = [
        Deployer(Backend("gunicorn", "http", _gunicorn), "HUP", _signal(signal.SIGHUP), ANY),
        Deployer(Backend("uWSGI", "uwsgi", backends.uwsgi("uwsgi", APP, WORKERS)), "HUP", _signal(signal.SIGHUP), ANY),
    ]
    php = Backend("php-fpm", "fastcgi", backends.php_fpm(PHP_ECHO, WORKERS), params=backends.PHP_PARAMS)
    return mine + others + ([Deployer(php, "USR2", _signal(signal.SIGUSR2), ANY)] if backends.php_program() else [])


def _fcgipm(folder: Path, socket: Path) -> list[str]:
    return daemon.fcgipm(folder, {"web": daemon.pool(APP, APPLICATIONS, socket, WORKERS)})


def _fcgipm_recycling(folder: Path, socket: Path) -> list[str]:
    pool = daemon.pool(APP, APPLICATIONS, socket, WORKERS)
    return daemon.fcgipm(folder, {"web": {**pool, "recycle": {"requests": 50}}})


def _gunicorn(folder: Path, socket: Path) -> list[str]:
    flags = ["--workers", str(WORKERS), "--no-control-socket", "--chdir", str(APPLICATIONS)]
    return [program("gunicorn", PYTHON_PACKAGES), *flags, "--bind", f"unix:{socket}", APP]


def _signal(number: signal.Signals) -> Callable[[Process, Path], None]:
    """A signal to the master, whose children are the workers."""

    def change(process: Process, folder: Path) -> None:
        before = set(cpu.tree(process.pid)[1:])
        os.kill(process.pid, number)
        _wait(lambda: replaced(before, set(cpu.tree(process.pid)[1:])), process)

    return change


def _reload(process: Process, folder: Path) -> None:
    control.ask(folder / "control.sock", command="reload", pool="web")


def _kill_template(process: Process, folder: Path) -> None:
    """The process that forks workers is gone, so a new generation has to come."""
    before = _pool(folder)
    os.kill(before["template"]["pid"], signal.SIGKILL)
    _wait(lambda: succeeded(before["generation"], _pool(folder)), process)


def _upgrade(process: Process, folder: Path) -> None:
    """The new program takes over, and then reloads."""
    before = _pool(folder)
    os.kill(process.pid, signal.SIGUSR2)

    def over() -> bool:
        try:
            return succeeded(before["generation"], _pool(folder))
        except (BenchError, OSError):  # Asked of the old program, which is no more.
            return False

    _wait(over, process)


def _recycle(process: Process, folder: Path) -> None:
    """They go by themselves, after 50 requests each: a change is that all have gone once."""
    before = {one["pid"] for one in _pool(folder)["processes"]}
    _wait(lambda: replaced(before, {one["pid"] for one in _pool(folder)["processes"]}), process)


FCGIPM = [("reload", _reload, ANY), ("template kill", _kill_template, 5), ("USR2", _upgrade, ANY)]
"""What is done to fcgipm. Templates that die within 10 s of each other are replaced with more and more delay: the fifth after 1.6 s."""


def replaced(before: set[int], now: set[int]) -> bool:
    """Whether none of the old workers is left, and as many new ones are there."""
    return not before & now and len(now) >= WORKERS


def succeeded(generation: int, pool: dict[str, Any]) -> bool:
    """Whether a pool has a template again, and its full number of workers, none of them from this generation."""
    serving = [one for one in pool["processes"] if one["state"] in ("idle", "busy")]
    fresh = all(one["generation"] > generation for one in pool["processes"])
    return bool(pool["template"]) and fresh and len(serving) >= WORKERS


def _pool(folder: Path) -> dict[str, Any]:
    pool: dict[str, Any] = control.ask(folder / "control.sock", command="status")["pools"]["web"]
    return pool


def _wait(over: Callable[[], bool], process: Process) -> None:
    deadline = time.monotonic() + CHANGE_SECONDS
    while not over():
        if process.popen.poll() is not None or time.monotonic() > deadline:
            said = "\n  ".join(process.said().splitlines()[-5:])
            raise BenchError(f"its workers were not replaced within {CHANGE_SECONDS:g} s; the last that it said:\n  {said}")
        time.sleep(LOOK_SECONDS)
