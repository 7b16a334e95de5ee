"""The servers whose pools grow and shrink, each from 2 workers (or none) to as many as there are clients."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from benchmarks import daemon
from benchmarks.backends import APPLICATIONS, Backend, php_program
from benchmarks.processes import PYTHON_PACKAGES, program

IDLE_SECONDS = 2
"""After which a worker that nobody needs may leave, for those who can be told."""

PHP_SLEEPER = """\
<?php
$begun = hrtime(true);
usleep(1000 * (int) $_SERVER["QUERY_STRING"]);
$body = getmypid() . " " . $begun . " " . hrtime(true) . "\\n";
header("Content-Type: text/plain");
header("Content-Length: " . strlen($body));
echo $body;
"""

PHP_FPM_CONF = """\
[global]
error_log = {folder}/php-fpm.log
daemonize = no
[crowd]
listen = {socket}
listen.mode = 0666
listen.backlog = 1024
pm = {mode}
pm.max_children = {most}
pm.start_servers = 2
pm.min_spare_servers = 1
pm.max_spare_servers = 3
pm.process_idle_timeout = {idle}s
{user}
"""

SITE_APP = """\
import sys

import shop.wsgi

sys.path.append({applications!r})
from sleeper import application
"""
"""The sleeper in a process that has loaded a whole Django site before."""


def application(site: Path | None) -> tuple[str, Path]:
    """The sleeper alone, or within a Django site: its name and its folder."""
    if site is None:
        return "sleeper:application", APPLICATIONS
    (site / "crowd.py").write_text(SITE_APP.format(applications=str(APPLICATIONS)))
    return "crowd:application", site


def fcgipm(mode: str, most: int, site: Path | None, *, kept: bool = False) -> Backend:
    """fcgipm in a mode that scales."""
    least = {"min": 2} if mode == "dynamic" else {}
    workers = {"mode": mode, "max": most, "idle_timeout": f"{IDLE_SECONDS}s", **least}

    def start(folder: Path, socket: Path) -> list[str]:
        return daemon.fcgipm(folder, {"crowd": daemon.pool(*application(site), socket, workers)})

    return Backend(f"fcgipm {mode}", "fastcgi", start, kept=kept, ready="ready to serve")


def uwsgi(most: int, site: Path | None) -> Backend:
    """uWSGI with its cheaper subsystem as it comes: the algorithm `spare`."""

    def start(folder: Path, socket: Path) -> list[str]:
        app, directory = application(site)
        flags = ["--master", "--workers", str(most), "--cheaper", "2", "--disable-logging", "--need-app", "--die-on-term"]
        listen = ["--fastcgi-socket", str(socket), "--listen", "1024"]
        return [program("uwsgi", PYTHON_PACKAGES), *flags, *listen, "--chdir", str(directory), "--module", app]

    return Backend("uWSGI cheaper", "fastcgi", start)


def php_fpm(mode: str, most: int) -> Backend:
    """php-fpm in a mode that scales, with the spare servers that Debian ships; PHP code is not loaded before the fork, so there is no Django to compare."""
    return Backend(f"php-fpm {mode}", "fastcgi", _php(mode, most))


def _php(mode: str, most: int) -> Callable[[Path, Path], list[str]]:
    def start(folder: Path, socket: Path) -> list[str]:
        user = "user = root" if os.geteuid() == 0 else ""
        config = PHP_FPM_CONF.format(folder=folder, socket=socket, mode=mode, most=most, idle=IDLE_SECONDS, user=user)
        (folder / "php-fpm.conf").write_text(config)
        (folder / "sleeper.php").write_text(PHP_SLEEPER)
        return [str(php_program()), "--nodaemonize", "--allow-to-run-as-root", "--fpm-config", str(folder / "php-fpm.conf")]

    return start


def everybody(most: int, site: Path | None) -> list[Backend]:
    """Who is compared; with a Django `site` only those who can load it."""
    python = [fcgipm("dynamic", most, site), fcgipm("dynamic", most, site, kept=True), fcgipm("ondemand", most, site), uwsgi(most, site)]
    php = [php_fpm("dynamic", most), php_fpm("ondemand", most)] if site is None and php_program() else []
    return [*python, *php]
