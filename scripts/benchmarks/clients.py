"""Clients that ask again as soon as they are answered, in one thread, and know when each of their requests was served."""

from __future__ import annotations

import selectors
import socket
import time
from collections.abc import Callable
from typing import NamedTuple

from benchmarks.canned import STDOUT
from benchmarks.processes import BenchError
from benchmarks.pump import RECEIVE, check, ended, records

PATIENCE = 30.0
"""Seconds without any reply after which the measurement is given up."""


class Served(NamedTuple):
    """One request; times in seconds of the machine's monotonic clock."""

    sent: float
    answered: float
    worker: int
    """The process that served it."""
    begun: float
    """When the application was called."""

    @property
    def milliseconds(self) -> float:
        """How long the client waited."""
        return (self.answered - self.sent) * 1000


class _Client:
    """One of them, on a new connection for each request, or on one that it keeps."""

    def __init__(self, connect: Callable[[], socket.socket], request: bytes, kept: bool) -> None:
        self._connect, self._request, self._kept = connect, request, kept
        self.sock: socket.socket | None = None

    def ask(self) -> socket.socket:
        """Send a request."""
        self._reply = b""
        self._sent = time.monotonic()
        if self.sock is None:
            self.sock = self._connect()
        self.sock.sendall(self._request)
        return self.sock

    def read(self) -> Served | None:
        """Read what has come; the request, once its reply is whole. BenchError when it is none."""
        assert self.sock is not None
        data = self.sock.recv(RECEIVE)
        self._reply += data
        if not ended(self._reply):
            if not data:
                raise BenchError(f"a connection ended within a reply: {self._reply[:300]!r}")
            return None
        check(self._reply)
        served = Served(self._sent, time.monotonic(), *_told(self._reply))
        if not self._kept:
            self.close()
        return served

    def close(self) -> None:
        """Let go of the connection."""
        if self.sock is not None:
            self.sock.close()
            self.sock = None


def run(connect: Callable[[], socket.socket], request: bytes, count: int, seconds: float, *, kept: bool) -> list[Served]:
    """`count` clients at once, for some seconds; each finishes what it has begun. BenchError when one is not answered."""
    clients = [_Client(connect, request, kept) for _ in range(count)]
    served: list[Served] = []
    deadline = time.monotonic() + seconds
    with selectors.DefaultSelector() as selector:
        for client in clients:
            selector.register(client.ask(), selectors.EVENT_READ, client)
        while selector.get_map():
            ready = selector.select(PATIENCE)
            if not ready:
                raise BenchError(f"{len(selector.get_map())} requests were not answered within {PATIENCE:g} s")
            for key, _ in ready:
                _serve(selector, key, deadline, served)
    for client in clients:
        client.close()
    return served


def _serve(selector: selectors.BaseSelector, key: selectors.SelectorKey, deadline: float, served: list[Served]) -> None:
    """See to one client: when it has been answered, it asks anew, until the time is over."""
    one = key.data.read()
    if one is None:
        return
    served.append(one)
    selector.unregister(key.fileobj)
    if one.answered < deadline:
        selector.register(key.data.ask(), selectors.EVENT_READ, key.data)


def _told(reply: bytes) -> tuple[int, float]:
    """What the sleeper says: its process, and when it was called."""
    body = b"".join(content for kind, content in records(reply) if kind == STDOUT).partition(b"\r\n\r\n")[2]
    worker, begun, _ended = body.split()
    return int(worker), int(begun) / 1e9
