"""The status server: what it tells, to whom, and that nothing depends on it."""

from __future__ import annotations

import json
import os
import signal
import socket
from collections.abc import Callable

import pytest

from tests.support.daemon import Daemon, eventually
from tests.support.fastcgi import Connection, ask, environ, request
from tests.support.gate import Gate
from tests.support.status import fetch, free_port, settings, status_process, wait_for_status

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
    status = eventually(lambda: (s := daemon.status()["pools"]["web"])["requests"]["active"] == 0 and s, "it rests")
    requests = status["requests"]
    assert (requests["total"], requests["by_class"]["2xx"], requests["by_class"]["5xx"], requests["failed"]) == (37, 30, 7, 7)
    metrics = eventually(lambda: (m := fetch(port, "/metrics")[1]) and 'fcgipm_request_duration_seconds_count{pool="web"} 37.0' in m and m, "they agree")
    assert 'fcgipm_requests_total{class="2xx",pool="web"} 30.0' in metrics
    assert 'fcgipm_requests_total{class="5xx",pool="web"} 7.0' in metrics
    assert sum(status["latency_histogram"]["buckets"]) == 37
