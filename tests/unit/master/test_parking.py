"""Kept connections without a worker: nothing is read of them, nothing is lost, and those that speak go back."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator

import pytest

from fcgipm import handover
from fcgipm.master import parking
from fcgipm.master.loop import Loop
from fcgipm.master.parking import Parking


class Place:
    """A handover, a parking on it, and clients whose connections are in it."""

    def __init__(self) -> None:
        self.loop = Loop()
        self.woken = 0
        self.parking = Parking(75.0, self.loop)
        self.parking.woken = self._wake
        self.give, self.take = self.parking.give, self.parking.take
        self.clients: list[socket.socket] = []

    def _wake(self) -> None:
        self.woken += 1

    def arrive(self, said: bytes = b"") -> socket.socket:
        """A connection in the handover; what its client has sent already."""
        client, connection = socket.socketpair()
        client.sendall(said)
        assert handover.give(self.give, connection.fileno())
        connection.close()
        self.clients.append(client)
        return client

    def taken(self) -> list[bytes]:
        """What a worker would read of the connections that wait in the handover."""
        found = []
        while (taken := handover.take(self.take)) is not None:
            with socket.socket(fileno=taken.number) as connection:
                found.append(connection.recv(100, socket.MSG_DONTWAIT))
        return found

    def close(self) -> None:
        self.parking.close()
        self.loop.close()
        for sock in self.clients:
            sock.close()


@pytest.fixture
def place() -> Iterator[Place]:
    before = set(os.listdir("/proc/self/fd"))
    place = Place()
    yield place
    place.close()
    assert set(os.listdir("/proc/self/fd")) == before


def closed(client: socket.socket) -> bool:
    client.setblocking(False)
    try:
        return client.recv(1) == b""
    except BlockingIOError:
        return False


def test_the_silent_are_parked_and_the_others_wait_for_a_worker(place: Place) -> None:
    silent = place.arrive()
    place.arrive(b"request")
    assert place.parking.sort(100.0) == 1 and len(place.parking) == 1
    assert place.taken() == [b"request"] and not closed(silent)


def test_asked_again_it_counts_the_same(place: Place) -> None:
    place.arrive(b"request")
    assert [place.parking.sort(100.0) for _ in range(3)] == [1, 1, 1]


def test_who_speaks_goes_back_whole_and_wakes_the_pool(place: Place) -> None:
    client = place.arrive()
    place.parking.sort(100.0)
    client.sendall(b"a request")
    place.loop.turn(1.0)
    assert place.woken == 1 and len(place.parking) == 0 and place.taken() == [b"a request"]


def test_who_leaves_is_closed_and_wakes_nobody(place: Place) -> None:
    client = place.arrive()
    place.parking.sort(100.0)
    client.close()
    place.loop.turn(1.0)
    assert place.woken == 0 and len(place.parking) == 0 and place.taken() == []


def test_the_silent_are_closed_after_their_time(place: Place) -> None:
    first = place.arrive()
    place.parking.sort(100.0)
    second = place.arrive()
    place.parking.sort(110.0)
    assert place.parking.next_look == 175.0
    place.parking.see_to(175.0)
    assert closed(first) and not closed(second) and place.parking.next_look == 185.0


def test_at_a_stop_who_spoke_is_served_and_who_did_not_is_closed(place: Place) -> None:
    silent, speaking = place.arrive(), place.arrive()
    place.parking.sort(100.0)
    speaking.sendall(b"late")
    place.parking.empty(101.0)
    assert closed(silent) and place.taken() == [b"late"] and place.parking.next_look is None


class Full:
    """A handover that has no room, until it is emptied."""

    def __init__(self, place: Place) -> None:
        self._place = place
        place.give.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)

    def fill(self) -> None:
        self._spare, self._other = socket.socketpair()
        self._count = 0
        while handover.give(self._place.give, self._spare.fileno()):
            self._count += 1

    def empty(self) -> None:
        for _ in range(self._count):
            taken = handover.take(self._place.take)
            assert taken is not None
            os.close(taken.number)
        self._spare.close()
        self._other.close()


@pytest.mark.parametrize("by", ["sort", "see_to"])
def test_a_full_handover_is_tried_again(place: Place, by: str) -> None:
    full = Full(place)
    first = place.arrive()
    place.parking.sort(100.0)
    full.fill()
    first.sendall(b"request")
    place.loop.turn(1.0)
    assert place.woken == 1, "it waits, though the handover has no room"
    assert len(place.parking) == 1 and place.parking.next_look is not None
    full.empty()
    if by == "sort":
        assert place.parking.sort(101.0) == 1
    else:
        place.parking.see_to(place.parking.next_look)
    assert place.taken() == [b"request"] and place.parking.next_look is None


def test_what_is_no_socket_is_closed_and_harms_nobody(place: Place) -> None:
    """A worker is foreign code: it may send a pipe."""
    for end in os.pipe():
        assert handover.give(place.give, end)
        os.close(end)
    place.arrive(b"request")
    assert place.parking.sort(100.0) == 1 and place.taken() == [b"request"]


def test_one_look_takes_only_so_many(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parking, "AT_ONCE", 2)
    for _ in range(5):
        place.arrive()
    assert place.parking.sort(100.0) == 0 and len(place.parking) == 2


def test_who_has_said_nothing_yet_is_never_closed_for_that(place: Place) -> None:
    """A connection that was made a moment before its worker left, or before a stop."""
    client, connection = socket.socketpair()
    place.clients.append(client)
    place.parking.admit(connection, 1.0)
    assert place.parking.sort(2.0) == 1, "it waits for a worker, as it would in a listener's queue"
    place.parking.empty(3.0)
    taken = handover.take(place.take)
    assert taken is not None and taken.fresh
    os.close(taken.number)
