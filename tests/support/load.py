"""Load from kept HTTP connections, and FastCGI clients that all wait at once. Plain sockets: the machine's time belongs to the tested."""

from __future__ import annotations

import os
import re
import selectors
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from tests.support.fastcgi import KEEP_CONN, PARAMS, STDIN, Connection, Pairs, Reply, begin, pairs, stream

FULL = os.environ.get("FCGIPM_TEST_FULL", "") == "1"
"""The whole size of the long tests (100,000 requests, 1 GiB) instead of the size for every day."""
PAUSE = 0.0 if FULL else 0.003
"""Between two requests of a client that is there to be lost, not to use up the processors: what it is to survive takes longer then."""


class Shot(NamedTuple):
    """One request, and what its answer must be."""

    method: str
    path: str
    body: bytes = b""
    expect: Callable[[bytes], bool] = bool


class KeptClient:
    """One HTTP/1.1 connection, kept as long as the server keeps it. Nothing is ever sent twice."""

    def __init__(self, port: int, timeout: float = 20.0) -> None:
        self._port, self._timeout = port, timeout
        self._socket: socket.socket | None = None

    def ask(self, shot: Shot) -> tuple[int, bytes]:
        """Status and body. Raises OSError or AssertionError."""
        if self._socket is None:
            self._socket = socket.create_connection(("127.0.0.1", self._port), self._timeout)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        length = f"Content-Length: {len(shot.body)}\r\n" if shot.body or shot.method == "POST" else ""
        head = f"{shot.method} {shot.path} HTTP/1.1\r\nHost: test.example\r\n{length}\r\n"
        self._socket.sendall(head.encode() + shot.body)
        return self._answer()

    def _answer(self) -> tuple[int, bytes]:
        assert self._socket is not None
        data = b""
        while b"\r\n\r\n" not in data:
            more = self._socket.recv(65536)
            assert more, f"the server closed the connection, after {data!r}"
            data += more
        head, _, body = data.partition(b"\r\n\r\n")
        length = re.search(rb"\r\ncontent-length: (\d+)", head, re.IGNORECASE)
        assert length, f"no Content-Length in {head!r}"
        while len(body) < int(length[1]):
            more = self._socket.recv(65536)
            assert more, "the server closed the connection within a body"
            body += more
        if b"\r\nconnection: close" in head.lower():
            self.close()
        return int(head.split(b" ")[1]), body

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None


class Outcome:
    """What a load came to."""

    def __init__(self) -> None:
        self.answered = 0
        self.failures: list[str] = []
        self.slowest = 0.0


class Load:
    """`clients` threads, each with a kept connection, share the shots, with a pause between two of a client's."""

    def __init__(self, port: int, shots: Iterable[Shot], clients: int = 16, pause: float = 0.0) -> None:
        self._pause = pause
        self.outcome = Outcome()
        self._shots: Iterator[Shot] = iter(shots)
        self._lock = threading.Lock()
        self._moved = threading.Condition(self._lock)
        self._threads = [threading.Thread(target=self._run, args=(port,), daemon=True) for _ in range(clients)]
        self._at_work = clients

    def _run(self, port: int) -> None:
        try:
            self._ask_all(KeptClient(port))
        finally:
            with self._moved:
                self._at_work -= 1
                self._moved.notify_all()

    def _ask_all(self, client: KeptClient) -> None:
        while True:
            with self._lock:
                shot = next(self._shots, None)
            if shot is None:
                break
            began = time.monotonic()
            try:
                status, body = client.ask(shot)
                failure = "" if status == 200 and shot.expect(body) else f"{shot.method} {shot.path}: {status} {body[:200]!r}"
            except (OSError, AssertionError) as error:
                client.close()
                failure = f"{shot.method} {shot.path}: {error!r}"
            self._note(failure, time.monotonic() - began)
            if self._pause:
                time.sleep(self._pause)
        client.close()

    def _note(self, failure: str, seconds: float) -> None:
        with self._moved:
            self.outcome.answered += 1
            self.outcome.slowest = max(self.outcome.slowest, seconds)
            if failure:
                self.outcome.failures.append(failure)
            self._moved.notify_all()

    def wait_for(self, answered: int, timeout: float = 50.0) -> bool:
        """Until so many shots are done; false when all threads ended before."""
        with self._moved:
            assert self._moved.wait_for(lambda: self.outcome.answered >= answered or not self._at_work, timeout), f"{self.outcome.answered} answers"
            return self.outcome.answered >= answered

    def start(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def finish(self, timeout: float = 600.0) -> Outcome:
        deadline = time.monotonic() + timeout
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
            assert not thread.is_alive(), "the load does not end"
        return self.outcome


class Waiting(NamedTuple):
    """An answer and how long it took."""

    reply: Reply
    seconds: float


def kept_request(params: Pairs, body: bytes = b"") -> bytes:
    """A whole request that asks for the connection to be kept."""
    return begin(flags=KEEP_CONN) + stream(PARAMS, pairs(params)) + stream(STDIN, body)


def ask_all(connections: Iterable[Connection], data: bytes, timeout: float = 20.0) -> list[Waiting]:
    """Send the same request on every connection at once, and time each answer from its own sending. Answers in order of arrival."""
    selector = selectors.DefaultSelector()
    for connection in connections:
        connection.send(data)
        selector.register(connection.socket, selectors.EVENT_READ, (connection, time.monotonic()))
    answers = []
    deadline = time.monotonic() + timeout
    while selector.get_map():
        ready = selector.select(max(0.0, deadline - time.monotonic()))
        assert ready, f"{len(selector.get_map())} connections wait for an answer since {timeout} s"
        for key, _ in ready:
            connection, sent = key.data
            answers.append(Waiting(connection.read_reply(), time.monotonic() - sent))
            selector.unregister(connection.socket)
    selector.close()
    return answers
