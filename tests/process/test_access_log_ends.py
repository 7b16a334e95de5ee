"""Lines of the access log for what does not end well: time-outs, clients that leave, refusals. Each has one, and the status counts the same."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.daemon import Daemon, eventually
from tests.support.fastcgi import ABORT_REQUEST, PARAMS, Connection, ask, begin, environ, pairs, record, request, stream
from tests.support.gate import Gate

DaemonFactory = Callable[..., Daemon]
Start = Callable[..., tuple[Daemon, Callable[[int], list[dict[str, Any]]]]]

OVERDUE = {"app": "overdue:application", "timeouts": {"request": "300ms", "kill_after": "500ms"}}


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of all tests; it is empty when one begins."""
    return tmp_path_factory.mktemp("log") / "access"


@pytest.fixture
def start(shared_daemon: DaemonFactory, log: Path) -> Start:
    """A daemon, and a function that waits for that many lines and gives them."""

    def starter(threads: int = 1, **pool: Any) -> tuple[Daemon, Callable[[int], list[dict[str, Any]]]]:
        workers = {"min": 1, "max": 1, "threads": threads}
        daemon = shared_daemon({"web": {"workers": workers, "access_log": {"file": str(log)}, **pool}}, tolerate=["Traceback", "worker"])
        log.write_text("")

        def lines(count: int) -> list[dict[str, Any]]:
            eventually(lambda: log.read_text().count("\n") >= count, f"{count} lines")
            return [json.loads(line) for line in log.read_text().splitlines()]

        return daemon, lines

    return starter


def counted(daemon: Daemon) -> dict[str, Any]:
    """How the pool's status counts this test's requests."""
    now, before = daemon.settled(), daemon.before["web"]
    counts = {key: value - before["requests"][key] for key, value in now["requests"].items() if key != "by_class"}
    classes = {key: value - before["requests"]["by_class"][key] for key, value in now["requests"]["by_class"].items()}
    return {**counts, "by_class": classes, "rejected": now["connections"]["rejected"] - before["connections"]["rejected"]}


@pytest.mark.parametrize("path", ["/loop", "/sleep"])
@pytest.mark.parametrize("threads", [1, 2])
def test_a_time_out_is_a_504(start: Start, path: str, threads: int) -> None:
    daemon, lines = start(threads, **OVERDUE)
    assert ask(daemon.address(), path, HTTP_USER_AGENT="me").status == 504
    (line,) = lines(1)
    told = {name: line[name] for name in ("method", "uri", "status", "agent", "bytes_out")}
    by_worker = {"method": "GET", "uri": path, "status": 504, "agent": "me", "bytes_out": len("Gateway Timeout\n")}
    # A call that blocks in C can be interrupted in the main thread alone: a worker stuck in another is killed, and the master writes what it knows.
    by_master = {**by_worker, "agent": None, "bytes_out": None}
    assert told == by_worker or (threads > 1 and path in ("/sleep", "/blocked") and told == by_master)
    assert 0.3 <= line["duration"] < 10


def test_a_response_that_is_cut_by_its_time_out_has_the_status_that_was_sent(start: Start) -> None:
    daemon, lines = start(**OVERDUE)
    with Connection(daemon.address()) as connection:
        connection.send(request(environ("/after")))
        assert not connection.read_reply().complete
    (line,) = lines(1)
    assert (line["uri"], line["status"], line["bytes_out"]) == ("/after", 200, len("block\n"))


@pytest.mark.parametrize(("path", "status"), [("/locked", 502), ("/stubborn", 504), ("/begun", 200)])
@pytest.mark.parametrize("threads", [1, 2])
def test_who_is_killed_has_a_line_with_what_the_client_got(start: Start, path: str, status: int, threads: int) -> None:
    """C code that holds the interpreter's lock lets nobody send a 504: to the web server its worker is gone."""
    daemon, lines = start(threads, **OVERDUE)
    with Connection(daemon.address()) as connection:
        connection.send(request(environ(path)))
        answer = connection.read_to_end()
    assert (b"Status: %d" % status in answer) == (status != 502)
    (line,) = lines(1)
    assert (line["method"], line["uri"], line["status"]) == ("GET", path, status)
    assert line["duration"] >= 0.8
    eventually(lambda: counted(daemon)["timed_out"] == 1, "it is counted")


def test_a_client_that_leaves_while_its_response_is_made(start: Start) -> None:
    daemon, lines = start(app="cases:application")
    with Gate() as gate:
        with Connection(daemon.address()) as connection:
            connection.send(request(environ("/at-gate", GATE=gate.path)))
            gate.arrival()
        gate.open()
        (line,) = lines(1)
    assert (line["uri"], line["status"], line["bytes_out"]) == ("/at-gate", 499, 0)
    counts = counted(daemon)
    assert (counts["aborted"], counts["failed"], counts["by_class"]["4xx"]) == (1, 0, 1)


def test_a_time_out_behind_a_client_that_left_has_no_status_either(start: Start) -> None:
    """The application does not end with its client, so its worker has to go like that of any other."""
    daemon, lines = start(**OVERDUE)
    (worker,) = daemon.workers()
    with Gate() as gate:
        with Connection(daemon.address()) as connection:
            connection.send(request(environ("/swallows", GATE=gate.path)))
            gate.arrival()
        gate.open()
        (line,) = lines(1)
    assert (line["uri"], line["status"]) == ("/swallows", 499)
    assert counted(daemon)["timed_out"] == 1
    eventually(lambda: daemon.workers() not in ([], [worker]), "another worker in its place")


def test_a_client_that_leaves_during_its_response(start: Start) -> None:
    daemon, lines = start(app="overdue:application")
    with Connection(daemon.address()) as connection:
        connection.send(request(environ("/stream", QUERY_STRING="50")))
        connection.read_record()
    (line,) = lines(1)
    assert (line["uri"], line["status"]) == ("/stream", 200) and line["bytes_out"] < 50 * len("block\n")
    assert counted(daemon)["aborted"] == 1


def test_a_client_that_leaves_before_its_response(start: Start) -> None:
    daemon, lines = start(app="cases:application")
    with Connection(daemon.address()) as connection:
        params = {**environ("/body", "POST"), "CONTENT_LENGTH": "100"}
        connection.send(begin() + stream(PARAMS, pairs(params)) + record(5, b"x" * 10))
        eventually(lambda: daemon.status()["pools"]["web"]["requests"]["active"] == 1, "it waits for the body")
    (line,) = lines(1)
    assert (line["method"], line["uri"], line["status"], line["bytes_in"]) == ("POST", "/body", 499, 10)
    assert counted(daemon)["aborted"] == 1


def test_clients_that_leave_the_queue(start: Start) -> None:
    daemon, lines = start(app="cases:application")
    with Gate() as gate, Connection(daemon.address()) as busy:
        busy.send(request(environ("/at-gate", GATE=gate.path)))
        gate.arrival()
        for number in range(3):
            with Connection(daemon.address()) as queued:
                queued.send(request(environ(f"/left/{number}", HTTP_USER_AGENT="me")))
        gate.open()
        busy.read_reply()
    found = lines(4)
    assert [(line["uri"], line["status"]) for line in found] == [("/at-gate", 200), ("/left/0", 499), ("/left/1", 499), ("/left/2", 499)]
    assert all((line["agent"], line["bytes_out"], line["duration"]) == ("me", 0, 0) for line in found[1:])
    requests = counted(daemon)
    assert (requests["total"], requests["aborted"], requests["by_class"]["2xx"], requests["by_class"]["4xx"]) == (4, 3, 1, 3)


REFUSED = {
    "params too long": (begin() + stream(PARAMS, pairs({**environ("/x"), "HTTP_A": "a" * 5000})), 431),
    "another version": (record(1, bytes(8), version=9), 400),
    "no records at all": (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_refused_has_a_line_too(start: Start, kind: str) -> None:
    """It is no request that the status counts, but a connection that was rejected."""
    sent, status = REFUSED[kind]
    daemon, lines = start(app="hello:application", limits={"params": "4KiB"})
    with Connection(daemon.address()) as connection:
        connection.send(sent)
        assert (b"Status: 431" in connection.read_to_end()) == (status == 431)
    (line,) = lines(1)
    assert (line["status"], line["method"], line["uri"], line["duration"]) == (status, None, None, None)
    requests = counted(daemon)
    assert (requests["total"], requests["rejected"]) == (0, 1)


@pytest.mark.parametrize("keep", [False, True])
def test_a_request_that_is_aborted_in_the_bytes_of_its_head_has_a_line(start: Start, keep: bool) -> None:
    daemon, lines = start(app="hello:application")
    with Connection(daemon.address()) as connection:
        connection.send(request(environ("/hello"), keep=keep) + record(ABORT_REQUEST))
        connection.read_reply()
        (line,) = lines(1)
    assert (line["uri"], line["status"], line["bytes_out"]) == ("/hello", 499, 0)
    assert (counted(daemon)["aborted"], counted(daemon)["by_class"]["4xx"]) == (1, 1)


def test_a_head_that_takes_too_long_has_a_line(start: Start) -> None:
    daemon, lines = start(app="hello:application", timeouts={"header": "200ms"})
    with Connection(daemon.address()) as connection:
        connection.send(begin())
        assert connection.at_end()
    (line,) = lines(1)
    assert (line["status"], line["uri"], counted(daemon)["rejected"]) == (408, None, 1)
