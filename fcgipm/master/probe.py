"""The probe: one request to a worker that is tried, before it may serve anybody.

It asks as nginx would. What comes back is read by the master, so it is bounded in bytes and in time.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Mapping
from typing import Any

from fcgipm import __version__
from fcgipm.master.loop import READ, WRITE, Loop
from fcgipm.wire.cgi import HeadParser
from fcgipm.wire.fastcgi import End, RemoteProtocolError, Stdout, WebServer

PATIENCE = 30.0
"""Seconds for the whole of it."""
ANSWER_LIMIT = 1 << 20
"""Bytes of the longest answer."""


def request(path: str) -> bytes:
    """GET `path` in FastCGI records."""
    codec = WebServer()
    route, _, query = path.partition("?")
    params = {
        "REQUEST_METHOD": "GET",
        "REQUEST_URI": path,
        "SCRIPT_NAME": "",
        "PATH_INFO": route,
        "QUERY_STRING": query,
        "SERVER_PROTOCOL": "HTTP/1.1",
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "REQUEST_SCHEME": "http",
        "REMOTE_ADDR": "127.0.0.1",
        "REMOTE_PORT": "0",
        "GATEWAY_INTERFACE": "CGI/1.1",
        "SERVER_SOFTWARE": f"fcgipm-probe/{__version__}",
        "HTTP_HOST": "localhost",
        "HTTP_USER_AGENT": f"fcgipm-probe/{__version__}",
    }
    pairs = [(name.encode("ascii"), value.encode("utf-8")) for name, value in params.items()]
    return codec.request(1, pairs, keep_conn=False) + codec.end_body(1)


class Answer:
    """Bytes in, the verdict out. `status` is None until the head has come."""

    def __init__(self) -> None:
        self.status: int | None = None
        self._codec = WebServer()
        self._codec.request(1, [], keep_conn=False)
        self._head = HeadParser()
        self._size = 0

    def receive(self, data: bytes) -> bool:
        """Whether the answer is complete. Raises ValueError, with what is wrong, in the middle of a sentence."""
        self._size += len(data)
        if self._size > ANSWER_LIMIT:
            raise ValueError(f"an answer larger than {ANSWER_LIMIT >> 20} MiB")
        try:
            events = self._codec.receive(data)
            for piece in [event.data for event in events if isinstance(event, Stdout)]:
                self._take(piece)
        except RemoteProtocolError as error:
            raise ValueError(f"a malformed answer ({error})") from None
        return any(isinstance(event, End) for event in events)

    def _take(self, piece: bytes) -> None:
        if self.status is None:
            found = self._head.receive(piece)
            if found is not None:
                self.status = found[0].status


class Probe:
    """One probe under way. `settings` is the pool's `probe`; `tell` hears once how it went: None, or what was wrong. `due` is when to `give_up`."""

    def __init__(self, connection: socket.socket, settings: Mapping[str, Any], loop: Loop, tell: Callable[[str | None], None]) -> None:
        connection.setblocking(False)
        self.due = time.monotonic() + PATIENCE
        self._connection = connection
        self._path, self._wanted = settings["path"], settings["status"]
        self._loop = loop
        self._tell = tell
        self._unsent = request(self._path)
        self._answer = Answer()
        loop.watch(connection, self._ready, READ | WRITE)

    def give_up(self) -> None:
        """It has had its time."""
        self._end(f"no answer within {PATIENCE:g} s")

    def close(self) -> None:
        """Nobody wants to know any more; again is harmless."""
        if self._connection.fileno() >= 0:
            self._loop.forget(self._connection)
            self._connection.close()

    def _ready(self, events: int) -> None:
        try:
            if events & WRITE:
                self._send()
            if events & READ:
                self._receive()
        except ValueError as fault:
            self._end(str(fault))
        except BlockingIOError:
            pass
        except OSError:
            self._end("no answer")

    def _send(self) -> None:
        self._unsent = self._unsent[self._connection.send(self._unsent, socket.MSG_NOSIGNAL) :]
        if not self._unsent:
            self._loop.change(self._connection, READ)

    def _receive(self) -> None:
        data = self._connection.recv(65536)
        if not data:
            raise ValueError("no answer")
        if self._answer.receive(data):
            status = self._answer.status
            self._end(None if status == self._wanted else f"status {status}, not {self._wanted}" if status else "no status")

    def _end(self, fault: str | None) -> None:
        self.close()
        self._tell(None if fault is None else f"probe GET {self._path}: {fault}")
