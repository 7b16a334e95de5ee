"""The load: clients that ask again as soon as they are answered, in one thread of a process of its own.

Run as a program: its order comes as JSON on standard input, what it saw goes as JSON to standard output. The requests are made once and sent as they are; of
a reply its end and its status are looked for. So what a client costs is some microseconds, and it is counted.
"""

from __future__ import annotations

import json
import select
import signal
import socket
import sys
import time
from collections import Counter
from collections.abc import Callable
from typing import Any, NamedTuple

from fcgipm.bench.replies import BadReply, FastCgiReply, HttpReply, Reply
from fcgipm.worker.prctl import set_death_signal

BLOCK = 1 << 18
PATIENCE = 30.0
"""Seconds without any answer after which what is under way has failed."""


class Order(NamedTuple):
    """What to do."""

    address: str
    """Path of a unix socket."""
    protocol: str
    """fastcgi or http."""
    kept: bool
    """Clients keep their connections."""
    target: str
    clients: int
    seconds: float


class Seen(NamedTuple):
    """What came of it."""

    waits: list[int]
    """Microseconds that each answered request took, from connecting to the last byte."""
    statuses: dict[str, int]
    failures: dict[str, int]
    seconds: float
    """Until the last answer."""
    cpu: float
    """Seconds of CPU that the load took."""


def message(order: Order) -> bytes:
    """The bytes of a request."""
    if order.protocol == "http":
        lines = [f"GET {order.target} HTTP/1.1", "Host: localhost", *(() if order.kept else ("Connection: close",)), "", ""]
        return "\r\n".join(lines).encode("latin-1")
    from fcgipm.client.params import params
    from fcgipm.wire.fastcgi import WebServer

    wire = WebServer()
    return wire.request(1, params("GET", order.target), keep_conn=order.kept) + wire.end_body(1)


class _Client:
    """One of them."""

    def __init__(self, order: Order, reply: Callable[[], Reply]) -> None:
        self._order, self._make = order, reply
        self._message = message(order)
        self._socket: socket.socket | None = None

    def ask(self) -> int:
        """Send a request; the descriptor where its answer comes. Raises OSError."""
        self.sent = time.monotonic()
        if self._socket is None:
            self._socket = socket.socket(socket.AF_UNIX)  # blocking: the queues are longer than the clients many, a request is short
            self._socket.connect(self._order.address)
            self._reply = self._make()
        self._socket.sendall(self._message)
        return self._socket.fileno()

    def read(self) -> int | None:
        """The status once the answer is whole. Raises OSError, BadReply."""
        assert self._socket is not None
        data = self._socket.recv(BLOCK)
        if not data:
            raise BadReply("the connection ended within an answer")
        return self._reply.feed(data)

    def done(self) -> None:
        """The answer is whole."""
        if not self._order.kept:
            self.close()

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None


class _Load:
    """All clients of one order at work."""

    def __init__(self, order: Order) -> None:
        self._order = order
        self._epoll = select.epoll()
        self._asking: dict[int, _Client] = {}
        self._waits: list[int] = []
        self._statuses: Counter[int] = Counter()
        self._failures: Counter[str] = Counter()

    def run(self) -> Seen:
        """Until the time is over, and every answer has come."""
        began, cpu = time.monotonic(), time.process_time()
        self._deadline, self._last = began + self._order.seconds, began
        for _ in range(self._order.clients):
            self._ask(_Client(self._order, FastCgiReply if self._order.protocol == "fastcgi" else HttpReply))
        while self._asking:
            ready = self._epoll.poll(PATIENCE)
            if not ready:
                self._failures[f"no answer within {PATIENCE:g} s"] += len(self._asking)
                break
            for descriptor, _ in ready:
                self._read(descriptor)
        statuses = {str(status): count for status, count in self._statuses.items()}
        return Seen(self._waits, statuses, dict(self._failures), self._last - began, time.process_time() - cpu)

    def _ask(self, client: _Client) -> None:
        try:
            descriptor = client.ask()
        except OSError as error:
            self._failed(client, error)
            return
        self._asking[descriptor] = client
        # A kept descriptor stays registered: it is readable only when it was asked something.
        try:
            self._epoll.register(descriptor, select.EPOLLIN)
        except FileExistsError:
            pass

    def _read(self, descriptor: int) -> None:
        client = self._asking[descriptor]
        try:
            status = client.read()
        except (OSError, BadReply) as error:
            del self._asking[descriptor]
            self._failed(client, error)
            return
        if status is None:
            return
        del self._asking[descriptor]
        self._last = now = time.monotonic()
        self._waits.append(int((now - client.sent) * 1e6))
        self._statuses[status] += 1
        client.done()
        if now < self._deadline:
            self._ask(client)
        else:
            client.close()

    def _failed(self, client: _Client, error: Exception) -> None:
        """This client asks no more: a failure that comes at once must not be counted a thousand times."""
        self._failures[str(error) if isinstance(error, BadReply) else type(error).__name__] += 1
        client.close()


def run(order: Order) -> Seen:
    """Carry out an order in this process."""
    return _Load(order).run()


def main() -> None:
    """The program. Whoever gave the order may be killed; then nobody wants to know."""
    set_death_signal(signal.SIGKILL)
    order: dict[str, Any] = json.load(sys.stdin)
    json.dump(run(Order(**order))._asdict(), sys.stdout)


if __name__ == "__main__":
    main()
