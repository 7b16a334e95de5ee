"""The client against an application the test plays, record by record."""

from __future__ import annotations

import struct

import pytest

from fcgipm.client import CannotConnect, Incomplete, Refused, TimedOut, connect, params
from fcgipm.wire.fastcgi import RemoteProtocolError
from tests.support.fastcgi import (
    CANT_MPX_CONN,
    END_REQUEST,
    GET_VALUES,
    GET_VALUES_RESULT,
    OVERLOADED,
    STDERR,
    STDOUT,
    UNKNOWN_ROLE,
    Connection,
    pairs,
    parse_pairs,
    record,
)
from tests.support.peer import Peer, read_request

GET = params("GET", "/a?b")


def end(app_status: int = 0, protocol_status: int = 0, id: int = 1) -> bytes:
    return record(END_REQUEST, struct.pack(">IB3x", app_status, protocol_status), id)


def answer(body: bytes = b"hi", head: bytes = b"Status: 200 OK\r\nX: y\r\n\r\n") -> bytes:
    return record(STDOUT, head + body) + record(STDOUT) + end()


def test_a_whole_exchange() -> None:
    def part(peer: Connection) -> None:
        asked = read_request(peer)
        assert asked.begin == b"\0\1\0\0\0\0\0\0"
        assert asked.params[b"PATH_INFO"] == b"/a"
        assert asked.body == b"sent in two pieces"
        peer.send(answer(), piece=1)

    with Peer(part) as peer, connect(peer.address) as connection:
        response = connection.request(GET, [b"sent in ", b"", b"two pieces"])
        assert (response.head.status, response.head.reason, response.head.headers) == (200, "OK", (("X", "y"),))
        assert response.app_status is None
        assert b"".join(response) == b"hi"
        assert response.app_status == 0


def test_stderr_goes_to_its_reader_and_padding_to_nobody() -> None:
    def part(peer: Connection) -> None:
        read_request(peer)
        peer.send(record(STDERR, b"warning\n", padding=7) + record(STDERR) + answer())

    told: list[bytes] = []
    with Peer(part) as peer, connect(peer.address) as connection:
        assert b"".join(connection.request(GET, on_stderr=told.append)) == b"hi"
    assert told == [b"warning\n"]


def test_several_requests_on_one_connection() -> None:
    def part(peer: Connection) -> None:
        for number in (b"1", b"2"):
            assert read_request(peer).begin[2] == 1
            peer.send(answer(number))

    with Peer(part) as peer, connect(peer.address) as connection:
        assert [b"".join(connection.request(GET, keep_conn=True)) for _ in range(2)] == [b"1", b"2"]


def test_the_body_is_sent_while_the_response_is_read() -> None:
    """Both directions hold more than the kernel buffers: the peer writes everything before it reads (case D59 from the other side)."""
    size = 4_000_000

    def part(peer: Connection) -> None:
        peer.send(record(STDOUT, b"Status: 200 OK\r\n\r\n"))
        for _ in range(size // 50_000):
            peer.send(record(STDOUT, b"w" * 50_000))
        assert len(read_request(peer).body) == size
        peer.send(record(STDOUT) + end())

    with Peer(part) as peer, connect(peer.address, timeout=10) as connection:
        response = connection.request(GET, (b"r" * 100_000 for _ in range(size // 100_000)))
        assert sum(map(len, response)) == size


def test_an_answer_before_the_body_was_read_counts() -> None:
    """The application answers 413 and leaves: what cannot be sent any more is no error (case D60)."""

    def part(peer: Connection) -> None:
        peer.read_record()
        peer.send(answer(b"too large", b"Status: 413 Too Large\r\n\r\n"))

    with Peer(part) as peer, connect(peer.address) as connection:
        response = connection.request(GET, (b"x" * 65536 for _ in range(100)))
        assert (response.head.status, b"".join(response)) == (413, b"too large")


@pytest.mark.parametrize("status", [CANT_MPX_CONN, OVERLOADED, UNKNOWN_ROLE, 77])
def test_a_refusal_names_its_reason(status: int) -> None:
    def part(peer: Connection) -> None:
        read_request(peer)
        peer.send(end(protocol_status=status))

    names = {CANT_MPX_CONN: "CANT_MPX_CONN", OVERLOADED: "OVERLOADED", UNKNOWN_ROLE: "UNKNOWN_ROLE", 77: "77"}
    with Peer(part) as peer, connect(peer.address) as connection, pytest.raises(Refused, match=names[status]):
        connection.request(GET)


@pytest.mark.parametrize("sent", [b"", record(STDOUT, b"Status: 200 OK\r\n"), record(STDOUT, b"x")[:-1]])
def test_an_end_before_the_head_is_incomplete(sent: bytes) -> None:
    def part(peer: Connection) -> None:
        read_request(peer)
        peer.send(sent)

    with Peer(part) as peer, connect(peer.address) as connection, pytest.raises(Incomplete, match="before the end" if sent else "before a response"):
        connection.request(GET)


def test_an_end_within_the_body_is_incomplete_even_after_the_end_of_stdout() -> None:
    def part(peer: Connection) -> None:
        read_request(peer)
        peer.send(record(STDOUT, b"Status: 200 OK\r\n\r\nhalf") + record(STDOUT))

    with Peer(part) as peer, connect(peer.address) as connection:
        response = connection.request(GET)
        blocks = iter(response)
        assert next(blocks) == b"half"
        with pytest.raises(Incomplete):
            next(blocks)


def test_a_bare_end_is_no_response() -> None:
    def part(peer: Connection) -> None:
        read_request(peer)
        peer.send(end())

    with Peer(part) as peer, connect(peer.address) as connection, pytest.raises(Incomplete, match="without a response head"):
        connection.request(GET)


@pytest.mark.parametrize("noise", [b"HTTP/1.1 400 Bad Request\r\n\r\n", record(STDOUT, version=2), record(END_REQUEST, b"short")])
def test_noise_is_a_protocol_error(noise: bytes) -> None:
    def part(peer: Connection) -> None:
        read_request(peer)
        peer.send(noise)

    with Peer(part) as peer, connect(peer.address) as connection, pytest.raises(RemoteProtocolError):
        connection.request(GET)


def test_silence_times_out() -> None:
    def part(peer: Connection) -> None:
        peer.read_to_end()

    with (
        Peer(part) as peer,
        connect(peer.address, timeout=0.2) as connection,
        pytest.raises(TimedOut, match=r"0\.2 s"),
    ):
        connection.request(GET)


def test_get_values() -> None:
    def part(peer: Connection) -> None:
        asked = peer.read_record()
        assert asked is not None
        assert (asked.kind, asked.id) == (GET_VALUES, 0)
        assert (b"FCGI_MPXS_CONNS", b"") in parse_pairs(asked.content)
        peer.send(record(GET_VALUES_RESULT, pairs({"FCGI_MPXS_CONNS": "0"}), id=0))

    with Peer(part) as peer, connect(peer.address) as connection:
        assert connection.get_values() == {b"FCGI_MPXS_CONNS": b"0"}


def test_nobody_there(tmp_path: object) -> None:
    with pytest.raises(CannotConnect, match=r"unix:/nowhere/web\.sock: No such file"):
        connect("unix:/nowhere/web.sock")
