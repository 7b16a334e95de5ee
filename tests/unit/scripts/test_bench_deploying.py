"""The clients of the benchmarks that replace or stop a server, and what these make of what the clients saw."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from threading import Event

import pytest
from benchmarks import browsers, canned, deploy, deployers, front, pump, stop, traffic
from benchmarks.applications import echo
from benchmarks.browsers import Browser
from benchmarks.traffic import Attempt, Failed

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Scripted:
    """A client to whom this happens, one request after the other: bytes are an answer, an exception is raised. Then it has no more to ask."""

    label = "GET"

    def __init__(self, *fates: bytes | Exception) -> None:
        self._fates: Iterator[bytes | Exception] = iter(fates)
        self._pair: tuple[socket.socket, ...] = ()

    def ask(self) -> socket.socket | None:
        self.close()
        fate = next(self._fates, None)
        if isinstance(fate, Exception):
            raise fate
        if fate is None:
            return None
        self._pair = socket.socketpair()
        self._pair[1].sendall(fate)
        return self._pair[0]

    def read(self) -> bool:
        if self._pair[0].recv(100) == b"bad":
            raise Failed("502")
        return True

    def close(self) -> None:
        for sock in self._pair:
            sock.close()


def attempts(*milliseconds: float, failure: str = "", label: str = "GET", sent: float = 10.0) -> list[Attempt]:
    """Requests that took so long."""
    return [Attempt(label, sent, sent + one / 1000, failure) for one in milliseconds]


def test_a_client_goes_on_after_a_failure_and_all_are_counted() -> None:
    clients = [Scripted(b"good", b"bad", b"good"), Scripted(ConnectionResetError(), b"good")]
    made = traffic.run(clients, Event())
    assert traffic.failures(made) == {"502": 1, "ConnectionResetError": 1}
    assert len(made) == 5 and all(one.label == "GET" and one.ended >= one.sent for one in made)


def test_a_client_that_failed_waits_before_it_asks_again() -> None:
    failed, again = traffic.run([Scripted(b"bad", b"good")], Event())
    assert again.sent >= failed.ended + traffic.PAUSE_SECONDS


def test_when_it_is_over_nobody_begins() -> None:
    over = Event()
    over.set()
    assert traffic.run([Scripted(b"good")], over) == []


def test_a_request_that_is_not_answered_has_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(traffic, "PATIENCE", 0.0)
    assert [one.failure for one in traffic.run([Scripted(b"")], Event())] == ["no answer within 0 s"]


def test_clients_beside_something_tell_of_all_requests() -> None:
    asked = Event()

    class Watched(Scripted):
        def read(self) -> bool:
            asked.set()
            return super().read()

    with traffic.beside([Watched(b"good", b"bad")]) as end:
        assert asked.wait(10)
        assert end()[0].failure == ""


def test_a_reply_is_whole_when_its_announced_length_is_there() -> None:
    assert browsers.body_of(OK) == b"ok" and browsers.status(OK) == "200"
    assert browsers.body_of(OK[:-1]) is None and browsers.body_of(OK[:30]) is None
    with pytest.raises(Failed, match="no Content-Length"):
        browsers.body_of(b"HTTP/1.1 200 OK\r\n\r\n")


@pytest.fixture
def server() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(10)
        yield listener


def browser(server: socket.socket) -> Browser:
    return Browser(f"http://127.0.0.1:{server.getsockname()[1]}/web?20", b"ok", 1)


def test_a_browser_asks_with_both_methods_over_one_connection(server: socket.socket) -> None:
    one = browser(server)
    one.ask()
    peer, _ = server.accept()
    with peer:
        assert peer.recv(1000).startswith(b"GET /web?20 HTTP/1.1\r\n") and one.label == "GET"
        peer.sendall(OK)
        assert one.read()
        one.ask()
        head, _, body = peer.recv(1000).partition(b"\r\n\r\n")
        assert head.startswith(b"POST /web?20 ") and body == b"3 from 1" and one.label == "POST"
        peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n3 from 1")
        assert one.read()
        one.close()


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        (OK.replace(b"200 OK", b"502 Bad Gateway"), "^502$"),
        (OK.replace(b"ok", b"no"), "answered b'no', not b'ok'"),
        (OK[:-1], "the connection ended after"),
    ],
)
def test_a_browser_takes_nothing_else_for_an_answer(server: socket.socket, reply: bytes, why: str) -> None:
    one = browser(server)
    one.ask()
    peer, _ = server.accept()
    with peer:
        assert peer.recv(1000)
        peer.sendall(reply)
    with pytest.raises(Failed, match=why):
        while not one.read():
            pass
    one.close()


def test_the_application_answers_what_was_posted() -> None:
    def call(body: bytes) -> bytes:
        environ = {"QUERY_STRING": "0", "CONTENT_LENGTH": str(len(body)), "wsgi.input": BytesIO(body)}
        return b"".join(echo.application(environ, lambda *_: None))

    assert call(b"") == echo.BODY and call(b"7 from 1") == b"7 from 1"


def test_http_backends_get_no_params() -> None:
    route = front.Route("gunicorn", Path("/g"), "http", kept=False)
    assert front.location(route, "fastcgi_param A b;").split() == ["location", "=", "/gunicorn", "{", "proxy_pass", "http://gunicorn;", "}"]


def test_a_change_is_over_when_none_of_before_is_left_and_all_are_back() -> None:
    new = set(range(100, 100 + deployers.WORKERS))
    assert deployers.replaced({1, 2}, new)
    assert not deployers.replaced({1, 2}, new | {2})
    assert not deployers.replaced({1, 2}, new - {100})


@pytest.mark.parametrize(
    ("template", "generations", "over"),
    [({"pid": 9}, [2] * 8, True), ({"pid": 9}, [1] + [2] * 8, False), ({"pid": 9}, [2] * 7, False), (None, [2] * 8, False)],
)
def test_a_dead_template_is_succeeded_when_only_its_successors_workers_serve(
    template: object, generations: list[int], over: bool
) -> None:
    pool = {"template": template, "processes": [{"generation": one, "state": "idle"} for one in generations]}
    assert deployers.succeeded(1, pool) is over


def test_a_round_counts_failures_and_times_what_was_answered() -> None:
    seen = attempts(*range(1, 101)) + attempts(9000, failure="502", label="POST") + attempts(9000, failure="500")
    found = deploy.figures(seen, [0.5, 0.7, 0.6])
    assert (found.changes, found.change_seconds, found.requests, found.failed, found.failed_posts) == (3, 0.6, 102, 2, 1)
    assert found.p50_ms == pytest.approx(50.5) and found.p99_ms == pytest.approx(99.99) and found.slowest_ms == pytest.approx(100)
    assert found.failures == {"502": 1, "500": 1}


def test_a_round_without_answers_is_none() -> None:
    with pytest.raises(deploy.BenchError, match="0 of 1 requests were answered: {'502': 1}"):
        deploy.figures(attempts(1, failure="502"), [])


def test_the_aim_is_missed_by_one_failure_or_a_slow_percent() -> None:
    quiet, slow = deploy.figures(attempts(40, 40), []), deploy.figures(attempts(60, 60), [0.5])
    good = deploy.figures(attempts(44, 44), [0.5])
    bad = deploy.figures(attempts(40, 40) + attempts(1, failure="502"), [0.5])
    assert deploy.aim("fcgipm reload", deploy.Pair(quiet, good)).startswith("reached: fcgipm reload: 0 of 2 failed (aim 0), p99 1.10 times")
    assert deploy.aim("x", deploy.Pair(quiet, slow)).startswith("missed ")
    assert deploy.aim("x", deploy.Pair(quiet, bad)).startswith("missed ")
    assert deploy.complaints({"x": deploy.Pair(quiet, bad)}) == ["x: 1 × 502"]
    stuck = deploy.Pair(quiet, good._replace(trouble="its workers were not replaced"))
    assert deploy.aim("x", stuck).startswith("missed ")
    assert deploy.complaints({"x": stuck}) == ["x: change 2 did not end: its workers were not replaced"]
    assert [row[1] for row in deploy.rows_of("x", deploy.Pair(quiet, good))] == ["-", "1"]


def test_only_those_asked_for_take_part() -> None:
    assert [one.label for one in deploy.chosen(["reload"])] == ["fcgipm reload", "fcgipm reload, kept"]
    with pytest.raises(deploy.BenchError, match="none is called like nobody; there are: fcgipm reload;"):
        deploy.chosen(["nobody"])


def test_no_change_begins_after_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deploy, "SETTLE_SECONDS", 0.0)
    monkeypatch.setattr(deploy, "PERIOD_SECONDS", 0.0)
    made: list[int] = []
    assert len(list(deploy.changes(lambda: made.append(1), 3, time.monotonic() + 10))) == 3 == len(made)
    assert not list(deploy.changes(lambda: made.append(1), 3, time.monotonic())) and len(made) == 3


def visitor(path: Path) -> stop.Visitor:
    return stop.Visitor(pump.connector(f"unix:{path}"), canned.request(canned.PLAIN, keep=False))


def test_a_visitor_tells_reset_from_refused(tmp_path: Path) -> None:
    path = tmp_path / "sock"
    one = visitor(path)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        one.ask()
        peer, _ = listener.accept()
        peer.close()
        with pytest.raises((Failed, ConnectionResetError)):
            one.read()
        one.close()
    assert one.refused is None
    assert one.ask() is None and one.refused is not None  # nobody listens
    path.unlink()
    assert one.ask() is None  # and no path


def test_a_stop_counts_what_came_after_it_was_asked_for() -> None:
    seen = attempts(*[100.0] * 64, sent=8.0) + attempts(*[100.0] * 50, sent=9.0) + attempts(1500, sent=9.5)
    seen += attempts(250, sent=10.1) + attempts(1, sent=10.2, failure="closed")
    seen += attempts(1, sent=10.2, failure="ConnectionResetError")
    found = stop.figures(seen, refused=7, told=10.0, ended=10.5, seconds=2.0)
    assert (found.rate, found.answered, found.reset, found.closed, found.refused) == (51.0, 2, 1, 1, 7)
    assert found.last_answer == pytest.approx(1.0) and found.end == pytest.approx(0.5)


def stops(*resets: int) -> list[stop.Stop]:
    return [stop.Stop(5000.0, 64, reset, 0, 64, 0.1, 0.2, {"ConnectionResetError": reset} if reset else {}) for reset in resets]


def test_the_window_is_as_long_as_it_takes_to_make_what_was_reset() -> None:
    assert stop.window(stops(0, 1)) == "100"
    assert stop.window(stops(0, 0)) == "< 300"


def test_only_unix_sockets_have_an_aim() -> None:
    unix, tcp = stop.Case(False, 0), stop.Case(True, 0)
    assert stop.verdicts({unix: stops(0), tcp: stops(2)}) == [
        "reached: unix, requests of 0 ms: 0 lost in 1 stops (aim 0)",
        "TCP, requests of 0 ms: 2 lost in 1 stops (ConnectionResetError)",
    ]
    assert stop.verdicts({unix: stops(1)})[0].startswith("missed ")
    assert stop.row(unix, stops(0))[-1] == "-" and stop.row(tcp, stops(1))[3:5] == ["1", "0"]
