"""The status server: what it tells, to whom, and that nothing depends on it."""

from __future__ import annotations

import importlib.util
import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.support.daemon import ROOT, Daemon, eventually
from tests.support.fastcgi import Connection, ask, environ, request
from tests.support.gate import Gate
from tests.support.ports import free_port
from tests.support.status import fetch, settings, status_process, wait_for_status

Factory = Callable[..., Daemon]
CASES = {"web": {"app": "cases:application"}}


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def daemon(daemon_factory: Factory, port: int) -> Daemon:
    started = daemon_factory(CASES, settings=settings(port))
    wait_for_status(port)
    return started


def test_the_pages(daemon: Daemon, port: int) -> None:
    status = json.loads(fetch(port, "/status.json")[1])
    assert status["pid"] == daemon.pid and status["pools"]["web"]["state"] == "ready"
    assert fetch(port, "/healthz")[:2] == (200, "ok\n")
    assert fetch(port, "/readyz")[:2] == (200, "ready\n")
    assert 'fcgipm_workers{pool="web",state="idle"} 1.0' in fetch(port, "/metrics")[1]
    assert fetch(port, "/metrics", Accept="application/openmetrics-text")[1].endswith("# EOF\n")
    assert "<!doctype html>" in fetch(port, "/")[1]
    assert fetch(port, "/nothing")[0] == 404
    headers = fetch(port, "/")[2]
    assert "default-src 'none'" in headers["Content-Security-Policy"] and headers["X-Content-Type-Options"] == "nosniff"


def test_drained_is_not_ready_and_serves(daemon: Daemon, port: int) -> None:
    assert daemon.command("drain", "web").returncode == 0
    eventually(lambda: fetch(port, "/readyz")[:2] == (503, "web: draining\n"), "not ready")
    assert ask(daemon.address(), "/hello").status == 200
    assert daemon.command("drain", "--undo").returncode == 0
    eventually(lambda: fetch(port, "/readyz")[0] == 200, "ready again")


def test_pages_of_others_that_lead_here_by_name(daemon: Daemon, port: int) -> None:
    assert fetch(port, "/status.json", Host=f"evil.example:{port}")[0] == 421
    assert fetch(port, "/status.json", Host=f"localhost:{port}")[0] == 200


def test_killing_it_changes_nothing_and_it_comes_back(daemon: Daemon, port: int) -> None:
    pid = status_process(daemon)
    with Gate() as gate, Connection(daemon.address()) as connection:
        connection.send(request(environ("/at-gate", GATE=gate.path)))
        gate.arrival()
        os.kill(pid, signal.SIGKILL)
        daemon.wait_for_line("status: process .* killed")
        gate.open()
        assert connection.read_reply().status == 200
    eventually(lambda: status_process(daemon) != pid, "another")
    wait_for_status(port)
    assert daemon.status()["pools"]["web"]["exits"]["crash"] == 0


def test_one_that_cannot_be_kept_up_is_seen(daemon: Daemon, port: int) -> None:
    assert daemon.status()["status_server"] == {"address": f"127.0.0.1:{port}", "pid": status_process(daemon), "state": "running", "reason": None}
    for _ in range(5):  # the back-off doubles each time: 1.6 s in the end
        pid = status_process(daemon)
        os.kill(pid, signal.SIGKILL)
        daemon.wait_for_line(f"status: process {pid} was killed")
    status = daemon.status()
    reason = f"process {pid} was killed by SIGKILL"
    assert status["status_server"] == {"address": f"127.0.0.1:{port}", "pid": None, "state": "failed", "reason": reason}
    assert status["state"] == "degraded" and status["pools"]["web"]["state"] == "ready"
    shown = daemon.command("status")
    assert shown.returncode == 1 and f"status server 127.0.0.1:{port}: failed: {reason}" in shown.stdout
    assert daemon.command("status", "web").returncode == 0
    eventually(lambda: daemon.status()["state"] == "running", "it is back")


@pytest.mark.root
def test_as_nobody(interpreter: Path) -> None:
    """Whom it runs as when it is not told, and the master is root."""
    given = settings(port := free_port())
    del given["status"]["user"]
    with Daemon(CASES, settings=given, python=str(interpreter)) as daemon:
        wait_for_status(port)
        assert os.stat(f"/proc/{status_process(daemon)}").st_uid == pwd.getpwnam("nobody").pw_uid
        assert json.loads(fetch(port, "/status.json")[1])["pools"]["web"]["state"] == "ready"
        assert ask(daemon.address(), "/hello").status == 200


@pytest.mark.root
def test_an_interpreter_that_nobody_can_use(interpreter: Path) -> None:
    """Said at the start, with the folder that is in the way: no process is started again and again."""
    interpreter.parents[2].chmod(0o700)
    given = settings(free_port())
    del given["status"]["user"]
    refused = Daemon(CASES, settings=given, python=str(interpreter))
    assert refused.run_to_end() == 78
    (line,) = [line for line in refused.lines_reader.all() if "status.user" in line or "the status server" in line]
    assert f"the status server, user nobody, cannot run: the folder {interpreter.parents[2]} (mode 0700, owner root)" in line


@pytest.fixture
def interpreter() -> Iterator[Path]:
    """A virtual environment in a folder of its own that everybody may read: the system's Python of our version, fcgipm and what the server needs."""
    python = shutil.which(f"python{sys.version_info.major}.{sys.version_info.minor}", path="/usr/local/bin:/usr/bin")
    assert python is not None
    with TemporaryDirectory(prefix="nb", dir="/tmp") as name:
        folder = Path(name)
        folder.chmod(0o755)
        subprocess.run([python, "-m", "venv", "--without-pip", folder / "venv"], check=True)
        (packages,) = folder.glob("venv/lib/python*/site-packages")
        for module in NEEDED:
            copy_package(module, packages)
        shutil.copytree(ROOT / "fcgipm", packages / "fcgipm")
        yield folder / "venv/bin/python"


NEEDED = ("annotated_types", "anyio", "click", "h11", "httptools", "idna", "prometheus_client", "pydantic", "pydantic_core", "starlette", "typing_extensions")
NEEDED += ("typing_inspection", "uvicorn", "watchfiles", "yaml")


def copy_package(module: str, folder: Path) -> None:
    spec = importlib.util.find_spec(module)
    assert spec is not None and spec.origin is not None
    if spec.submodule_search_locations:
        shutil.copytree(Path(spec.origin).parent, folder / module)
    else:
        shutil.copy(spec.origin, folder)


def test_a_stopped_one_does_not_stop_the_master(daemon: Daemon, port: int) -> None:
    pid = status_process(daemon)
    os.kill(pid, signal.SIGSTOP)
    assert ask(daemon.address(), "/hello").status == 200
    assert daemon.command("status").returncode == 0
    os.kill(pid, signal.SIGCONT)


def test_a_silent_master(daemon: Daemon, port: int) -> None:
    os.kill(daemon.pid, signal.SIGSTOP)
    try:
        for path in ("/healthz", "/readyz", "/metrics", "/status.json"):
            status, body, _ = fetch(port, path)
            assert status == 503 and "the master does not answer" in body
    finally:
        os.kill(daemon.pid, signal.SIGCONT)
    eventually(lambda: fetch(port, "/healthz")[0] == 200, "it answers again")


def test_it_holds_nothing_of_the_control_socket(daemon: Daemon, port: int) -> None:
    """Of all that the master has open it has the listening socket and the pipe of its output."""
    shared = descriptors(status_process(daemon)) & descriptors(daemon.pid)
    assert len([link for link in shared if link.startswith("socket:")]) == 1
    assert not [link for link in shared if "memfd" in link or str(daemon.run_folder) in link]


def descriptors(pid: int) -> set[str]:
    return {os.readlink(f"/proc/{pid}/fd/{name}") for name in os.listdir(f"/proc/{pid}/fd")}


def test_a_live_stream_and_a_stop_meanwhile(daemon: Daemon, port: int) -> None:
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.settimeout(10)
        connection.sendall(b"GET /live HTTP/1.1\r\nHost: localhost\r\n\r\n")
        got = b""
        while got.count(b"data: ") < 2:
            got += connection.recv(65536)
        assert b"text/event-stream" in got
        daemon.stop()


def test_strangers(daemon_factory: Factory) -> None:
    port = free_port()
    given = settings(port)
    given["status"]["listen"] = {"address": f"127.0.0.1:{port}", "allow": ["192.0.2.1"]}
    daemon_factory(CASES, settings=given)
    assert fetch(port, "/status.json")[0] == 403
    given["status"]["listen"] = f"0.0.0.0:{free_port()}"
    open_to_all = Daemon(CASES, settings=given)
    done = open_to_all.command("check")
    assert done.returncode == 0 and "warning: status.listen" in done.stderr
    open_to_all.destroy()


def test_exact_counts(daemon: Daemon, port: int) -> None:
    """Every format tells the same of what was sent."""
    sent = {"/hello": 30, "/raise-at-once": 7}
    for path, count in sent.items():
        for _ in range(count):
            ask(daemon.address(), path)
    daemon.tolerate.append("Traceback")
    status = daemon.settled()
    requests = status["requests"]
    assert (requests["total"], requests["by_class"]["2xx"], requests["by_class"]["5xx"], requests["failed"]) == (37, 30, 7, 7)
    metrics = eventually(lambda: (m := fetch(port, "/metrics")[1]) and 'fcgipm_request_duration_seconds_count{pool="web"} 37.0' in m and m, "they agree")
    assert 'fcgipm_requests_total{class="2xx",pool="web"} 30.0' in metrics
    assert 'fcgipm_requests_total{class="5xx",pool="web"} 7.0' in metrics
    assert sum(status["latency_histogram"]["buckets"]) == 37
