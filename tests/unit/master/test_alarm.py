"""The queue alarm on real sockets: silent while somebody waits, heard once when nobody does."""

from __future__ import annotations

import select
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from fcgipm.master.alarm import Alarm
from fcgipm.master.loop import Loop

EPOLLEXCLUSIVE = 1 << 28


class Site:
    """A listener, the alarm on it, watched in a loop as the master does."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        self.listener.listen(16)
        self.listener.setblocking(False)
        self.alarm = Alarm([self.listener.fileno()])
        self.loop = Loop()
        self.heard = 0
        self.clients: list[socket.socket] = []
        self.loop.watch(self.alarm, lambda _events: self._hear())

    def _hear(self) -> None:
        self.heard += 1
        self.alarm.disarm()

    def connect(self) -> None:
        client = socket.socket(socket.AF_UNIX)
        client.connect(self.path)
        self.clients.append(client)

    def turn(self, timeout: float = 0.0) -> int:
        """How often the alarm has gone off so far."""
        self.loop.turn(timeout)
        return self.heard

    def close(self) -> None:
        self.loop.close()
        self.alarm.close()
        for sock in (self.listener, *self.clients):
            sock.close()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    site = Site(tmp_path / "s")
    yield site
    site.close()


def test_disarmed_it_hears_nothing(site: Site) -> None:
    site.connect()
    assert site.turn() == 0 and not site.alarm.armed


def test_with_nobody_there_it_goes_off_once(site: Site) -> None:
    site.alarm.arm()
    assert site.turn() == 0
    site.connect()
    assert site.turn(1.0) == 1
    site.connect()
    assert site.turn() == 1, "not before it is armed again"


def test_armed_it_hears_of_what_stands_there_already(site: Site) -> None:
    site.connect()
    site.alarm.arm()
    assert site.turn(1.0) == 1
    site.alarm.arm()
    assert site.turn(1.0) == 2


def test_a_worker_that_waits_keeps_it_silent_and_a_busy_one_does_not(site: Site) -> None:
    worker = select.epoll()
    worker.register(site.listener, select.EPOLLIN | EPOLLEXCLUSIVE)
    site.alarm.arm()
    woken, looked = threading.Event(), threading.Event()

    def wait() -> None:
        worker.poll(20.0)
        woken.set()
        looked.wait(20.0)
        site.listener.accept()[0].close()

    thread = threading.Thread(target=wait)
    thread.start()
    while not _waits(thread):
        pass
    site.connect()
    assert woken.wait(20.0)
    assert site.turn() == 0, "the connection still stands in the queue, and somebody else was told"
    looked.set()
    thread.join()
    site.connect()
    assert site.turn(1.0) == 1
    worker.close()


def _waits(thread: threading.Thread) -> bool:
    """Whether the thread sleeps in the kernel."""
    return Path(f"/proc/self/task/{thread.native_id}/stat").read_text().rpartition(")")[2].split()[0] == "S"


def test_closing_and_disarming_again_is_harmless(site: Site) -> None:
    site.alarm.arm()
    site.alarm.disarm()
    site.alarm.disarm()
    site.alarm.close()
    site.loop = Loop()
