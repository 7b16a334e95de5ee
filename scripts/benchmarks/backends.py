"""The servers that are compared: each a command line, with two workers and hello world on a unix socket."""

from __future__ import annotations

import glob
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from benchmarks import daemon
from benchmarks.front import Route
from benchmarks.processes import PYTHON_PACKAGES, SCRIPTS, BenchError, Process, command, find, program

APPLICATIONS = SCRIPTS / "benchmarks" / "applications"
PHP_HELLO = '<?php header("Content-Type: text/plain"); header("Content-Length: 12"); echo "Hello world\\n";\n'

PHP_FPM_CONF = """\
[global]
error_log = {folder}/php-fpm.log
daemonize = no
process_control_timeout = 10s
[hello]
listen = {socket}
listen.mode = 0666
pm = static
pm.max_children = {workers}
{user}
"""


class Backend(NamedTuple):
    """One server of the comparison."""

    name: str
    protocol: str
    """As a Route has it."""
    start: Callable[[Path, Path], list[str]]
    """From a folder of its own and the path of its socket to its command line; it may write files into the folder."""
    kept: bool = False
    """Over connections that stay open between requests."""
    ready: str = ""
    """What it says when it serves; when nothing, its socket tells."""
    params: str = ""
    """More nginx directives that it needs; ``{folder}`` is its folder."""

    @property
    def label(self) -> str:
        return f"{self.name}, kept" if self.kept else self.name

    def process(self, folder: Path) -> Process:
        folder.mkdir(exist_ok=True)
        return Process(self.start(folder, self.socket(folder)), cwd=str(folder))

    def socket(self, folder: Path) -> Path:
        return folder / "sock"

    def route(self, folder: Path) -> Route:
        name = re.sub(r"\W+", "_", self.label)
        return Route(name, self.socket(folder), self.protocol, self.kept, self.params.format(folder=folder))

    def wait(self, process: Process, folder: Path) -> None:
        if self.ready:
            process.wait_for_line(self.ready)
        process.wait_for_socket(self.socket(folder))


def fcgipm(folder: Path, socket: Path) -> list[str]:
    return daemon.fcgipm(folder, {"hello": daemon.pool("hello:application", APPLICATIONS, socket, 2)})


def uwsgi(protocol: str, app: str = "hello:application", workers: int = 2) -> Callable[[Path, Path], list[str]]:
    def start(folder: Path, socket: Path) -> list[str]:
        listen = ["--fastcgi-socket" if protocol == "fastcgi" else "--uwsgi-socket", str(socket), "--chmod-socket=666"]
        flags = ["--master", "--processes", str(workers), "--disable-logging", "--listen", "1024", "--need-app", "--die-on-term"]
        serve = ["--pythonpath", str(APPLICATIONS), "--module", app]
        return [program("uwsgi", PYTHON_PACKAGES), *flags, *listen, *serve]

    return start


def flup(kind: str) -> Callable[[Path, Path], list[str]]:
    def start(folder: Path, socket: Path) -> list[str]:
        return [sys.executable, "-m", "benchmarks.flup_server", kind, str(socket)]

    return start


def floor(*flags: str) -> Callable[[Path, Path], list[str]]:
    def start(folder: Path, socket: Path) -> list[str]:
        return command("floor", "--address", f"unix:{socket}", "--workers", "2", *flags)

    return start


def php_program() -> str | None:
    """php-fpm under any of its names."""
    return find("php-fpm") or max(glob.glob("/usr/sbin/php-fpm[0-9]*"), default=None)


def php_fpm(script: str = PHP_HELLO, workers: int = 2) -> Callable[[Path, Path], list[str]]:
    def start(folder: Path, socket: Path) -> list[str]:
        user = "user = root" if os.geteuid() == 0 else ""
        (folder / "php-fpm.conf").write_text(PHP_FPM_CONF.format(folder=folder, socket=socket, workers=workers, user=user))
        (folder / "script.php").write_text(script)
        return [str(php_program()), "--nodaemonize", "--allow-to-run-as-root", "--fpm-config", str(folder / "php-fpm.conf")]

    return start


UWSGI = Backend("uWSGI, uwsgi protocol", "uwsgi", uwsgi("uwsgi"))
UWSGI_FASTCGI = Backend("uWSGI, FastCGI", "fastcgi", uwsgi("fastcgi"))
FCGIPM = Backend("fcgipm", "fastcgi", fcgipm, ready="ready to serve")
FCGIPM_KEPT = FCGIPM._replace(kept=True)
FLUP_FORK = Backend("flup fork", "fastcgi", flup("fork"))
FLUP_THREADED = Backend("flup threaded", "fastcgi", flup("threaded"))
PHP_PARAMS = "\nfastcgi_param SCRIPT_FILENAME {folder}/script.php;"
PHP_FPM = Backend("php-fpm", "fastcgi", php_fpm(), params=PHP_PARAMS)
FLOOR_ACCEPT = Backend("bare loop, accept alone", "fastcgi", floor())
FLOOR = Backend("bare loop", "fastcgi", floor("--epoll"))
FLOOR_KEPT = FLOOR._replace(kept=True)


def chosen(with_floor: bool, only: list[str]) -> list[Backend]:
    """The backends of a run; `only` keeps those whose label contains one of these texts. BenchError if none is left."""
    every = [FCGIPM, FCGIPM_KEPT, UWSGI, UWSGI_FASTCGI, FLUP_FORK, FLUP_THREADED]
    every += [PHP_FPM] if php_program() else []
    every += [FLOOR_ACCEPT, FLOOR, FLOOR_KEPT] if with_floor else []
    found = [one for one in every if not only or any(text in one.label for text in only)]
    if not found:
        names = "; ".join(one.label for one in every)
        raise BenchError(f"no backend is called like {', '.join(only)}; there are: {names}")
    return found
