"""A daemon under a service manager (Type=notify), played by a socket of the test's own."""

from __future__ import annotations

import json
import os
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.daemon import PATIENCE, Daemon
from tests.support.fastcgi import ask

DaemonFactory = Callable[..., Daemon]

WATCHDOG = 0.4
PAUSE = WATCHDOG * 2
"""In this time a daemon that lives has given several signs of it."""


class Manager:
    """Hears what one daemon says."""

    def __init__(self, folder: Path, abstract: bool = False) -> None:
        self.address = f"@fcgipm-test-{os.getpid()}" if abstract else f"{folder}/notify"
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(f"\0{self.address[1:]}" if abstract else self.address)
        self._socket.settimeout(PATIENCE)

    def env(self, watchdog: float | None = None) -> dict[str, str]:
        told = {"NOTIFY_SOCKET": self.address}
        return told if watchdog is None else {**told, "WATCHDOG_USEC": str(round(watchdog * 1e6))}

    def hear(self, timeout: float = PATIENCE) -> dict[str, str]:
        """The next datagram. Raises TimeoutError."""
        self._socket.settimeout(timeout)
        return dict(line.split("=", 1) for line in self._socket.recv(4096).decode().splitlines())

    def hear_of(self, name: str) -> dict[str, str]:
        """The next datagram that says it."""
        while True:
            said = self.hear()
            if name in said:
                return said

    def forget(self) -> None:
        """Everything that was said until now."""
        self._socket.setblocking(False)
        try:
            while True:
                self._socket.recv(4096)
        except BlockingIOError:
            return

    def close(self) -> None:
        self._socket.close()


@pytest.fixture(params=[False, True], ids=["path", "abstract"])
def any_manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Manager]:
    made = Manager(tmp_path, request.param)
    yield made
    made.close()


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    made = Manager(tmp_path)
    yield made
    made.close()


def test_ready_when_the_workers_are_there_and_stopping_at_the_stop(daemon_factory: DaemonFactory, any_manager: Manager) -> None:
    daemon = daemon_factory({"web": {"app": "hello:application", "workers": 3}}, env=any_manager.env())
    said = any_manager.hear_of("READY")
    assert said["READY"] == "1" and said["MAINPID"] == str(daemon.pid)
    assert daemon.status()["pools"]["web"]["workers"]["idle"] == 3
    assert said["STATUS"] == "1 pool: web 3 workers (0 busy)"
    daemon.stop()
    assert any_manager.hear_of("STOPPING")["STOPPING"] == "1"


def test_a_degraded_pool_beside_one_that_serves(daemon_factory: DaemonFactory, manager: Manager) -> None:
    pools = {"web": {"app": "hello:application"}, "bad": {"app": "no_such_module:app"}}
    daemon = daemon_factory(pools, env=manager.env(), tolerate=["bad"])
    said = manager.hear_of("READY")
    assert said["STATUS"] == "2 pools: bad degraded: ModuleNotFoundError: No module named 'no_such_module', web 1 worker (0 busy)"
    assert ask(daemon.address("web")).status == 200


def test_one_that_cannot_serve_is_never_ready(manager: Manager) -> None:
    daemon = Daemon({"bad": {"app": "no_such_module:app"}}, env=manager.env())
    assert daemon.run_to_end() == 1
    said = []
    with pytest.raises(TimeoutError):
        while True:
            said.append(manager.hear(0.1))
    assert any("STOPPING" in one for one in said) and not any("READY" in one for one in said)


def test_the_line_of_status_follows(daemon_factory: DaemonFactory, manager: Manager) -> None:
    daemon = daemon_factory({"web": {"app": "hello:application", "workers": {"min": 1, "max": 4}}}, env=manager.env())
    manager.hear_of("READY")
    assert daemon.command("scale", "web", "--min", "3").returncode == 0
    while manager.hear_of("STATUS")["STATUS"] != "1 pool: web 3 workers (0 busy)":
        pass


def test_the_watchdog_hears_from_a_master_that_turns(daemon_factory: DaemonFactory, manager: Manager) -> None:
    daemon = daemon_factory({"web": {"app": "hello:application"}}, env=manager.env(WATCHDOG))
    for _ in range(4):
        manager.hear_of("WATCHDOG")
    os.kill(daemon.pid, signal.SIGSTOP)
    try:
        os.waitid(os.P_PID, daemon.pid, os.WSTOPPED | os.WNOWAIT)
        manager.forget()
        with pytest.raises(TimeoutError):
            manager.hear(PAUSE)
    finally:
        os.kill(daemon.pid, signal.SIGCONT)
    manager.hear_of("WATCHDOG")


def test_no_child_can_speak_for_the_daemon(daemon_factory: DaemonFactory, manager: Manager) -> None:
    env = {**manager.env(60.0), "WATCHDOG_PID": "1"}
    inherited = ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"]
    daemon = daemon_factory({"web": {"app": "identity:application", "inherit_env": inherited}}, env=env)
    assert not set(inherited) & set(json.loads(ask(daemon.address()).body)["environ"])
    manager.hear_of("READY")
    daemon.stop()
    while "STOPPING" not in (said := manager.hear()):
        assert "WATCHDOG" not in said, "the watchdog is another process's"


def test_a_manager_that_is_not_there_does_not_matter(daemon_factory: DaemonFactory, tmp_path: Path) -> None:
    daemon = daemon_factory({"web": {"app": "hello:application"}}, env={"NOTIFY_SOCKET": f"{tmp_path}/none", "WATCHDOG_USEC": "50000"})
    daemon.wait_for_line("the service manager cannot be told anything: No such file or directory")
    assert ask(daemon.address()).status == 200
    daemon.stop()
    assert daemon.text.count("the service manager") == 1
