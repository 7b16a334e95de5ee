"""One connection, and a peer that takes its time."""

from __future__ import annotations

import socket

from fcgipm.wire.fastcgi import ParamsDecoder
from fcgipm.worker.connection import Connection, new_codec
from tests.support.fastcgi import END_REQUEST, GET_VALUES, GET_VALUES_RESULT, STDOUT, record, request
from tests.support.fastcgi import Connection as Peer
from tests.unit.worker.test_waiting import SETTINGS


class Tight(socket.socket):
    """A socket that takes so many bytes of each send in turn; 0: it has no room."""

    rooms: list[int]

    def send(self, data: bytes, flags: int = 0) -> int:  # type: ignore[override]
        room = self.rooms.pop(0)
        if not room:
            raise BlockingIOError
        return super().send(data[:room], flags)


def test_e67_an_answer_that_finds_no_room_waits_for_it() -> None:
    """The socket is full when the last of the response has gone into it, and has room for half of the answer then."""
    ours, theirs = socket.socketpair()
    with Tight(fileno=ours.detach()) as tight, theirs:
        connection, peer = Connection(tight, tight.fileno(), SETTINGS, new_codec(SETTINGS, ParamsDecoder())), Peer(theirs)
        peer.send(request({"REQUEST_METHOD": "GET"}, keep=True))
        assert connection.receive_head() is not None
        peer.send(record(GET_VALUES, b"\x0e\0FCGI_MAX_CONNS", id=0))
        tight.rooms = [10, 10000, 0, 9, 10000]
        connection.finish(b"Status: 200 OK\r\n\r\n", b"x" * 100)
        assert tight.rooms == [] and connection.finished and connection.keep and not connection.gone
        found = [peer.read_record() for _ in range(4)]
        assert [each and each.kind for each in found] == [STDOUT, STDOUT, END_REQUEST, GET_VALUES_RESULT]
