"""Pools that follow the load: real daemons, real crowds, and what they say about it."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.daemon import APPS, Daemon, eventually
from tests.support.fastcgi import Connection, ask, environ, request
from tests.support.gate import Gate
from tests.support.rest import rested

DaemonFactory = Callable[..., Daemon]

CASES: dict[str, Any] = {"app": "cases:application"}
DYNAMIC = {**CASES, "workers": {"mode": "dynamic", "min": 2, "max": 12, "spare": 1, "idle_timeout": "500ms"}}
ONDEMAND = {**CASES, "workers": {"mode": "ondemand", "max": 12, "idle_timeout": "500ms"}}


def status(daemon: Daemon, pool: str = "web") -> dict[str, Any]:
    (answer,) = daemon.control({"command": "status", "pool": pool})
    found: dict[str, Any] = answer["result"]["pools"][pool]
    return found


def serving(daemon: Daemon, pool: str = "web") -> int:
    """Workers that stay."""
    workers = status(daemon, pool)["workers"]
    return int(workers["total"] - workers["stopping"])


def rests_with(daemon: Daemon, workers: int, pool: str = "web") -> None:
    eventually(lambda: status(daemon, pool)["workers"]["total"] == workers, f"{pool} has {workers} workers")


def idle(daemon: Daemon) -> list[int]:
    """Pids of the workers that wait for a request."""
    return [process["pid"] for process in status(daemon)["processes"] if process["state"] == "idle"]


@contextmanager
def crowd(daemon: Daemon, size: int, connections: list[Connection] | None = None) -> Iterator[list[Connection]]:
    """`size` requests, all of them inside the application at once; afterwards each is answered. `connections` are used first, and left open."""
    kept = connections or []
    more = [Connection(daemon.address()) for _ in range(size - len(kept))]
    with Gate() as gate:
        for connection in (*kept, *more):
            connection.send(request(environ("/at-gate", GATE=gate.path), keep=connection in kept))
        for _ in range(size):
            gate.arrival()
        yield more
        for _ in range(size):
            gate.open()
        for connection in (*kept, *more):
            assert connection.read_reply().body == b"after the gate"
    for connection in more:
        connection.close()


@pytest.fixture(scope="module")
def one_pool() -> Iterator[Daemon]:
    with Daemon({"web": DYNAMIC}) as daemon:
        yield daemon


class TestDynamic:
    def test_a_crowd_is_served_at_once_and_the_pool_goes_back_afterwards(self, daemon_factory: DaemonFactory) -> None:
        daemon = daemon_factory({"web": DYNAMIC})
        rests_with(daemon, 2)
        with crowd(daemon, 10):
            eventually(lambda: serving(daemon) == 11, "ten busy and one spare")
            found = status(daemon)
            assert (found["workers"]["busy"], found["workers"]["min"], found["workers"]["max"]) == (10, 2, 12)
            assert found["scaling"]["mode"] == "dynamic" and found["scaling"]["target"] == 11
            assert re.fullmatch(r"\+\d+: .*(waiting, all \d+ busy|busy, 1 spare wanted)", found["scaling"]["reason"])
        rests_with(daemon, 2)
        found = daemon.settled()
        assert found["scaling"]["reason"].endswith("not needed for 0.5 s") and found["scaling"]["target"] == 2
        assert found["exits"]["idle"] == found["workers"]["peak"] - 2 and found["exits"]["crash"] == 0
        assert found["workers"]["max_reached"] == 0 and found["requests"]["total"] == 10
        daemon.wait_for_line(r"info web: \+\d+: \d+ waiting, all \d+ busy \(of \d+\)")

    def test_more_than_there_may_be_wait_are_counted_and_served(self, daemon_factory: DaemonFactory) -> None:
        daemon = daemon_factory({"web": DYNAMIC})
        with crowd(daemon, 12):
            waiting = [Connection(daemon.address()) for _ in range(3)]
            for connection in waiting:
                connection.send(request(environ("/hello"), keep=False))
            daemon.wait_for_line("12 workers are the most there may be: [123] waiting, all 12 busy")
            found = status(daemon)
            assert found["listen"][0]["queue"] == 3 and found["listen"][0]["queue_max"] >= 1024
            assert found["workers"]["max_reached"] == 1 and found["workers"]["total"] == 12
        assert [connection.read_reply().body for connection in waiting] == [b"hello"] * 3
        for connection in waiting:
            connection.close()
        rests_with(daemon, 2)

    def test_requests_on_kept_connections_of_busy_workers_make_it_grow_too(self, daemon_factory: DaemonFactory) -> None:
        """No listener tells of these: the busy workers give them away, and the master sees that nobody takes them."""
        daemon = daemon_factory({"web": DYNAMIC})
        connections = [Connection(daemon.address()) for _ in range(8)]
        for connection in connections:
            assert connection.ask(environ("/hello"), keep=True).body == b"hello"
        with crowd(daemon, 8, connections):
            eventually(lambda: serving(daemon) == 9, "eight busy and one spare")
        rests_with(daemon, 2)
        for connection in connections:
            assert connection.ask(environ("/hello"), keep=True).body == b"hello", "the connections outlived their workers"
            connection.close()

    def test_over_tcp(self, daemon_factory: DaemonFactory) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        daemon = daemon_factory({"web": {**DYNAMIC, "listen": f"127.0.0.1:{port}"}})
        with crowd(daemon, 8):
            eventually(lambda: serving(daemon) == 9, "eight busy and one spare")
            assert status(daemon)["listen"][0]["queue"] == 0
        rests_with(daemon, 2)

    def test_threads_count_each(self, daemon_factory: DaemonFactory) -> None:
        daemon = daemon_factory({"web": {**DYNAMIC, "workers": {**DYNAMIC["workers"], "threads": 4}}})
        with crowd(daemon, 20):
            eventually(lambda: serving(daemon) == 6, "20 requests in 5 processes of 4 threads, and one spare")
        rests_with(daemon, 2)

    def test_a_worker_that_dies_in_a_crowd_is_replaced_and_the_pool_still_comes_to_rest(self, daemon_factory: DaemonFactory) -> None:
        daemon = daemon_factory({"web": DYNAMIC})
        with crowd(daemon, 6):
            eventually(lambda: len(idle(daemon)) == 1, "six busy and one spare")
            os.kill(idle(daemon)[0], signal.SIGKILL)
            eventually(lambda: status(daemon)["exits"]["crash"] == 1 and serving(daemon) == 7, "it is replaced")
        rests_with(daemon, 2)


class TestOndemand:
    def test_nothing_at_rest_and_the_first_connection_wakes_one(self, daemon_factory: DaemonFactory) -> None:
        daemon = daemon_factory({"web": ONDEMAND})
        found = status(daemon)
        assert found["workers"]["total"] == 0 and found["state"] == "ready" and found["template"]["pid"]
        assert ask(daemon.address(), "/hello").body == b"hello"
        found = status(daemon)
        assert found["workers"]["peak"] == 1 and found["scaling"]["reason"] == "+1: 1 waiting, no worker there"
        rests_with(daemon, 0)
        with crowd(daemon, 12):
            assert serving(daemon) == 12
        rests_with(daemon, 0)

    def test_a_kept_connection_outlives_every_worker(self, daemon_factory: DaemonFactory) -> None:
        """The pool rests, the connection stays; what then comes on it, a POST too, wakes a worker."""
        daemon = daemon_factory({"web": ONDEMAND})
        with Connection(daemon.address()) as kept:
            pids = set()
            for _ in range(3):
                pids.add(kept.ask(environ("/pid"), keep=True).body)
                rests_with(daemon, 0)
            with Connection(daemon.address()) as leaving:
                leaving.ask(environ("/pid"), keep=True)
                rests_with(daemon, 0)
            reply = kept.ask(environ("/body", method="POST", body=b"x" * 1000), b"x" * 1000, keep=True)
            assert reply.status == 200 and len(pids) == 3
            assert status(daemon)["workers"]["peak"] == 1, "who left woke nobody"
            rests_with(daemon, 0)
            daemon.stop()
            assert kept.at_end()

    def test_without_preload_no_template_stays_either(self, daemon_factory: DaemonFactory) -> None:
        daemon = daemon_factory({"web": {**ONDEMAND, "preload": False}})
        assert daemon.processes() == {daemon.pid}
        for _ in range(2):
            assert ask(daemon.address(), "/hello").body == b"hello"
            eventually(lambda: daemon.processes() == {daemon.pid}, "nothing but the master is left")
        assert status(daemon)["state"] == "ready"

    def test_without_preload_a_failing_import_is_told_backed_off_and_recovers(self, daemon_factory: DaemonFactory, tmp_path: Path) -> None:
        Path(tmp_path, "late.py").write_text("from missing_so_far import application\n")
        pools = {"web": {**CASES}, "late": {"app": "late:application", "directory": str(tmp_path), "preload": False}}
        os.chmod(tmp_path, 0o755)
        daemon = daemon_factory(pools, tolerate=["late", "Traceback"])
        eventually(lambda: status(daemon, "late")["state"] == "degraded", "the pool is degraded")
        assert "No module named 'missing_so_far'" in status(daemon, "late")["reason"]
        assert status(daemon)["state"] == "ready" and ask(daemon.address("web"), "/hello").body == b"hello"
        Path(tmp_path, "missing_so_far.py").write_text(Path(APPS, "hello.py").read_text())
        assert ask(daemon.address("late"), timeout=40.0).status == 200


class TestBounds:
    def test_scale_by_command(self, daemon_factory: DaemonFactory) -> None:
        daemon = daemon_factory({"web": DYNAMIC, "api": {**CASES, "workers": 2}})
        done = daemon.command("scale", "web", "--min", "5", "--max", "20")
        assert (done.returncode, done.stdout) == (0, "web: 5 to 20 workers (the configuration says 2 to 12 workers)\n")
        rests_with(daemon, 5)
        with crowd(daemon, 15):
            assert serving(daemon) >= 15, "also beyond what the file says"
        assert daemon.command("scale", "web", "--reset").stdout.startswith("web: 2 to 12 workers")
        rests_with(daemon, 2)
        assert daemon.command("scale", "api", "--max", "4").stdout.startswith("api: 4 workers")
        rests_with(daemon, 4, "api")
        assert daemon.command("scale", "api", "--min", "1").stdout.startswith("api: 1 worker (")
        rests_with(daemon, 1, "api")
        assert status(daemon, "api")["exits"]["scale"] == 3

    def test_scale_leaves_every_pool_a_worker_of_max_workers(self, daemon_factory: DaemonFactory) -> None:
        daemon = daemon_factory({"web": DYNAMIC, "od": ONDEMAND}, settings={"max_workers": 4})
        done = daemon.command("scale", "web", "--min", "4")
        assert done.returncode == 1 and "all pools would need 5 workers at least, and max_workers is 4" in done.stderr
        assert daemon.command("scale", "web", "--min", "3").returncode == 0
        rests_with(daemon, 3)
        assert ask(daemon.address("od"), "/hello").body == b"hello"

    @pytest.mark.parametrize(
        ("arguments", "code", "why"),
        [
            (["web", "--min", "13"], 1, "min 13 is more than max 12"),
            (["web", "--max", "1001"], 1, "max is 1 to 1000, not 1001"),
            (["shop", "--max", "3"], 1, "there is no pool 'shop'; the pools are web"),
            (["web"], 64, "say --min N or --max N or both, or --reset"),
            (["web", "--max", "3", "--reset"], 64, "say --min N or --max N or both, or --reset"),
        ],
    )
    def test_what_cannot_be_says_why(self, one_pool: Daemon, arguments: list[str], code: int, why: str) -> None:
        done = one_pool.command("scale", *arguments)
        assert done.returncode == code and why in done.stderr

    def test_ttin_and_ttou_as_in_gunicorn(self, daemon_factory: DaemonFactory) -> None:
        daemon = daemon_factory({"web": {**CASES, "workers": 2}})
        os.kill(daemon.pid, signal.SIGTTIN)
        rests_with(daemon, 3)
        for left in (2, 1):
            os.kill(daemon.pid, signal.SIGTTOU)
            rests_with(daemon, left)
        os.kill(daemon.pid, signal.SIGTTOU)
        daemon.wait_for_line("SIGTTOU ignored: max is 1 to 1000, not 0")
        assert ask(daemon.address(), "/hello").body == b"hello"

    def test_with_two_pools_nobody_knows_which_one_a_signal_means(self, daemon_factory: DaemonFactory) -> None:
        daemon = daemon_factory({"web": CASES, "api": CASES})
        os.kill(daemon.pid, signal.SIGTTIN)
        daemon.wait_for_line("SIGTTIN ignored: there is more than one pool; use `fcgipm scale POOL`")

    def test_max_workers_is_shared(self, daemon_factory: DaemonFactory) -> None:
        """One pool has had everything; when the other needs its half, idle ones leave at once and make room."""
        slow = {**DYNAMIC, "workers": {**DYNAMIC["workers"], "idle_timeout": "1h"}}
        daemon = daemon_factory({"web": slow, "api": slow}, settings={"max_workers": 10})
        with crowd(daemon, 8):
            eventually(lambda: serving(daemon) == 8, "all but what the other has at least")
        assert (serving(daemon), serving(daemon, "api")) == (8, 2)
        with Gate() as gate:
            others = [Connection(daemon.address("api")) for _ in range(7)]
            for connection in others:
                connection.send(request(environ("/at-gate", GATE=gate.path), keep=False))
            for _ in others:
                gate.arrival()
            eventually(lambda: (serving(daemon), serving(daemon, "api")) == (2, 8), "room is made")
            assert status(daemon)["scaling"]["reason"].endswith(": other pools need them") and status(daemon)["exits"]["scale"] == 6
        for connection in others:
            assert connection.read_reply().status == 200
            connection.close()


class TestTrouble:
    def test_a_pool_whose_workers_die_at_start_forks_no_more_than_its_back_off_allows(self, daemon_factory: DaemonFactory) -> None:
        pools = {"web": CASES, "bad": {**DYNAMIC, "app": "dies_in_workers:application"}}
        daemon = daemon_factory(pools, tolerate=["bad"])
        daemon.wait_for_line(r"bad: .* died at once \(replaced in 1\.6 s\)")
        deaths = [line for line in daemon.lines if "died at once" in line]
        assert len(deaths) <= 2 * 5, "two at a time: at the start, and after 0.1, 0.2, 0.4 and 0.8 s"
        assert status(daemon, "bad")["state"] == "degraded" and status(daemon)["exits"]["crash"] == 0
        assert ask(daemon.address("web"), "/hello").body == b"hello"

    def test_a_limit_on_processes_is_told_and_overcome(self, daemon_factory: DaemonFactory) -> None:
        """The kernel refuses forks (EAGAIN): the pool serves with what it has, says why, and grows when it may again."""
        other = {"user": "games", "python": "/usr/bin/python3"} if os.geteuid() == 0 else {}  # The limit does not hold for root.
        daemon = daemon_factory({"web": {**DYNAMIC, **other}}, tolerate=["could not be forked"])
        template = status(daemon)["template"]["pid"]
        limit_processes(template, "(1, hard)")
        with Gate() as gate:
            os.chmod(Path(gate.path).parent, 0o755)
            os.chmod(gate.path, 0o666)
            waiting = [Connection(daemon.address()) for _ in range(4)]
            for connection in waiting:
                connection.send(request(environ("/at-gate", GATE=gate.path), keep=False))
            daemon.wait_for_line("could not be forked: Resource temporarily unavailable")
            assert "could not be forked" in status(daemon)["reason"] and serving(daemon) == 2
            limit_processes(template, "(hard, hard)")
            for _ in waiting:
                gate.arrival()
            eventually(lambda: serving(daemon) == 5 and status(daemon)["state"] == "ready", "it grows after all")
        for connection in waiting:
            assert connection.read_reply().status == 200
            connection.close()


def limit_processes(pid: int, limit: str) -> None:
    """Set the soft limit of a process, as its own user, who alone may."""
    code = f"from resource import *; soft, hard = prlimit({pid}, RLIMIT_NPROC); prlimit({pid}, RLIMIT_NPROC, {limit})"
    owner = os.stat(f"/proc/{pid}/task")
    subprocess.run(["/usr/bin/python3", "-c", code], check=True, user=owner.st_uid, group=owner.st_gid, extra_groups=[] if os.geteuid() == 0 else None)


class TestAtRest:
    def test_a_tree_of_three_pools_does_not_wake_up(self, daemon_factory: DaemonFactory) -> None:
        """Master, templates and workers of a static, a dynamic and an ondemand pool, after each had its crowd: not one wake-up in two seconds."""
        daemon = daemon_factory({"web": DYNAMIC, "od": ONDEMAND, "static": CASES})
        with crowd(daemon, 6):
            pass
        for pool in ("od", "static"):
            assert ask(daemon.address(pool), "/hello").body == b"hello"
        rests_with(daemon, 2)
        rests_with(daemon, 0, "od")
        pids = sorted(daemon.processes())
        assert len(pids) == 1 + 3 + 2 + 1
        eventually(lambda: rested(pids, 2.0), "two seconds without a wake-up", timeout=15)
        assert ask(daemon.address("od"), "/hello").body == b"hello", "and its alarm is set"


class TestLeftByAnEnemy:
    """What independent attempts to break it found."""

    def test_what_is_queued_when_nobody_is_there_yet_is_served_by_a_stop(self, daemon_factory: DaemonFactory) -> None:
        """An ondemand pool at rest, `preload: false`: the template must come first, then the import, then a worker."""
        daemon = daemon_factory({"web": {**ONDEMAND, "preload": False}})
        waiting = [Connection(daemon.address()) for _ in range(3)]
        for connection in waiting:
            connection.send(request(environ("/hello"), keep=False))
        daemon.process.send_signal(signal.SIGTERM)
        for connection in waiting:
            assert connection.read_reply().body == b"hello"
            connection.close()

    def test_parked_connections_that_speak_all_at_once_are_served_also_by_a_stop(self, daemon_factory: DaemonFactory) -> None:
        """More than the handover holds."""
        daemon = daemon_factory({"web": {**ONDEMAND, "workers": {"mode": "ondemand", "max": 1, "idle_timeout": "200ms"}}})
        kept = [Connection(daemon.address()) for _ in range(400)]
        for connection in kept:
            assert connection.ask(environ("/hello"), keep=True).status == 200
        rests_with(daemon, 0)
        with Gate() as gate:
            busy = Connection(daemon.address())
            busy.send(request(environ("/at-gate", GATE=gate.path), keep=False))
            gate.arrival()
            for connection in kept:
                connection.send(request(environ("/hello"), keep=True))
            daemon.process.send_signal(signal.SIGTERM)
        for connection in kept:
            assert connection.read_reply().body == b"hello"
            connection.close()
        busy.close()

    def test_crashes_now_and_then_do_not_keep_the_pool_from_growing(self, daemon_factory: DaemonFactory) -> None:
        daemon = daemon_factory({"web": DYNAMIC}, tolerate=["SIGKILL"])
        for _ in range(6):
            with Connection(daemon.address()) as connection:
                connection.send(request(environ("/kill"), keep=False))
                assert not connection.read_reply().complete
        with crowd(daemon, 10):
            assert serving(daemon) >= 10
        assert status(daemon)["exits"]["crash"] == 6 and status(daemon)["state"] == "ready"
        assert not [line for line in daemon.lines if "replaced in" in line]

    def test_a_pool_at_rest_gets_a_worker_beside_one_that_has_all_of_max_workers(self, daemon_factory: DaemonFactory) -> None:
        daemon = daemon_factory({"web": DYNAMIC, "od": ONDEMAND}, settings={"max_workers": 4})
        with crowd(daemon, 4):
            assert ask(daemon.address("od"), "/hello").body == b"hello"

    def test_scaled_down_while_all_are_busy_somebody_is_there_for_others(self, daemon_factory: DaemonFactory) -> None:
        daemon = daemon_factory({"web": DYNAMIC}, tolerate=["SIGKILL"])
        with Gate() as gate:
            for_ever = [Connection(daemon.address()) for _ in range(8)]
            for connection in for_ever:
                connection.send(request(environ("/at-gate", GATE=gate.path), keep=False))
            for _ in for_ever:
                gate.arrival()
            assert daemon.command("scale", "web", "--min", "1", "--max", "1").returncode == 0
            eventually(lambda: serving(daemon) <= 1, "all but one are told to leave")
            busy = [process["pid"] for process in status(daemon)["processes"] if process["state"] != "idle"]
            for pid in busy:
                os.kill(pid, signal.SIGKILL)
            assert ask(daemon.address(), "/hello").body == b"hello"
        for connection in for_ever:
            connection.close()
