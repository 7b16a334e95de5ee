"""HTTP clients as browsers are: each keeps its connection, and asks with GET and POST in turn. Nothing is ever sent twice."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable
from urllib.parse import urlsplit

from benchmarks import pump
from benchmarks.traffic import Failed

METHODS = ("GET", "POST")


class Browser:
    """One of them. `plain` is what a GET of `url` answers; a POST must answer what it sent. `number` tells who it is and what it begins with."""

    def __init__(self, url: str, plain: bytes, number: int) -> None:
        parts = urlsplit(url)
        self.label = METHODS[number % 2]
        self._connect: Callable[[], socket.socket] = pump.connector(parts.netloc)
        self._target, self._host = f"{parts.path}?{parts.query}", parts.netloc
        self._plain, self._number, self._turn = plain, number, number
        self._sock: socket.socket | None = None

    def ask(self) -> socket.socket:
        """Send a request."""
        self._turn += 1
        self.label = METHODS[self._turn % 2]
        body = b"%d from %d" % (self._turn, self._number) if self.label == "POST" else b""
        self._expected, self._reply = body or self._plain, b""
        if self._sock is None:
            self._sock = self._connect()
        length = f"Content-Length: {len(body)}\r\n" if body else ""
        self._sock.sendall(f"{self.label} {self._target} HTTP/1.1\r\nHost: {self._host}\r\n{length}\r\n".encode() + body)
        return self._sock

    def read(self) -> bool:
        """Read what has come; whether the reply is whole. Raises Failed when it is no 200 with the right body."""
        assert self._sock is not None
        data = self._sock.recv(pump.RECEIVE)
        self._reply += data
        whole = body_of(self._reply)
        if whole is None:
            if not data:
                raise Failed(f"the connection ended after {len(self._reply)} bytes")
            return False
        if status(self._reply) != "200":
            raise Failed(status(self._reply))
        if whole != self._expected:
            raise Failed(f"answered {whole[:80]!r}, not {self._expected!r}")
        return True

    def close(self) -> None:
        """Let go of the connection."""
        if self._sock is not None:
            self._sock.close()
            self._sock = None


def body_of(reply: bytes) -> bytes | None:
    """The body that Content-Length announces; None while it is not whole. Raises Failed when there is no length."""
    head, end, body = reply.partition(b"\r\n\r\n")
    if not end:
        return None
    length = re.search(rb"\r\ncontent-length: *(\d+)", head, re.IGNORECASE)
    if length is None:
        raise Failed(f"no Content-Length: {head[:80]!r}")
    return body[: int(length[1])] if len(body) >= int(length[1]) else None


def status(reply: bytes) -> str:
    """The three digits of the status line."""
    return reply[:32].split(b" ", 2)[1].decode("latin-1")
