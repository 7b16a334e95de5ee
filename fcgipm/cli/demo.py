"""`fcgipm demo`: a pool with the demonstration site, and the embedded web server before it."""

from __future__ import annotations

import json
import shutil
import socket
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

import click

from fcgipm.cli._foreground import Foreground
from fcgipm.system import exit_codes

FIRST_PORT = 8000

CONFIGURATION = """\
# Made by `fcgipm demo`.
control: control.sock
log: {{format: json}}
stop_timeout: 3s                    # a page of live events must not keep ^C waiting
http:
  - listen: 127.0.0.1:{port}
    pool: demo
    static: {{/static: {static}}}
    access_log: {terminal}
pools:
  demo:
    app: fcgipm.demo:app
    listen: unix:demo.sock
    workers: {{min: 4, max: 4, threads: 2}}
    env:
      FCGIPM_RECORDS: "1"             # the application may look at the records of its requests
      RACE_FASTCGI: {fastcgi}
      RACE_CGI: {cgi}
  cgi:                                # for the race: the same application, by a process for each request
    app: fcgipm.demo:app
    interface: cgi
    listen: unix:cgi.sock
    workers: 2
"""


@click.command("demo")
@click.option("--port", type=click.IntRange(1, 65535), help=f"Port on 127.0.0.1; default {FIRST_PORT}, or the next free one.")
@click.option("--folder", type=click.Path(file_okay=False), help="Where to put configuration and sockets; default: a temporary folder.")
def command(port: int | None, folder: str | None) -> int:
    """Serve a site that shows what happens to a request, on this machine only, until ^C.

    The configuration it runs with is written to the folder: `fcgipm nginx demo -c FOLDER/fcgipm.yaml` works on it.
    """
    if find_spec("flask") is None:
        return _fail("the demonstration needs Flask: pip install 'fcgipm[demo]'")
    free = port or free_port(FIRST_PORT)
    if free is None:
        return _fail(f"no free port from {FIRST_PORT} on: name one with --port")
    if port is None and free != FIRST_PORT:
        click.echo(f"Port {FIRST_PORT} is busy, so it is {free}.")
    if folder:
        return _serve(Path(folder).absolute(), free)
    place = Path(tempfile.mkdtemp(prefix="fcgipm-demo-"))
    try:
        return _serve(place, free)
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _serve(place: Path, port: int) -> int:
    place.mkdir(parents=True, exist_ok=True)
    file = place / "fcgipm.yaml"
    static = json.dumps(str(Path(__file__).resolve().parents[1] / "demo" / "static"))
    sockets = {name: json.dumps(str(place / f"{pool}.sock")) for name, pool in (("fastcgi", "demo"), ("cgi", "cgi"))}
    file.write_text(CONFIGURATION.format(port=port, static=static, terminal=json.dumps(sys.stderr.isatty()), **sockets))
    return Foreground(str(file), lambda: click.echo(f"\n  Open http://127.0.0.1:{port}/    (^C ends it)\n"), lambda: None).run()


def free_port(first: int) -> int | None:
    """The first port that nobody listens on."""
    for port in range(first, min(first + 1000, 65536)):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    return None


def _fail(message: str) -> int:
    click.echo(f"fcgipm demo: {message}", err=True)
    return exit_codes.FAILED
