"""The load against a server of two lines."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from fcgipm.bench.load import Order, message, run
from tests.unit.bench.test_replies import OK

ORDER = Order("", "fastcgi", kept=True, target="/a?b=c", clients=3, seconds=0.05)


class Answering:
    """Answers every read with `reply`; nothing ends the connection. Counts connections."""

    def __init__(self, path: Path, reply: bytes, stay: bool) -> None:
        self.reply, self.stay, self.connections = reply, stay, 0
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(path))
        self.listener.listen(64)
        self.thread = threading.Thread(target=self._accept)
        self.thread.start()

    def _accept(self) -> None:
        threads = []
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                break
            self.connections += 1
            threads.append(threading.Thread(target=self._serve, args=(connection,)))
            threads[-1].start()
        for thread in threads:
            thread.join()

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            while connection.recv(65536):
                connection.sendall(self.reply)
                if not self.stay:
                    return

    def end(self) -> None:
        self.listener.shutdown(socket.SHUT_RDWR)
        self.thread.join()
        self.listener.close()


@pytest.fixture
def path(tmp_path: Path) -> Iterator[Path]:
    return tmp_path / "sock"


@pytest.mark.parametrize("kept", [True, False])
def test_clients_ask_again_as_soon_as_they_are_answered(path: Path, kept: bool) -> None:
    server = Answering(path, OK, stay=kept)
    seen = run(ORDER._replace(address=str(path), kept=kept))
    server.end()
    assert seen.statuses == {"200": len(seen.waits)} and not seen.failures
    assert len(seen.waits) > 3
    assert server.connections == (3 if kept else len(seen.waits))
    assert seen.seconds >= 0.04 and seen.cpu > 0


def test_failures_are_counted_and_end_their_client(path: Path) -> None:
    assert run(ORDER._replace(address=str(path))).failures == {"FileNotFoundError": 3}
    server = Answering(path, b"", stay=False)
    seen = run(ORDER._replace(address=str(path)))
    server.end()
    assert sum(seen.failures.values()) == 3 and seen.waits == []


def test_what_is_sent() -> None:
    assert b"/a?b=c" in message(ORDER) and message(ORDER)[8 + 2] == 1, "FCGI_KEEP_CONN"
    assert message(ORDER._replace(kept=False))[8 + 2] == 0
    assert message(ORDER._replace(protocol="http")) == b"GET /a?b=c HTTP/1.1\r\nHost: localhost\r\n\r\n"
    assert b"Connection: close\r\n" in message(ORDER._replace(protocol="http", kept=False))
