"""What is measured, on a stage of its own: a daemon as CGI, one as FastCGI, an nginx in front of them, all below one temporary folder."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any, NamedTuple

from fcgipm.bench.ways import CGI, DIRECT, FASTCGI, NGINX, Way
from fcgipm.recipes.nginx import HOST_MAP
from fcgipm.recipes.nginx_params import PARAMS
from fcgipm.system.subreaper import as_daemon
from fcgipm.worker.prctl import set_death_signal

POOL = "app"
START_SECONDS = 30.0
STOP_SECONDS = 10.0
READY = "ready to serve"
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

_NGINX = """\
daemon off;
{user}worker_processes {processes};
pid {folder}/nginx.pid;
error_log stderr error;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    keepalive_requests 1000000000;
    client_body_temp_path {folder}/body;
    fastcgi_temp_path {folder}/fastcgi;
    proxy_temp_path {folder}/proxy;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    fastcgi_buffer_size 16k;
    fastcgi_buffers 16 16k;
    merge_slashes off;
{host_map}{params}
{sites}}}
"""

_SITE = """\
    upstream {name} {{ server unix:{backend};{keepalive} }}
    server {{
        listen unix:{front};
        server_name localhost;
        location / {{ fastcgi_pass {name};{keep_conn} }}
    }}
"""


class StageError(Exception):
    """It could not be set; the text says why."""


class Settings(NamedTuple):
    """What is served, and by how many."""

    pool: Mapping[str, Any]
    """The application's keys of a pool; listener, workers and interface are ours."""
    workers: int
    nginx: str | None
    """Its program; None: there is none, or it is not wanted."""


class Server:
    """A running process and what it writes to standard error, of which the last lines are kept."""

    def __init__(self, name: str, process: subprocess.Popen[str]) -> None:
        assert process.stderr is not None
        self.name, self.process, self.lines = name, process, deque[str](maxlen=40)
        self._serves, self._told = False, threading.Event()
        self._reader = threading.Thread(target=self._read, args=(process.stderr,), daemon=True)
        self._reader.start()

    def _read(self, stream: IO[str]) -> None:
        for line in stream:
            self.lines.append(line.rstrip("\n"))
            if READY in line:
                self._serves = True
                self._told.set()
        self._told.set()

    def wait(self) -> None:
        """Until it serves. Raises StageError when it ends instead, or takes too long."""
        self._told.wait(START_SECONDS)
        if not self._serves:
            raise StageError(f"{self.name} did not start:\n{self.said()}")

    def said(self) -> str:
        """The last lines of its log, for a person."""
        return "\n".join(_message(line) for line in self.lines) or "it said nothing"

    def stop(self) -> None:
        """TERM, patience, then KILL. The daemon's tree ends with it; nothing of it is left afterwards."""
        self.process.terminate()
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._reader.join(STOP_SECONDS)
        if self.process.stderr:
            self.process.stderr.close()


class Stage:
    """The running servers."""

    def __init__(self, folder: Path, daemons: Mapping[str, Server], nginx: Server | None) -> None:
        self._folder, self._daemons, self.nginx = folder, daemons, nginx

    def address(self, way: Way) -> str:
        """The unix socket that the load connects to."""
        return str(_pool_socket(self._folder, way.interface) if way.door == DIRECT else _nginx_socket(self._folder, way))

    def daemon(self, way: Way) -> Server:
        return self._daemons[way.interface]


@contextmanager
def stage(settings: Settings, field: list[Way]) -> Iterator[Stage]:
    """Set it for these ways, and clear it: what was started ends, and the folder goes, whatever happens. Raises StageError.

    ^C while it is cleared changes nothing.
    """
    handlers: dict[int, Any] = {}
    try:
        with ExitStack() as stack:
            try:
                yield _set(stack, settings, field)
            finally:
                handlers = {number: signal.signal(number, signal.SIG_IGN) for number in ENDING}
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


def _set(stack: ExitStack, settings: Settings, field: list[Way]) -> Stage:
    folder = Path(tempfile.mkdtemp(prefix="fcgipm-bench-"))
    stack.callback(shutil.rmtree, folder, ignore_errors=True)
    daemons = {interface: _start_daemon(stack, folder, interface, settings) for interface in (CGI, FASTCGI)}
    fronts = [way for way in field if way.door == NGINX]
    nginx = _start_nginx(stack, folder, settings.nginx, fronts) if settings.nginx and fronts else None
    for server in daemons.values():
        server.wait()
    return Stage(folder, daemons, nginx)


def _start_daemon(stack: ExitStack, folder: Path, interface: str, settings: Settings) -> Server:
    own = folder / interface
    own.mkdir()
    file = own / "fcgipm.yaml"  # JSON is YAML
    file.write_text(json.dumps(configuration(folder, interface, settings)))
    command = [sys.executable, "-I", "-m", "fcgipm.master", str(file)]
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, errors="backslashreplace",
        start_new_session=True, preexec_fn=as_daemon,
    )  # fmt: skip
    server = Server(f"the daemon for {interface}", process)
    stack.callback(server.stop)
    return server


def configuration(folder: Path, interface: str, settings: Settings) -> dict[str, Any]:
    """A daemon's file: the same pool, but for its interface."""
    pool = {**settings.pool, "listen": f"unix:{_pool_socket(folder, interface)}", "workers": settings.workers}
    if interface == CGI:
        pool["interface"] = "cgi"
    control = str(folder / interface / "control.sock")
    return {"control": control, "log": {"format": "json"}, "stop_timeout": "3s", "pools": {POOL: pool}}


def _start_nginx(stack: ExitStack, folder: Path, program: str, fronts: list[Way]) -> Server:
    """It inherits its listening sockets (by the variable NGINX, as from a predecessor): who connects before it is ready, waits in their queues."""
    (folder / "nginx.conf").write_text(nginx_configuration(folder, fronts))
    with ExitStack() as listeners:
        numbers = [listeners.enter_context(_listener(_nginx_socket(folder, way))).fileno() for way in fronts]
        process = subprocess.Popen(
            [program, "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", "stderr"],
            env={**os.environ, "NGINX": "".join(f"{number};" for number in numbers)},
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, errors="backslashreplace",
            pass_fds=numbers, start_new_session=True, preexec_fn=_die_with_us,
        )  # fmt: skip
    server = Server("nginx", process)
    stack.callback(server.stop)
    return server


def nginx_configuration(folder: Path, fronts: list[Way]) -> str:
    """A site for each way, all with the params of `fcgipm nginx`."""
    user = "user root;\n" if os.geteuid() == 0 else ""
    sites = "".join(
        _SITE.format(
            name=way.name.replace("-", "_"),
            backend=_pool_socket(folder, way.interface),
            front=_nginx_socket(folder, way),
            keepalive=" keepalive 64; keepalive_requests 1000000000;" if way.kept else "",
            keep_conn=" fastcgi_keep_conn on;" if way.kept else "",
        )
        for way in fronts
    )
    return _NGINX.format(user=user, processes=min(4, os.cpu_count() or 1), folder=folder, host_map=HOST_MAP, params=PARAMS, sites=sites)


def _listener(path: Path) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen(1024)
    listener.setblocking(False)  # nginx takes it for granted of a socket that it inherits
    return listener


def _die_with_us() -> None:
    set_death_signal(signal.SIGTERM)


def _pool_socket(folder: Path, interface: str) -> Path:
    return folder / interface / f"{POOL}.sock"


def _nginx_socket(folder: Path, way: Way) -> Path:
    return folder / f"{way.name}.sock"


def _message(line: str) -> str:
    try:
        return str(json.loads(line)["message"])
    except (ValueError, KeyError, TypeError):
        return line


def find_nginx() -> str | None:
    """nginx on PATH or in sbin, which an ordinary user's PATH lacks."""
    return shutil.which("nginx", path=os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/local/sbin", "/usr/sbin", "/sbin"]))
