"""USR2: a new program in the place of the old one, in the same process, under traffic. Whatever goes wrong before that leaves the old one serving."""

from __future__ import annotations

import os
import resource
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.process.test_master_start import free_port
from tests.process.test_reload import Site, load, site
from tests.support.daemon import Daemon, eventually
from tests.support.fastcgi import Connection, ask, environ, request
from tests.support.gate import Gate

DaemonFactory = Callable[..., Daemon]

__all__ = ["site"]

TAKEN_OVER = "has taken over"


def upgrade(daemon: Daemon, times: int = 1, generation: int | None = None) -> None:
    """Have a new program take over, and reload."""
    os.kill(daemon.pid, signal.SIGUSR2)
    daemon.wait_for_line(TAKEN_OVER, count=times)
    daemon.wait_for_line(f"reload: .*generation {generation or times + 1} serves")


def test_nothing_is_lost_in_five_of_them(site: Callable[..., Site]) -> None:
    shop = site()
    before = shop.daemon.status()
    with load(shop.daemon.address(), clients=6) as failures:
        for number in range(1, 6):
            shop.write(f"version {number}")
            upgrade(shop.daemon, number)
    assert not failures
    assert shop.answer() == b"version 5"
    after = shop.daemon.status()
    assert (after["pid"], after["started_at"]) == (before["pid"], before["started_at"])
    assert after["pools"]["web"]["exits"]["reload"] == 10 and after["pools"]["web"]["requests"]["failed"] == 0
    eventually(lambda: len(shop.daemon.processes()) == 4, "a master, a template, two workers")


def test_totals_and_kept_connections_go_on(site: Callable[..., Site]) -> None:
    shop = site({"web": {"workers": {"mode": "ondemand", "max": 2, "idle_timeout": "200ms"}}})
    with Connection(shop.daemon.address()) as kept:
        for number in range(1, 4):
            assert kept.ask(environ("/"), keep=True).body == b"one"
            assert shop.daemon.settled()["requests"]["total"] == number
            eventually(lambda: shop.pool()["workers"]["total"] == 0, "the connection is parked")
            upgrade(shop.daemon, number)


def test_what_runs_is_finished(site: Callable[..., Site]) -> None:
    shop = site()
    with Gate() as gate, Connection(shop.daemon.address()) as connection:
        connection.send(request(environ("/", GATE=gate.path), keep=False))
        gate.arrival()
        upgrade(shop.daemon)
        gate.open()
        assert connection.read_reply().body == b"one"
    eventually(lambda: shop.pool()["workers"]["total"] == 2, "the old worker is gone")
    assert shop.pool()["exits"]["crash"] == 0


def test_workers_that_are_killed_afterwards_are_known_and_replaced(site: Callable[..., Site]) -> None:
    shop = site(tolerate=["reload failed", "Traceback"])
    shop.code.write_text("import nothing_of_that_name\n")
    os.kill(shop.daemon.pid, signal.SIGUSR2)
    shop.daemon.wait_for_line("reload failed: web: ModuleNotFoundError")
    first, second = shop.daemon.workers()
    os.kill(first, signal.SIGKILL)
    shop.daemon.wait_for_line(f"worker {first} was killed by SIGKILL")
    eventually(lambda: shop.pool()["workers"]["idle"] == 2, "another has come from the template of before")
    assert shop.answer() == b"one" and second in shop.daemon.workers()


def test_a_request_that_hangs_is_found_and_interrupted_afterwards(site: Callable[..., Site]) -> None:
    shop = site({"web": {"workers": 2, "timeouts": {"request": "4s", "kill_after": "1s"}}}, tolerate=["reload failed", "Traceback", "request timed out"])
    shop.code.write_text("import nothing_of_that_name\n")
    with Gate() as gate, Connection(shop.daemon.address()) as connection:
        connection.send(request(environ("/", GATE=gate.path), keep=False))
        gate.arrival()
        os.kill(shop.daemon.pid, signal.SIGUSR2)
        shop.daemon.wait_for_line("reload failed: web: ModuleNotFoundError")
        told = [shop.daemon.command("stack", str(pid)).stdout for pid in shop.daemon.workers()]
        assert all("most recent call first" in stack and "does not answer" not in stack for stack in told), told
        assert sum(shop.code.name in stack for stack in told) == 1, told
        assert connection.read_reply().status == 504
    eventually(lambda: shop.pool()["workers"]["idle"] == 2 and shop.pool()["exits"]["timeout"] == 1, "another has come from the template of before")
    assert shop.pool()["requests"]["timed_out"] == 1


def test_an_embedded_server_goes_on(site: Callable[..., Site]) -> None:
    port = free_port()
    shop = site(settings={"http": [{"listen": f"127.0.0.1:{port}", "pool": "web"}]})
    (before,) = shop.daemon.status()["http"]
    upgrade(shop.daemon)
    (after,) = shop.daemon.status()["http"]
    assert after == before and after["state"] == "running"
    os.kill(after["pid"], signal.SIGKILL)
    shop.daemon.wait_for_line("http: process .* was killed by SIGKILL")
    eventually(lambda: shop.daemon.status()["http"][0]["state"] == "running", "it is started again")


def test_two_at_once_and_one_during_a_reload(site: Callable[..., Site]) -> None:
    shop = site()
    with load(shop.daemon.address(), clients=2) as failures:
        for number in (signal.SIGHUP, signal.SIGUSR2, signal.SIGUSR2, signal.SIGHUP, signal.SIGUSR2):
            os.kill(shop.daemon.pid, number)
        shop.daemon.wait_for_line(TAKEN_OVER)
        assert shop.reload()[0] == 0
    assert not failures
    eventually(lambda: len(shop.daemon.processes()) == 4, "one sane end")


NAMES: dict[str, dict[str, dict[str, Any]]] = {
    "a pool called fd": {"fd": {"workers": 1}, "web": {"workers": 1}},
    "keys called fd": {"web": {"env": {"PYTHONDONTWRITEBYTECODE": "1", "fd": "3", "descriptor": "4", "fds": "5"}}},
}


@pytest.mark.parametrize("pools", NAMES.values(), ids=NAMES)
def test_names_that_look_like_descriptors(site: Callable[..., Site], pools: dict[str, dict[str, Any]]) -> None:
    shop = site(pools)
    upgrade(shop.daemon)
    assert shop.answer() == b"one"


def test_an_application_that_gives_its_output_away(site: Callable[..., Site], tmp_path: Path) -> None:
    """In its template, and so in every worker: nothing is left of the pipes to the master."""
    shop = site()
    quiet = "import os\nnull = os.open(os.devnull, os.O_WRONLY)\nos.dup2(null, 1)\nos.dup2(null, 2)\n"
    shop.code.write_text(quiet + shop.code.read_text() + "\n_first = []\n" + "def quiet():\n    os.dup2(null, 1)\n    os.dup2(null, 2)\n")
    shop.configure(hooks={"worker_start": "shop:quiet"})
    assert shop.reload()[0] == 0
    with Connection(shop.daemon.address()) as kept:
        assert kept.ask(environ("/"), keep=True).body == b"one"
        upgrade(shop.daemon, 1, generation=3)
        assert kept.ask(environ("/"), keep=True).body == b"one"
    eventually(lambda: len(shop.daemon.processes()) == 4, "nobody was left behind")


class TestWhatFails:
    def test_a_rehearsal(self, site: Callable[..., Site], tmp_path: Path) -> None:
        """The new program could not open the log: it is told on the old one's, and nothing happens."""
        folder = tmp_path / "log"
        folder.mkdir()
        log = folder / "log"
        shop = site()
        shop.file["log"] = {"file": str(log)}
        shop.save()
        assert shop.reload()[0] == 0
        with log.open(encoding="utf-8") as opened, load(shop.daemon.address()) as failures:
            shutil.rmtree(folder)
            os.kill(shop.daemon.pid, signal.SIGUSR2)
            eventually(lambda: "upgrade failed: the rehearsal exited with status" in opened.read(), "it has failed")
            opened.seek(0)
            assert f"cannot open the log file {log}" in opened.read()
        assert not failures
        assert shop.answer() == b"one" and shop.pool()["generation"] == 2

    def test_no_descriptor_left(self, site: Callable[..., Site]) -> None:
        shop = site(tolerate=["upgrade failed"])
        before = resource.prlimit(shop.daemon.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(shop.daemon.pid, resource.RLIMIT_NOFILE, (len(os.listdir(f"/proc/{shop.daemon.pid}/fd")), before[1]))
        os.kill(shop.daemon.pid, signal.SIGUSR2)
        shop.daemon.wait_for_line("upgrade failed: .*: this program serves on")
        resource.prlimit(shop.daemon.pid, resource.RLIMIT_NOFILE, before)
        assert ask(shop.daemon.address()).body == b"one"
        upgrade(shop.daemon)

    def test_a_stop_meanwhile(self, site: Callable[..., Site]) -> None:
        shop = site(tolerate=["reload failed: the daemon stops", "nothing has changed"])
        os.kill(shop.daemon.pid, signal.SIGUSR2)
        shop.daemon.wait_for_line("rehearses")
        shop.daemon.stop()


def rehearsing(daemon: Daemon) -> int | None:
    """Pid of the rehearsal, while there is one."""
    for pid in daemon.processes():
        try:
            if b"--rehearse" in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0"):
                return pid
        except OSError:
            continue
    return None


class TestWhatAnAttackFound:
    def test_a_stop_in_the_instant_of_the_takeover_is_not_lost(self, site: Callable[..., Site]) -> None:
        """The master is held until its rehearsal is over: both are there when it looks."""
        shop = site(tolerate=["reload failed: the daemon stops", "nothing has changed"])
        os.kill(shop.daemon.pid, signal.SIGUSR2)
        rehearsal = eventually(lambda: rehearsing(shop.daemon), "the new program rehearses")
        os.kill(shop.daemon.pid, signal.SIGSTOP)

        def over() -> bool:
            return Path(f"/proc/{rehearsal}/stat").read_text().rpartition(")")[2].split()[0] == "Z"

        eventually(over, "the rehearsal has ended")
        os.kill(shop.daemon.pid, signal.SIGTERM)
        os.kill(shop.daemon.pid, signal.SIGCONT)
        shop.daemon.stop()

    def test_who_asks_for_a_reload_meanwhile_is_answered(self, site: Callable[..., Site]) -> None:
        shop = site()
        os.kill(shop.daemon.pid, signal.SIGUSR2)
        shop.daemon.wait_for_line("rehearses")
        status, text = shop.reload()
        assert status == 0 and ("a new program takes over and reloads" in text or "serves" in text)
        shop.daemon.wait_for_line("reload: web: generation [23] serves")

    def test_an_address_that_moved_from_the_web_server_to_a_pool_outlives_it(self, site: Callable[..., Site]) -> None:
        port = free_port()
        shop = site({"web": {"workers": {"min": 1, "max": 4}}}, settings={"http": [{"listen": f"127.0.0.1:{port}", "pool": "web"}]})
        with Gate() as gate, Connection(shop.daemon.address()) as connection:
            connection.send(request(environ("/", GATE=gate.path), keep=False))
            gate.arrival()
            shop.file["http"] = []
            shop.configure(listen=[shop.daemon.address(), f"127.0.0.1:{port}"])
            assert shop.reload()[0] == 0
            assert ask(f"127.0.0.1:{port}").body == b"one"
            os.kill(shop.daemon.pid, signal.SIGTERM)
            shop.daemon.wait_for_line("stopping")
            gate.open()
            assert connection.read_reply().body == b"one"
        shop.daemon.stop()


def test_a_slow_request_is_told_once_whoever_takes_over(site: Callable[..., Site]) -> None:
    shop = site({"web": {"workers": 2, "slow_log": {"after": "100ms"}, "timeouts": {"request": "60s"}}})
    with Gate() as gate, Connection(shop.daemon.address()) as connection:
        connection.send(request(environ("/", GATE=gate.path), keep=False))
        gate.arrival()
        shop.daemon.wait_for_line("slow: GET /")
        for number in range(1, 3):
            upgrade(shop.daemon, number)
        gate.open()
        assert connection.read_reply().body == b"one"
    assert shop.daemon.text.count("slow: GET /") == 1
    assert shop.daemon.settled()["requests"]["slow"] == 1
