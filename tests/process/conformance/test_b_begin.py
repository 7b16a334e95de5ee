"""Cases B19 to B30: BEGIN_REQUEST, request ids and roles."""

from __future__ import annotations

import pytest

from tests.process.conformance.helpers import (
    PacketConnection,
    asked,
    assert_alive,
    assert_rejected,
    environ_of,
    head,
    notes,
    open_to,
    send_and_begin,
)
from tests.support.fastcgi import (
    ABORT_REQUEST,
    AUTHORIZER,
    BEGIN_REQUEST,
    CANT_MPX_CONN,
    FILTER,
    KEEP_CONN,
    PARAMS,
    REQUEST_COMPLETE,
    STDIN,
    UNKNOWN_ROLE,
    Connection,
    begin,
    environ,
    pairs,
    record,
    request,
)
from tests.support.gate import Gate
from tests.support.live_worker import LiveWorker


@pytest.mark.parametrize("id", [1, 2, 255, 256, 65535])
def test_b19_ids_are_echoed(connection: Connection, id: int) -> None:
    reply = connection.ask(environ("/hello"), id=id)
    assert reply.body == b"hello" and reply.protocol_status == REQUEST_COMPLETE
    assert not reply.others


def test_b20_begin_with_id_0_is_rejected(live: LiveWorker) -> None:
    assert_rejected(live, begin(id=0))


@pytest.mark.parametrize("size", [0, 7, 9, 16])
def test_b21_begin_of_another_length_is_rejected(live: LiveWorker, size: int) -> None:
    assert_rejected(live, record(BEGIN_REQUEST, (b"\0\1" + bytes(14))[:size]))


ROLES = [pytest.param(0, id="B22-0"), pytest.param(4, id="B22-4"), pytest.param(65535, id="B22-65535")]
ROLES += [pytest.param(AUTHORIZER, id="B23-authorizer"), pytest.param(FILTER, id="B23-filter")]


@pytest.mark.parametrize("role", ROLES)
def test_b22_b23_other_roles_are_unknown_and_the_connection_closed(
    live: LiveWorker, connection: Connection, role: int
) -> None:
    connection.send(request(environ("/hello"), b"a body", role=role))
    reply = connection.read_reply()
    assert (reply.app_status, reply.protocol_status, reply.stdout) == (0, UNKNOWN_ROLE, b"")
    assert connection.at_end()
    assert "called hello" not in notes(live)


@pytest.mark.parametrize("role", ROLES)
def test_b22_b23_other_roles_are_unknown_and_the_connection_kept(connection: Connection, role: int) -> None:
    connection.send(request(environ("/hello"), b"a body", role=role, keep=True))
    assert connection.read_reply().protocol_status == UNKNOWN_ROLE
    assert connection.ask(environ("/hello"), keep=True).body == b"hello"
    connection.send(begin(role=role, flags=KEEP_CONN))
    assert connection.read_reply().protocol_status == UNKNOWN_ROLE
    connection.send(record(PARAMS, b"garbage") + record(STDIN, b"garbage"))
    assert connection.ask(environ("/hello"), id=2).body == b"hello"


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("id", [1, 2])
def test_b22_b23_a_request_right_behind_a_refused_one(packets: LiveWorker, role: int, id: int) -> None:
    """Both in one receive: the refusal must not swallow what follows."""
    with PacketConnection(packets.address) as connection:
        connection.send(request(environ("/hello"), b"a body", role=role, keep=True) + asked("/hello", id=id))
        assert connection.read_reply().protocol_status == UNKNOWN_ROLE
        assert connection.read_reply(id).body == b"hello"


def test_b22_what_was_not_sent_reaches_nobody_else(live: LiveWorker) -> None:
    """A refusal and an error in one receive: the refusal must not go out on the next connection. (It once did.)"""
    assert_rejected(live, begin(role=0) + bytes(8), None)
    for id in (1, 2):
        with open_to(live) as connection:
            reply = connection.ask(environ("/hello"), id=id)
            assert reply.body == b"hello" and not reply.others and connection.at_end()


def test_b24_only_bit_0_of_the_flags_counts(connection: Connection) -> None:
    rest = record(PARAMS, pairs(environ("/hello"))) + record(PARAMS) + record(STDIN)
    connection.send(begin(flags=0xFF) + rest)
    assert connection.read_reply().body == b"hello"
    connection.send(begin(flags=0xFE) + rest)
    assert connection.read_reply().body == b"hello"
    assert connection.at_end()


def test_b25_second_begin_while_the_first_is_read(connection: Connection) -> None:
    first = asked("/echo", id=1, keep=True)
    connection.send(first[:16] + begin(id=2, flags=KEEP_CONN))
    refused = connection.read_reply(2)
    assert (refused.app_status, refused.protocol_status, refused.stdout) == (0, CANT_MPX_CONN, b"")
    connection.send(record(PARAMS, b"ignored", id=2) + record(PARAMS, id=2) + record(STDIN, id=2) + first[16:])
    assert environ_of(connection.read_reply(1))["PATH_INFO"] == "/echo"
    assert connection.ask(environ("/hello"), id=2).body == b"hello"


def test_b25_second_begin_while_the_first_reads_its_body(connection: Connection) -> None:
    connection.send(head("/body", length=9) + record(STDIN, b"some "))
    connection.send(asked("/body", id=2, body=b"refused"))
    assert connection.read_reply(2).protocol_status == CANT_MPX_CONN
    connection.send(record(STDIN, b"body") + record(STDIN))
    reply = connection.read_reply(1)
    assert reply.body == b"some body" and not reply.others


def test_b25_several_are_refused_one_by_one(connection: Connection) -> None:
    connection.send(head("/body") + record(STDIN, b"some ") + b"".join(begin(id=id) for id in range(2, 10)))
    assert [connection.read_reply(id).protocol_status for id in range(2, 10)] == [CANT_MPX_CONN] * 8
    connection.send(record(STDIN, b"body") + record(STDIN))
    assert connection.read_reply(1).body == b"some body"


def test_b26_begin_for_a_live_id_is_rejected(live: LiveWorker) -> None:
    assert_rejected(live, begin() + begin())
    assert_rejected(live, begin() + record(PARAMS, b"\1\1AB") + begin())
    assert "called hello" not in notes(live)


def test_b26_begin_for_an_id_whose_body_is_read_is_rejected(live: LiveWorker) -> None:
    with open_to(live) as connection:
        send_and_begin(live, connection, head("/read-inside") + record(STDIN, b"some body"))
        connection.send(begin())
        assert connection.read_to_end() == b""
    live.output.take("^rejected connection")
    assert_alive(live)
    assert notes(live) == ["called read_inside", "error OSError", "close", "called pid"]


def test_b27_an_id_used_again_begins_afresh(connection: Connection) -> None:
    first = connection.ask(environ("/echo", ONLY_FIRST="1", HTTP_COOKIE="secret=1"), keep=True)
    assert environ_of(first)["ONLY_FIRST"] == "1"
    second = environ_of(connection.ask(environ("/echo"), keep=True))
    assert "ONLY_FIRST" not in second and "HTTP_COOKIE" not in second


def test_b28_records_of_unknown_ids_are_ignored(connection: Connection) -> None:
    stray = (
        record(PARAMS, b"\xff" * 5, id=5) + record(PARAMS, id=5) + record(STDIN, b"stray", id=5) + record(STDIN, id=6)
    )
    first = head("/body", keep=True)
    connection.send(
        stray + first[:16] + stray + first[16:] + stray + record(STDIN, b"some body") + stray + record(STDIN) + stray
    )
    assert connection.read_reply().body == b"some body"
    assert connection.ask(environ("/hello")).body == b"hello"


def test_b29_specification_example_4_interleaved(connection: Connection) -> None:
    """Two requests multiplexed: each is answered in full, or refused with CANT_MPX_CONN; the first always in full."""
    params = record(PARAMS, pairs(environ("/hello")))
    connection.send(begin(1, flags=KEEP_CONN) + params + record(PARAMS) + begin(2, flags=KEEP_CONN))
    connection.send(record(PARAMS, pairs(environ("/hello")), id=2) + record(STDIN))
    connection.send(record(PARAMS, id=2) + record(STDIN, id=2))
    first = connection.read_reply(1)
    assert first.body == b"hello"
    refused = [got for got in first.others if got.id == 2]
    second = connection.read_reply(2) if not refused else None
    assert second.body == b"hello" if second else refused[0].content[4] == CANT_MPX_CONN


def test_b30_records_of_an_ended_id_are_ignored(connection: Connection) -> None:
    assert connection.ask(environ("/hello"), id=3, keep=True).body == b"hello"
    connection.send(
        record(ABORT_REQUEST, id=3) + record(STDIN, b"late", id=3) + record(STDIN, id=3) + record(PARAMS, b"\xff", id=3)
    )
    assert connection.ask(environ("/hello"), id=4, keep=True).body == b"hello"
    assert connection.ask(environ("/hello"), id=3).body == b"hello"


def test_b30_late_body_of_an_ended_id(live: LiveWorker) -> None:
    """The reply may be out before the request's body has come: what comes then belongs to nobody."""
    with Gate() as gate, open_to(live) as connection:
        whole = asked("/at-gate", keep=True, body=b"some body", GATE=gate.path)
        connection.send(whole[:-20])
        gate.arrival()
        gate.open()
        assert connection.read_reply().body == b"after the gate"
        connection.send(whole[-20:])
        assert connection.ask(environ("/hello")).body == b"hello"
