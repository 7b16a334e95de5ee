"""Cases D47 to D64: the request's body."""

from __future__ import annotations

import ast
import hashlib
import io
import json
import os
import random

import pytest

from tests.process.conformance.helpers import (
    PacketConnection,
    asked,
    assert_alive,
    exchange,
    head,
    notes,
    open_to,
    start,
)
from tests.support.fastcgi import DATA, PARAMS, STDIN, Connection, begin, environ, pair, pairs, record, stream
from tests.support.gate import Gate
from tests.support.live_worker import LiveWorker

UPLOAD = int(os.environ.get("FCGIPM_TEST_MIB", "64")) << 20
"""Bytes of the large upload; 1 GiB takes some seconds: FCGIPM_TEST_MIB=1024."""

GROWTH = 8 << 20
"""Bytes that a worker's resident memory may grow during any transfer."""


def body_of(connection: Connection, data: bytes) -> bytes:
    connection.send(data)
    reply = connection.read_reply()
    assert reply.status == 200
    return reply.body


def test_d47_no_body(connection: Connection) -> None:
    assert body_of(connection, head("/body", method="GET") + record(STDIN)) == b""


def test_d48_length_0(connection: Connection) -> None:
    assert body_of(connection, head("/body", length=0) + record(STDIN)) == b""


@pytest.mark.parametrize("size", [1, 7, 65535, 65536, 300_000])
def test_d49_length_and_stream_agree(connection: Connection, size: int) -> None:
    data = random.Random(size).randbytes(size)
    assert body_of(connection, head("/body", length=size) + stream(STDIN, data, piece=10_000)) == data


def test_d50_stream_shorter_than_its_length_is_a_short_read_and_logged(
    live: LiveWorker, connection: Connection
) -> None:
    assert (
        body_of(connection, head("/body", length=20, keep=True) + record(STDIN, b"some body") + record(STDIN))
        == b"some body"
    )
    live.output.take("CONTENT_LENGTH|short|body")
    assert connection.ask(environ("/hello")).body == b"hello"


@pytest.mark.parametrize(
    "records", [[b"some body and more"], [b"some bo", b"dy", b" and more"], [b"some body", b" and more" * 30_000]]
)
def test_d51_stream_longer_than_its_length(connection: Connection, records: list[bytes]) -> None:
    surplus = b"".join(
        record(STDIN, data)
        for block in records
        for data in [block[at : at + 60_000] for at in range(0, len(block), 60_000)]
    )
    assert body_of(connection, head("/body", length=9, keep=True) + surplus + record(STDIN)) == b"some body"
    assert connection.ask(environ("/hello")).body == b"hello"


@pytest.mark.parametrize("keep", [False, True])
def test_d52_data_after_the_end_is_never_delivered(live: LiveWorker, connection: Connection, keep: bool) -> None:
    connection.send(head("/body", keep=keep) + record(STDIN) + record(STDIN, b"evil") + record(STDIN))
    reply = connection.read_reply()
    assert reply.status == 200 and reply.body == b""
    if keep:
        assert connection.ask(environ("/body"), b"next").body == b"next"


@pytest.mark.parametrize("data", [b"", b"early"])
def test_d53_stdin_before_the_end_of_params_is_rejected(live: LiveWorker, data: bytes) -> None:
    whole = head("/hello", keep=True)
    with open_to(live) as connection:
        connection.send(whole[:-8] + record(STDIN, data))
        assert connection.at_end()
    live.output.take("^rejected connection")
    assert "called hello" not in notes(live)


@pytest.mark.parametrize("length", ["", None, "-1", "abc", "+5", "1e3", str(2**64)])
def test_d54_what_is_no_length_means_unknown(connection: Connection, length: str | None) -> None:
    declared = {} if length is None else {"CONTENT_LENGTH": length}
    assert (
        body_of(
            connection,
            head("/body", **declared) + record(STDIN, b"read to ") + record(STDIN, b"its end") + record(STDIN),
        )
        == b"read to its end"
    )


@pytest.mark.parametrize("length", [" 4", "4 ", "4,4", "4 4", "0x4", "4_0", "\u00b2"])
def test_d55_lengths_with_spaces_and_such_are_unknown_or_refused(connection: Connection, length: str) -> None:
    connection.send(head("/body", CONTENT_LENGTH=length) + record(STDIN, b"some body") + record(STDIN))
    reply = connection.read_reply()
    assert reply.status == 400 or (reply.status, reply.body) == (200, b"some body")


def test_d55_of_two_lengths_the_last_wins_or_both_are_refused(connection: Connection) -> None:
    twice = pairs(environ("/body", "POST")) + pair("CONTENT_LENGTH", "9") + pair("CONTENT_LENGTH", "4")
    connection.send(begin() + stream(PARAMS, twice) + record(STDIN, b"some body") + record(STDIN))
    reply = connection.read_reply()
    assert reply.status == 400 or (reply.status, reply.body) == (200, b"some")


@pytest.mark.parametrize("length", [None, 100])
def test_d56_end_of_the_connection_inside_the_body(
    live: LiveWorker, connection: Connection, length: int | None
) -> None:
    connection.send(head("/read-inside", length=length) + record(STDIN, b"some") + record(STDIN, b"body")[:10])
    connection.shutdown()
    connection.read_to_end()
    noted = notes(live)
    assert noted[0] == "called read_inside" and noted[-1] == "close" and noted.count("close") == 1
    assert "read 100" not in noted
    assert not any("Traceback" in line for line in live.output.clear())


@pytest.mark.parametrize("length", [True, False])
def test_d57_large_upload_in_bounded_memory(length: bool) -> None:
    piece = record(STDIN, b"u" * 65528) * 16
    times = UPLOAD // (65528 * 16)
    with start() as live, open_to(live) as connection:
        assert connection.ask(environ("/hello"), keep=True).status == 200
        before = live.rss()
        connection.send(head("/count", length=times * 16 * 65528 if length else None))
        for _ in range(times):
            connection.send(piece)
        connection.send(record(STDIN))
        assert connection.read_reply().body == b"%d" % (times * 16 * 65528)
        assert live.rss() - before < GROWTH


def test_d57_unread_upload_in_bounded_memory() -> None:
    """The application answers without reading a byte; what the peer sends on goes nowhere, least of all into memory."""
    with start() as live, open_to(live) as connection:
        assert connection.ask(environ("/hello"), keep=True).status == 200
        before = live.rss()
        exchange(connection, head("/hello", keep=True) + record(STDIN, b"u" * 65528) * 512 + record(STDIN))
        assert connection.ask(environ("/hello")).body == b"hello"
        assert live.rss() - before < GROWTH


def test_d58_small_reply_with_the_body_unread(connection: Connection) -> None:
    """The peer writes everything before it reads: it must not meet a reset, and gets the reply whole."""
    connection.send(asked("/hello", method="POST", body=b"u" * (1 << 20)))
    reply = connection.read_reply()
    assert reply.body == b"hello" and reply.complete
    assert connection.at_end()


def test_d58_small_reply_before_the_body_has_come(tcp: LiveWorker) -> None:
    """On TCP a close with unread input would reset, and the reset could overtake the reply."""
    with open_to(tcp) as connection:
        connection.send(head("/hello", length=500_000) + record(STDIN, b"u" * 60_000))
        reply = connection.read_reply()
        assert reply.body == b"hello" and reply.complete
        connection.send(record(STDIN, b"u" * 60_000) * 7 + record(STDIN))
        connection.shutdown()
        assert connection.at_end()


def test_d58_the_wait_for_an_unread_body_ends_with_its_peer(live: LiveWorker, connection: Connection) -> None:
    """Not only when its time is over."""
    connection.send(head("/hello", length=500_000) + record(STDIN, b"u" * 10_000))
    assert connection.read_reply().body == b"hello"
    live.until(lambda: live.reading().kept == 1)
    connection.close()
    live.until(lambda: live.reading().kept == 0, timeout=3)


def test_d59_both_write_before_they_read(connection: Connection) -> None:
    connection.send(asked("/write-before-read", method="POST", body=b"u" * 3_000_000))
    reply = connection.read_reply()
    assert reply.body == b"w" * 2_400_000 + b"3000000"


@pytest.mark.parametrize("size", [100_000, 1 << 20, 3_000_000, 12_345_678])
def test_d59_both_write_and_read_by_turns(connection: Connection, size: int) -> None:
    """What waits between network and application comes out as it went in, wherever it waited."""
    body = random.Random(size).randbytes(size)
    connection.send(asked("/turns", method="POST", body=body))
    answer = connection.read_reply().body
    assert answer.strip(b"t") == hashlib.sha256(body).hexdigest().encode()


def test_d59_a_body_that_waits_does_so_in_bounded_memory() -> None:
    with start() as live, open_to(live) as connection:
        assert connection.ask(environ("/hello"), keep=True).status == 200
        before = live.rss()
        connection.send(head("/write-before-read") + record(STDIN, b"u" * 65528) * (UPLOAD // 65528) + record(STDIN))
        assert live.rss() - before < GROWTH
        assert connection.read_reply().body.endswith(b"w%d" % (UPLOAD // 65528 * 65528))
        assert live.rss() - before < GROWTH


@pytest.mark.parametrize("keep", [False, True])
def test_d60_early_413(connection: Connection, keep: bool) -> None:
    reply, all_sent = exchange(connection, asked("/leave-body", method="POST", keep=keep, body=b"u" * 4_000_000))
    assert reply.status == 413 and reply.body == b"too large" and reply.complete
    assert all_sent
    if keep:
        assert connection.ask(environ("/hello")).body == b"hello"


def test_d61_unread_body_on_a_kept_connection(connection: Connection) -> None:
    for _ in range(3):
        connection.send(asked("/hello", method="POST", keep=True, body=b"\1\1" * (1 << 19)))
        assert connection.read_reply().body == b"hello"
    assert connection.ask(environ("/body"), b"clean").body == b"clean"


def test_d61_half_read_body_on_a_kept_connection(connection: Connection) -> None:
    calls = json.dumps([["read", 10]])
    for _ in range(3):
        connection.send(asked("/calls", method="POST", keep=True, body=b"\1\1" * (1 << 19), CALLS=calls))
        assert connection.read_reply().body == repr([b"\1\1" * 5]).encode()
    assert connection.ask(environ("/body"), b"clean").body == b"clean"


def test_d61_body_read_after_the_response_takes_nothing_of_the_next_request(
    live: LiveWorker, connection: Connection
) -> None:
    with Gate() as gate:
        connection.send(head("/reads-in-close", keep=True, GATE=gate.path))
        assert connection.read_reply().body == b"done"
        gate.arrival()
        connection.send(record(STDIN) + asked("/body", keep=True, method="POST", body=b"next"))
        gate.open()
        assert connection.read_reply().body == b"next"
    assert notes(live)[:2] == ["called reads_in_close", "close"]


def test_d62_dripped_body_is_read_as_it_arrives(connection: Connection) -> None:
    """Each piece comes back before the next is sent: read(n) waits for n bytes at most, never for the whole body."""
    connection.send(head("/drip", READ="5"))
    for piece in (b"first", b"secnd", b"third"):
        connection.send(record(STDIN, piece))
        while (got := connection.read_record()) and not got.content.endswith(piece):
            pass
    connection.send(record(STDIN))
    assert connection.read_reply().complete


def test_d62_readline_returns_as_lines_arrive(connection: Connection) -> None:
    connection.send(head("/drip", READ="5"))
    connection.send(record(STDIN, b"fir"))
    connection.send(record(STDIN, b"st"))
    got = b""
    while not got.endswith(b"first"):
        answer = connection.read_record()
        assert answer
        got += answer.content
    connection.send(record(STDIN))
    assert connection.read_reply().complete


BODY = b"line one\nline two\n\nsome longer line that crosses a border\nno end"
CALLS = [
    [["read"], ["read"], ["read", 5]],
    [["read", -1], ["read", -1], ["readline"], ["readlines"], ["iterate"]],
    [["read", 0], ["read", 3], ["read", 0], ["read", 1000], ["read", 1000]],
    [["readline"]] * 7,
    [["readline", 3], ["readline", 0], ["readline", 100], ["readline", -1], ["read", 4], ["readline"]],
    [["readlines"], ["readlines"], ["readline"], ["read", 1]],
    [["readlines", 1], ["readlines", 10], ["readlines", 0], ["readlines"]],
    [["readlines", 12], ["read", 2], ["readlines", -1]],
    [["iterate"], ["iterate"], ["read"]],
    [["read", 4], ["iterate"], ["read", 1], ["readline"]],
    [["read", 9], ["readline", 4], ["readlines", 6], ["iterate"]],
]


def expected(calls: list[list[object]]) -> list[object]:
    """What the same calls give on the same bytes in memory."""
    reference = io.BytesIO(BODY)
    return [
        list(reference) if name == "iterate" else getattr(reference, str(name))(*arguments)
        for name, *arguments in calls
    ]


@pytest.mark.parametrize(("length", "piece"), [(len(BODY), 1), (len(BODY), 7), (len(BODY), 1000), (None, 1000)])
@pytest.mark.parametrize("calls", CALLS, ids=range(len(CALLS)))
def test_d63_every_way_of_reading(live: LiveWorker, calls: list[list[object]], piece: int, length: int | None) -> None:
    with open_to(live) as connection:
        got = body_of(
            connection, head("/calls", length=length, CALLS=json.dumps(calls)) + stream(STDIN, BODY, piece=piece)
        )
    assert got == repr(expected(calls)).encode()


@pytest.mark.parametrize("piece", [1, 7])
def test_d63_reads_without_a_length_may_be_short_but_lose_nothing(live: LiveWorker, piece: int) -> None:
    calls = [["read", 5]] * 100 + [["readline"], ["read"]]
    with open_to(live) as connection:
        got = body_of(connection, head("/calls", CALLS=json.dumps(calls)) + stream(STDIN, BODY, piece=piece))
    results = ast.literal_eval(got.decode())
    assert b"".join(results) == BODY and all(len(result) <= 5 for result in results[:100])
    assert results == sorted(results, key=lambda result: result == b""), "nothing comes after the end"


@pytest.mark.parametrize(
    "calls",
    [calls for calls in CALLS if not any(call[0] == "read" and call[1:] and int(str(call[1])) > 0 for call in calls)],
)
def test_d63_lines_without_a_length_cross_records(live: LiveWorker, calls: list[list[object]]) -> None:
    with open_to(live) as connection:
        got = body_of(connection, head("/calls", CALLS=json.dumps(calls)) + stream(STDIN, BODY, piece=3))
    assert got == repr(expected(calls)).encode()


def test_d63_reading_one_byte_a_receive(packets: LiveWorker) -> None:
    for calls in CALLS:
        with PacketConnection(packets.address) as connection:
            connection.send(head("/calls", length=len(BODY), CALLS=json.dumps(calls)))
            connection.send(stream(STDIN, BODY, piece=11), piece=1)
            assert connection.read_reply().body == repr(expected(calls)).encode()


def test_d63_nothing_past_the_length(connection: Connection) -> None:
    calls = json.dumps([["readline"], ["readline"], ["read"], ["readlines"], ["read", 3]])
    got = body_of(connection, head("/calls", length=13, CALLS=calls) + stream(STDIN, BODY))
    assert got == repr([b"line one\n", b"line", b"", [], b""]).encode()


def test_d64_data_is_ignored_for_a_responder(connection: Connection) -> None:
    connection.send(
        head("/body", length=9, keep=True)
        + record(DATA, b"data")
        + record(STDIN, b"some ")
        + record(DATA, b"more")
        + record(DATA)
    )
    connection.send(record(STDIN, b"body") + record(STDIN))
    assert connection.read_reply().body == b"some body"
    assert connection.ask(environ("/hello")).body == b"hello"


def test_d64_data_before_the_end_of_params(connection: Connection) -> None:
    whole = head("/hello", method="GET")
    connection.send(whole[:16] + record(DATA, b"data") + whole[16:] + record(STDIN))
    assert connection.read_reply().body == b"hello"


def test_body_time_out() -> None:
    """No number: the peer that stops in the middle of its body costs this request alone."""
    with start(timeouts={"body": 0.2}) as live, open_to(live) as connection:
        connection.send(head("/read-inside", length=9) + record(STDIN, b"some"))
        connection.read_to_end()
        noted = notes(live)
        assert noted == ["called read_inside", "error OSError", "close"]
        live.output.clear()
        assert_alive(live)


def test_body_time_out_is_for_each_wait() -> None:
    with start(timeouts={"body": 0.5}) as live, open_to(live) as connection, Gate() as gate:
        connection.send(head("/at-gate-then-body", length=9, GATE=gate.path))
        gate.arrival()
        gate.open()
        for byte in b"some body":
            assert connection.quiet(0.1)
            connection.send(record(STDIN, bytes([byte])))
        connection.send(record(STDIN))
        assert connection.read_reply().body == b"some body"
