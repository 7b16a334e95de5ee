"""Large bodies, slow clients, clients that leave: through nginx, with the worker's memory watched."""

from __future__ import annotations

import hashlib
import os
import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.daemon import Daemon, eventually
from tests.support.load import FULL
from tests.support.nginx import Nginx

MIB = 1 << 20
SIZE = 1024 * MIB if FULL else 64 * MIB
ALLOWED_GROWTH = 8 * MIB
STREAM = {"web": {"app": "stream:application"}}
UNLIMITED = {"    client_max_body_size 64m;": "    client_max_body_size 0;"} if FULL else {}


class Memory:
    """The peak of a worker's resident memory, over what it was at the start."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        Path(f"/proc/{pid}/clear_refs").write_text("5")  # the peak begins anew (proc(5))
        self._before = self._kilobytes("VmRSS")

    def _kilobytes(self, name: str) -> int:
        status = Path(f"/proc/{self._pid}/status").read_text()
        return next(int(line.split()[1]) for line in status.splitlines() if line.startswith(name))

    def growth(self) -> int:
        """Bytes."""
        return (self._kilobytes("VmHWM") - self._before) * 1024


def request(port: int, head: str, timeout: float = 20.0) -> socket.socket:
    """A connection with a request on it; what comes is the test's to read."""
    connection = socket.create_connection(("127.0.0.1", port), timeout)
    connection.sendall(f"{head}\r\nHost: test.example\r\nConnection: close\r\n\r\n".encode())
    return connection


def read_all(connection: socket.socket) -> tuple[bytes, int]:
    """The head, and how many bytes of body came until the end."""
    head = b""
    while b"\r\n\r\n" not in head:
        head += connection.recv(65536)
    head, _, body = head.partition(b"\r\n\r\n")
    length = len(body)
    while data := connection.recv(1 << 18):
        length += len(data)
    return head, length


def made(events: Path) -> int:
    """Blocks that the application stream has been asked for, by its own record."""
    return events.read_text().count("next") if events.exists() else 0


def stalled(events: Path) -> bool:
    """It has begun, and is asked for no more; that nothing comes has no event."""
    before = made(events)
    time.sleep(0.3)
    return 0 < before == made(events)


@pytest.mark.timeout(900 if FULL else 90)
def test_d57_large_upload(shared_daemon: Callable[..., Daemon], nginx_factory: Callable[..., Nginx]) -> None:
    daemon = shared_daemon(STREAM)
    nginx = nginx_factory(daemon.address(), substitute=UNLIMITED)
    assert nginx.ask("/upload", "POST", b"warm").status == 200
    memory = Memory(daemon.workers()[0])
    block, digest = os.urandom(MIB), hashlib.sha256()
    with socket.create_connection(("127.0.0.1", nginx.port), 60) as connection:
        head = f"POST /upload HTTP/1.1\r\nHost: test.example\r\nConnection: close\r\nContent-Length: {SIZE}\r\n\r\n"
        connection.sendall(head.encode())
        for _ in range(SIZE // MIB):
            connection.sendall(block)
            digest.update(block)
        answer = b""
        while data := connection.recv(65536):
            answer += data
    assert answer.endswith(f"\r\n\r\n{SIZE} {digest.hexdigest()}".encode()), answer
    assert memory.growth() < ALLOWED_GROWTH


@pytest.mark.timeout(900 if FULL else 90)
@pytest.mark.parametrize("length", ["", "&length=1"])
def test_large_download(
    shared_daemon: Callable[..., Daemon], nginx_factory: Callable[..., Nginx], length: str
) -> None:
    daemon = shared_daemon(STREAM)
    nginx = nginx_factory(daemon.address(), http="fastcgi_max_temp_file_size 16m;")
    assert nginx.ask("/?blocks=100&size=65536").status == 200
    memory = Memory(daemon.workers()[0])
    with request(nginx.port, f"GET /?blocks={SIZE // 65536}&size=65536{length} HTTP/1.0", 60) as connection:
        head, received = read_all(connection)
    assert head.startswith(b"HTTP/1.1 200 ")
    assert received == SIZE
    assert memory.growth() < ALLOWED_GROWTH


def test_h139_slow_download_with_buffering_off(
    shared_daemon: Callable[..., Daemon], nginx_factory: Callable[..., Nginx], tmp_path: Path
) -> None:
    """A client that takes nothing for a while: the application waits with it, and nothing piles up in the worker."""
    events = tmp_path / "events"
    daemon = shared_daemon({"web": {**STREAM["web"], "umask": "0000"}})
    nginx = nginx_factory(daemon.address())
    memory = Memory(daemon.workers()[0])
    size, block = 100 * MIB, 65536

    head = f"GET /?blocks={size // block}&size={block}&unbuffered=1&events={events} HTTP/1.0"
    with request(nginx.port, head) as connection:
        eventually(lambda: stalled(events), "the application waits for the client")
        assert made(events) * block < 32 * MIB, "the application ran ahead of its client"
        assert read_all(connection)[1] == size
    assert memory.growth() < ALLOWED_GROWTH
    assert events.read_text().count("close") == 1


def test_h140_client_gone_mid_download(
    shared_daemon: Callable[..., Daemon], nginx_factory: Callable[..., Nginx]
) -> None:
    """close() is called, the worker serves on, and no traceback is written (the daemon's log is checked when it stops)."""
    daemon = shared_daemon({"web": {"app": "misbehave:application"}})
    nginx = nginx_factory(daemon.address())
    (worker,) = daemon.workers()
    for _ in range(3):
        with request(nginx.port, "GET /endless HTTP/1.0") as connection:
            assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")
        assert nginx.ask("/notes").body.count(b'"close"') == 1
    assert daemon.workers() == [worker]


def test_f83_head_over_kept_connections(
    shared_daemon: Callable[..., Daemon], nginx_factory: Callable[..., Nginx]
) -> None:
    """nginx may drop the connection after a HEAD: the worker goes back to its listener."""
    daemon = shared_daemon(STREAM)
    nginx = nginx_factory(daemon.address())
    for query in ("", "?length=1", "?blocks=0", "?blocks=100&size=65536"):
        for _ in range(5):
            head = nginx.ask(f"/{query}", "HEAD")
            assert (head.status, head.body) == (200, b"")
            assert nginx.ask("/?blocks=2&size=3").body == b"aaabbb"


def test_d60_early_413_reaches_the_client(
    shared_daemon: Callable[..., Daemon], nginx_factory: Callable[..., Nginx]
) -> None:
    daemon = shared_daemon({"web": {"app": "misbehave:application"}})
    nginx = nginx_factory(daemon.address())
    for _ in range(5):
        response = nginx.ask("/leave-body", "POST", b"x" * (4 * MIB))
        assert (response.status, response.body) == (413, b"too large")
        assert nginx.ask("/close-normal").body == b"onetwo"


def test_h134_five_kibibytes_of_headers(
    shared_daemon: Callable[..., Daemon], nginx_factory: Callable[..., Nginx]
) -> None:
    """More than nginx takes by default; the shipped file makes room."""
    nginx = nginx_factory(shared_daemon({"web": {"app": "misbehave:application"}}).address())
    query = "%7B%22headers%22%3A%20%5B%28%22X-Long%22%2C%20%22{}%22%29%5D%7D".format("v" * 5120)
    assert nginx.ask(f"/literal?{query}").header("X-Long") == "v" * 5120


def test_h122_events_reach_the_client_one_by_one(
    shared_daemon: Callable[..., Daemon], nginx_factory: Callable[..., Nginx], tmp_path: Path
) -> None:
    """Server-sent events: nginx passes each on when its buffering is off."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    line = "        include fcgipm_params;\n"
    daemon = shared_daemon({"web": {"app": "misbehave:application"}})
    nginx = nginx_factory(daemon.address(), substitute={line: line + "fastcgi_buffering off;\n"})
    with request(nginx.port, f"GET /gate?fifo={fifo} HTTP/1.0") as connection, connection.makefile("rb") as reader:
        while reader.readline().strip():
            pass
        assert reader.read(5) == b"first"
        with open(fifo, "wb", buffering=0) as gate:
            for letter in b"ab":
                gate.write(bytes([letter]))
                assert reader.read(7) == b"after " + bytes([letter])
        assert reader.read() == b""
