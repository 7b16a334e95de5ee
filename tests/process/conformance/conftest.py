"""The live workers that the cases share: one on a unix socket, one on TCP, one whose listener keeps the borders of sends."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator

import pytest

from tests.process.conformance.helpers import PacketConnection, notes, start
from tests.support.fastcgi import Connection, environ
from tests.support.live_worker import LiveWorker


class Shared:
    """A live worker for the whole session; a test that broke it costs the others nothing but a fresh start."""

    def __init__(self, start: Callable[[], LiveWorker]) -> None:
        self._start = start
        self._live: LiveWorker | None = None

    def get(self) -> LiveWorker:
        if self._live is None:
            self._live = self._start().__enter__()
        return self._live

    def check(self) -> None:
        """After each test: it still serves, and every line it wrote was accounted for."""
        live, self._live = self.get(), None
        try:
            assert not live.worker.ended, "the worker has ended"
            assert_serves(live)
            assert not live.unexpected(), "unexpected output"
            self._live = live
        finally:
            if self._live is None:
                print("\n".join(["--- output of the worker:", *live.unexpected(), "---"]))
                live.destroy()

    def end(self) -> None:
        if self._live is not None:
            self._live.__exit__(None, None, None)


def assert_serves(live: LiveWorker) -> None:
    """Forget the notes of the test before; what the request waits for has ended when it is answered."""
    if live.listener.type == socket.SOCK_SEQPACKET:
        with PacketConnection(live.address) as connection:
            assert connection.ask(environ("/notes")).status == 200
    else:
        notes(live)


def shared(start: Callable[[], LiveWorker]) -> Iterator[Shared]:
    worker = Shared(start)
    yield worker
    worker.end()


def listener(family: int, kind: int, address: str | tuple[str, int]) -> socket.socket:
    sock = socket.socket(family, kind)
    sock.bind(address)
    sock.listen(128)
    return sock


@pytest.fixture(scope="session")
def shared_unix() -> Iterator[Shared]:
    yield from shared(start)


@pytest.fixture(scope="session")
def shared_tcp() -> Iterator[Shared]:
    yield from shared(lambda: start(listen=listener(socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", 0))))


@pytest.fixture(scope="session")
def shared_packets(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shared]:
    def fresh() -> LiveWorker:
        path = str(tmp_path_factory.mktemp("packets") / "socket")
        return start(listen=listener(socket.AF_UNIX, socket.SOCK_SEQPACKET, path))

    yield from shared(fresh)


@pytest.fixture
def live(shared_unix: Shared) -> Iterator[LiveWorker]:
    """A worker on a unix socket."""
    yield shared_unix.get()
    shared_unix.check()


@pytest.fixture
def tcp(shared_tcp: Shared) -> Iterator[LiveWorker]:
    """A worker on TCP, where a peer can reset."""
    yield shared_tcp.get()
    shared_tcp.check()


@pytest.fixture
def packets(shared_packets: Shared) -> Iterator[LiveWorker]:
    """A worker whose peers can tell one send from two: for PacketConnection."""
    yield shared_packets.get()
    shared_packets.check()


@pytest.fixture
def connection(live: LiveWorker) -> Iterator[Connection]:
    """A fresh connection to the worker on a unix socket."""
    with Connection(live.address) as opened:
        yield opened
