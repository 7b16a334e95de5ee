"""A private nginx in front of a daemon, on the configuration files as they are shipped in nginx/.

Only the socket's path and the port are put in (and what a test names in `substitute`). The port is bound here and inherited by nginx, so two tests
never race for one and nobody waits for a start.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.support.http import PATIENCE, Response, Server
from tests.support.lines import Lines

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = ROOT / "nginx"

__all__ = ["Nginx", "Response", "nginx_binary"]

ALARMING = re.compile(r"\[(error|crit|alert|emerg)\]")

MAIN = """\
{user}
daemon off;
master_process on;
worker_processes {processes};
worker_shutdown_timeout 5s;
pid {folder}/nginx.pid;
error_log stderr notice;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    keepalive_requests 1000000;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
{http}
    include {folder}/site.conf;
}}
"""


def nginx_binary() -> str:
    """Path of an nginx: on PATH, where Debian puts it, or where scripts/test unpacked one."""
    places = [*os.environ.get("PATH", "").split(":"), "/usr/sbin", "/usr/local/sbin", str(ROOT / ".cache/nginx/usr/sbin")]
    found = shutil.which("nginx", path=":".join(places))
    assert found, f"no nginx on PATH, in /usr/sbin or in {ROOT}/.cache/nginx: scripts/test fetches one"
    return found


class Nginx(Server):
    """One nginx. `addresses`: the pool's address, or one per upstream name of the file ({"fcgipm_web": "unix:…"}).

    `http`: further lines at the http level. `substitute`: exact texts of the shipped file to replace, each must occur. `tolerate`: patterns of
    error-log lines the test provokes; any other line of level error or above fails the test when nginx stops.
    """

    def __init__(
        self,
        addresses: str | Mapping[str, str],
        *,
        file: str = "fcgipm.conf",
        processes: int = 1,
        http: str = "",
        substitute: Mapping[str, str] | None = None,
        tolerate: Iterable[str] = (),
    ) -> None:
        self.tolerate = list(tolerate)
        self._processes = processes
        self._binary = nginx_binary()
        upstreams = {"fcgipm_web": addresses} if isinstance(addresses, str) else dict(addresses)
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.listener.setblocking(False)  # nginx takes it for granted of a socket it inherits: two of its processes may wake for one client
        self.port = self.listener.getsockname()[1]
        site = self._site((SHIPPED / file).read_text(), upstreams, substitute or {})
        self.folder = Path(tempfile.mkdtemp(prefix="ng", dir="/tmp"))
        self.folder.chmod(0o755)
        (self.folder / "site.conf").write_text(site)
        (self.folder / "fcgipm_params").symlink_to(SHIPPED / "fcgipm_params")
        user = "user root;" if os.geteuid() == 0 else ""
        main = MAIN.format(user=user, processes=processes, folder=self.folder, http=http)
        (self.folder / "nginx.conf").write_text(main)
        self.process: subprocess.Popen[bytes] | None = None
        self._lines: Lines | None = None

    def _site(self, text: str, upstreams: Mapping[str, str], substitute: Mapping[str, str]) -> str:
        for name, address in upstreams.items():
            text, count = re.subn(rf"(upstream {name} {{[^}}]*?\n    server )[^;]*;", rf"\g<1>{address};", text)
            assert count == 1, f"upstream {name} occurs {count} times"
        for old, new in {"    listen 80;": f"    listen 127.0.0.1:{self.port};", **substitute}.items():
            assert text.count(old) == 1, f"{old!r} occurs {text.count(old)} times"
            text = text.replace(old, new)
        return text

    # Start and end.

    def start(self) -> Self:
        number = self.listener.fileno()
        self.process = subprocess.Popen(
            [self._binary, "-p", str(self.folder), "-c", str(self.folder / "nginx.conf"), "-e", "stderr"],
            env={**os.environ, "NGINX": f"{number};"},  # how nginx inherits listening sockets from its predecessor
            stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, pass_fds=(number,), start_new_session=True,
        )  # fmt: skip
        assert self.process.stderr is not None
        self._lines = Lines(self.process.stderr)  # type: ignore[arg-type]
        self.listener.close()  # nginx has it now: when nginx ends, so does the port
        try:
            self._lines.wait_for("start worker process ")
        except AssertionError:
            self.destroy()
            raise
        return self

    def stop(self) -> None:
        """QUIT (nginx finishes what it does), then check that it ended well and logged no error."""
        assert self.process is not None and self._lines is not None
        try:
            self.process.send_signal(signal.SIGQUIT)
            status = self.process.wait(PATIENCE)
            self._lines.join()
            assert status == 0, f"nginx ended with {status}:\n{self.text}"
            alarming = self.alarming_lines()
            assert not alarming, "unexpected lines of nginx:\n" + "\n".join(alarming)
        finally:
            print(f"--- log of nginx in {self.folder}\n{self.text}\n---")
            self.destroy()

    def moved(self, old: str, new: str) -> None:
        """Put another address into its file and have it read that: until its worker processes of before are gone."""
        assert self.process is not None and self._lines is not None
        site = self.folder / "site.conf"
        site.write_text(site.read_text().replace(f"server {old};", f"server {new};"))
        self.process.send_signal(signal.SIGHUP)
        self._lines.wait_for("exited with code 0", count=self._processes)

    def destroy(self) -> None:
        """Remove whatever is left, by force: nginx is the leader of a process group, its worker processes outlive it otherwise."""
        if self.process is not None:
            try:
                os.killpg(self.process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            self.process.wait(PATIENCE)
        self.listener.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Self:
        return self if self.process is not None else self.start()

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        if kind is None:
            self.stop()
        else:
            print(f"--- log of nginx in {self.folder}\n{self.text}\n---")
            self.destroy()

    @property
    def text(self) -> str:
        return "\n".join(self._lines.all()) if self._lines else ""

    def alarming_lines(self) -> list[str]:
        lines = self._lines.all() if self._lines else []
        return [line for line in lines if ALARMING.search(line) and not any(re.search(pattern, line) for pattern in self.tolerate)]
