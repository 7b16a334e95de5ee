"""The web server's side: what it says, understands, ignores and refuses."""

from __future__ import annotations

import pytest

from fcgipm.wire.fastcgi import (
    CANT_MPX_CONN,
    UNKNOWN_ROLE,
    End,
    LocalProtocolError,
    RemoteProtocolError,
    Stderr,
    Stdout,
    UnknownType,
    Values,
    WebServer,
)
from tests.support import fastcgi as peer

END = bytes(8)


@pytest.fixture
def server() -> WebServer:
    """With request 1 under way."""
    server = WebServer()
    server.request(1, [], keep_conn=True)
    return server


def test_a_request_as_the_specification_writes_it() -> None:
    server = WebServer()
    pairs = [(b"SERVER_PORT", b"80"), (b"SERVER_ADDR", b"199.170.183.42")]
    sent = server.request(1, pairs, keep_conn=False) + server.body(1, b"quantity=100") + server.end_body(1)
    assert sent == peer.request(dict(pairs), b"quantity=100")
    assert server.request(2, [], keep_conn=True, role=3) == peer.begin(2, 3, peer.KEEP_CONN) + peer.record(
        peer.PARAMS, id=2
    )
    assert server.abort(2) == peer.record(peer.ABORT_REQUEST, id=2)
    assert server.body(2, b"") == b""


@pytest.mark.parametrize("id", [0, -1, 65536, 1])
def test_ids_out_of_range_or_live_are_refused(server: WebServer, id: int) -> None:
    with pytest.raises(LocalProtocolError):
        server.request(id, [], keep_conn=True)


def test_an_id_is_free_after_its_end(server: WebServer) -> None:
    assert not server.idle
    server.receive(peer.record(peer.END_REQUEST, END))
    assert server.idle
    server.request(1, [], keep_conn=True)


@pytest.mark.parametrize("status", [0, CANT_MPX_CONN, UNKNOWN_ROLE])
def test_a_whole_reply(server: WebServer, status: int) -> None:
    end = b"\0\0\1\2" + bytes([status, 0, 0, 0])
    stdout, stderr, *rest = server.receive(
        peer.record(peer.STDOUT, b"out", padding=5)
        + peer.record(peer.STDERR, b"err")
        + peer.record(peer.STDOUT)
        + peer.record(peer.END_REQUEST, end)
    )
    assert isinstance(stdout, Stdout) and (stdout.id, stdout.data) == (1, b"out")
    assert isinstance(stderr, Stderr) and (stderr.id, stderr.data) == (1, b"err")
    assert len(rest) == 1 and isinstance(rest[0], End)
    assert (rest[0].id, rest[0].app_status, rest[0].protocol_status) == (1, 258, status)


def test_records_of_ids_that_are_not_live_are_ignored(server: WebServer) -> None:
    assert not server.receive(
        peer.record(peer.STDOUT, b"out", id=2)
        + peer.record(peer.STDERR, b"x", id=0)
        + peer.record(peer.END_REQUEST, END, id=2)
    )
    assert not server.idle


def test_a_connection_amid_a_record_is_not_idle() -> None:
    server = WebServer()
    server.receive(peer.record(peer.STDOUT, b"out")[:9])
    assert not server.idle


def test_management_answers() -> None:
    server = WebServer()
    values, none, unknown = server.receive(
        peer.record(peer.GET_VALUES_RESULT, peer.pair("FCGI_MAX_CONNS", "10"), id=0)
        + peer.record(peer.GET_VALUES_RESULT, id=0)
        + peer.record(peer.UNKNOWN_TYPE, b"\x63" + bytes(7), id=0)
    )
    assert isinstance(values, Values) and values.pairs == [(b"FCGI_MAX_CONNS", b"10")]
    assert isinstance(none, Values) and none.pairs == []
    assert isinstance(unknown, UnknownType) and unknown.kind == 0x63


REFUSED = {
    "another version": peer.record(peer.STDOUT, b"out", version=2),
    "END_REQUEST of 7 bytes": peer.record(peer.END_REQUEST, bytes(7)),
    "END_REQUEST of 9 bytes": peer.record(peer.END_REQUEST, bytes(9)),
    "empty END_REQUEST": peer.record(peer.END_REQUEST),
    "UNKNOWN_TYPE of 7 bytes": peer.record(peer.UNKNOWN_TYPE, bytes(7), id=0),
    "empty UNKNOWN_TYPE": peer.record(peer.UNKNOWN_TYPE, id=0),
    "UNKNOWN_TYPE of a request": peer.record(peer.UNKNOWN_TYPE, bytes(8)),
    "GET_VALUES_RESULT of a request": peer.record(peer.GET_VALUES_RESULT),
    "a cut pair": peer.record(peer.GET_VALUES_RESULT, b"\5\5NAME", id=0),
    "a cut length": peer.record(peer.GET_VALUES_RESULT, b"\5", id=0),
    "BEGIN_REQUEST": peer.begin(),
    "PARAMS": peer.record(peer.PARAMS),
    "STDIN": peer.record(peer.STDIN),
    "DATA": peer.record(peer.DATA),
    "ABORT_REQUEST": peer.record(peer.ABORT_REQUEST),
    "GET_VALUES": peer.record(peer.GET_VALUES, id=0),
    "type 12": peer.record(12, id=0),
    "HTTP": b"HTTP/1.1 200 OK\r\n\r\n",
}


@pytest.mark.parametrize("data", REFUSED.values(), ids=REFUSED)
def test_what_no_application_may_send_is_refused(server: WebServer, data: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        server.receive(data)
