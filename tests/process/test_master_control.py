"""What the daemon tells about itself, to whom, and what that costs."""

from __future__ import annotations

import json
import socket
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fcgipm import __version__
from tests.support.daemon import ROOT, Daemon, eventually
from tests.support.fastcgi import Connection, ask, environ, request
from tests.support.gate import Gate
from tests.support.rest import rested

DaemonFactory = Callable[..., Daemon]

CASES = {"app": "cases:application"}


@pytest.fixture(scope="module")
def running() -> Iterator[Daemon]:
    """One that serves several tests, which ask and change nothing."""
    with Daemon({"web": CASES}) as daemon:
        yield daemon


def test_status_tells_what_workers_do(daemon_factory: DaemonFactory) -> None:
    daemon = daemon_factory({"web": {**CASES, "workers": 2}})
    with Gate() as gate, Connection(daemon.address()) as busy, Connection(daemon.address()) as kept:
        busy.send(request(environ("/at-gate", GATE=gate.path)))
        gate.arrival()
        for _ in range(3):
            assert kept.ask(environ("/hello"), keep=True).status == 200
        assert ask(daemon.address(), "/status?404+Not+Found").status == 404
        pool = eventually(lambda: (found := daemon.status()["pools"]["web"])["requests"]["active"] == 1 and found, "all but one are counted")
        classes = {"2xx": 3, "3xx": 0, "4xx": 1, "5xx": 0}
        assert pool["requests"] == {"total": 4, "active": 1, "by_class": classes, "failed": 0, "slow": 0, "timed_out": 0, "aborted": 0}
        assert (pool["workers"]["busy"], pool["workers"]["idle"]) == (1, 1)
        by_state = {process["state"]: process for process in pool["processes"]}
        assert by_state["idle"]["kept"] == 1 and by_state["busy"]["kept"] == 0
        assert by_state["idle"]["requests"] == 4 and by_state["busy"]["requests"] == 1
        gate.open()
        assert busy.read_reply().complete
    eventually(lambda: daemon.status()["pools"]["web"]["requests"]["active"] == 0, "nothing active")


def test_status_for_people_and_of_one_pool(daemon_factory: DaemonFactory) -> None:
    daemon = daemon_factory({"one": CASES, "two": CASES})
    everything = daemon.command("status")
    assert everything.returncode == 0 and "one: ready, wsgi" in everything.stdout and "two: ready, wsgi" in everything.stdout
    one = daemon.command("status", "one", "--json")
    assert one.returncode == 0 and list(json.loads(one.stdout)["pools"]) == ["one"]
    none = daemon.command("status", "three")
    assert none.returncode == 1 and "there is no pool 'three'; the pools are one, two" in none.stderr


def test_ping(daemon_factory: DaemonFactory) -> None:
    daemon = daemon_factory({"web": CASES})
    assert daemon.command("ping").stdout == f"fcgipm {__version__} running, pid {daemon.pid}\n"
    pool = daemon.command("ping", "web")
    assert pool.returncode == 0 and pool.stdout.startswith(f"web answers at {daemon.address()}: FCGI_MAX_CONNS=")


@pytest.mark.parametrize("command", ["status", "ping", "stop"])
def test_without_a_daemon(command: str) -> None:
    daemon = Daemon({"web": CASES})
    try:
        done = daemon.command(command)
        way_out = "start one with `fcgipm run`, or name the one meant by its file (-c FILE) or its socket (--control PATH)"
        assert done.stderr == f"fcgipm: no daemon answers at {daemon.control_path} (No such file or directory): {way_out}\n"
        assert done.returncode == 2
    finally:
        daemon.destroy()


def test_the_commands_find_the_daemon_by_its_socket_too(daemon_factory: DaemonFactory) -> None:
    daemon = daemon_factory({"web": CASES})
    arguments = [sys.executable, "-m", "fcgipm.cli", "status", "--control", str(daemon.control_path)]
    assert subprocess.run(arguments, cwd=ROOT, capture_output=True, check=False).returncode == 0


def test_a_command_it_does_not_know(daemon_factory: DaemonFactory) -> None:
    daemon = daemon_factory({"web": CASES})
    (answer,) = daemon.control({"command": "dance"})
    known = "ping, status, reload, scale, retire, drain, reopen-logs, stack, stop"
    assert answer["result"] is None and answer["error"] == f"unknown command 'dance'; this daemon knows {known}"


@pytest.mark.parametrize("pool", [[], {}, [["web"]], 7, True])
@pytest.mark.parametrize("command", ["status", "reload"])
def test_a_pool_that_is_no_name(running: Daemon, command: str, pool: object) -> None:
    (answer,) = running.control({"command": command, "pool": pool})
    assert answer["result"] is None and "there is no pool" in answer["error"]
    assert running.command("ping").returncode == 0


def test_bad_clients_harm_nobody(daemon_factory: DaemonFactory) -> None:
    daemon = daemon_factory({"web": CASES})
    silent = [socket.socket(socket.AF_UNIX) for _ in range(100)]
    for client in silent:
        client.connect(str(daemon.control_path))
    noisy = socket.socket(socket.AF_UNIX)
    noisy.connect(str(daemon.control_path))
    for client in silent[:10]:
        client.close()
    eventually(lambda: _says_nothing_more(noisy), "the hundred-and-first is turned away")
    for client in [*silent, noisy]:
        client.close()
    eventually(lambda: daemon.command("ping").returncode == 0, "there is room again")


def test_a_client_that_closed_its_own_half_hears_of_the_end(daemon_factory: DaemonFactory) -> None:
    """``echo '{"command": "stop"}' | nc -U …``"""
    daemon = daemon_factory({"web": CASES})
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(20)
        client.connect(str(daemon.control_path))
        client.sendall(b'{"command": "stop"}\n')
        client.shutdown(socket.SHUT_WR)
        *_, last = client.makefile("rb")
    assert json.loads(last) == {"result": "stopped"}


def test_rejected_connections_are_counted(daemon_factory: DaemonFactory) -> None:
    daemon = daemon_factory({"web": CASES})
    with Connection(daemon.address()) as connection:
        connection.send(b"GET / HTTP/1.1\r\n\r\n")
        assert connection.read_to_end() == b""
    eventually(lambda: daemon.status()["pools"]["web"]["connections"] == {"rejected": 1}, "one rejected connection")
    assert "1 rejected connections" in daemon.command("status").stdout


def _says_nothing_more(client: socket.socket) -> bool:
    try:
        client.send(b"x" * 70000)
        return client.recv(1000) == b""
    except OSError:
        return True


def test_the_control_socket_is_private(daemon_factory: DaemonFactory) -> None:
    daemon = daemon_factory({"web": CASES})
    assert stat.S_IMODE(daemon.control_path.stat().st_mode) == 0o600
    assert stat.S_IMODE(Path(f"{daemon.control_path}.lock").stat().st_mode) == 0o600


@pytest.mark.root
class TestOthers:
    def try_status(self, daemon: Daemon, uid: int, gid: int, groups: list[int]) -> bytes:
        """What another user hears: an answer, or an error's name."""
        code = f"""
import socket
s = socket.socket(socket.AF_UNIX)
try:
    s.connect({str(daemon.control_path)!r})
    try:
        s.sendall(b'{{"command": "ping"}}\\n')
    except BrokenPipeError:
        pass  # refused before it was asked
    print(s.makefile().readline(), end="")
except OSError as error:
    print(type(error).__name__, end="")
"""
        command = ["/usr/bin/python3", "-c", code]
        return subprocess.run(command, user=uid, group=gid, extra_groups=groups, cwd="/", stdout=subprocess.PIPE, check=True).stdout

    def test_another_user_cannot_even_connect(self, daemon_factory: DaemonFactory) -> None:
        daemon = daemon_factory({"web": CASES})
        assert self.try_status(daemon, 33, 33, []) == b"PermissionError"

    def test_a_wide_open_socket_does_not_make_a_commander(self, daemon_factory: DaemonFactory) -> None:
        daemon = daemon_factory({"web": CASES}, settings=control_with(mode="0666"))
        assert b"not allowed" in self.try_status(daemon, 33, 33, [])

    def test_the_control_group_may_command(self, daemon_factory: DaemonFactory) -> None:
        daemon = daemon_factory({"web": CASES}, settings=control_with(mode="0660", group="daemon"))
        assert b'"running"' in self.try_status(daemon, 33, 1, [])
        assert b'"running"' in self.try_status(daemon, 33, 33, [1])
        assert self.try_status(daemon, 33, 33, [2]) == b"PermissionError"


def control_with(**more: str) -> dict[str, object]:
    return {"control": {"path": "run/control.sock", **more}}


class TestAtRest:
    def test_nobody_wakes_up(self, daemon_factory: DaemonFactory) -> None:
        """Master, template and workers, after having been busy: not one wake-up in a second."""
        daemon = daemon_factory({"web": {**CASES, "workers": 2}})
        with Connection(daemon.address()) as kept:
            for _ in range(20):
                kept.ask(environ("/hello"), keep=True)
            pids = sorted(daemon.processes())
            assert len(pids) == 4
            eventually(lambda: rested(pids, 1.0), "a second without a wake-up", timeout=10)

    def test_the_master_is_small(self, daemon_factory: DaemonFactory) -> None:
        daemon = daemon_factory({"web": {**CASES, "workers": 4}, "api": CASES})
        daemon.status()
        rollup = Path(f"/proc/{daemon.pid}/smaps_rollup").read_text()
        pss = int(next(line for line in rollup.splitlines() if line.startswith("Pss:")).split()[1])
        assert pss < 14 * 1024, f"{pss} KiB"
