"""Cases E65 to E77: management records, records of unknown types, ABORT_REQUEST."""

from __future__ import annotations

import struct

import pytest

from tests.process.conformance.helpers import (
    PacketConnection,
    ask,
    asked,
    assert_alive,
    assert_rejected,
    environ_of,
    head,
    notes,
    open_to,
    send_and_begin,
    start,
)
from tests.support.fastcgi import (
    ABORT_REQUEST,
    BEGIN_REQUEST,
    END_REQUEST,
    GET_VALUES,
    GET_VALUES_RESULT,
    KEEP_CONN,
    PARAMS,
    REQUEST_COMPLETE,
    STDERR,
    STDIN,
    STDOUT,
    UNKNOWN_TYPE,
    Connection,
    Record,
    begin,
    environ,
    pair,
    pairs,
    parse_pairs,
    record,
)
from tests.support.gate import Gate
from tests.support.live_worker import LiveWorker

NAMES = ("FCGI_MAX_CONNS", "FCGI_MAX_REQS", "FCGI_MPXS_CONNS")
QUESTION = record(GET_VALUES, b"".join(pair(name, "") for name in NAMES), id=0)


def values(answer: Record | None) -> dict[bytes, bytes]:
    """What one GET_VALUES_RESULT says."""
    assert answer is not None and (answer.kind, answer.id) == (GET_VALUES_RESULT, 0)
    return dict(parse_pairs(answer.content))


def assert_answer(answer: Record | None) -> None:
    told = values(answer)
    assert sorted(told) == sorted(name.encode() for name in NAMES)
    assert told[b"FCGI_MPXS_CONNS"] == b"0"
    assert int(told[b"FCGI_MAX_CONNS"]) >= 1 and int(told[b"FCGI_MAX_REQS"]) >= 1


def test_e65_three_names_one_result(connection: Connection) -> None:
    connection.send(QUESTION)
    assert_answer(connection.read_record())
    assert connection.ask(environ("/hello")).body == b"hello"


def test_e66_unknown_names_are_omitted(connection: Connection) -> None:
    connection.send(
        record(
            GET_VALUES, pair("FCGI_OTHER", "") + pair("FCGI_MPXS_CONNS", "") + pair("", "") + pair("x", "y" * 300), id=0
        )
    )
    assert values(connection.read_record()) == {b"FCGI_MPXS_CONNS": b"0"}


@pytest.mark.parametrize("content", [b"", pair("FCGI_OTHER", ""), pair("fcgi_max_conns", "")])
def test_e66_no_known_name_gives_an_empty_result(connection: Connection, content: bytes) -> None:
    connection.send(record(GET_VALUES, content, id=0))
    assert values(connection.read_record()) == {}


def test_e67_before_begin_and_between_requests(connection: Connection) -> None:
    for _ in range(3):
        connection.send(QUESTION)
        assert_answer(connection.read_record())
        assert connection.ask(environ("/hello"), keep=True).body == b"hello"


def test_e67_amid_params(connection: Connection) -> None:
    whole = asked("/echo", keep=True, NAME="value")
    connection.send(whole[:16] + QUESTION)
    assert_answer(connection.read_record())
    content = pairs(environ("/echo", NAME="value"))
    connection.send(record(PARAMS, content[:-3]) + QUESTION)
    assert_answer(connection.read_record())
    connection.send(record(PARAMS, content[-3:]) + record(PARAMS) + record(STDIN))
    assert environ_of(connection.read_reply())["NAME"] == "value"


def test_e67_amid_stdin(connection: Connection) -> None:
    connection.send(head("/body", length=9) + record(STDIN, b"some ") + QUESTION)
    assert_answer(connection.read_record())
    connection.send(record(STDIN, b"body") + record(STDIN))
    assert connection.read_reply().body == b"some body"


@pytest.mark.parametrize("keep", [False, True])
def test_e67_while_the_application_runs(live: LiveWorker, connection: Connection, keep: bool) -> None:
    """Answered when the worker reads next, which may be after the reply; without KEEP_CONN, that may be never."""
    with Gate() as gate:
        connection.send(asked("/at-gate", keep=keep, GATE=gate.path))
        gate.arrival()
        connection.send(QUESTION)
        gate.open()
        reply = connection.read_reply()
    assert reply.body == b"after the gate"
    if keep or reply.others:
        assert_answer(reply.others[0] if reply.others else connection.read_record())
    assert notes(live) == ["called at_gate", "close"]


@pytest.mark.parametrize("number", [10, 100_000])
def test_e67_many_questions_are_all_answered_or_cost_the_connection(
    live: LiveWorker, connection: Connection, number: int
) -> None:
    """From a peer that asks and does not read: what it reads later are whole records, as many as it asked for, or fewer and an end."""
    before = live.rss()
    try:
        for _ in range(number // 10):
            connection.send(QUESTION * 10)
        connection.send(asked("/hello"))
    except ConnectionError:
        pass
    answers, size = connection.read_to_end(), len(values_record())
    assert live.rss() - before < 4 << 20
    whole = answers[: number * size] == values_record() * number and b"Status: 200" in answers
    cut = answers == (values_record() * (len(answers) // size + 1))[: len(answers)]
    assert whole or (number > 10 and cut)


def values_record() -> bytes:
    """The answer to QUESTION, byte by byte; its values are what test_e65 finds."""
    content = b"".join(pair(name, value) for name, value in zip(NAMES, ("1", "1", "0"), strict=True))
    return record(GET_VALUES_RESULT, content, id=0)


def test_e67_an_answer_that_was_not_sent_reaches_nobody_else(live: LiveWorker, connection: Connection) -> None:
    """A question and an error in one receive, amid a body whose application answers all the same."""
    send_and_begin(live, connection, head("/stubborn", length=9))
    connection.send(QUESTION + bytes(8))
    connection.read_to_end()
    live.output.take("^rejected connection")
    for _ in range(2):
        with open_to(live) as other:
            reply = other.ask(environ("/hello"))
            assert reply.body == b"hello" and not reply.others and other.at_end()


@pytest.mark.parametrize("cut", [b"\x05", b"\x05\x05", b"\x05\x05NAME", b"\x80\x00", b"\xff\xff\xff\xff\x01AB"])
def test_e68_truncated_pair_is_rejected(live: LiveWorker, cut: bytes) -> None:
    assert_rejected(live, record(GET_VALUES, pair("FCGI_MAX_CONNS", "") + cut, id=0))


def test_e68_pairs_do_not_cross_get_values_records(live: LiveWorker) -> None:
    content = pair("FCGI_MAX_CONNS", "")
    assert_rejected(live, record(GET_VALUES, content[:7], id=0) + record(GET_VALUES, content[7:], id=0))


@pytest.mark.parametrize("kind", [12, 100, 255])
def test_e69_unknown_management_types_are_named(connection: Connection, kind: int) -> None:
    connection.send(record(kind, b"whatever", id=0) + record(kind, id=0))
    for _ in range(2):
        answer = connection.read_record()
        assert answer is not None and (answer.kind, answer.id, answer.content) == (
            UNKNOWN_TYPE,
            0,
            bytes([kind]) + bytes(7),
        )
    assert connection.ask(environ("/hello")).body == b"hello"


@pytest.mark.parametrize("kind", [12, 100, 255])
def test_e70_unknown_types_of_a_request_are_ignored(connection: Connection, kind: int) -> None:
    odd = record(kind, b"whatever", id=1)
    connection.send(
        odd + begin() + odd + record(PARAMS, pairs(environ("/body", "POST", b"some body"))) + odd + record(PARAMS)
    )
    connection.send(odd + record(STDIN, b"some body") + odd + record(STDIN))
    reply = connection.read_reply()
    assert reply.body == b"some body" and not reply.others


@pytest.mark.parametrize("live_id", [False, True])
@pytest.mark.parametrize("kind", [END_REQUEST, STDOUT, STDERR, GET_VALUES_RESULT, UNKNOWN_TYPE])
def test_e71_types_only_an_application_may_send_are_rejected(live: LiveWorker, kind: int, live_id: bool) -> None:
    id = 0 if kind in (GET_VALUES_RESULT, UNKNOWN_TYPE) else 1
    assert_rejected(live, (begin() if live_id else b"") + record(kind, bytes(8), id=id))


@pytest.mark.parametrize("kind", [PARAMS, STDIN])
def test_e72_streams_with_id_0_are_unknown_or_rejected(live: LiveWorker, connection: Connection, kind: int) -> None:
    connection.send(record(kind, b"content", id=0))
    answer = connection.read_record()
    if answer is None:
        live.output.take("^rejected connection")
    else:
        assert (answer.kind, answer.id, answer.content[:1]) == (UNKNOWN_TYPE, 0, bytes([kind]))
        assert connection.ask(environ("/hello")).body == b"hello"


def test_e73_no_unasked_management_records(live: LiveWorker, connection: Connection) -> None:
    assert connection.quiet(0.05)
    for path in ("/hello", "/big", "/errors?kind=euro"):
        assert not connection.ask(environ(path, SIZE="100000"), keep=True).others
    assert connection.quiet(0.05)
    live.output.take("price")


@pytest.mark.parametrize(
    "sent",
    [begin(flags=KEEP_CONN), begin(flags=KEEP_CONN) + record(PARAMS, b"\x05\x05NAME"), head("/hello", keep=True)[:-8]],
)
def test_e74_abort_before_the_end_of_params(live: LiveWorker, connection: Connection, sent: bytes) -> None:
    connection.send(sent + record(ABORT_REQUEST))
    reply = connection.read_reply()
    assert (reply.app_status, reply.protocol_status, reply.body if reply.stdout else b"") == (0, REQUEST_COMPLETE, b"")
    assert connection.ask(environ("/body"), b"next").body == b"next"
    assert "called hello" not in notes(live)


def test_e74_abort_without_keep_conn_closes(live: LiveWorker, connection: Connection) -> None:
    connection.send(begin() + record(ABORT_REQUEST))
    assert connection.read_reply().protocol_status == REQUEST_COMPLETE
    assert connection.at_end()


@pytest.mark.parametrize("path", ["/trickle", "/endless"])
@pytest.mark.parametrize("keep", [False, True])
def test_e75_abort_while_streaming(live: LiveWorker, connection: Connection, path: str, keep: bool) -> None:
    connection.send(asked(path, keep=keep))
    assert connection.read_record()
    connection.send(record(ABORT_REQUEST))
    reply = connection.read_reply()
    assert (reply.app_status, reply.protocol_status) == (0, REQUEST_COMPLETE)
    if keep:
        assert connection.ask(environ("/hello")).body == b"hello"
    assert connection.at_end()
    assert notes(live).count("close") == 1


@pytest.mark.parametrize("keep", [False, True])
def test_e75_abort_while_the_body_is_read(live: LiveWorker, connection: Connection, keep: bool) -> None:
    send_and_begin(live, connection, head("/read-inside", length=9, keep=keep) + record(STDIN, b"some "))
    connection.send(record(ABORT_REQUEST))
    reply = connection.read_reply()
    assert (reply.app_status, reply.protocol_status) == (0, REQUEST_COMPLETE)
    if keep:
        assert connection.ask(environ("/hello")).body == b"hello"
    assert connection.at_end()
    noted = notes(live)
    assert noted.count("close") == 1 and "read 9" not in noted


@pytest.mark.parametrize("keep", [False, True])
@pytest.mark.parametrize("body", [b"", record(STDIN, b"some "), record(STDIN, b"some body") + record(STDIN)])
def test_e75_abort_in_one_send_with_its_request(packets: LiveWorker, body: bytes, keep: bool) -> None:
    """Whether the application is called or not, its request gets one END."""
    with PacketConnection(packets.address) as connection:
        connection.send(head("/body", keep=keep) + body + record(ABORT_REQUEST))
        reply = connection.read_reply()
        assert (reply.app_status, reply.protocol_status) == (0, REQUEST_COMPLETE)
        if keep:
            assert connection.ask(environ("/hello")).body == b"hello"
        assert connection.at_end()


def test_e75_abort_while_the_application_computes(live: LiveWorker, connection: Connection) -> None:
    """A sync worker notices when the application comes back; END follows, and the iterator is closed."""
    with Gate() as gate:
        connection.send(asked("/gated-blocks", keep=True, GATE=gate.path, BLOCKS='["one", "two", "three"]'))
        gate.arrival()
        connection.send(record(ABORT_REQUEST))
        gate.open()
        reply = connection.read_reply()
    assert reply.protocol_status == REQUEST_COMPLETE
    assert connection.ask(environ("/hello")).body == b"hello"
    assert notes(live).count("close") == 1


@pytest.mark.parametrize("keep", [False, True])
def test_e75_application_that_catches_the_abort(live: LiveWorker, connection: Connection, keep: bool) -> None:
    """It answers all the same: exactly one END may go out, or the next request on the connection would meet the second."""
    send_and_begin(live, connection, head("/stubborn", length=9, keep=keep))
    connection.send(record(ABORT_REQUEST))
    reply = connection.read_reply()
    assert (reply.app_status, reply.protocol_status) == (0, REQUEST_COMPLETE)
    if keep:
        assert connection.ask(environ("/hello")).body == b"hello"
    assert connection.at_end()


def test_e74_idle_after_an_abort_is_idle() -> None:
    """The time-out of an aborted head is over with it."""
    with start(timeouts={"header": 0.3, "first_byte": 0.3}) as live, open_to(live) as connection:
        connection.send(begin(flags=KEEP_CONN) + record(ABORT_REQUEST))
        assert connection.read_reply().protocol_status == REQUEST_COMPLETE
        assert connection.quiet(1)
        assert connection.ask(environ("/hello")).body == b"hello"


def test_e75_abort_of_another_id_changes_nothing(connection: Connection) -> None:
    connection.send(head("/body", length=9) + record(ABORT_REQUEST, id=2) + record(STDIN, b"some body") + record(STDIN))
    assert connection.read_reply().body == b"some body"


@pytest.mark.parametrize("path", ["/read-inside", "/trickle", "/at-gate"])
def test_e76_abort_then_reset_is_quiet(tcp: LiveWorker, path: str) -> None:
    with Gate() as gate, open_to(tcp) as connection:
        send_and_begin(tcp, connection, head(path, length=9, GATE=gate.path) + record(STDIN, b"some "))
        if path == "/at-gate":
            gate.arrival()
        connection.send(record(ABORT_REQUEST))
        connection.reset()
    assert notes(tcp).count("close") == 1
    assert_alive(tcp)


def test_e77_content_of_an_abort_is_ignored(live: LiveWorker, connection: Connection) -> None:
    connection.send(begin(flags=KEEP_CONN) + record(ABORT_REQUEST, struct.pack(">HHII", 1, 2, 3, 4), padding=3))
    assert connection.read_reply().protocol_status == REQUEST_COMPLETE
    assert connection.ask(environ("/hello")).body == b"hello"
    assert ask(live).body == b"hello"


def test_e77_content_of_an_abort_amid_the_body_is_ignored(connection: Connection) -> None:
    connection.send(
        head("/count", keep=True) + record(STDIN, b"some ") + record(ABORT_REQUEST, record(BEGIN_REQUEST, bytes(8)))
    )
    assert connection.read_reply().protocol_status == REQUEST_COMPLETE
    assert connection.ask(environ("/hello")).body == b"hello"


@pytest.mark.parametrize("keep", [False, True])
def test_e75_abort_right_behind_the_head(live: LiveWorker, connection: Connection, keep: bool) -> None:
    """Nobody wants the answer any more when the request is understood: the application is not asked."""
    connection.send(head("/hello", keep=keep) + record(ABORT_REQUEST))
    assert connection.read_reply().protocol_status == REQUEST_COMPLETE
    if keep:
        assert connection.ask(environ("/pid")).status == 200
    assert connection.at_end()
    assert "called hello" not in notes(live)


def test_e67_a_question_during_a_large_response_is_answered_behind_a_whole_record(connection: Connection) -> None:
    """The response waits for us to read when the question comes; an answer sent at once would stand in the middle of a record."""
    connection.send(asked("/big", keep=True, SIZE="5000000"))
    kinds = [connection.read_record().kind]
    connection.send(record(GET_VALUES, b"\x0e\0FCGI_MAX_CONNS", id=0))
    while not {END_REQUEST, GET_VALUES_RESULT} <= set(kinds):
        kinds.append(connection.read_record().kind)
    assert set(kinds) == {STDOUT, END_REQUEST, GET_VALUES_RESULT}
