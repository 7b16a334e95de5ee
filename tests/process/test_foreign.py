"""Foreign programs and their keeper, without a web server: trials, programs that die at once, a new daemon in the old one's place, other users."""

from __future__ import annotations

import os
import pwd
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from fcgipm.control.client import ask as control
from fcgipm.worker.keeper_computing import WINDOW_NS
from fcgipm.worker.keeper_holding import rests
from tests.process.test_master_privileges import PYTHON
from tests.process.test_master_start import free_port
from tests.process.test_upgrade import upgrade
from tests.support.daemon import Daemon, eventually
from tests.support.fastcgi import Connection, ask, environ, request
from tests.support.foreign import APPS, KINDS, command
from tests.support.load import PAUSE
from tests.support.rest import rested

FLUP = [sys.executable, str(APPS / "program.py")]
Daemons = Callable[..., Daemon]


def write(daemon: Daemon) -> None:
    """Its pools, changed."""
    daemon.write(yaml.safe_dump({"control": str(daemon.control_path), "pools": daemon.pools}))


def answer(address: str, **more: str) -> str:
    """The body; not all programs say a Status when all is well."""
    reply = ask(address, SCRIPT_FILENAME=str(APPS / "program.php"), **more)
    assert reply.header("Status") in (None, "200 OK"), reply.headers
    return reply.body.decode()


@contextmanager
def load(address: str, kind: str, clients: int = 4) -> Iterator[list[str]]:
    """Clients that ask all the time, but for PAUSE, a connection a request; at least 50 are answered before and after what is done meanwhile. What failed."""
    failures: list[str] = []
    answered = threading.Semaphore(0)
    over = threading.Event()

    def client() -> None:
        while not over.is_set():
            try:
                assert answer(address, QUERY_STRING="2").startswith(f"{kind} ")
                answered.release()
                time.sleep(PAUSE)
            except (OSError, EOFError, AssertionError) as error:
                failures.append(repr(error))

    with ThreadPoolExecutor(clients) as pool:
        for _ in range(clients):
            pool.submit(client)
        try:
            for _ in range(50):
                assert answered.acquire(timeout=20), failures
            yield failures
            for _ in range(50):
                assert answered.acquire(timeout=20), failures
        finally:
            over.set()


def test_a_program_that_dies_at_once_is_not_switched_to(daemon_factory: Daemons) -> None:
    daemon = daemon_factory({"web": {"command": FLUP, "workers": 2}}, tolerate=["reload failed"])
    before = daemon.workers()
    daemon.pools["web"]["command"] = ["/bin/false"]
    write(daemon)
    code, said = daemon.reload()
    assert code == 1 and "exited with status 1" in said
    eventually(lambda: daemon.workers() == before, "only those of before are there")


def test_a_killed_master_leaves_nobody(daemon_factory: Daemons) -> None:
    daemon = daemon_factory({"web": {"command": FLUP, "workers": 2}})
    daemon.kill(signal.SIGKILL)
    daemon.wait_for_no_process()
    daemon.lines_reader.join()
    daemon.destroy()


@pytest.mark.parametrize("kind", KINDS)
def test_a_new_daemon_takes_over_and_none_is_lost(kind: str, tmp_path: Path, daemon_factory: Daemons) -> None:
    """USR2: the keeper and its copies are the new one's; then its reload has others serve."""
    daemon = daemon_factory({"web": {"command": command(kind, tmp_path), "workers": 2}})
    before = set(daemon.workers())
    with load(daemon.address(), kind) as failures:
        for number in range(1, 4):
            upgrade(daemon, number)
    assert failures == []
    eventually(lambda: len(daemon.processes()) == 4 and not before & set(daemon.workers()), "a master, a keeper, two copies")
    assert daemon.status()["pools"]["web"]["exits"]["crash"] == 0


def test_a_copy_that_crashes_after_a_new_daemon_took_over_is_replaced(daemon_factory: Daemons) -> None:
    """Of an edition that could not be followed by another: the keeper of before does as the new daemon says."""
    daemon = daemon_factory({"web": {"command": FLUP, "workers": 2}}, tolerate=["reload failed"])
    first, second = daemon.workers()
    daemon.pools["web"]["command"] = ["/bin/false"]
    write(daemon)
    os.kill(daemon.pid, signal.SIGUSR2)
    daemon.wait_for_line("reload failed: web")
    assert daemon.workers() == [first, second]
    os.kill(first, signal.SIGKILL)
    daemon.wait_for_line(f"worker {first} was killed by SIGKILL")
    eventually(lambda: second in daemon.workers() and len(daemon.workers()) == 2, "another in its place")
    assert answer(daemon.address()).startswith("flup ")


@pytest.mark.root
def test_copies_and_keeper_are_the_pools_user(daemon_factory: Daemons) -> None:
    """And a reload and an end are as those of one's own: no right of another user is needed to look at a copy and end it."""
    daemon = daemon_factory({"web": {"command": command("php", APPS), "workers": 2, "user": "nobody", "python": PYTHON}})
    nobody = pwd.getpwnam("nobody").pw_uid
    pids = [*daemon.workers(), daemon.status()["pools"]["web"]["template"]["pid"]]
    for pid in pids:
        fields = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
        assert fields["Uid"].split() == [str(nobody)] * 4 and fields["NoNewPrivs"].strip() == "1" and int(fields["CapEff"], 16) == 0
    with load(daemon.address(), "php") as failures:
        for _ in range(2):
            assert daemon.reload()[0] == 0
    assert failures == []
    eventually(lambda: not set(pids) & daemon.processes(), "those of before have left")


def test_copies_are_replaced_by_their_age(tmp_path: Path, daemon_factory: Daemons) -> None:
    daemon = daemon_factory({"web": {"command": command("c", tmp_path), "workers": 2, "recycle": {"age": "500ms"}}})
    before = set(daemon.workers())
    with load(daemon.address(), "c") as failures:
        eventually(lambda: not before & set(daemon.workers()), "others in their places")
    assert failures == []
    exits = daemon.status()["pools"]["web"]["exits"]
    assert exits["crash"] == 0 and exits["age"] >= 2


def test_a_probe_decides(daemon_factory: Daemons) -> None:
    daemon = daemon_factory({"web": {"command": FLUP, "probe": {"path": "/"}}}, tolerate=["reload failed"])
    before = daemon.workers()
    assert daemon.reload()[0] == 0
    after = daemon.workers()
    assert not set(before) & set(after)
    daemon.pools["web"]["env"]["ANSWER_STATUS"] = "500 Broken"
    write(daemon)
    code, said = daemon.reload()
    assert code == 1 and "500" in said, said
    assert daemon.workers() == after


def test_no_more_than_the_daemon_may_have(tmp_path: Path, daemon_factory: Daemons) -> None:
    workers = {"min": 1, "max": 6, "spare": 0}
    daemon = daemon_factory({"web": {"command": command("c", tmp_path), "workers": workers}}, settings={"max_workers": 2})
    with ThreadPoolExecutor(6) as clients:
        answers = list(clients.map(lambda _: answer(daemon.address(), QUERY_STRING="100"), range(30)))
    assert len({line.split()[1] for line in answers}) == 2
    assert daemon.status()["pools"]["web"]["workers"]["peak"] == 2


@pytest.mark.parametrize("kind", ["c", "php"])
def test_over_tcp(kind: str, tmp_path: Path, daemon_factory: Daemons) -> None:
    """Those of before may serve on for as long as the load lasts: all share one listener."""
    pool = {"command": command(kind, tmp_path), "workers": 2, "listen": f"127.0.0.1:{free_port()}", "env": {"PHP_FCGI_MAX_REQUESTS": "0"}}
    daemon = daemon_factory({"web": pool})
    before = set(daemon.workers())
    with load(daemon.address(), kind, clients=2) as failures:
        assert daemon.reload()[0] == 0
    assert failures == []
    eventually(lambda: len(daemon.processes()) == 4 and not before & set(daemon.workers()), "a master, a keeper, two copies")
    assert daemon.status()["pools"]["web"]["exits"]["crash"] == 0


def test_a_program_that_forbids_a_look_is_told_of(daemon_factory: Daemons) -> None:
    """Its connections cannot be seen, so it gets TERM when it is to leave."""
    pool: dict[str, Any] = {"command": [sys.executable, str(APPS / "unseen.py")], "workers": 2}
    if os.geteuid() == 0:  # Root may look at everything.
        pool.update(command=[PYTHON, str(APPS / "unseen.py")], user="nobody", python=PYTHON)
    daemon = daemon_factory({"web": pool})
    before = set(daemon.workers())
    assert daemon.reload()[0] == 0
    daemon.wait_for_line("copy [0-9]+ does not let us see its connections")
    eventually(lambda: not before & set(daemon.workers()), "those of before have left")
    assert daemon.status()["pools"]["web"]["exits"]["crash"] == 0


def test_who_ends_after_its_requests_has_not_crashed(daemon_factory: Daemons) -> None:
    """Over TCP, where a look takes longer than a request."""
    pool = {"command": command("php", APPS), "listen": f"127.0.0.1:{free_port()}", "env": {"PHP_FCGI_MAX_REQUESTS": "50"}}
    daemon = daemon_factory({"web": pool})
    (before,) = daemon.workers()
    started = os.stat(f"/proc/{before}").st_ctime
    eventually(lambda: time.time() > started + 2, "it has been worth its start")
    for _ in range(50):
        assert answer(daemon.address()).startswith("php ")
    eventually(lambda: before not in daemon.workers(), "it has ended")
    exits = daemon.status()["pools"]["web"]["exits"]
    assert (exits["requests"], exits["crash"]) == (1, 0)


def test_a_copy_is_given_its_listener_and_its_output_alone(tmp_path: Path, daemon_factory: Daemons) -> None:
    pool = {"command": command("c", tmp_path), "workers": 2, "env": {"SHOP": "1"}}
    daemon = daemon_factory({"web": pool}, env={"SECRET_OF_THE_STARTER": "x"})
    answer(daemon.address())
    for pid in daemon.workers():
        eventually(lambda pid=pid: set(os.listdir(f"/proc/{pid}/fd")) == {"0", "1", "2"}, "three descriptors, once its loader has closed its libraries")
        descriptors = {int(number): os.readlink(f"/proc/{pid}/fd/{number}") for number in os.listdir(f"/proc/{pid}/fd")}
        assert descriptors[0].startswith("socket:") and descriptors[1] == descriptors[2] and descriptors[1].startswith("pipe:")
        environ = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        assert b"SHOP=1" in environ and not any(b"SECRET" in one or b"FCGI_WEB" in one for one in environ)
        assert os.getsid(pid) == os.getpgid(pid) == pid
        masks = dict(line.split(":\t", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
        assert {int(masks[name], 16) for name in ("SigBlk", "SigIgn")} == {0}


GROWS = {"command": FLUP, "workers": {"min": 1, "max": 4, "spare": 0}}


@contextmanager
def held(daemon: Daemon, what: str, folder: Path, count: int = 8) -> Iterator[None]:
    """So many requests that `what`, all from the same moment on; then all are answered. They come one after the other: hardly any waits in the queue."""
    marks = folder / "requests"
    with ThreadPoolExecutor(count) as clients:
        replies = []
        try:
            for number in range(1, count + 1):
                replies.append(clients.submit(answer, daemon.address(), QUERY_STRING=what, FILE=str(marks)))
                daemon.wait_for_line("has a request", count=number)
            marks.with_suffix(".begin").touch()
            yield
        finally:
            for suffix in (".begin", ".end"):
                marks.with_suffix(suffix).touch()
        assert all(reply.result(timeout=30).startswith("flup ") for reply in replies)


def test_a_copy_with_threads_that_is_out_of_cpu_gets_others_beside_it(tmp_path: Path, daemon_factory: Daemons) -> None:
    """It takes all who come, so nobody ever waits in the kernel's queue for long."""
    daemon = daemon_factory({"web": GROWS})
    with held(daemon, "compute", tmp_path):
        daemon.wait_for_line(r"web: \+[123]: [123] busy, [1-7] waiting inside copies that are out of CPU \(of [123]\)")
        eventually(lambda: daemon.status()["pools"]["web"]["workers"]["peak"] == 4, "as many as there may be")
        found = daemon.status()["pools"]["web"]
        assert found["scaling"]["reason"].endswith("waiting inside copies that are out of CPU") and found["listen"][0]["queue"] == 0


def test_copies_with_threads_that_only_wait_are_not_out_of_cpu(tmp_path: Path, daemon_factory: Daemons) -> None:
    daemon = daemon_factory({"web": GROWS})
    with held(daemon, "sleep", tmp_path):
        eventually(lambda: daemon.status()["pools"]["web"]["workers"]["busy"] > 0, "they are seen")
        seen = time.monotonic()
        eventually(lambda: time.monotonic() > seen + 5 * WINDOW_NS / 1e9, "its CPU has been measured some times")
        assert daemon.status()["pools"]["web"]["workers"]["peak"] < 4
    assert not [line for line in daemon.lines if "out of CPU" in line]


def test_a_single_request_is_seen_and_afterwards_all_rest(tmp_path: Path, daemon_factory: Daemons) -> None:
    """A copy that waits for nothing else accepts before anybody can look."""
    daemon = daemon_factory({"web": {"command": command("c", tmp_path)}})
    with ThreadPoolExecutor(1) as client:
        reply = client.submit(answer, daemon.address(), QUERY_STRING="1000")
        eventually(lambda: daemon.status()["pools"]["web"]["workers"]["busy"] == 1, "it is seen")
        assert not reply.done() and reply.result().startswith("c ")
    eventually(lambda: rested(daemon.processes(), 1.0), "nobody wakes up any more", timeout=15)


# Keepers that stay for copies at work.


def keeper_of(daemon: Daemon) -> int:
    return int(daemon.status()["pools"]["web"]["template"]["pid"])


def stop_dead(pid: int) -> None:
    """Have a process stopped, and know that it is."""
    os.kill(pid, signal.SIGSTOP)
    eventually(lambda: rests(pid), "it is stopped")


@pytest.mark.parametrize("goes_on", [True, False])
def test_a_stop_is_over_when_the_keeper_is_gone(goes_on: bool, daemon_factory: Daemons) -> None:
    """However long it takes to hear of the end of its last copy; if for ever, it is killed."""
    daemon = daemon_factory({"web": {"command": FLUP}})
    keeper, (copy,) = keeper_of(daemon), daemon.workers()
    told = []

    def hear(progress: str) -> None:
        told.append(progress)
        if progress == "waiting for workers of web: 1":
            stop_dead(keeper)
            os.kill(copy, signal.SIGKILL)
        elif progress == "waiting for templates" and goes_on:
            os.kill(keeper, signal.SIGCONT)

    with Connection(daemon.address()) as connection:
        connection.send(request(environ("/?60000"), keep=False))
        eventually(lambda: daemon.status()["pools"]["web"]["workers"]["busy"] == 1, "it is at work")
        assert control(str(daemon.control_path), {"command": "stop"}, hear, timeout=20) == "stopped"
    assert daemon.processes() <= {daemon.pid}
    assert told == ["waiting for workers of web: 1", "waiting for templates"]
    assert [f"keeper {keeper} stays although" in line for line in daemon.lines if "keeper" in line] == ([] if goes_on else [True])


def test_a_keeper_that_stays_is_known_to_a_new_daemon(tmp_path: Path, daemon_factory: Daemons) -> None:
    daemon = daemon_factory({"web": {"command": FLUP}})
    keeper, (copy,) = keeper_of(daemon), daemon.workers()
    with held(daemon, "sleep", tmp_path, 1):
        assert daemon.command("reload").returncode == 0
        upgrade(daemon, 1, generation=3)
        assert {keeper, copy} <= daemon.processes()
    eventually(lambda: not {keeper, copy} & daemon.processes(), "both have left")
    keeper, (copy,) = keeper_of(daemon), daemon.workers()
    with Connection(daemon.address()) as connection:
        connection.send(request(environ("/?60000"), keep=False))
        eventually(lambda: daemon.status()["pools"]["web"]["workers"]["busy"] == 1, "it is at work")
        assert daemon.command("reload").returncode == 0
        upgrade(daemon, 2, generation=5)
        stop_dead(keeper)
        os.kill(copy, signal.SIGKILL)
        daemon.wait_for_line(f"keeper {keeper} stays although its last copy is gone")
    eventually(lambda: keeper not in daemon.processes(), "it was killed")


def test_who_dismisses_a_keeper_by_hand_gets_another_and_no_request_is_lost(tmp_path: Path, daemon_factory: Daemons) -> None:
    daemon = daemon_factory({"web": {"command": FLUP}}, tolerate=["told to leave by a signal"])
    keeper, (copy,) = keeper_of(daemon), daemon.workers()
    with held(daemon, "sleep", tmp_path, 1):
        os.kill(keeper, signal.SIGTERM)
        daemon.wait_for_line("template: the keeper was told to leave by a signal")
        eventually(lambda: set(daemon.workers()) - {copy}, "a copy of the next")
        assert keeper_of(daemon) != keeper and {keeper, copy} <= daemon.processes()
    eventually(lambda: not {keeper, copy} & daemon.processes(), "both have left")
    assert daemon.status()["pools"]["web"]["exits"]["crash"] == 0


def test_a_program_with_children_leaves_none(daemon_factory: Daemons) -> None:
    """php-cgi's die of the end of its group, which takes a moment."""
    daemon = daemon_factory({"web": {"command": command("php", APPS), "workers": 2, "env": {"PHP_FCGI_CHILDREN": "2"}}})
    assert answer(daemon.address()).startswith("php ")
    assert control(str(daemon.control_path), {"command": "stop"}, timeout=20) == "stopped"
    assert daemon.processes() <= {daemon.pid}


def test_a_program_that_kills_its_keeper_is_ended_and_replaced(tmp_path: Path, daemon_factory: Daemons) -> None:
    """It may, being of the same user. The other pool and the master notice nothing."""
    pools = {"web": {"command": command("c", tmp_path), "workers": 2}, "other": {"command": command("c", tmp_path)}}
    daemon = daemon_factory(pools, tolerate=["template was killed by SIGKILL"])
    keeper, before, other = daemon.status()["pools"]["web"]["template"]["pid"], daemon.workers(), daemon.workers("other")
    os.kill(keeper, signal.SIGKILL)
    eventually(lambda: not {keeper, *before} & daemon.processes() and len(daemon.workers()) == 2, "others have come")
    assert answer(daemon.address()).startswith("c ") and daemon.workers("other") == other
    eventually(lambda: daemon.status()["pools"]["web"]["state"] == "ready", "it has recovered")


def test_a_foreign_program_has_no_stack(daemon_factory: Daemons) -> None:
    daemon = daemon_factory({"flup": {"command": FLUP, "workers": 1}, "web": {"app": "hello:application"}})
    foreign, ours = daemon.command("stack", "flup"), daemon.command("stack")
    assert (foreign.returncode, foreign.stdout) == (0, "flup\n  a foreign program has no Python stack to show\n")
    assert ours.stdout.startswith(foreign.stdout + "web[") and "most recent call first" in ours.stdout
    (copy,) = daemon.workers("flup")
    assert daemon.command("stack", str(copy)).stdout == foreign.stdout


@pytest.mark.parametrize("kind", KINDS)
def test_a_ping_of_a_foreign_program(kind: str, tmp_path: Path, daemon_factory: Daemons) -> None:
    daemon = daemon_factory({"web": {"command": command(kind, tmp_path), "workers": 1}})
    told = ", and tells nothing of itself" if kind == "flup" else ": FCGI_MAX_CONNS=1, FCGI_MAX_REQS=1, FCGI_MPXS_CONNS=0"
    done = daemon.command("ping", "web")
    if kind == "c":
        assert done.returncode == 1 and f"`fcgipm request {daemon.address()} PATH` asks for a page" in done.stderr
        return
    assert done.stdout == f"web answers at {daemon.address()}{told}\n", done.stderr
