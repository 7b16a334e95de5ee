"""What the cases have in common."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import sys
import threading
from typing import Any
from urllib.parse import quote

from tests.support.daemon import APPS
from tests.support.fastcgi import KEEP_CONN, PARAMS, Connection, Reply, Text, begin, environ, pairs, request, stream
from tests.support.live_worker import LiveWorker, Worker

PYTHON = os.environ.get("FCGIPM_TEST_PYTHON", sys.executable)
"""The workers' interpreter: all cases hold under every Python a pool may have."""


def start(**options: Any) -> LiveWorker:
    """A pool of the test's own: ``with start(workers=2, timeouts={…}) as live:``."""
    return LiveWorker("cases:application", APPS, python=PYTHON, **options)


def open_to(live: LiveWorker) -> Connection:
    return Connection(live.address)


def ask(
    live: LiveWorker, path: str = "/hello", method: str = "GET", body: bytes | None = None, **params: Text
) -> Reply:
    """One request on a connection of its own, which the worker must close after its reply."""
    with open_to(live) as connection:
        reply = connection.ask(environ(path, method, body, **params), body or b"")
        assert reply.complete and connection.at_end()
        return reply


def asked(
    path: str = "/hello", *, id: int = 1, keep: bool = False, body: bytes = b"", method: str = "GET", **params: Text
) -> bytes:
    """The bytes of one whole request."""
    return request(environ(path, method, body or None, **params), body, id, keep)


def head(
    path: str, *, id: int = 1, keep: bool = False, length: int | None = None, method: str = "POST", **params: Text
) -> bytes:
    """BEGIN and PARAMS alone; the test adds the records of STDIN. `length` is declared as CONTENT_LENGTH."""
    declared = {} if length is None else {"CONTENT_LENGTH": str(length)}
    return begin(id, flags=KEEP_CONN if keep else 0) + stream(
        PARAMS, pairs(environ(path, method, **declared, **params)), id
    )


def send_and_begin(live: LiveWorker, connection: Connection, data: bytes) -> None:
    """Send what brings a request into the application, and wait until it is there: what is sent later arrives while it runs."""
    begun = live.reading().begun
    connection.send(data)
    live.until(lambda: live.reading().begun > begun)


def notes(live: LiveWorker) -> list[str]:
    """What the application noted since the last time. With one thread its answer also proves that everything before has ended."""
    return list(json.loads(ask(live, "/notes").body))


def environ_of(reply: Reply) -> dict[str, Any]:
    """The environ that the application /echo saw."""
    return dict(json.loads(reply.body)["environ"])


def literal(**told: Any) -> str:
    """The path of a response told word by word: status, headers, blocks."""
    return "/literal?" + quote(repr(told), safe="")


def assert_alive(live: LiveWorker) -> None:
    """The same worker serves the next client."""
    assert ask(live, "/pid").body == str(live.worker.pid).encode()


def assert_rejected(live: LiveWorker, data: bytes, received: bytes | None = b"") -> None:
    """Sent on a fresh connection, `data` costs this connection, alone, with one line in the log.

    `received` is what comes before the end; None: anything.
    """
    with open_to(live) as connection:
        connection.send(data)
        assert connection.read_to_end() == received or received is None
    live.output.take("^rejected connection")
    assert not live.output.lines()
    assert_alive(live)


def exchange(connection: Connection, data: bytes) -> tuple[Reply, bool]:
    """Send and receive at once, as most web servers do. The reply, and whether all of `data` was taken."""
    taken = []

    def send() -> None:
        try:
            connection.send(data)
        except OSError:
            return
        taken.append(True)

    sender = threading.Thread(target=send)
    sender.start()
    reply = connection.read_reply()
    sender.join()
    return reply, bool(taken)


class PacketConnection(Connection):
    """To a SOCK_SEQPACKET listener: what one side sends in one call the other receives in one call, so sends can be counted."""

    def __init__(self, address: str, timeout: float = 10.0) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket.settimeout(timeout)
        self.socket.connect(address[5:])
        self._buffer = b""

    def packet(self) -> bytes:
        """What the peer sent in one call; b"" at the end."""
        return self.socket.recv(1 << 20)


def pid_of(connection: Connection) -> int:
    """The worker that answers on this kept connection now."""
    return int(connection.ask(environ("/pid"), keep=True).body)


def by_pid(live: LiveWorker, pid: int) -> Worker:
    return next(worker for worker in live.workers if worker.pid == pid)


def kept_connections(live: LiveWorker, stack: contextlib.ExitStack, number: int) -> list[Connection]:
    """So many connections, each of which has had a request."""
    connections = [stack.enter_context(open_to(live)) for _ in range(number)]
    for connection in connections:
        assert connection.ask(environ("/hello"), keep=True).status == 200
    return connections


def close_count(live: LiveWorker) -> int:
    """How often an iterable was closed since the last time."""
    return notes(live).count("close")


def assert_refused(live: LiveWorker, reply: Reply, error: str = "") -> None:
    """The application broke the rules before the headers: a 500 document, and the traceback in the log."""
    assert reply.status == 500 and reply.header("Content-Type").startswith("text/plain")  # type: ignore[union-attr]
    assert reply.complete
    live.output.take_error(error or r"^\S*(Error|Exception)\b")
    assert not live.output.lines()
