"""Who comes to a listener is heard of, however soon somebody else accepts."""

from __future__ import annotations

import fcntl
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fcgipm.worker.keeper_visits import SIGNAL, Visits, forget

Given = tuple[Visits, select.epoll, list[int], Callable[[], socket.socket]]


@pytest.fixture(params=["unix", "tcp"])
def given(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Given]:
    """What hears, the signals that came, and how to come and be accepted at once."""
    heard: list[int] = []
    before = signal.signal(SIGNAL, lambda number, _frame: heard.append(number))
    with socket.socket(socket.AF_UNIX if request.param == "unix" else socket.AF_INET) as listener, select.epoll() as epoll:
        listener.bind(os.path.relpath(tmp_path / "s") if request.param == "unix" else ("127.0.0.1", 0))
        listener.listen()

        def come() -> socket.socket:
            with socket.socket(listener.family) as client:
                client.connect(listener.getsockname())
                return listener.accept()[0]

        visits = Visits(listener, epoll)
        visits.attend()
        yield visits, epoll, heard, come
        forget()
    signal.signal(SIGNAL, before)


def test_at_rest_it_is_told_at_once_although_epoll_knows_of_nothing(given: Given) -> None:
    visits, epoll, heard, come = given
    visits.rest()
    come().close()
    assert heard == [SIGNAL] and epoll.poll(0) == []


def test_while_it_attends_it_is_asked_and_not_told(given: Given) -> None:
    visits, _epoll, heard, come = given
    visits.rest()
    visits.attend()
    assert not visits.came()
    for _ in range(3):
        come().close()
    assert visits.came() and not visits.came() and heard == []


def test_who_came_between_the_last_question_and_the_rest_is_told_of(given: Given) -> None:
    visits, _epoll, heard, come = given
    visits.rest()
    visits.attend()
    come().close()
    visits.rest()
    assert heard == [SIGNAL]


def test_epoll_tells_where_the_signal_is_anothers(given: Given) -> None:
    visits, epoll, heard, _come = given
    visits.rest()
    listener = visits._listener
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other, socket.socket(listener.family) as client:
        fcntl.fcntl(listener, fcntl.F_SETOWN, other.pid)
        client.connect(listener.getsockname())
        assert epoll.poll(0) == [(listener.fileno(), select.EPOLLIN)] and epoll.poll(0) == [] and heard == []
        assert other.wait(20) == -SIGNAL
