"""The application's side: the life of a request id, record by record. (The same over a live worker: tests/process/conformance.)"""

from __future__ import annotations

import pytest

from fcgipm.wire.fastcgi import Abort, Application, Body, BodyEnd, HeadTooLarge, Refused, RemoteProtocolError, Request
from tests.support import fastcgi as peer

PAIR = peer.pair("NAME", "value")


@pytest.fixture
def application() -> Application:
    return Application(100, values={b"FCGI_MPXS_CONNS": b"0"})


def begun(id: int = 1, keep: bool = False) -> bytes:
    return peer.begin(id, flags=peer.KEEP_CONN if keep else 0)


def head(id: int = 1, keep: bool = False) -> bytes:
    return begun(id, keep) + peer.stream(peer.PARAMS, PAIR, id)


def heads(application: Application, data: bytes) -> list[tuple[type, int]]:
    return [(type(event), event.id) for event in application.receive(data)]


@pytest.mark.parametrize("id", [1, 2, 65535])
@pytest.mark.parametrize("keep", [False, True])
def test_a_request(application: Application, id: int, keep: bool) -> None:
    request, body, end = application.receive(head(id, keep) + peer.stream(peer.STDIN, b"body", id))
    assert isinstance(request, Request) and (request.id, request.keep_conn, request.params) == (
        id,
        keep,
        {"NAME": "value"},
    )
    assert isinstance(body, Body) and (body.id, body.data) == (id, b"body")
    assert isinstance(end, BodyEnd) and end.id == id
    assert not application.replies and not application.idle
    application.end(id)
    assert application.idle


@pytest.mark.parametrize("padding", [0, 8])
def test_a_request_without_a_body_in_one_piece(application: Application, padding: int) -> None:
    whole = peer.begin() + peer.stream(peer.PARAMS, PAIR, padding=padding) + peer.record(peer.STDIN)
    for _ in range(3):
        assert heads(application, whole) == [(Request, 1), (BodyEnd, 1)]
        application.end(1)
    assert application.idle


def test_the_next_request_of_an_id_waits_for_the_end_of_the_first(application: Application) -> None:
    whole = head() + peer.record(peer.STDIN)
    assert heads(application, whole + whole + whole) == [(Request, 1), (BodyEnd, 1)]
    assert application.holding and not application.idle
    assert heads(application, b"") == []
    for _ in range(2):
        application.end(1)
        assert not application.holding
        assert heads(application, b"") == [(Request, 1), (BodyEnd, 1)]
    assert not application.holding
    application.end(1)
    assert application.idle


def test_a_request_beyond_the_limit_of_live_ones_is_refused(application: Application) -> None:
    assert heads(
        application, head(1) + begun(2) + peer.stream(peer.PARAMS, PAIR, 2) + peer.record(peer.STDIN, id=2)
    ) == [(Request, 1)]
    assert application.replies == peer.record(peer.END_REQUEST, bytes([0, 0, 0, 0, peer.CANT_MPX_CONN, 0, 0, 0]), id=2)


def test_as_many_live_requests_as_the_limit_says() -> None:
    application = Application(100, max_live=2)
    assert heads(application, head(1) + head(2) + begun(3)) == [(Request, 1), (Request, 2)]
    assert application.replies[:4] == b"\1\3\0\3"
    application.end(1)
    assert heads(application, head(3)) == [(Request, 3)]


@pytest.mark.parametrize("keep", [False, True])
@pytest.mark.parametrize("role", [0, 2, 3, 4, 257, 65535])
def test_another_role_is_refused(application: Application, role: int, keep: bool) -> None:
    (refused,) = application.receive(peer.begin(7, role, int(keep)))
    assert isinstance(refused, Refused) and (refused.id, refused.keep_conn) == (7, keep)
    assert application.replies == peer.record(peer.END_REQUEST, bytes([0, 0, 0, 0, peer.UNKNOWN_ROLE, 0, 0, 0]), id=7)
    assert application.idle


@pytest.mark.parametrize("sent", [begun(keep=True), begun(keep=True) + peer.record(peer.PARAMS, PAIR), head(keep=True)])
def test_abort(application: Application, sent: bytes) -> None:
    application.receive(sent)
    assert heads(application, peer.record(peer.ABORT_REQUEST) * 2) == [(Abort, 1)]
    assert (
        heads(
            application, peer.record(peer.PARAMS, b"\xff") + peer.record(peer.PARAMS) + peer.stream(peer.STDIN, b"body")
        )
        == []
    )
    application.end(1)
    assert application.idle
    assert heads(application, peer.record(peer.ABORT_REQUEST)) == []


def test_the_limit_of_params_is_exact() -> None:
    for limit, expected in ((len(PAIR), Request), (len(PAIR) - 1, HeadTooLarge)):
        for piece in (1, 100):
            application = Application(limit)
            assert heads(application, begun() + peer.stream(peer.PARAMS, PAIR, piece=piece)) == [(expected, 1)]


def test_what_follows_params_that_were_too_large_is_ignored() -> None:
    application = Application(5)
    assert heads(application, head(keep=True) + peer.stream(peer.STDIN, b"body") + peer.record(peer.ABORT_REQUEST)) == [
        (HeadTooLarge, 1)
    ]
    application.end(1)
    assert application.idle


def test_answers_to_get_values(application: Application) -> None:
    question = peer.pair("FCGI_MPXS_CONNS", "") + peer.pair("FCGI_OTHER", "")
    for data in (peer.record(peer.GET_VALUES, question, id=0), peer.record(peer.GET_VALUES, id=0)):
        assert application.receive(data) == []
    content = peer.pair("FCGI_MPXS_CONNS", "0")
    assert application.replies == peer.record(peer.GET_VALUES_RESULT, content, id=0) + peer.record(
        peer.GET_VALUES_RESULT, id=0
    )


IGNORED = {
    "streams of an id that is not live": peer.record(peer.PARAMS, b"\xff", id=9) + peer.stream(peer.STDIN, b"x", id=9),
    "an unknown type of a request": peer.record(12, b"x") + peer.record(255, b"x"),
    "DATA": peer.record(peer.DATA, b"x") + peer.record(peer.DATA),
    "ABORT_REQUEST of an id that is not live": peer.record(peer.ABORT_REQUEST, b"x", id=9),
}


@pytest.mark.parametrize("data", IGNORED.values(), ids=IGNORED)
def test_what_is_ignored(application: Application, data: bytes) -> None:
    assert heads(application, data + head() + data + peer.record(peer.STDIN) + data) == [(Request, 1), (BodyEnd, 1)]
    assert not application.replies


REJECTED = {
    "another version": peer.record(peer.PARAMS, version=0),
    "BEGIN_REQUEST with id 0": peer.begin(0),
    "BEGIN_REQUEST of 7 bytes": peer.record(peer.BEGIN_REQUEST, bytes(7)),
    "BEGIN_REQUEST of 9 bytes": peer.record(peer.BEGIN_REQUEST, bytes(9)),
    "BEGIN_REQUEST amid a head": begun() + begun(),
    "BEGIN_REQUEST amid a body": head() + begun(),
    "PARAMS with id 0": peer.record(peer.PARAMS, id=0),
    "STDIN with id 0": peer.record(peer.STDIN, id=0),
    "STDIN amid a head": begun() + peer.record(peer.STDIN),
    "PARAMS after their end": head() + peer.record(peer.PARAMS, PAIR),
    "params cut in a value": begun() + peer.stream(peer.PARAMS, PAIR[:-1]),
    "params cut in a length": begun() + peer.stream(peer.PARAMS, PAIR + b"\x80"),
    "GET_VALUES cut in a name": peer.record(peer.GET_VALUES, b"\5\0NAME", id=0),
    "GET_VALUES of a request": peer.record(peer.GET_VALUES),
    "END_REQUEST": peer.record(peer.END_REQUEST, bytes(8)),
    "STDOUT": peer.record(peer.STDOUT),
    "STDERR": peer.record(peer.STDERR),
    "GET_VALUES_RESULT": peer.record(peer.GET_VALUES_RESULT, id=0),
    "UNKNOWN_TYPE": peer.record(peer.UNKNOWN_TYPE, bytes(8), id=0),
}


@pytest.mark.parametrize("data", REJECTED.values(), ids=REJECTED)
def test_what_is_rejected(application: Application, data: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        application.receive(data)
