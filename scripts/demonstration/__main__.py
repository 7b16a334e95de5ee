"""`fcgipm demo`, and beside it an nginx of its own on the server block that `fcgipm nginx` prints; until ^C. Imports nothing of fcgipm: it is a user."""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import IO

from fcgipm.cli.demo import free_port

TOP = Path(__file__).resolve().parents[2]
FCGIPM = [sys.executable, "-m", "fcgipm.cli"]

NGINX = """\
{user}daemon off;
pid {folder}/nginx.pid;
error_log stderr notice;
events {{}}
http {{
    access_log off;
    types {{ text/css css; text/javascript js; image/svg+xml svg; }}
    client_body_temp_path {folder}/client_body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/site.conf;
}}
"""


class Ended(Exception):
    """Somebody wants us to end, or one of the servers has ended: the exit status."""


def main() -> int:
    """Run until ^C or TERM; 0 when everything started and ended well."""
    options = arguments()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # also where a shell has them ignored, behind an &
        signal.signal(number, leave)
    folder = Path(tempfile.mkdtemp(prefix="fcgipm-demo-"))
    running: list[subprocess.Popen[str]] = []
    try:
        start_fcgipm(folder, running, options.port)
        nginx = None if options.without_nginx else find_nginx()
        if nginx:
            start_nginx(nginx, folder, running, options.nginx_port)
        elif not options.without_nginx:
            print("  There is no nginx here: apt-get install nginx, to see the same site through it.\n", flush=True)
        wait_for_an_end(running)
        return 1
    except Ended as ended:
        return int(ended.args[0])
    finally:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        for process in reversed(running):
            process.send_signal(signal.SIGTERM)
            process.wait()
        shutil.rmtree(folder)


def leave(number: int, frame: FrameType | None) -> None:
    raise Ended(0)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/demo", description="The demonstration site, through the embedded web server and through nginx, until ^C.")
    parser.add_argument("--port", type=int, help="port of the embedded web server (default: 8000, or the next free one)")
    parser.add_argument("--nginx-port", type=int, default=8080, help="first port to try for nginx (default 8080)")
    parser.add_argument("--without-nginx", action="store_true", help="the embedded web server alone")
    return parser.parse_args()


def start_fcgipm(folder: Path, running: list[subprocess.Popen[str]], port: int | None) -> None:
    """`fcgipm demo` with its files in our folder; returns when it has said its address."""
    command = [*FCGIPM, "demo", "--folder", str(folder), *(["--port", str(port)] if port else [])]
    process = start(command, running, stdout=subprocess.PIPE)
    assert process.stdout is not None
    follow(process, process.stdout, lambda line: "Open http" in line, show=lambda line: True)


def start_nginx(nginx: str, folder: Path, running: list[subprocess.Popen[str]], first_port: int) -> None:
    """nginx on the output of `fcgipm nginx`; returns when it serves, and says its address."""
    port = free_port(first_port)
    if port is None:
        print(f"demo: no free port from {first_port} on", file=sys.stderr)
        raise Ended(1)
    file = str(folder / "fcgipm.yaml")
    (folder / "site.conf").write_text(said([*FCGIPM, "nginx", "demo", "-c", file, "--listen", f"127.0.0.1:{port}"]))
    (folder / "fcgipm_params").write_text(said([*FCGIPM, "nginx", "--params"]))
    user = "user root;\n" if os.geteuid() == 0 else ""
    (folder / "nginx.conf").write_text(NGINX.format(user=user, folder=folder))
    command = [nginx, "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", "stderr"]
    process = start(command, running, stderr=subprocess.PIPE)
    assert process.stderr is not None
    follow(process, process.stderr, lambda line: "start worker process " in line, show=is_bad_news)
    print(f"  and http://127.0.0.1:{port}/    through nginx, with {folder}/site.conf from `fcgipm nginx`\n", flush=True)


def is_bad_news(line: str) -> bool:
    return any(f"[{level}]" in line for level in ("error", "crit", "alert", "emerg"))


def said(command: list[str]) -> str:
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout


def start(command: list[str], running: list[subprocess.Popen[str]], stdout: int | None = None, stderr: int | None = None) -> subprocess.Popen[str]:
    """A server in a session of its own: ^C is ours, and we end it in order."""
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr, text=True, start_new_session=True
    )
    running.append(process)
    return process


def follow(process: subprocess.Popen[str], lines: IO[str], sign: Callable[[str], bool], show: Callable[[str], bool]) -> None:
    """Wait for the line that is the sign; those to show are passed on, then and later."""
    ready = threading.Event()

    def read() -> None:
        for line in lines:
            if show(line):
                print(line, end="", flush=True)
            if sign(line):
                ready.set()
        ready.set()

    threading.Thread(target=read, daemon=True).start()
    ready.wait()
    if process.poll() is not None:
        print(f"demo: {' '.join(map(str, process.args))} did not start", file=sys.stderr)  # type: ignore[arg-type]
        raise Ended(1)


def wait_for_an_end(running: list[subprocess.Popen[str]]) -> None:
    """Until a signal raises, or one of the servers ends by itself."""
    ended = threading.Event()

    def watch(process: subprocess.Popen[str]) -> None:
        process.wait()
        ended.set()

    for process in running:
        threading.Thread(target=watch, args=(process,), daemon=True).start()
    ended.wait()
    print("demo: a server ended by itself", file=sys.stderr)


def find_nginx() -> str | None:
    places = [os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin", str(TOP / ".cache/nginx/usr/sbin")]
    return shutil.which("nginx", path=os.pathsep.join(places))


if __name__ == "__main__":
    sys.exit(main())
