"""A private nginx in front of all backends: one loopback port, one location and one upstream for each of them."""

from __future__ import annotations

import os
import re
import socket
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks import shipped
from benchmarks.processes import BenchError, Process, program

WAY_OUT = "on Debian and Ubuntu: apt-get install nginx"

MAIN = """\
daemon off;
{user}worker_processes 2;
pid {folder}/nginx.pid;
error_log {folder}/error.log warn;
events {{ worker_connections 1024; }}
http {{
{host}
    access_log off;
    keepalive_requests 1000000000;
    client_body_temp_path {folder}/body;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    proxy_temp_path {folder}/proxy;
{upstreams}
    server {{
        listen 127.0.0.1:{port} backlog=1024;
        server_name localhost;
{locations}
    }}
}}
"""

class Route(NamedTuple):
    """How nginx reaches one backend."""

    name: str
    socket: Path
    protocol: str
    """``fastcgi``, ``uwsgi`` or ``http``."""
    kept: bool
    params: str = ""
    """More directives for this location."""


class Front:
    """The running nginx."""

    def __init__(self, folder: Path, routes: Sequence[Route]) -> None:
        self.folder, self.port = folder, free_port()
        (folder / "nginx.conf").write_text(configuration(folder, self.port, routes, shipped.params()))
        self.process = Process([program("nginx", WAY_OUT), "-e", f"{folder}/error.log", "-c", f"{folder}/nginx.conf"])

    def url(self, route: Route) -> str:
        return f"http://127.0.0.1:{self.port}/{route.name}"

    def errors(self) -> str:
        """What nginx had to complain of."""
        return (self.folder / "error.log").read_text(errors="replace")

    def expect(self, route: Route, body: bytes) -> None:
        """Ask once through nginx; BenchError unless the reply is a 200 with this body."""
        try:
            with urllib.request.urlopen(self.url(route), timeout=10) as reply:
                got: bytes = reply.read()
        except OSError as error:
            raise BenchError(f"{route.name} through nginx: {error}\n{self.errors()}") from error
        if got != body:
            raise BenchError(f"{route.name} through nginx answered {got[:200]!r}, not {body!r}")


def configuration(folder: Path, port: int, routes: Sequence[Route], params: str) -> str:
    """The text of nginx.conf. `params` are fastcgi_param lines; every backend gets them, so all do the same work."""
    return MAIN.format(
        user="user root;\n" if os.geteuid() == 0 else "",
        folder=folder,
        port=port,
        host=shipped.host_map(),
        upstreams="\n".join(map(upstream, routes)),
        locations="\n".join(location(route, params) for route in routes),
    )


def upstream(route: Route) -> str:
    keepalive = " keepalive 64; keepalive_requests 1000000000;" if route.kept else ""
    return f"    upstream {route.name} {{ server unix:{route.socket};{keepalive} }}"


def location(route: Route, params: str) -> str:
    keep = " fastcgi_keep_conn on;" if route.kept else ""
    params = translate(params, route.protocol) + route.params
    to = f"proxy_pass http://{route.name};" if route.protocol == "http" else f"{route.protocol}_pass {route.name};"
    return f"        location = /{route.name} {{\n{params}\n{to}{keep} }}"


def translate(params: str, protocol: str) -> str:
    """The same parameters for another protocol (`uwsgi_param`); directives that only FastCGI has are dropped. HTTP needs none."""
    if protocol == "fastcgi":
        return params
    if protocol == "http":
        return ""
    lines = [re.sub(r"^(\s*)fastcgi_param\b", rf"\1{protocol}_param", line) for line in params.splitlines()]
    return "\n".join(line for line in lines if not line.lstrip().startswith("fastcgi_"))


def free_port() -> int:
    """A loopback port that nobody listens on right now."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
    return port
