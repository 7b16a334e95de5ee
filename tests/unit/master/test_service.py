"""What a service manager hears, and when."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from fcgipm.master.log import Log
from fcgipm.master.service import RETRY, STATUS_LIMIT, STATUS_PAUSE, PoolStatus, Service, status_line
from fcgipm.system.notify import Manager

READY = f"READY=1\nMAINPID={os.getpid()}\n"


class Listening:
    """A service manager, and a daemon that it has started."""

    def __init__(self, folder: Path, watchdog: float | None = None) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(f"{folder}/n")
        self.socket.setblocking(False)
        self.service = Service(Manager(f"{folder}/n", watchdog), Log(), 100.0)
        self.line = "a"

    def heard(self) -> list[str]:
        found = []
        try:
            while True:
                found.append(self.socket.recv(4096).decode())
        except BlockingIOError:
            return found

    def turn(self, state: str, now: float) -> list[str]:
        self.service.see_to(state, lambda: self.line, now)
        return self.heard()

    def close(self) -> None:
        self.service.close()
        self.socket.close()


@pytest.fixture
def listening(tmp_path: Path) -> Iterator[Listening]:
    made = Listening(tmp_path)
    yield made
    made.close()


def test_a_life(listening: Listening) -> None:
    assert listening.turn("starting", 100.0) == ["STATUS=a\n"]
    assert listening.turn("running", 100.1) == [READY]
    assert listening.turn("degraded", 100.2) == [], "it serves, and the line of status tells the rest"
    assert listening.turn("reloading", 105.5) == ["RELOADING=1\nMONOTONIC_USEC=105500000\n"]
    assert listening.turn("reloading", 105.6) == []
    assert listening.turn("running", 106.0) == [READY]
    listening.line = "b"
    assert listening.turn("stopping", 107.0) == ["STOPPING=1\nSTATUS=b\n"]
    assert listening.turn("stopping", 108.0) == []


def test_one_that_starts_degraded_is_ready(listening: Listening) -> None:
    assert listening.turn("degraded", 100.0) == [f"{READY}STATUS=a\n"]


def test_a_reload_right_behind_another_is_told_again(listening: Listening) -> None:
    listening.turn("running", 100.0)
    listening.service.reloading(101.0)
    assert listening.turn("reloading", 101.0) == ["RELOADING=1\nMONOTONIC_USEC=101000000\n"]
    listening.service.reloading(102.0)
    assert listening.turn("reloading", 102.0) == ["RELOADING=1\nMONOTONIC_USEC=102000000\n"]
    assert listening.turn("running", 103.0) == [READY]


def test_the_line_of_status_changes_once_a_second_and_at_rest_nobody_wakes(listening: Listening) -> None:
    listening.turn("running", 100.0)
    assert listening.service.next_wakeup is None
    listening.line = "b"
    assert listening.turn("running", 100.1) == []
    listening.line = "c"
    assert listening.turn("running", 100.2) == []
    assert listening.service.next_wakeup == 100.0 + STATUS_PAUSE
    assert listening.turn("running", 101.0) == ["STATUS=c\n"]
    assert listening.service.next_wakeup is None
    assert listening.turn("running", 109.0) == []
    assert listening.service.next_wakeup is None


def test_the_watchdog_is_fed_at_half_its_time(tmp_path: Path) -> None:
    listening = Listening(tmp_path, watchdog=10.0)
    assert listening.service.next_wakeup == 100.0
    assert listening.turn("running", 100.0) == ["WATCHDOG=1\n", f"{READY}STATUS=a\n"]
    assert listening.service.next_wakeup == 105.0
    assert listening.turn("running", 104.9) == []
    assert listening.turn("running", 105.2) == ["WATCHDOG=1\n"]
    assert listening.service.next_wakeup == 110.2
    listening.close()


def test_what_the_manager_does_not_take_is_sent_later(listening: Listening) -> None:
    filler = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    filler.setblocking(False)
    filler.connect(listening.socket.getsockname())
    try:
        while True:
            filler.send(b"x")
    except BlockingIOError:
        pass
    listening.service.see_to("running", lambda: "a", 100.0)
    assert listening.service.next_wakeup == 100.0 + RETRY
    listening.service.see_to("running", lambda: "b", 100.0 + RETRY)
    assert [text for text in listening.heard() if text != "x"] == []
    listening.service.see_to("stopping", lambda: "b", 100.0 + 2 * RETRY)
    heard = "".join(listening.heard())
    assert heard == f"{READY}STATUS=a\nSTOPPING=1\nSTATUS=b\n" and listening.service.next_wakeup is None
    filler.close()


def test_one_that_is_gone_is_told_of_once(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    listening = Listening(tmp_path, watchdog=10.0)
    listening.socket.close()
    for now in (100.0, 105.0, 110.0):
        listening.service.see_to("running", lambda: "a", now)
    listening.service.reloading(111.0)
    assert listening.service.next_wakeup is None
    assert capfd.readouterr().err.count("the service manager cannot be told anything: Connection refused") == 1


def test_an_address_that_is_none(capfd: pytest.CaptureFixture[str]) -> None:
    service = Service(Manager("vsock:2:1", 10.0), Log(), 100.0)
    service.see_to("running", lambda: pytest.fail("nobody asks"), 100.0)
    assert service.next_wakeup is None and "of a kind that is not known" in capfd.readouterr().err


def test_without_a_manager_nothing_is_made() -> None:
    service = Service(Manager(), Log(), 100.0)
    service.see_to("running", lambda: pytest.fail("nobody asks"), 100.0)
    service.reloading(100.0)
    assert service.next_wakeup is None
    service.close()


def test_the_line_of_status() -> None:
    web = PoolStatus("web", "ready", None, 8, 3)
    assert status_line([web]) == "1 pool: web 8 workers (3 busy)"
    blog = PoolStatus("blog", "degraded", "ImportError: no module", 0, 0)
    assert status_line([web, blog]) == "2 pools: web 8 workers (3 busy), blog degraded: ImportError: no module"
    assert status_line([web._replace(workers=1, busy=0), blog._replace(state="starting")]) == "2 pools: web 1 worker (0 busy), blog starting"
    assert len(status_line([web] * 100)) == STATUS_LIMIT and len(status_line([blog._replace(reason="x" * 5000)])) < 300
