"""The demonstration: fcgipm and nginx side by side in a temporary folder, until ^C. Imports nothing of fcgipm: it is a user."""

from __future__ import annotations

import argparse
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

HERE = Path(__file__).resolve().parent
TOP = HERE.parents[1]
FCGIPM = [sys.executable, "-m", "fcgipm.cli"]

CONFIGURATION = """\
control: {folder}/control.sock
pools:
  web:
    app: hello.py:app
    directory: {site}
    listen: unix:{folder}/web.sock
    workers: 2
"""

NGINX = """\
{user}daemon off;
pid {folder}/nginx.pid;
error_log stderr notice;
events {{}}
http {{
    access_log off;
    {temporary}
    include {folder}/site.conf;
}}
"""

NO_NGINX = """\
There is no nginx here (apt-get install nginx), so no address to open yet. The next version of fcgipm brings a small web server of its own for
that. Until then, this is `fcgipm request`, curl for FastCGI:
"""


def main() -> int:
    """Run until ^C; 0 when everything started and ended well."""
    options = arguments()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    folder = Path(tempfile.mkdtemp(prefix="fcgipm-demo-"))
    running: list[subprocess.Popen[str]] = []
    try:
        start_fcgipm(folder, running)
        nginx = None if options.without_nginx else find_nginx()
        if nginx:
            show_site(start_nginx(nginx, folder, running, options.port))
        else:
            show_request(folder)
        wait_for_an_end(running)
        return 1
    except KeyboardInterrupt:
        print("\nEnding (fcgipm finishes what it has begun) ...", flush=True)
        return 0
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        for process in reversed(running):
            process.send_signal(signal.SIGTERM)
            process.wait()
        shutil.rmtree(folder)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/demo", description="A one-file Flask site behind a private nginx, until ^C."
    )
    parser.add_argument(
        "--port", type=int, default=8080, help="first port to try (default 8080; the next free one is taken)"
    )
    parser.add_argument("--without-nginx", action="store_true", help="show what is done where there is no nginx")
    return parser.parse_args()


def start_fcgipm(folder: Path, running: list[subprocess.Popen[str]]) -> None:
    """`fcgipm run` with a file of six lines; returns when it serves."""
    file = folder / "fcgipm.yaml"
    file.write_text(CONFIGURATION.format(folder=folder, site=HERE))
    print(f"The configuration, {file}:\n\n{file.read_text()}", flush=True)
    serve([*FCGIPM, "run", "-c", str(file)], "ready to serve", running)


def start_nginx(nginx: str, folder: Path, running: list[subprocess.Popen[str]], port: int) -> int:
    """nginx on the files of nginx/, with the socket and a free port put in; the port."""
    port = free_port(port)
    site = (TOP / "nginx/fcgipm.conf").read_text()
    site = site.replace("unix:/run/fcgipm/web.sock", f"unix:{folder}/web.sock").replace(
        "listen 80;", f"listen 127.0.0.1:{port};"
    )
    (folder / "site.conf").write_text(site)
    shutil.copy(TOP / "nginx/fcgipm_params", folder)
    temporary = "\n    ".join(
        f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    user = "user root;\n" if os.geteuid() == 0 else ""
    (folder / "nginx.conf").write_text(NGINX.format(user=user, folder=folder, temporary=temporary))
    command = [
        nginx,
        "-p",
        str(folder),
        "-c",
        str(folder / "nginx.conf"),
        "-e",
        "stderr",
        "-g",
        "error_log stderr notice;",
    ]
    serve(command, "start worker process ", running, show=r"\[(warn|error|crit|alert|emerg)\]")
    return port


def serve(command: list[str], sign: str, running: list[subprocess.Popen[str]], show: str = "") -> None:
    """Start a server, in a session of its own: ^C is ours, we end it in order. Wait for its `sign`; lines that match `show` are passed on."""
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    running.append(process)
    ready = threading.Event()

    def read() -> None:
        assert process.stderr is not None
        for line in process.stderr:
            if re.search(show, line):
                print(f"  {line}", end="", flush=True)
            if sign in line:
                ready.set()
        ready.set()

    threading.Thread(target=read, daemon=True).start()
    ready.wait()
    if process.poll() is not None:
        raise SystemExit(f"demo: {command[0]} did not start")


def show_site(port: int) -> None:
    print(f"\nOpen http://127.0.0.1:{port}/  (^C ends everything)", flush=True)


def show_request(folder: Path) -> None:
    address = f"unix:{folder}/web.sock"
    print(f"\n{NO_NGINX}\n$ fcgipm request {address} '/?name=you' -i", flush=True)
    subprocess.run([*FCGIPM, "request", address, "/?name=you", "-i"], check=True)
    print("\nThe pool goes on serving; try it from another terminal. ^C ends everything.", flush=True)


def wait_for_an_end(running: list[subprocess.Popen[str]]) -> None:
    """Until ^C raises KeyboardInterrupt, or one of the servers ends by itself."""
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


def free_port(first: int) -> int:
    for port in range(first, 65536):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise SystemExit(f"demo: no free port from {first} on")


if __name__ == "__main__":
    sys.exit(main())
