"""Requests that run too long: interrupted, logged, killed at the last, at the cost of nobody else's."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.process.test_master_start import free_port
from tests.support.daemon import Daemon, eventually
from tests.support.fastcgi import PARAMS, STDIN, Connection, ask, begin, environ, pairs, request, stream
from tests.support.gate import Gate
from tests.support.load import FULL

DaemonFactory = Callable[..., Daemon]

SECONDS = 12 if FULL else 3
"""Of requests that end when their time does."""
TOLERATED = [r"Traceback \(most recent call last\)"]


@pytest.fixture
def start(shared_daemon: DaemonFactory) -> Callable[..., Daemon]:
    def starter(threads: int = 1, workers: int = 1, timeouts: dict[str, str] | None = None, **more: Any) -> Daemon:
        pool = {"app": "overdue:application", "workers": {"min": workers, "max": workers, "threads": threads}, **more}
        return shared_daemon({"web": {"timeouts": timeouts or {"request": "300ms", "kill_after": "700ms"}, **pool}}, tolerate=TOLERATED)

    return starter


def counted(daemon: Daemon, requests: dict[str, int], exits: int | None = None) -> None:
    """Wait until the pool is whole again and has counted so, since the test began."""
    before = daemon.before["web"]

    def look() -> bool:
        pool = daemon.status()["pools"]["web"]
        here = {key: pool["requests"][key] - before["requests"][key] for key in requests}
        is_whole = pool["exits"]["crash"] == 0 and pool["workers"]["idle"] == pool["workers"]["total"]
        return here == requests and exits in (None, pool["exits"]["timeout"] - before["exits"]["timeout"]) and is_whole

    try:
        eventually(look, f"{requests}, {exits} exits")
    except AssertionError:
        raise AssertionError(str(daemon.status()["pools"]["web"])) from None


@pytest.mark.parametrize("path", ["/loop", "/sleep", "/socket", "/hammer", "/closes"])
@pytest.mark.parametrize("threads", [1, 2])
def test_python_code_gets_its_504_at_the_deadline(start: Callable[..., Daemon], path: str, threads: int) -> None:
    daemon = start(threads)
    (before,) = daemon.workers()
    began = time.monotonic()
    assert ask(daemon.address(), path).status == 504
    assert 0.3 <= time.monotonic() - began < 3
    counted(daemon, {"timed_out": 1, "failed": 1, "active": 0}, 1)
    assert ask(daemon.address(), "/hello").body == b"hello"
    assert before not in daemon.workers()


def test_close_is_called(start: Callable[..., Daemon]) -> None:
    daemon = start()
    assert ask(daemon.address(), "/closes").status == 504
    daemon.wait_for_line("closed$")
    daemon.wait_for_line("warning web.*: request timed out: GET /closes")
    daemon.wait_for_line(r"warning web.*: +File .*overdue\.py")
    daemon.wait_for_line("warning web.*RequestTimeout: the request has run longer than timeouts.request$")
    assert "/fcgipm/gateways/" not in daemon.text and "/fcgipm/worker/" not in daemon.text


@pytest.mark.parametrize("threads", [1, 2])
def test_c_code_that_holds_the_lock_is_killed_with_its_stack_in_the_log(start: Callable[..., Daemon], threads: int) -> None:
    daemon = start(threads)
    with Connection(daemon.address()) as connection:
        connection.send(request(environ("/locked")))
        assert connection.read_record() is None, "the worker was killed, and its connection with it"
    daemon.wait_for_line(r"killing it: GET /locked did not yield to its time-out")
    daemon.wait_for_line(r'File ".*overdue.py", line \d+ in locked')
    counted(daemon, {"timed_out": 1, "failed": 1, "active": 0}, 1)
    assert ask(daemon.address(), "/hello").body == b"hello"


def test_code_that_swallows_the_exception_is_killed_and_its_client_has_a_504_before(start: Callable[..., Daemon]) -> None:
    daemon = start()
    assert ask(daemon.address(), "/stubborn").status == 504
    daemon.wait_for_line("swallowed RequestTimeout")
    daemon.wait_for_line(r"killing it: GET /stubborn did not yield")
    counted(daemon, {"timed_out": 1, "failed": 1, "active": 0}, 1)


def test_handing_over_blocks_starts_the_clock_anew(start: Callable[..., Daemon]) -> None:
    daemon = start()
    assert ask(daemon.address(), "/stream", QUERY_STRING="10").body == b"block\n" * 10
    counted(daemon, {"timed_out": 0, "failed": 0, "active": 0}, 0)


def test_a_response_under_way_is_cut(start: Callable[..., Daemon]) -> None:
    daemon = start()
    with Connection(daemon.address()) as connection:
        connection.send(request(environ("/after")))
        reply = connection.read_reply()
        assert reply.body == b"block\n" and not reply.complete
    counted(daemon, {"timed_out": 1, "failed": 1, "active": 0}, 1)


@pytest.mark.parametrize("path", ["/sleep", "/loop"])
def test_healthy_requests_beside_a_stuck_one_all_answer(start: Callable[..., Daemon], path: str) -> None:
    daemon = start(4, timeouts={"request": "1s", "kill_after": "200ms"})
    stuck = Connection(daemon.address())
    stuck.send(request(environ(path)))
    eventually(lambda: daemon.status()["pools"]["web"]["requests"]["active"] == 1, "it is stuck")
    healthy = [Connection(daemon.address()) for _ in range(3)]
    for connection in healthy:
        connection.send(request(environ("/stream", QUERY_STRING="20")))
    assert stuck.read_reply().status == 504
    replies = [connection.read_reply() for connection in healthy]
    assert [(reply.status, reply.body) for reply in replies] == [(200, b"block\n" * 20)] * 3, "they ran on beyond the deadline"
    for connection in (stuck, *healthy):
        connection.close()
    counted(daemon, {"timed_out": 1, "failed": 1, "active": 0}, 1)


@pytest.mark.parametrize("threads", [1, 3])
def test_deadlines_at_the_ends_of_requests_hit_nothing_else(start: Callable[..., Daemon], threads: int) -> None:
    daemon = start(threads, workers=3, timeouts={"request": "100ms", "kill_after": "5s"})
    wrong: list[Any] = []
    timed_out: list[int] = []
    end = time.monotonic() + SECONDS

    def client(number: int) -> None:
        step = 0
        while time.monotonic() < end:
            step += 1
            text = f"0.{95 + (step * 7 + number * 13) % 60:03}"
            try:
                reply = ask(daemon.address(), "/nearly", QUERY_STRING=text)
            except Exception as error:
                wrong.append(repr(error))
                continue
            if reply.status == 504:
                timed_out.append(1)
            elif (reply.status, reply.body) != (200, text.encode()):
                wrong.append((text, reply.status, reply.body))

    clients = [threading.Thread(target=client, args=(number,)) for number in range(3 * threads)]
    for thread in clients:
        thread.start()
    for thread in clients:
        thread.join()
    assert not wrong
    assert timed_out
    counted(daemon, {"timed_out": len(timed_out), "failed": len(timed_out), "active": 0})
    assert "worker failed" not in daemon.text


def test_a_slow_request_is_logged_once_with_its_stack_and_goes_on(start: Callable[..., Daemon]) -> None:
    daemon = start(app="cases:application", timeouts={"request": "20s"}, slow_log={"after": "200ms"})
    with Gate() as gate, Connection(daemon.address()) as connection:
        connection.send(request(environ("/at-gate", GATE=gate.path)))
        gate.arrival()
        daemon.wait_for_line(r"warning web\[\d+\]: slow: GET /at-gate runs for \d\.\d s, request id \w+-\w+")
        daemon.wait_for_line(r'web\[\d+\]: +File ".*cases.py", line \d+ in at_gate')
        gate.open()
        assert connection.read_reply().status == 200
    daemon.wait_for_line(r"warning web\[\d+\]:   \(and \d+ frames of fcgipm that led there\)")
    assert "/fcgipm/gateways/" not in daemon.text and "/fcgipm/worker/" not in daemon.text
    counted(daemon, {"slow": 1, "timed_out": 0, "failed": 0}, 0)
    assert len(re.findall("slow: GET", daemon.text)) == 1


def test_a_slow_request_that_holds_the_lock_is_logged_without_its_id(start: Callable[..., Daemon]) -> None:
    daemon = start(timeouts={"request": "700ms", "kill_after": "500ms"}, slow_log={"after": "200ms"})
    with Connection(daemon.address()) as connection:
        connection.send(request(environ("/locked", REQUEST_ID="abc")))
        assert connection.read_record() is None
    assert daemon.wait_for_line("slow: GET /locked runs for").endswith(" s")
    daemon.wait_for_line(r'web\[\d+\]: +File ".*overdue.py", line \d+ in locked')


@pytest.mark.parametrize("how", ["retire", "reload"])
def test_a_worker_that_hangs_while_it_leaves_has_its_deadline(start: Callable[..., Daemon], how: str) -> None:
    """It waits for its client when it is told to leave, hence no clock runs, and hangs later, when no beat looks at it any more."""
    daemon = start()
    (pid,) = daemon.workers()
    with Connection(daemon.address()) as connection:
        connection.send(begin() + stream(PARAMS, pairs({**environ("/reads", "POST"), "CONTENT_LENGTH": "4"})))
        eventually(lambda: daemon.status()["pools"]["web"]["requests"]["active"] == 1, "it waits for the body")
        assert daemon.command(*(("retire", str(pid)) if how == "retire" else ("reload", "--no-wait"))).returncode == 0
        eventually(lambda: [pid] != daemon.workers() and daemon.status()["pools"]["web"]["workers"]["stopping"] == 1, "it leaves")
        connection.send(stream(STDIN, b"body"))
        assert connection.read_reply().status == 504
    eventually(lambda: pid not in daemon.workers(), "it has left")
    counted(daemon, {"timed_out": 1, "failed": 1})
    assert ask(daemon.address(), "/hello").body == b"hello"


def test_what_is_printed_arrives_while_the_request_runs(daemon_factory: DaemonFactory) -> None:
    """Line by line, from every worker that was forked, and although it is no terminal."""
    daemon = daemon_factory({"web": {"app": "prints:application", "workers": 2}})
    with Gate() as gate:
        connections = [Connection(daemon.address()) for _ in range(2)]
        for number, connection in enumerate(connections):
            connection.send(request(environ("/", SAY=f"out {number}", GATE=gate.path)))
            gate.arrival()
            daemon.wait_for_line(rf"info web\[\d+\]: out {number}$")
        pids = {re.findall(r"web\[(\d+)\]: out", line)[0] for line in daemon.lines if ": out " in line}
        assert len(pids) == 2
        for connection in connections:
            gate.open()
            connection.read_reply()
            connection.close()


def test_slow_log_in_a_file_of_its_own(start: Callable[..., Daemon], tmp_path: Any) -> None:
    file = tmp_path / "slow.log"
    daemon = start(app="cases:application", timeouts={"request": "20s"}, slow_log={"after": "100ms", "file": str(file)})
    with Gate() as gate, Connection(daemon.address()) as connection:
        connection.send(request(environ("/at-gate", GATE=gate.path, REQUEST_ID="0123456789abcdef")))
        gate.arrival()
        eventually(lambda: "in at_gate" in file.read_text(), "the stack in the file")
        gate.open()
        connection.read_reply()
    assert "s, request id 0123456789abcdef\n" in file.read_text()
    assert "slow: GET" not in daemon.text


def test_stack_command(start: Callable[..., Daemon]) -> None:
    daemon = start(timeouts={"request": "3s", "kill_after": "1s"})
    (pid,) = daemon.workers()
    idle = daemon.command("stack")
    assert idle.returncode == 0 and f"web[{pid}]" in idle.stdout and "(fcgipm waits for a request)" in idle.stdout and "File" not in idle.stdout
    with Connection(daemon.address()) as connection:
        connection.send(request(environ("/locked")))
        eventually(lambda: "in locked" in daemon.command("stack", str(pid)).stdout, "the stack of the stuck worker")
        assert "in locked" in daemon.command("stack", "web").stdout
        assert connection.read_record() is None
    assert daemon.command("stack", "nobody").returncode == 1
    counted(daemon, {"timed_out": 1}, 1)


@pytest.mark.parametrize("kind", ["unix", "tcp"])
@pytest.mark.parametrize("reset", [False, True])
def test_who_left_the_queue_costs_no_call_of_the_application(daemon_factory: DaemonFactory, kind: str, reset: bool) -> None:
    listen = {} if kind == "unix" else {"listen": f"127.0.0.1:{free_port()}"}
    daemon = daemon_factory({"web": {"app": "cases:application", **listen}})
    for _ in range(200):  # One long request among many short ones is enough.
        ask(daemon.address(), "/hello")
    ask(daemon.address(), "/notes")
    with Gate() as gate, Connection(daemon.address()) as busy:
        busy.send(request(environ("/at-gate", GATE=gate.path)))
        gate.arrival()
        for _ in range(5):
            queued = Connection(daemon.address())
            queued.send(request(environ("/hello")))
            queued.reset() if reset else queued.close()
        gate.open()
        busy.read_reply()
    assert ask(daemon.address(), "/notes").body == b'["called at_gate", "close"]'
    pool = daemon.settled()
    assert pool["requests"]["aborted"] == 5
    assert pool["processes"][0]["requests"] == 203


def test_who_only_stops_sending_is_served(daemon_factory: DaemonFactory) -> None:
    daemon = daemon_factory({"web": {"app": "cases:application"}})
    with Connection(daemon.address()) as connection:
        connection.send(request(environ("/hello")))
        connection.shutdown()
        assert connection.read_reply().body == b"hello"
