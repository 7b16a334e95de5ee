"""A FastCGI client that does as little as possible: canned bytes out, as many bytes as the first reply had back."""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from itertools import cycle
from typing import NamedTuple

from benchmarks.canned import END, HEADER, STDOUT
from benchmarks.processes import BenchError

RECEIVE = 65536


class UnexpectedReply(BenchError):
    """The backend did not answer as a healthy one does; the text shows what came."""


def connector(address: str) -> Callable[[], socket.socket]:
    """A function that connects to ``unix:/path`` or ``host:port``, waiting at most 10 s for any step."""
    family, target = parse(address)

    def connect() -> socket.socket:
        sock = socket.socket(family)
        sock.settimeout(10.0)
        try:
            sock.connect(target)
        except OSError:
            sock.close()
            raise
        return sock

    return connect


def parse(address: str) -> tuple[int, str | tuple[str, int]]:
    """An address as family and what connect() takes."""
    if address.startswith("unix:"):
        return socket.AF_UNIX, address[5:]
    host, _, port = address.rpartition(":")
    return (socket.AF_INET6 if host.startswith("[") else socket.AF_INET), (host.strip("[]"), int(port))


def first(connect: Callable[[], socket.socket], request: bytes) -> bytes:
    """The reply to one request, checked: it is complete and its status is 200."""
    [reply] = burst(connect, request, 1)
    return reply


def burst(connect: Callable[[], socket.socket], request: bytes, width: int) -> list[bytes]:
    """Send a request over each of `width` new connections at once; their replies, each checked."""
    with ExitStack() as stack:
        socks = [stack.enter_context(connect()) for _ in range(width)]
        for sock in socks:
            sock.sendall(request)
        return [whole(sock) for sock in socks]


def whole(sock: socket.socket) -> bytes:
    """Read one reply to its END_REQUEST and check it."""
    reply = b""
    while not ended(reply):
        data = sock.recv(RECEIVE)
        if not data:
            raise UnexpectedReply(f"the connection ended after {len(reply)} bytes: {reply[:300]!r}")
        reply += data
    check(reply)
    return reply


def ended(reply: bytes) -> bool:
    """Whether an END_REQUEST is whole in these bytes."""
    return any(kind == END for kind, _ in records(reply))


def check(reply: bytes) -> None:
    """Raise UnexpectedReply unless STDOUT says 200, by a Status line or by having none (RFC 3875, 6.3.3)."""
    head = b"".join(content for kind, content in records(reply) if kind == STDOUT).partition(b"\r\n\r\n")[0]
    status = [line for line in head.split(b"\r\n") if line.lower().startswith(b"status:")]
    if not head or (status and b" 200" not in status[0]):
        raise UnexpectedReply(f"not a 200: {head[:300]!r}")


def records(data: bytes) -> list[tuple[int, bytes]]:
    """The complete records in `data` as (type, content)."""
    found, at = [], 0
    while at + 8 <= len(data):
        _, kind, _, size, padding = HEADER.unpack_from(data, at)
        if at + 8 + size + padding > len(data):
            break
        found.append((kind, data[at + 8 : at + 8 + size]))
        at += 8 + size + padding
    return found


class Plan(NamedTuple):
    """What is sent: `requests` in turn, up to `connections` under way at once; every reply must have `size` bytes."""

    requests: Sequence[bytes]
    size: int
    connections: int
    kept: bool
    slack: int = 0
    """Bytes that a reply on a connection of its own may have more or less than `size`."""


def run(connect: Callable[[], socket.socket], plan: Plan, count: int) -> None:
    """Send `count` requests, a multiple of the plan's connections."""
    (run_kept if plan.kept else run_fresh)(connect, plan, count)


def run_kept(connect: Callable[[], socket.socket], plan: Plan, count: int) -> None:
    """All requests over the same connections, which stay open.

    The reply to the last request is waited for first: a client that sleeps before each reply has to be woken for each, which costs the backend
    microseconds, and whether it sleeps depends on how fast the backend is.
    """
    requests, size = cycle(plan.requests), plan.size
    socks = [connect() for _ in range(plan.connections)]
    for _ in range(count // plan.connections):
        for sock in socks:
            sock.send(next(requests))
        for sock in reversed(socks):
            receive(sock, size)
    for sock in socks:
        sock.close()


def run_fresh(connect: Callable[[], socket.socket], plan: Plan, count: int) -> None:
    """A connection a request; the backend closes it."""
    requests, size = cycle(plan.requests), plan.size
    for _ in range(count // plan.connections):
        socks = [connect() for _ in range(plan.connections)]
        for sock in socks:
            sock.send(next(requests))
        for sock in socks:
            got = 0
            while data := sock.recv(RECEIVE):
                got += len(data)
            if abs(got - size) > plan.slack:
                raise UnexpectedReply(f"{got} bytes, not the {size} of the first reply")
            sock.close()


def receive(sock: socket.socket, size: int) -> None:
    """Read exactly one reply of `size` bytes."""
    while size > 0:
        got = len(sock.recv(RECEIVE))
        if not got:
            raise UnexpectedReply(f"the connection ended {size} bytes before the end of the reply")
        size -= got
    if size:
        raise UnexpectedReply(f"{-size} bytes more than the first reply had")
