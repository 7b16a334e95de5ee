"""Well-behaved clients beside hostile ones, while workers retire, hand over and are replaced: nothing that was asked properly is lost or mixed up."""

from __future__ import annotations

import os
import random
import signal
import threading
from collections.abc import Callable

import pytest

from tests.process.conformance.helpers import asked, head, open_to, start
from tests.support.fastcgi import ABORT_REQUEST, REQUEST_COMPLETE, STDIN, Connection, environ, record
from tests.support.live_worker import LiveWorker, Worker

ROUNDS = int(os.environ.get("FCGIPM_TEST_CHAOS", "40"))
"""Steps of each client; a longer run explores more."""

EXPECTED_LINES = r"^(rejected connection|refused a request|request body ended)"


class Client:
    """One client, which does at random what clients do, with one kept connection of its own. Every proper answer is checked to the byte."""

    def __init__(self, live: LiveWorker, seed: int) -> None:
        self.live, self.random = live, random.Random(seed)
        self.kept = open_to(live)
        self.steps: list[Callable[[], None]] = [
            self.post,
            self.post,
            self.fresh,
            self.abort,
            self.leave_unread,
            self.spoil,
            self.vanish,
        ]

    def run(self) -> None:
        with self.kept:
            for _ in range(ROUNDS):
                self.random.choice(self.steps)()

    def _body(self) -> bytes:
        return self.random.randbytes(self.random.choice((0, 10, 3000, 70_000, 300_000)))

    def _exchange(self, connection: Connection, keep: bool) -> None:
        body = self._body()
        reply = connection.ask(environ("/body", "POST", body), body, keep=keep, piece=self.random.choice((None, 8000)))
        assert reply.complete and reply.status == 200 and reply.body == body and not reply.others

    def post(self) -> None:
        self._exchange(self.kept, keep=True)

    def fresh(self) -> None:
        with open_to(self.live) as connection:
            self._exchange(connection, keep=False)
            assert connection.at_end()

    def abort(self) -> None:
        self.kept.send(head("/body", length=1000, keep=True) + record(STDIN, b"x" * 500))
        self.kept.send(record(ABORT_REQUEST))
        reply = self.kept.read_reply()
        assert (reply.protocol_status, reply.stdout) == (REQUEST_COMPLETE, b"")

    def leave_unread(self) -> None:
        self.kept.send(asked("/hello", method="POST", keep=True, body=self._body()))
        assert self.kept.read_reply().body == b"hello"

    def spoil(self) -> None:
        data = bytearray(asked("/body", body=b"some body", keep=True))
        data[self.random.randrange(len(data))] ^= 1 << self.random.randrange(8)
        with open_to(self.live) as connection:
            connection.send(bytes(data))
            connection.shutdown()
            connection.read_to_end()

    def vanish(self) -> None:
        with open_to(self.live) as connection:
            connection.send(asked("/big", SIZE="300000")[: self.random.choice((0, 5, 100, 1000))])


def disturb(live: LiveWorker, seed: int, over: threading.Event) -> None:
    """What a master does to its workers, all the time."""
    chance = random.Random(seed)
    while not over.wait(0.01):
        worker = chance.choice([worker for worker in live.workers if worker.status is None])
        action = chance.choice(("handover", "handover", "retire", "replace first", "signal"))
        if action == "handover":
            live.handover(worker)
        else:
            replace(live, worker, action)


def replace(live: LiveWorker, worker: Worker, action: str) -> None:
    if action == "replace first":
        live.fork()
    if action == "signal":
        worker.signal(signal.SIGTERM)
        worker.channel.expect(b"RETIRING")
    else:
        live.retire(worker)
    if action != "replace first":
        live.fork()
    assert worker.wait() == 0


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("seed", [1, 2])
def test_nothing_is_lost_or_mixed_up(seed: int, threads: int) -> None:
    failures: list[BaseException] = []
    over = threading.Event()

    def guarded(act: Callable[[], None]) -> Callable[[], None]:
        def run() -> None:
            try:
                act()
            except BaseException as failure:
                failures.append(failure)
                over.set()

        return run

    with start(workers=2, threads=threads) as live:
        clients = [threading.Thread(target=guarded(Client(live, 100 * seed + number).run)) for number in range(6)]
        for client in clients:
            client.start()
        master = threading.Thread(target=guarded(lambda: disturb(live, seed, over)))
        master.start()
        for client in clients:
            client.join()
        over.set()
        master.join()
        assert not failures, failures
        live.forget_lines(EXPECTED_LINES)
