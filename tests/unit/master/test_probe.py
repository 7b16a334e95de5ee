"""A probe in the master's loop: one verdict, and nothing left open, whatever the other side does."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from fcgipm.master.loop import Loop
from fcgipm.master.probe import Probe
from fcgipm.master.probe_request import Verdict
from tests.support.daemon import APPS
from tests.support.live_worker import LiveWorker
from tests.unit.master.test_probe_request import answer, probe

SETTINGS = {"path": "/healthz", "status": 200, "host": "localhost"}
OK = Verdict(True, "probe GET /healthz: status 200")


class Asked:
    """A probe, the other end of its connection, and what was told."""

    def __init__(self, seconds: float = 30.0) -> None:
        self.loop = Loop()
        ours, self.theirs = socket.socketpair()
        self.connection = ours
        self.verdicts: list[Verdict] = []
        self.probe = Probe(SETTINGS, ours, self.loop, seconds, 100.0, self._told)

    def _told(self, verdict: Verdict) -> None:
        assert self.connection.fileno() < 0, "closed before anybody is told"
        self.verdicts.append(verdict)

    def turns(self, count: int = 3) -> None:
        for _ in range(count):
            self.loop.turn(0)

    def close(self) -> None:
        self.probe.close()
        self.theirs.close()
        self.loop.close()


@pytest.fixture
def asked() -> Iterator[Asked]:
    made = Asked()
    yield made
    made.close()


def test_a_right_answer(asked: Asked) -> None:
    asked.turns()
    assert asked.theirs.recv(65536) == probe().request
    assert asked.probe.next_wakeup == 130.0
    asked.theirs.sendall(answer())
    asked.turns()
    assert asked.verdicts == [OK] and asked.probe.next_wakeup is None
    asked.probe.see_to(1000.0)
    asked.probe.close()
    assert asked.verdicts == [OK]


def test_an_answer_that_comes_in_pieces(asked: Asked) -> None:
    for byte in answer():
        assert asked.verdicts == []
        asked.theirs.sendall(bytes([byte]))
        asked.turns()
    assert asked.verdicts == [OK]


def test_none_within_its_time(asked: Asked) -> None:
    asked.turns()
    asked.probe.see_to(129.9)
    assert asked.verdicts == []
    asked.probe.see_to(130.0)
    assert asked.verdicts == [Verdict(False, "probe GET /healthz: no answer within 30 s")]


def test_a_worker_that_dies_before_it_reads(asked: Asked) -> None:
    asked.theirs.close()
    asked.turns()
    assert len(asked.verdicts) == 1 and asked.verdicts[0].text.startswith("probe GET /healthz: no answer: ")


def test_a_worker_that_dies_with_the_request_unread(asked: Asked) -> None:
    asked.turns()
    asked.theirs.close()
    asked.turns()
    assert len(asked.verdicts) == 1 and asked.verdicts[0].text.startswith("probe GET /healthz: no answer: ")


def test_a_flood_ends_it(asked: Asked) -> None:
    asked.theirs.setblocking(False)
    while not asked.verdicts:
        try:
            asked.theirs.send(answer()[:-16])
        except BlockingIOError:
            pass
        asked.turns(1)
    assert not asked.verdicts[0].ok and "larger than 1 MiB" in asked.verdicts[0].text


def test_one_that_is_left(asked: Asked) -> None:
    asked.probe.close()
    assert asked.connection.fileno() < 0 and asked.probe.next_wakeup is None
    asked.turns()
    assert asked.verdicts == []


def test_a_full_connection_is_waited_for() -> None:
    loop, (ours, theirs) = Loop(), socket.socketpair()
    ours.setblocking(False)
    try:
        while True:
            ours.send(b"x" * 4096)
    except BlockingIOError:
        pass
    verdicts: list[Verdict] = []
    asking = Probe(SETTINGS, ours, loop, 30.0, 100.0, verdicts.append)
    loop.turn(0)
    received, wanted = b"", probe().request
    while not received.endswith(wanted):
        received += theirs.recv(65536)
        loop.turn(0)
    theirs.sendall(answer())
    loop.turn(0)
    assert verdicts == [OK]
    asking.close()
    theirs.close()
    loop.close()


def test_a_real_worker(tmp_path: Path) -> None:
    with LiveWorker("hello:application", APPS) as live:
        loop, connection = Loop(), socket.socket(socket.AF_UNIX)
        connection.connect(live.listener.getsockname())
        verdicts: list[Verdict] = []
        asking = Probe(SETTINGS, connection, loop, 30.0, 100.0, verdicts.append)
        while not verdicts:
            loop.turn(10)
        assert verdicts == [OK] and asking.next_wakeup is None
        loop.close()
