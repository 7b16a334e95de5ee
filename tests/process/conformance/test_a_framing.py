"""Cases A1 to A18: records, their borders, and what is no record at all."""

from __future__ import annotations

import random
import re
import time

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
    start,
)
from tests.support.fastcgi import (
    ABORT_REQUEST,
    BEGIN_REQUEST,
    END_REQUEST,
    GET_VALUES,
    GET_VALUES_RESULT,
    PARAMS,
    STDIN,
    STDOUT,
    Connection,
    Reply,
    begin,
    environ,
    pair,
    pairs,
    record,
    stream,
)
from tests.support.live_worker import LiveWorker

GET = pairs({"REQUEST_METHOD": "GET"})

EXAMPLE_1 = (
    begin()
    + record(PARAMS, b"\013\002SERVER_PORT80\013\016SERVER_ADDR199.170.183.42" + GET)
    + record(PARAMS)
    + record(STDIN)
)
"""The specification's appendix B, example 1; its dots stand for a method at least."""

EXAMPLE_2 = (
    begin()
    + record(PARAMS, GET + pairs({"PATH_INFO": "/echo"}) + b"\013\002SERVER_PORT80\013\016SER")
    + record(PARAMS, b"VER_ADDR199.170.183.42")
    + record(PARAMS)
    + record(STDIN, b"quantity=100&item=3047936")
    + record(STDIN)
)
"""Example 2, a pair split across PARAMS, asking for what arrived."""


def kinds(reply: Reply) -> list[tuple[int, bool]]:
    """The reply's records: type, and whether it had content."""
    return [(got.kind, bool(got.content)) for got in reply.records]


def test_a01_specification_example_1(connection: Connection) -> None:
    connection.send(EXAMPLE_1)
    reply = connection.read_reply()
    assert kinds(reply) == [(STDOUT, True), (STDOUT, False), (END_REQUEST, True)]
    assert (reply.app_status, reply.protocol_status) == (0, 0)
    assert reply.status == 200 and reply.body == b"hello"
    assert connection.at_end()


def test_a02_specification_example_2_with_a_split_pair(connection: Connection) -> None:
    connection.send(EXAMPLE_2)
    seen = environ_of(connection.read_reply())
    assert seen["SERVER_PORT"] == "80" and seen["SERVER_ADDR"] == "199.170.183.42"


def test_a02_any_split_of_a_pair_over_records(live: LiveWorker) -> None:
    content = pairs(environ("/echo", NAME="v" * 130))
    for at in range(len(content) - 140, len(content)):
        with open_to(live) as connection:
            connection.send(
                begin() + record(PARAMS, content[:at]) + record(PARAMS, content[at:]) + record(PARAMS) + record(STDIN)
            )
            assert environ_of(connection.read_reply())["NAME"] == "v" * 130


BODY_REQUEST = asked("/body", body=b"some body", method="POST")


def test_a03_one_byte_per_send(connection: Connection) -> None:
    connection.send(BODY_REQUEST, piece=1)
    assert connection.read_reply().body == b"some body"


def test_a03_one_byte_per_receive(packets: LiveWorker) -> None:
    with PacketConnection(packets.address) as connection:
        connection.send(BODY_REQUEST, piece=1)
        assert connection.read_reply().body == b"some body"


def test_a04_all_in_one_send(packets: LiveWorker) -> None:
    with PacketConnection(packets.address) as connection:
        connection.send(BODY_REQUEST)
        assert connection.read_reply().body == b"some body"


@pytest.mark.parametrize("piece", [2, 3, 5, 7, 8, 9, 16, 23, 24, 25, 64, 100])
def test_a03_a04_pieces_of_any_size(packets: LiveWorker, piece: int) -> None:
    with PacketConnection(packets.address) as connection:
        connection.send(BODY_REQUEST, piece=piece)
        assert connection.read_reply().body == b"some body"


def test_a05_two_requests_back_to_back_in_one_send(connection: Connection) -> None:
    connection.send(asked("/body", keep=True, body=b"first") + asked("/body", body=b"second"))
    assert [connection.read_reply().body for _ in range(2)] == [b"first", b"second"]
    assert connection.at_end()


def test_a05_many_requests_back_to_back_in_one_receive(packets: LiveWorker) -> None:
    with PacketConnection(packets.address) as connection:
        connection.send(b"".join(asked("/body", keep=True, body=b"%d" % number) for number in range(50)))
        assert [connection.read_reply().body for _ in range(50)] == [b"%d" % number for number in range(50)]


def test_a05_second_request_cut_anywhere_behind_the_first(packets: LiveWorker) -> None:
    first, second = asked("/hello", keep=True), asked("/body", keep=True, body=b"second")
    with PacketConnection(packets.address) as connection:
        for cut in [*range(1, 40), len(second) - 1]:
            connection.send(first + second[:cut])
            assert connection.read_reply().body == b"hello"
            connection.send(second[cut:])
            assert connection.read_reply().body == b"second"


def padded(kind: int, padding: int) -> bytes:
    """A request in which every record of one type has `padding` bytes of padding, and a GET_VALUES before it."""

    def of(this: int, content: bytes = b"", id: int = 1) -> bytes:
        return record(this, content, id, padding if this == kind else 0)

    return (
        of(GET_VALUES, pair("FCGI_MAX_CONNS", ""), id=0)
        + of(BEGIN_REQUEST, b"\0\1\0\0\0\0\0\0")
        + of(PARAMS, pairs(environ("/body", "POST", b"some body")))
        + of(PARAMS)
        + of(STDIN, b"some ")
        + of(STDIN, b"body")
        + of(STDIN)
        + of(ABORT_REQUEST, id=9)
    )  # fmt: skip


@pytest.mark.parametrize("padding", [0, 1, 7, 255])
@pytest.mark.parametrize("kind", [BEGIN_REQUEST, ABORT_REQUEST, PARAMS, STDIN, GET_VALUES])
def test_a06_padding_is_ignored(connection: Connection, kind: int, padding: int) -> None:
    connection.send(padded(kind, padding))
    answer = connection.read_record()
    assert answer is not None and answer.kind == GET_VALUES_RESULT
    assert connection.read_reply().body == b"some body"


def test_a07_padded_empty_records_end_their_streams(connection: Connection) -> None:
    content = pairs(environ("/body", "POST", b"some body"))
    connection.send(begin() + record(PARAMS, content) + record(PARAMS, padding=255))
    connection.send(record(STDIN, b"some body") + record(STDIN, padding=255))
    assert connection.read_reply().body == b"some body"


def test_a08_the_largest_record_is_accepted(connection: Connection) -> None:
    value, body = b"v" * 70000, bytes(range(256)) * 512
    connection.send(
        begin()
        + stream(PARAMS, pairs(environ("/echo", "POST", body, BIG=value)), padding=255)
        + stream(STDIN, body, padding=255)
    )
    reply = connection.read_reply()
    assert environ_of(reply)["BIG"] == value.decode()
    assert b'"length": %d' % len(body) in reply.body


def test_a09_reserved_bytes_are_ignored(connection: Connection) -> None:
    connection.send(record(BEGIN_REQUEST, b"\0\1\0\xff\xff\xff\xff\xff", reserved=255))
    connection.send(
        record(PARAMS, pairs(environ("/hello")), reserved=1) + record(PARAMS, reserved=2) + record(STDIN, reserved=3)
    )
    assert connection.read_reply().body == b"hello"


@pytest.mark.parametrize("version", [0, 2, 255])
def test_a10_other_versions_are_rejected(live: LiveWorker, version: int) -> None:
    assert_rejected(live, record(BEGIN_REQUEST, b"\0\1\0\0\0\0\0\0", version=version))
    assert_rejected(live, begin() + record(PARAMS, pairs(environ("/hello")), version=version))
    assert notes(live).count("called hello") == 0


@pytest.mark.parametrize("version", [0, 2, 255])
def test_a10_other_versions_are_rejected_after_a_request(
    live: LiveWorker, connection: Connection, version: int
) -> None:
    assert connection.ask(environ("/hello"), keep=True).status == 200
    connection.send(record(BEGIN_REQUEST, b"\0\1\0\0\0\0\0\0", version=version))
    assert connection.at_end()
    live.output.take("^rejected connection")


def test_a11_end_inside_a_header_is_quiet(live: LiveWorker) -> None:
    for size in range(1, 8):
        with open_to(live) as connection:
            connection.send(begin()[:size])
            connection.shutdown()
            assert connection.at_end()
    assert_alive(live)


def test_a12_end_inside_content_calls_no_application(live: LiveWorker) -> None:
    head = begin() + record(PARAMS, pairs(environ("/hello")))
    for size in [*range(8, len(head), 5), len(head)]:
        with open_to(live) as connection:
            connection.send(head[:size])
            connection.shutdown()
            assert connection.at_end()
    assert "called hello" not in notes(live)


def test_a13_connect_and_close_is_quiet(live: LiveWorker) -> None:
    for _ in range(100):
        open_to(live).close()
    assert_alive(live)
    live.until(lambda: live.reading().kept == 0)


def test_a14_first_byte_time_out() -> None:
    with start(timeouts={"first_byte": 0.2}) as live, open_to(live) as connection:
        began = time.monotonic()
        assert connection.at_end()
        assert 0.15 < time.monotonic() - began < 5
        assert_alive(live)


def test_a14_first_byte_time_out_spares_who_has_begun() -> None:
    with start(timeouts={"first_byte": 0.2}) as live, open_to(live) as slow, open_to(live) as silent:
        slow.send(asked("/hello")[:1])
        assert silent.at_end()
        slow.send(asked("/hello")[1:])
        assert slow.read_reply().body == b"hello"


def test_a15_dripped_header_meets_the_overall_time_out() -> None:
    """Every drip comes long before any other time-out; the time-out of the whole head ends it. Meanwhile others are served."""
    with start(timeouts={"header": 0.5}) as live, open_to(live) as connection:
        began, data = time.monotonic(), iter(asked("/hello"))
        connection.send(bytes([next(data)]))
        while connection.quiet(0.04):
            connection.send(bytes([next(data)]))
            assert ask(live).body == b"hello"
        assert connection.at_end()
        assert 0.4 < time.monotonic() - began < 5
        live.output.take("header")


@pytest.mark.parametrize("seed", range(5))
def test_a16_noise_is_rejected_in_bounded_memory(live: LiveWorker, seed: int) -> None:
    before = live.rss()
    noise = random.Random(seed).randbytes(65536)
    for start_of_it in (b"", b"\x01", b"\x01\x01\x00\x01"):
        with open_to(live) as connection:
            try:
                connection.send(start_of_it + noise)
            except ConnectionError:
                pass
            connection.read_to_end()
        live.output.take("^rejected connection")
    assert_alive(live)
    assert live.rss() - before < 4 << 20


def test_a16_noise_mid_request(live: LiveWorker, connection: Connection) -> None:
    connection.send(head("/body") + record(STDIN, b"some body") + b"\xfe" * 65536)
    connection.read_to_end()
    live.output.take("^rejected connection")
    assert "close" not in notes(live)


@pytest.mark.parametrize(
    "line",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ],
)
def test_a17_http_is_rejected(live: LiveWorker, line: bytes) -> None:
    assert_rejected(live, line)


@pytest.mark.parametrize("size", [0, 1, 65527, 65528, 65529, 65535, 65536, 200000])
def test_a18_our_records(connection: Connection, size: int) -> None:
    """Version, reserved byte and id are checked for every reply in Reply.take; a wrong length would break the next record."""
    connection.send(asked("/big", id=7, SIZE=str(size)))
    reply = connection.read_reply(7)
    assert not reply.others
    assert reply.body == (bytes(range(251)) * (size // 251 + 1))[:size]
    assert reply.header("Content-Length") == str(size)
    assert reply.complete and connection.at_end()


@pytest.mark.parametrize("seed", [*range(3), 7])
def test_a16_spoilt_requests_cost_their_connection_alone(live: LiveWorker, seed: int) -> None:
    """Requests with a few bytes changed, lost or doubled: answered, refused or rejected, never more than that."""
    spoil = random.Random(seed)
    whole = asked("/body", keep=True, body=b"some body", HTTP_COOKIE="a=1") + asked("/hello", keep=True)
    for _ in range(150):
        data = bytearray(whole)
        for _ in range(spoil.randint(1, 3)):
            at = spoil.choice(
                (spoil.randrange(24), spoil.randrange(len(data) - 8, len(data)), spoil.randrange(len(data)))
            )
            data[at : at + spoil.randint(0, 2)] = spoil.randbytes(spoil.randint(0, 2))
        with open_to(live) as connection:
            try:
                connection.send(bytes(data), piece=spoil.choice((None, None, 40)))
                connection.shutdown()
            except ConnectionError:
                pass
            connection.read_to_end()
    assert_alive(live)
    for line in live.output.clear():
        assert re.match("rejected connection|refused a request|request body ended", line), line
