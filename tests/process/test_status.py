"""`fcgipm status`: what it tells while everything is stuck, and without the master."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tests.support.daemon import ROOT, Daemon, eventually
from tests.support.fastcgi import Connection, environ, request
from tests.support.gate import Gate

Factory = Callable[..., Daemon]


def test_what_runs_and_for_how_long(daemon_factory: Factory) -> None:
    daemon = daemon_factory({"web": {"app": "cases:application"}})
    with Gate() as gate, Connection(daemon.address()) as busy:
        busy.send(request(environ("/at-gate?token=secret", GATE=gate.path)))
        gate.arrival()
        pool = daemon.status()["pools"]["web"]
        (process,) = pool["processes"]
        (running,) = process["running"]
        assert (running["method"], running["uri"]) == ("GET", "/at-gate") and 0 <= running["seconds"] < 20
        assert process["rss_bytes"] > 1 << 20
        assert pool["memory"]["pss_bytes"] > 1 << 20 and pool["template"]["pss_bytes"] > 0
        shown = daemon.command("status").stdout
        assert "GET /at-gate" in shown and "secret" not in shown
        gate.open()
        busy.read_reply()
    pool = eventually(lambda: (p := daemon.status()["pools"]["web"])["requests"]["total"] == 1 and p, "it ended")
    assert pool["requests_per_second"] > 0 and pool["latency_seconds"]["p50"] > 0
    assert sum(pool["latency_histogram"]["buckets"]) == 1
    assert pool["processes"][0]["running"] == []


def test_latencies_outlive_their_worker(daemon_factory: Factory) -> None:
    daemon = daemon_factory({"web": {"app": "cases:application"}})
    with Connection(daemon.address()) as connection:
        assert connection.ask(environ("/hello")).status == 200
    eventually(lambda: daemon.status()["pools"]["web"]["requests"]["total"] == 1, "it is counted")
    (pid,) = daemon.workers()
    os.kill(pid, signal.SIGKILL)
    daemon.wait_for_line("killed by|SIGKILL")
    status = eventually(lambda: (s := daemon.status())["pools"]["web"]["exits"]["crash"] == 1 and s, "the crash is counted")
    assert sum(status["pools"]["web"]["latency_histogram"]["buckets"]) == 1
    (event,) = [event for event in status["events"] if event["kind"] == "crash"]
    assert event["pool"] == "web" and str(pid) in event["text"]
    assert f"web crash: worker {pid}" in daemon.command("status", "--events").stdout


def test_a_stopped_master(daemon_factory: Factory) -> None:
    daemon = daemon_factory({"web": {"app": "cases:application", "workers": 2}})
    with Gate() as gate, Connection(daemon.address()) as busy:
        busy.send(request(environ("/at-gate", GATE=gate.path)))
        gate.arrival()
        os.kill(daemon.pid, signal.SIGSTOP)
        try:
            done = daemon.command("status")
            assert done.returncode == 1
            assert "gave no answer within" in done.stderr
            assert "unresponsive" in done.stdout and "GET /at-gate" in done.stdout and "1 idle, 1 busy" in done.stdout
        finally:
            os.kill(daemon.pid, signal.SIGCONT)
        gate.open()
        busy.read_reply()
    assert daemon.command("status", "nobody").returncode == 1


def test_a_stopped_worker(daemon_factory: Factory) -> None:
    daemon = daemon_factory({"web": {"app": "cases:application", "workers": 2}})
    pid = daemon.workers()[0]

    def stopped() -> list[int]:
        return [process["pid"] for process in daemon.status()["pools"]["web"]["processes"] if process["stopped"]]

    os.kill(pid, signal.SIGSTOP)
    try:
        eventually(lambda: stopped() == [pid], "one is stopped")
        shown = daemon.command("status").stdout
        assert "1 stopped by a signal" in shown and [line.split()[2] for line in shown.splitlines() if line.split()[0] == str(pid)] == ["stopped"]
    finally:
        os.kill(pid, signal.SIGCONT)
    eventually(lambda: stopped() == [], "it goes on")


def test_watch_follows_and_restores_the_terminal(daemon_factory: Factory) -> None:
    daemon = daemon_factory({"web": {"app": "cases:application"}})
    for keys in (b"q", b"\x03", b"xyq"):
        with watching(daemon) as (terminal, process):
            seen = read_until(terminal, b"workers")
            os.write(terminal, keys)
            seen += drain(terminal, process)
            assert process.wait(20) == 0
            assert b"\x1b[?1049h" in seen and b"\x1b[?1049l" in seen and b"\x1b[?25h" in seen
    assert daemon.command("status", "--watch").returncode == 64


def test_watch_follows_a_resize(daemon_factory: Factory) -> None:
    """Lines are broken at the new width, and shown whole again when there is room."""
    daemon = daemon_factory({"web": {"app": "cases:application"}})
    whole = b"1 idle, 0 busy; peak 1"
    with watching(daemon, 200) as (terminal, process):
        read_until(terminal, whole)
        for columns in (40, 200):
            termios.tcsetwinsize(terminal, (30, columns))
            if columns == 40:
                assert whole not in read_until(terminal, b"            peak 1")
            else:
                read_until(terminal, whole)
        os.write(terminal, b"q")
        drain(terminal, process)
        assert process.wait(20) == 0


@contextmanager
def watching(daemon: Daemon, columns: int = 120) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """`status --watch` in a terminal of its own, which is as before in the end: our side of it, and the process."""
    master, slave = pty.openpty()
    termios.tcsetwinsize(slave, (30, columns))
    before = termios.tcgetattr(slave)
    environ = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
    process = subprocess.Popen(
        [sys.executable, "-m", "fcgipm.cli", "status", "-c", str(daemon.file), "--watch"], cwd=ROOT, stdin=slave, stdout=slave, stderr=slave,
        env={**environ, "TERM": "xterm"}, start_new_session=True, preexec_fn=lambda: os.close(os.open(os.ttyname(0), os.O_RDWR)),
    )  # fmt: skip
    try:
        yield master, process
        assert termios.tcgetattr(slave) == before
    finally:
        process.kill()
        process.wait(20)
        os.close(master)
        os.close(slave)


def read_until(terminal: int, wanted: bytes) -> bytes:
    seen, end = b"", time.monotonic() + 20
    while wanted not in seen:
        assert time.monotonic() < end, seen
        if select.select([terminal], [], [], 1)[0]:
            seen += os.read(terminal, 65536)
    return seen


def drain(terminal: int, process: subprocess.Popen[bytes]) -> bytes:
    seen = b""
    while process.poll() is None or select.select([terminal], [], [], 0)[0]:
        if select.select([terminal], [], [], 0.1)[0]:
            seen += os.read(terminal, 65536)
    return seen


def test_drain_and_back(daemon_factory: Factory) -> None:
    daemon = daemon_factory({"web": {"app": "cases:application"}, "api": {"app": "cases:application"}})
    assert daemon.command("drain", "web").returncode == 0
    assert [pool["draining"] for pool in daemon.status()["pools"].values()] == [False, True]
    assert daemon.command("drain").returncode == 0
    assert daemon.command("drain", "--undo").stdout == "api, web: ready again\n"
    assert [pool["draining"] for pool in daemon.status()["pools"].values()] == [False, False]
    done = daemon.command("drain", "nobody")
    assert done.returncode == 1 and "there is no pool" in done.stderr
