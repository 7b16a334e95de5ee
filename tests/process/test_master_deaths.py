"""Whatever dies, the site lives on: workers, templates, the master itself."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.process.test_master_start import free_port
from tests.support.daemon import Daemon, eventually
from tests.support.fastcgi import Connection, ask, environ, request
from tests.support.gate import Gate

DaemonFactory = Callable[..., Daemon]

CASES = {"app": "cases:application"}


def pool_of(daemon: Daemon) -> dict[str, Any]:
    return dict(daemon.status()["pools"]["web"])


def ended(daemon: Daemon) -> dict[str, int]:
    """Workers that are gone, by reasons that there were."""
    return {reason: count for reason, count in pool_of(daemon)["exits"].items() if count}


def whole(daemon: Daemon, workers: int, generation: int = 1) -> list[int]:
    """Wait until the pool has exactly so many workers, all idle and of that generation; their pids."""

    def look() -> list[int] | None:
        pool = pool_of(daemon)
        pids = [p["pid"] for p in pool["processes"] if p["state"] == "idle" and p["generation"] == generation]
        return pids if pool["state"] == "ready" and len(pids) == pool["workers"]["total"] == workers else None

    found: list[int] = eventually(look, f"{workers} idle workers of generation {generation}")
    return found


def test_a_killed_worker_is_replaced(daemon_factory: DaemonFactory) -> None:
    daemon = daemon_factory({"web": {**CASES, "workers": 2}})
    first, second = whole(daemon, 2)
    os.kill(first, signal.SIGKILL)
    daemon.wait_for_line(f"worker {first} was killed by SIGKILL")
    after = whole(daemon, 2)
    assert second in after and first not in after
    assert pool_of(daemon)["exits"]["crash"] == 1


def test_an_application_that_exits_is_a_crash(daemon_factory: DaemonFactory) -> None:
    daemon = daemon_factory({"web": {"app": "identity:application"}})
    with Connection(daemon.address()) as connection:
        connection.ask(environ("/exit?0"))
    daemon.wait_for_line(r"worker \d+ exited with status 0")
    whole(daemon, 1)
    assert pool_of(daemon)["exits"]["crash"] == 1


def test_counters_never_go_back(daemon_factory: DaemonFactory) -> None:
    daemon = daemon_factory({"web": CASES})
    for _ in range(5):
        assert ask(daemon.address(), "/hello").status == 200
    (worker,) = whole(daemon, 1)
    os.kill(worker, signal.SIGKILL)
    daemon.wait_for_line("was killed by SIGKILL")
    whole(daemon, 1)
    ask(daemon.address(), "/hello")
    assert eventually(lambda: pool_of(daemon)["requests"]["by_class"]["2xx"] == 6, "six requests")


def test_a_worker_told_by_term_finishes_while_its_successor_serves(daemon_factory: DaemonFactory) -> None:
    daemon = daemon_factory({"web": CASES})
    (worker,) = whole(daemon, 1)
    with Gate() as gate, Connection(daemon.address()) as connection:
        connection.send(request(environ("/at-gate", GATE=gate.path)))
        gate.arrival()
        os.kill(worker, signal.SIGTERM)
        reply = ask(daemon.address(), "/pid")
        assert int(reply.body) != worker
        gate.open()
        assert connection.read_reply().body == b"after the gate"
    whole(daemon, 1)
    assert ended(daemon) == {"retire": 1}


def test_a_killed_template_is_followed_by_a_new_generation(daemon_factory: DaemonFactory, tmp_path: Path) -> None:
    source = "def application(environ, start_response):\n    start_response('200 OK', [])\n    return [b'%s']\n"
    (tmp_path / "shop.py").write_text(source % "old")
    daemon = daemon_factory(
        {"web": {"app": "shop:application", "directory": str(tmp_path), "workers": 2}},
        tolerate=["the template was killed"],
    )
    old = whole(daemon, 2)
    (tmp_path / "shop.py").write_text("raise RuntimeError('half deployed')")
    daemon.tolerate += ["half deployed", "Traceback"]
    os.kill(pool_of(daemon)["template"]["pid"], signal.SIGKILL)
    daemon.wait_for_line("RuntimeError: half deployed")
    assert ask(daemon.address()).body == b"old" and set(daemon.workers()) == set(old)
    eventually(lambda: pool_of(daemon)["reason"] == "RuntimeError: half deployed", "the reason")
    assert pool_of(daemon)["state"] == "degraded" and pool_of(daemon)["generation"] == 1
    (tmp_path / "shop.py").write_text(source % "new!")
    new = whole(daemon, 2, generation=2)
    assert not set(new) & set(old) and ask(daemon.address()).body == b"new!"
    assert ended(daemon) == {"reload": 2}


def test_who_greets_in_a_workers_name_is_not_killed(tmp_path: Path) -> None:
    """The kernel vouches for the pid, not for its being a worker: a signal may only go to a child of the master."""
    daemon = Daemon({"web": {"app": "impostor:application", "env": {"IMPOSTOR": str(tmp_path)}}, "other": CASES})
    try:
        daemon.start()
        stranger = int((tmp_path / "victim").read_text())
        daemon.wait_for_line(f"worker {stranger} is no process of this daemon")
        whole(daemon, 1)
        os.kill(stranger, 0)
        assert not (tmp_path / "killed").exists()
        os.kill(daemon.pid, signal.SIGTERM)
        assert daemon.wait() == 0, daemon.text
        daemon.lines_reader.join()
    finally:
        daemon.destroy()


class TestTheMasterIsKilled:
    @pytest.mark.parametrize("kind", ["unix", "tcp"])
    def test_everybody_leaves_and_the_next_run_starts_on_the_same_address(self, kind: str) -> None:
        listen = {"listen": f"127.0.0.1:{free_port()}"} if kind == "tcp" else {}
        daemon = Daemon({"web": {**CASES, **listen, "workers": 2}})
        try:
            daemon.start()
            daemon.kill()
            daemon.wait_for_no_process()
            daemon.lines_reader.join()
            daemon.start()
            assert ask(daemon.address(), "/hello").status == 200
            daemon.stop()
        finally:
            daemon.destroy()

    @pytest.mark.parametrize("kind", ["unix", "tcp"])
    def test_a_worker_inside_a_request_finishes_it_while_the_next_daemon_serves(self, kind: str) -> None:
        listen = {"listen": f"127.0.0.1:{free_port()}"} if kind == "tcp" else {}
        daemon = Daemon({"web": {**CASES, **listen}})
        try:
            daemon.start()
            with Gate() as gate, Connection(daemon.address()) as connection:
                connection.send(request(environ("/at-gate", GATE=gate.path)))
                gate.arrival()
                daemon.kill()
                daemon.lines_reader.join()
                daemon.start()
                assert ask(daemon.address(), "/hello").status == 200
                gate.open()
                assert connection.read_reply().body == b"after the gate"
            eventually(lambda: len(daemon.processes()) == 3, "master, template and worker of the second daemon alone")
            daemon.stop()
        finally:
            daemon.destroy()

    def test_while_the_application_is_still_being_imported(self, tmp_path: Path) -> None:
        with Gate() as gate:
            (tmp_path / "slow.py").write_text(
                f"import socket\ns = socket.socket(socket.AF_UNIX)\ns.connect({gate.path!r})\ns.recv(1)\n"
            )
            daemon = Daemon({"web": {"app": "slow:application", "directory": str(tmp_path)}})
            try:
                daemon.start(ready=False)
                gate.arrival()
                daemon.kill()
                daemon.wait_for_no_process()
                daemon.lines_reader.join()
            finally:
                daemon.destroy()
