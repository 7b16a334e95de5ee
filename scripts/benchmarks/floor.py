"""The floor: what pure Python costs at least, in a loop that does nothing but serve.

    scripts/bench floor --address unix:/tmp/floor.sock --workers 2 [--epoll]

It parses the parameters, builds an environ and calls a WSGI application; it has no time-outs, limits, error handling,
input, streaming or status, and takes each request to arrive in one read. A real worker has to stay near it. Without
--epoll a worker blocks in accept() and closes after each reply: four system calls a request. With --epoll it waits on
the listener and on its kept connections, which is the shape of our worker. Descriptors are bare integers here: a socket
object costs a getsockname() and about a microsecond more per connection.
"""

from __future__ import annotations

import argparse
import os
import select
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from typing import Any

from benchmarks.applications.hello import application
from benchmarks.canned import END, HEADER, PARAMS, STDOUT
from benchmarks.pump import parse

READ = 65536
BASE_ENVIRON: dict[str, Any] = {
    "wsgi.version": (1, 0),
    "wsgi.url_scheme": "http",
    "wsgi.input": None,
    "wsgi.errors": sys.stderr,
    "wsgi.multithread": False,
    "wsgi.multiprocess": True,
    "wsgi.run_once": False,
}
STOPPING = (signal.SIGTERM, signal.SIGINT)
FINISH = HEADER.pack(1, STDOUT, 1, 0, 0) + HEADER.pack(1, END, 1, 8, 0) + bytes(8)


def main(arguments: Sequence[str]) -> int:
    options = parse_arguments(arguments)
    family, target = parse(options.address)
    listener = socket.socket(family)
    listener.bind(target)
    listener.listen(1024)
    signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING)
    serve = serve_epoll if options.epoll else serve_accept
    workers = [spawn(serve, listener) for _ in range(options.workers)]
    signal.sigwait(STOPPING)
    for pid in workers:
        os.kill(pid, signal.SIGTERM)
        os.waitpid(pid, 0)
    return 0


def parse_arguments(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/bench floor", description="serve hello world by a bare loop, until TERM"
    )
    parser.add_argument("--address", required=True, help="unix:/path or host:port")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--epoll", action="store_true", help="wait on listener and kept connections")
    return parser.parse_args(arguments)


def spawn(serve: Callable[[socket.socket], None], listener: socket.socket) -> int:
    pid = os.fork()
    if not pid:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPPING)
        try:
            serve(listener)
        finally:
            os._exit(1)
    return pid


def serve_accept(listener: socket.socket) -> None:
    accept = listener._accept  # type: ignore[attr-defined]  # the bare descriptor, see above
    while True:
        fd, _ = accept()
        serve_one(fd)
        os.close(fd)


def serve_epoll(listener: socket.socket) -> None:
    listener.setblocking(False)
    accept = listener._accept  # type: ignore[attr-defined]  # the bare descriptor, see above
    epoll, door = select.epoll(), listener.fileno()
    epoll.register(door, select.EPOLLIN | select.EPOLLEXCLUSIVE)
    while True:
        for fd, _ in epoll.poll():
            fresh = fd == door
            if fresh:
                try:
                    fd, _ = accept()
                except BlockingIOError:
                    continue
            if not serve_one(fd):
                os.close(fd)
            elif fresh:
                epoll.register(fd, select.EPOLLIN)


def serve_one(fd: int) -> bool:
    """Read a request and answer it; whether the connection stays open, which KEEP_CONN in BEGIN's flags decides."""
    try:
        data = os.read(fd, READ)
        if data:
            os.write(fd, answer(data))
    except OSError:  # the client left
        return False
    return bool(data) and data[10] & 1 == 1


def answer(data: bytes) -> bytes:
    """The whole reply to a whole request: BEGIN takes the first 16 bytes, one PARAMS record follows."""
    environ = BASE_ENVIRON.copy()
    content = (data[20] << 8) + data[21]
    if data[17] == PARAMS:
        decode(data[24 : 24 + content], environ)
    head: list[str] = []

    def start_response(status: str, headers: list[tuple[str, str]], exc_info: object = None) -> None:
        head.append(
            "Status: " + status + "\r\n" + "".join([f"{name}: {value}\r\n" for name, value in headers]) + "\r\n"
        )

    body = b"".join(application(environ, start_response))
    out = head[0].encode("latin-1") + body
    return HEADER.pack(1, STDOUT, 1, len(out), 0) + out + FINISH


def decode(block: bytes, environ: dict[str, Any]) -> None:
    """Name-value pairs into `environ`; the text is decoded once, then cut."""
    text, at, end = block.decode("latin-1"), 0, len(block)
    while at < end:
        name, value = block[at], block[at + 1]
        at += 2
        if name > 127:
            raise ValueError("no nginx sends names of 128 bytes")
        if value > 127:
            value = (value & 127) << 24 | block[at] << 16 | block[at + 1] << 8 | block[at + 2]
            at += 3
        middle = at + name
        at = middle + value
        environ[text[middle - name : middle]] = text[middle:at]
