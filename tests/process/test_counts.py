"""What a worker writes into its slot of the scoreboard: everything `status` will ever show of it."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from fcgipm import scoreboard
from fcgipm.scoreboard import (
    ABORTED,
    BEGUN,
    CLASS_2XX,
    CLASS_3XX,
    CLASS_4XX,
    CLASS_5XX,
    COUNTERS,
    FAILED,
    REJECTED,
    SERVED_NS,
)
from tests.process.conformance.helpers import ask, asked, head, literal, open_to, start
from tests.support.fastcgi import ABORT_REQUEST, STDIN, begin, environ, record
from tests.support.gate import Gate
from tests.support.live_worker import LiveWorker


@pytest.fixture
def live() -> Iterator[LiveWorker]:
    with start() as worker:
        yield worker
        worker.output.clear()


def counts(live: LiveWorker) -> dict[int, int]:
    """The counters that are not zero, once the worker rests."""
    live.until(lambda: live.reading().state == scoreboard.IDLE)
    return {word: count for word, count in zip(COUNTERS, live.reading().counters, strict=True) if count and word != SERVED_NS}


def test_a_fresh_worker(live: LiveWorker) -> None:
    reading = live.reading()
    assert (reading.pid, reading.state, reading.generation, reading.kept) == (live.worker.pid, scoreboard.IDLE, 1, 0)
    assert 0 <= time.monotonic() * 1000 - reading.started < 60_000
    assert counts(live) == {}


def test_requests_by_class(live: LiveWorker) -> None:
    for status, number in (
        ("200 OK", 4),
        ("204 No Content", 1),
        ("302 Found", 3),
        ("404 Not Found", 2),
        ("503 Busy", 1),
    ):
        for _ in range(number):
            ask(live, literal(status=status, blocks=[b""]))
    assert counts(live) == {BEGUN: 11, CLASS_2XX: 5, CLASS_3XX: 3, CLASS_4XX: 2, CLASS_5XX: 1, FAILED: 1}


@pytest.mark.parametrize("path", ["/raise-at-once", "/never-start", literal(status="abc"), literal(status="500 Oops")])
def test_failed_before_the_headers(live: LiveWorker, path: str) -> None:
    assert ask(live, path).status == 500
    assert counts(live) == {BEGUN: 1, CLASS_5XX: 1, FAILED: 1}


@pytest.mark.parametrize("path", ["/raise-after-first-block", "/long-and-short?declared=20", "/replace-after-headers"])
def test_cut_short(live: LiveWorker, path: str) -> None:
    with open_to(live) as connection:
        connection.send(asked(path))
        assert not connection.read_reply().complete
    assert counts(live) == {BEGUN: 1, CLASS_2XX: 1, FAILED: 1}


def test_client_that_leaves(live: LiveWorker) -> None:
    with open_to(live) as connection:
        connection.send(asked("/endless"))
        assert connection.read_record()
    live.until(lambda: live.reading().state == scoreboard.IDLE)
    assert counts(live) == {BEGUN: 1, CLASS_2XX: 1, ABORTED: 1}


def test_client_that_leaves_before_there_is_a_status(live: LiveWorker) -> None:
    with open_to(live) as connection:
        connection.send(head("/body") + record(STDIN, b"some"))
        live.until(lambda: live.reading().begun == 1)
    assert counts(live) == {BEGUN: 1, CLASS_4XX: 1, ABORTED: 1}


def test_abort(live: LiveWorker) -> None:
    with open_to(live) as connection:
        connection.send(head("/body", keep=True) + record(STDIN, b"some"))
        live.until(lambda: live.reading().begun == 1)
        connection.send(record(ABORT_REQUEST))
        assert connection.read_reply().complete
        assert counts(live) == {BEGUN: 1, CLASS_4XX: 1, ABORTED: 1}


def test_rejected_connections_are_no_requests(live: LiveWorker) -> None:
    for data in (b"GET / HTTP/1.1\r\n\r\n", begin(0), begin() + begin()):
        with open_to(live) as connection:
            connection.send(data)
            assert connection.at_end()
    assert counts(live) == {REJECTED: 3}


def test_quiet_ends_count_nothing(live: LiveWorker) -> None:
    for data in (b"", begin()[:5], begin(), asked("/hello")[:60]):
        with open_to(live) as connection:
            connection.send(data)
    assert ask(live).status == 200
    assert counts(live) == {BEGUN: 1, CLASS_2XX: 1}


def test_kept_and_busy(live: LiveWorker) -> None:
    with Gate() as gate, open_to(live) as kept, open_to(live) as busy:
        assert kept.ask(environ("/hello"), keep=True).status == 200
        live.until(lambda: live.reading().kept >= 1)
        busy.send(asked("/at-gate", keep=True, GATE=gate.path))
        gate.arrival()
        assert (live.reading().state, live.reading().kept, live.reading().begun) == (scoreboard.BUSY, 1, 2)
        gate.open()
        assert busy.read_reply().status == 200
        live.until(lambda: (live.reading().state, live.reading().kept) == (scoreboard.IDLE, 2))
    live.until(lambda: live.reading().kept == 0)


def test_first_busy_worker_wakes_a_sleeping_master(live: LiveWorker) -> None:
    header = scoreboard.words(live.board, -1)
    for _ in range(2):
        header[scoreboard.ASLEEP] = 1
        assert ask(live).status == 200
        live.worker.channel.expect(b"BUSY")
        assert header[scoreboard.ASLEEP] == 0
    assert ask(live).status == 200
    live.stop()
    assert live.worker.wait() == 0
    assert live.worker.channel.receive()[0] == b"", "BUSY comes once for each sleep"


def test_each_thread_has_a_slot_of_its_own() -> None:
    with start(threads=3) as live, Gate() as gate:
        connections = []
        for _ in range(3):
            connections.append(open_to(live))
            connections[-1].send(asked("/at-gate", GATE=gate.path))
            gate.arrival()
        readings = [live.reading(thread=thread) for thread in range(3)]
        assert [(reading.pid, reading.state, reading.begun) for reading in readings] == [
            (live.worker.pid, scoreboard.BUSY, 1)
        ] * 3
        for _ in connections:
            gate.open()
        for connection in connections:
            with connection:
                assert connection.read_reply().status == 200


def test_a_stopping_worker_says_so() -> None:
    with start() as live, open_to(live) as busy:
        half = asked("/hello")
        busy.send(half[:50])
        live.until(lambda: live.reading().kept == 1)
        live.retire()
        live.until(lambda: live.reading().state == scoreboard.STOPPING)
        busy.send(half[50:])
        assert busy.read_reply().body == b"hello"
        assert live.worker.wait() == 0
