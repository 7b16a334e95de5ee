"""Cases H110 to H142: PEP 3333 to the letter."""

from __future__ import annotations

import json
import os
import select
import time

import pytest

from tests.process.conformance.helpers import (
    PacketConnection,
    ask,
    asked,
    assert_alive,
    assert_refused,
    close_count,
    literal,
    notes,
    open_to,
    start,
)
from tests.support.daemon import Daemon
from tests.support.fastcgi import END_REQUEST, STDERR, STDOUT, Connection, environ
from tests.support.gate import Gate
from tests.support.live_worker import LiveWorker

DOWNLOAD = 100 << 20
GROWTH = 8 << 20


def nothing_yet(connection: Connection) -> bool:
    """Nothing was sent: asked while the application stands at a gate, so all it could have caused has happened."""
    return not connection._buffer and not select.select([connection.socket], [], [], 0)[0]


def cut_short(connection: Connection) -> bytes:
    """STDOUT of a response that was cut short: no empty STDOUT, no END_REQUEST, the connection closed."""
    reply = connection.read_reply()
    assert not reply.complete and not reply.stdout_closed
    return reply.body


def test_h110_no_headers_before_the_first_block_that_is_not_empty(connection: Connection) -> None:
    with Gate() as gate:
        connection.send(asked("/empty-then-gate", GATE=gate.path))
        gate.arrival()
        assert nothing_yet(connection)
        gate.open()
        reply = connection.read_reply()
    assert reply.status_line == "503 Service Unavailable"
    assert reply.header("X-First") is None and reply.header("X-Second") == "2" and reply.body == b"second"


@pytest.mark.parametrize("blocks", [[b"", b"", b"x"], [b"x", b"", b""], [b"", b"x", b"", b"y"], [b"", b""], [b""]])
def test_h111_empty_blocks(live: LiveWorker, blocks: list[bytes]) -> None:
    reply = ask(live, literal(blocks=blocks))
    assert reply.status == 200 and reply.stdout.count(b"Status:") == 1
    assert reply.body == b"".join(blocks)


def test_h112_empty_list(live: LiveWorker) -> None:
    reply = ask(live, literal(blocks=[]))
    assert reply.status_line == "200 OK" and reply.body == b"" and reply.stdout_closed


def test_h113_start_response_on_the_first_iteration(live: LiveWorker) -> None:
    assert ask(live, "/start-on-first-iteration").body == b"late but legal"


def test_h114_start_response_never_called(live: LiveWorker) -> None:
    assert_refused(live, ask(live, "/never-start"))


def test_h115_start_response_twice(live: LiveWorker) -> None:
    assert_refused(live, ask(live, "/start-twice"))


def test_h116_exc_info_before_the_headers_replaces_them(live: LiveWorker) -> None:
    reply = ask(live, "/replace-before-headers")
    assert reply.status_line == "500 Oops" and reply.body == b"error page"
    assert reply.header("X-Old") is None and reply.header("X-New") == "1"


def test_h116_exc_info_after_the_headers_is_raised_again(live: LiveWorker, connection: Connection) -> None:
    connection.send(asked("/replace-after-headers", keep=True))
    assert cut_short(connection) == b"already sent"
    live.output.take_error("ValueError: after the headers")


def test_h117_exc_info_is_not_retained(live: LiveWorker) -> None:
    assert ask(live, "/kept-exc-info").body == b"forgotten"
    assert ask(live, "/exc-info-given").body == b"given"
    assert ask(live, "/exc-info-kept").body == b"forgotten"


@pytest.mark.parametrize("path", ["/raise-at-once", "/raise-before-first-block"])
def test_h118_exception_before_the_headers(live: LiveWorker, path: str) -> None:
    reply = ask(live, path)
    assert_refused(live, reply, "RuntimeError: raised (at once|before the first block)")
    assert b"raised" not in reply.body and b"Traceback" not in reply.body, "the document must not show the error"


def test_h118_exception_before_the_headers_keeps_the_connection(live: LiveWorker, connection: Connection) -> None:
    assert connection.ask(environ("/raise-at-once"), keep=True).status == 500
    live.output.take_error("RuntimeError: raised at once")
    assert connection.ask(environ("/hello")).body == b"hello"


@pytest.mark.parametrize("keep", [False, True])
def test_h118_exception_after_the_headers_cuts_the_response_short(
    live: LiveWorker, connection: Connection, keep: bool
) -> None:
    connection.send(asked("/raise-after-first-block", keep=keep))
    assert cut_short(connection) == b"first"
    live.output.take_error("RuntimeError: raised after the first block")
    assert notes(live).count("close") == 1


def test_h118_system_exit_ends_the_request_alone(live: LiveWorker) -> None:
    assert_refused(live, ask(live, "/raise-system-exit"), "SystemExit: 3")
    assert_alive(live)


def test_h119_write_then_iterable_in_order(live: LiveWorker) -> None:
    assert ask(live, "/write-then-iterate").body == b"written twice then returned"


def test_h119_write_sends_before_it_returns(live: LiveWorker, connection: Connection) -> None:
    with Gate() as gate:
        connection.send(asked("/write-gate-write", GATE=gate.path))
        gate.arrival()
        first = connection.read_record()
        assert first and first.content.endswith(b"\r\n\r\none ")
        gate.open()
        assert b"".join(connection.read_reply().stdout_chunks) == b"two three"
    assert notes(live).count("close") == 1


def take_truncation(live: LiveWorker) -> None:
    """At least one line says that the response was truncated, and no line says anything else."""
    live.output.take("Content-Length: truncated")
    while live.output.lines():
        live.output.take("Content-Length: truncated")


def test_h120_close_once_normally(live: LiveWorker) -> None:
    assert ask(live, "/close-normal").body == b"onetwo"
    assert close_count(live) == 1


def test_h120_close_once_after_an_exception(live: LiveWorker) -> None:
    ask(live, "/raise-before-first-block")
    live.output.take_error("RuntimeError")
    assert close_count(live) == 1


def test_h120_close_once_when_the_client_left(live: LiveWorker) -> None:
    with open_to(live) as connection:
        connection.send(asked("/endless"))
        assert connection.read_record()
    assert close_count(live) == 1


def test_h120_close_once_when_the_length_is_reached(live: LiveWorker) -> None:
    assert ask(live, "/close-at-length").body == b"onet"
    assert close_count(live) == 1
    take_truncation(live)


def test_h120_iteration_stops_when_the_length_is_reached(live: LiveWorker) -> None:
    """PEP 3333: "should stop iterating over the response when enough data has been sent"; an endless response would pin its worker."""
    assert ask(live, "/endless-sized").body == b"x" * 2000
    assert close_count(live) == 1
    take_truncation(live)


def test_h120_close_once_for_head(live: LiveWorker) -> None:
    assert ask(live, "/sized", "HEAD").body == b""
    assert close_count(live) == 1


def test_h121_close_that_raises_is_logged(live: LiveWorker, connection: Connection) -> None:
    reply = connection.ask(environ("/close-raises"), keep=True)
    assert reply.status == 200 and reply.body == b"all of it" and reply.complete
    live.output.take_error("RuntimeError: raised in close")
    assert_alive(live)


def test_h122_each_block_is_out_before_the_next_is_asked_for(live: LiveWorker, connection: Connection) -> None:
    """Server-sent events: the client has each block while the application still waits inside the next."""
    with Gate() as gate:
        connection.send(asked("/gated-blocks", GATE=gate.path, BLOCKS='["one", "two", "three"]'))
        for block in (b"one", b"two", b"three"):
            gate.arrival()
            got = connection.read_record()
            assert got and got.kind == STDOUT and got.content.endswith(block)
            assert nothing_yet(connection)
            gate.open()
        assert connection.read_reply().complete
    assert close_count(live) == 1


@pytest.mark.parametrize("path", ["/long-and-short?declared=4", "/close-at-length"])
def test_h123_data_beyond_the_length_is_truncated_and_logged(
    live: LiveWorker, connection: Connection, path: str
) -> None:
    reply = connection.ask(environ(path), keep=True)
    assert len(reply.body) == 4 and reply.header("Content-Length") == "4" and reply.complete
    assert connection.ask(environ("/hello")).body == b"hello"
    take_truncation(live)


def test_h123_data_short_of_the_length_is_logged_and_cut_short(live: LiveWorker, connection: Connection) -> None:
    """Trap 8: the client must be able to tell; so no END, no next request on this connection."""
    connection.send(asked("/long-and-short?declared=20", keep=True))
    assert cut_short(connection) == b"0123456789"
    live.output.take("Content-Length: cut short")
    assert_alive(live)


@pytest.mark.parametrize("blocks", [[b"block"], (b"block",), [b"two ", b"blocks"], (b"a", b"", b"b"), []])
def test_h124_length_added_when_it_is_known(live: LiveWorker, blocks: list[bytes]) -> None:
    reply = ask(live, literal(blocks=blocks))
    assert reply.header("Content-Length") == str(len(b"".join(blocks)))


def test_h124_length_of_the_application_is_left_alone(live: LiveWorker) -> None:
    assert ask(live, literal(headers=[("content-length", "4")], blocks=[b"body"])).header("Content-Length") == "4"


def test_h124_a_whole_response_is_one_send(packets: LiveWorker) -> None:
    """STDOUT, the empty STDOUT and END in one: by a list, and by a generator whose length is declared."""
    with PacketConnection(packets.address) as connection:
        for path in (
            "/hello",
            literal(blocks=[b"two ", b"blocks"]),
            literal(blocks=[]),
            "/redirect",
            literal(blocks=b"bare"),
        ):
            connection.send(asked(path, keep=True))
            assert ends_with_end(connection.packet()), path
        connection.send(asked("/generated", keep=True))
        assert not ends_with_end(connection.packet())
        assert ends_with_end(connection.packet())


def ends_with_end(packet: bytes) -> bool:
    """The empty STDOUT, perhaps padded, and END_REQUEST close it."""
    return (
        packet[-16:-8] == bytes([1, END_REQUEST, 0, 1, 0, 8, 0, 0])
        and bytes([1, STDOUT, 0, 1, 0, 0]) in packet[-32:-16]
    )


@pytest.mark.parametrize("blocks", [["text"], [5], [None], [b"", "text"], "text", None, 5])
def test_h125_blocks_that_are_no_bytes(live: LiveWorker, blocks: object) -> None:
    assert_refused(live, ask(live, literal(blocks=blocks)))


def test_h125_a_block_that_is_no_bytes_behind_one_that_is(live: LiveWorker, connection: Connection) -> None:
    connection.send(asked(literal(blocks=[b"good", "text"])))
    reply = connection.read_reply()
    assert not reply.complete or reply.status == 500
    live.output.take_error(r"^\w+Error: ")


def test_h125_write_of_what_is_no_bytes(live: LiveWorker) -> None:
    assert_refused(live, ask(live, "/write-text"), "^TypeError: write.. takes bytes, not str")


def test_h126_bare_bytes(live: LiveWorker) -> None:
    reply = ask(live, literal(blocks=b"bare bytes"))
    assert reply.body == b"bare bytes" and reply.header("Content-Length") == "10"


DATA = bytes(range(256)) * 391
FILES = [
    ("kind=file", DATA[:100000]),
    ("kind=file&offset=99990", DATA[99990:100000]),
    ("kind=file&offset=5000&length=1000", DATA[5000:6000]),
    ("kind=file&size=0", b""),
    ("kind=plain", DATA[:100000]),
    ("kind=plain&length=10", DATA[:10]),
    ("kind=bytesio", DATA[:100000]),
    ("kind=bytesio&offset=1&length=5", DATA[1:6]),
    ("kind=wrapped", DATA[:100000].upper()),
    ("kind=wrapped&offset=97&length=26", DATA[97:123].upper()),
]


@pytest.mark.parametrize(("query", "expected"), FILES, ids=[query for query, _ in FILES])
def test_h138_file_wrapper(live: LiveWorker, query: str, expected: bytes) -> None:
    reply = ask(live, f"/file?{query}")
    assert reply.status == 200 and reply.body == expected and reply.complete
    if "kind=file" in query or "kind=plain" in query:
        assert close_count(live) == 1
    if "length" in query:
        live.output.clear()


def test_h138_file_longer_than_memory_may_be(live: LiveWorker) -> None:
    assert len(ask(live, "/file?kind=file&size=20000000").body) == 20_000_000


@pytest.mark.parametrize("path", ["/many", f"/file?kind=file&size={DOWNLOAD // 2}"])
def test_h139_large_download_to_a_slow_client_in_bounded_memory(path: str) -> None:
    with start() as live, open_to(live) as connection:
        if path != "/many":
            assert len(ask(live, "/file?kind=file&size=1000000").body) == 1_000_000
        connection.send(asked(path, COUNT=str(DOWNLOAD >> 20), SIZE=str(1 << 20)))
        received, least, most = 0, None, 0
        while data := connection.socket.recv(1 << 20):
            received += len(data)
            if received >> 23 != (received - len(data)) >> 23:
                time.sleep(0.001)
                least, most = least or live.rss(), max(most, live.rss())
        assert received > (DOWNLOAD if path == "/many" else DOWNLOAD // 2)
        assert least and most - least < GROWTH


@pytest.mark.parametrize("path", ["/endless", "/trickle", "/many", "/big", "/file?kind=file&size=50000000"])
@pytest.mark.parametrize("reset", [False, True])
def test_h140_client_gone_amid_the_download(tcp: LiveWorker, path: str, reset: bool) -> None:
    with open_to(tcp) as connection:
        connection.send(asked(path, COUNT="100", SIZE="30000000" if path == "/big" else "1000000"))
        assert connection.read_record()
        if reset:
            connection.reset()
    assert close_count(tcp) == (0 if path == "/big" else 1)
    assert_alive(tcp)


def test_h140_client_gone_before_the_application_answers(live: LiveWorker) -> None:
    with Gate() as gate:
        with open_to(live) as connection:
            connection.send(asked("/at-gate", GATE=gate.path))
            gate.arrival()
        gate.open()
        assert close_count(live) == 1


def test_h141_what_is_written_to_errors_arrives_as_lines(live: LiveWorker) -> None:
    assert ask(live, "/errors?kind=newlines").body == b"written"
    live.output.take("^first line$")
    live.output.take("^second line$")
    live.output.take("^after an empty one")
    live.output.take("^with CR$")
    assert ask(live, "/errors?kind=euro").body == b"written"
    live.output.take("price: \u20ac 5")
    assert ask(live, "/errors?kind=binary").body == b"written"
    live.output.take("red")
    live.output.clear()


def test_h141_a_daemons_log_has_whole_lines_only() -> None:
    """Each line of the log is the daemon's own: a time, a level, and no control character, whatever applications write."""
    with Daemon({"web": {"app": "cases:application"}}) as daemon:
        for kind in ("newlines", "binary", "euro", "long"):
            with Connection(daemon.address()) as connection:
                assert connection.ask(environ(f"/errors?kind={kind}")).body == b"written"
        daemon.wait_for_line("e{3900}|e{1000}")
        for line in daemon.lines:
            assert (
                line[:4].isdigit() and line[4] == "-" and line.split(" ")[1] in ("debug", "info", "warning", "error")
            ), line
            assert not any((character < " " and character != "\t") or character == "\x7f" for character in line), repr(
                line
            )


def test_h142_errors_never_reach_the_client(live: LiveWorker) -> None:
    """What would make nginx answer 502 if it came before the headers as STDERR; through nginx itself it is in tests/nginx."""
    reply = ask(live, "/errors?kind=long")
    assert reply.status == 200 and reply.body == b"written"
    assert not [got for got in reply.records if got.kind == STDERR]
    live.output.clear()


def test_sanity_of_the_literal_application(live: LiveWorker) -> None:
    assert json.loads(ask(live, "/echo").body)["pid"] == live.worker.pid != os.getpid()
