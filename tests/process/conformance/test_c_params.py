"""Cases C31 to C46: name-value pairs and what becomes of them."""

from __future__ import annotations

import pytest

from tests.process.conformance.helpers import (
    ask,
    assert_alive,
    assert_rejected,
    environ_of,
    head,
    notes,
    open_to,
    send_and_begin,
    start,
)
from tests.support.fastcgi import PARAMS, STDIN, Connection, begin, environ, length, pair, pairs, record, stream
from tests.support.live_worker import LiveWorker

END_OF_REQUEST = record(PARAMS) + record(STDIN)


def seen(live: LiveWorker, more: bytes, path: str = "/echo") -> dict[str, object]:
    """The environ of a request with these encoded pairs after the usual ones."""
    with open_to(live) as connection:
        connection.send(begin() + stream(PARAMS, pairs(environ(path)) + more) + record(STDIN))
        return environ_of(connection.read_reply())


@pytest.mark.parametrize("size", [0, 1, 127, 128, 255, 256, 16383, 65535])
def test_c31_lengths_are_exact(live: LiveWorker, size: int) -> None:
    value, name = "v" * size, "N" * size
    there = seen(
        live, pair("BEFORE", "1") + pair("VALUE", value) + (pair(name, "by name") if size else b"") + pair("AFTER", "2")
    )
    assert there["VALUE"] == value and (there["BEFORE"], there["AFTER"]) == ("1", "2")
    assert not size or there[name] == "by name"


def test_c32_long_form_of_short_lengths(live: LiveWorker) -> None:
    there = seen(
        live,
        pair("SHORT", "12345", long=True)
        + length(3)
        + length(5, long=True)
        + b"MIX12345"
        + length(2, long=True)
        + length(0)
        + b"NO",
    )
    assert (there["SHORT"], there["MIX"], there["NO"]) == ("12345", "12345", "")


@pytest.mark.parametrize("piece", [1000, 16384, 65535])
def test_c33_a_value_over_many_records(connection: Connection, piece: int) -> None:
    value = "".join(chr(33 + number % 90) for number in range(200 << 10))
    connection.send(begin() + stream(PARAMS, pairs(environ("/echo", BIG=value)), piece=piece) + record(STDIN))
    assert environ_of(connection.read_reply())["BIG"] == value


@pytest.mark.parametrize("where", ["name", "value"])
def test_c34_enormous_length_with_few_bytes_allocates_nothing(live: LiveWorker, where: str) -> None:
    enormous = b"\xff\xff\xff\xff\x01AB" if where == "name" else b"\x01\xff\xff\xff\xffAB"
    before = live.rss()
    with open_to(live) as connection:
        connection.send(begin() + record(PARAMS, pairs(environ("/hello")) + enormous))
        with open_to(live) as other:
            assert other.ask(environ("/pid")).status == 200
        assert live.rss() - before < 1 << 20
        connection.send(END_OF_REQUEST)
        assert_refused(live, connection)
    assert "called hello" not in notes(live)


@pytest.mark.parametrize("where", ["name", "value"])
def test_c34_enormous_length_is_refused_at_the_limit(live: LiveWorker, where: str) -> None:
    enormous = b"\xff\xff\xff\xff\x01AB" if where == "name" else b"\x01\xff\xff\xff\xffAB"
    before = live.rss()
    with open_to(live) as connection:
        try:
            connection.send(begin() + record(PARAMS, enormous) + record(PARAMS, b"x" * 65535) * 64)
        except ConnectionError:
            pass
        assert_refused(live, connection)
    assert live.rss() - before < 6 << 20
    assert_alive(live)


def assert_refused(live: LiveWorker, connection: Connection) -> None:
    """Closed, with a 431 document or without; either way with one line in the log."""
    answer = connection.read_to_end()
    assert not answer or b"Status: 431 " in answer
    live.output.take("^refused a request.*limits.params" if answer else "^rejected connection")


@pytest.mark.parametrize(
    "cut", [b"\x05\x05NAME", b"\x05\x05NAMES1234", b"\x80\x00\x00\x05\x01NAME", b"\x01\x05N", b"\x7f\x7f"]
)
def test_c35_length_beyond_the_end_of_the_stream_is_rejected(live: LiveWorker, cut: bytes) -> None:
    assert_rejected(live, begin() + record(PARAMS, pairs(environ("/hello")) + cut) + END_OF_REQUEST)
    assert "called hello" not in notes(live)


@pytest.mark.parametrize(
    "cut", [b"\x05", b"\x80", b"\x80\x00\x00", b"\x05\x80", b"\x05\x80\x00\x00", b"\x80\x00\x00\x05"]
)
def test_c36_stream_that_ends_inside_a_length_is_rejected(live: LiveWorker, cut: bytes) -> None:
    assert_rejected(live, begin() + record(PARAMS, pairs(environ("/hello")) + cut) + END_OF_REQUEST)
    assert "called hello" not in notes(live)


@pytest.mark.parametrize("keep", [False, True])
def test_c37_params_over_the_limit_get_a_document(live: LiveWorker, keep: bool) -> None:
    with open_to(live) as connection:
        connection.send(head("/hello", keep=keep, BIG="x" * (1 << 20)) + record(STDIN))
        reply = connection.read_reply()
        assert reply.status == 431 and reply.body and reply.header("Content-Type")
        assert reply.complete and connection.at_end()
    live.output.take("^refused a request.*limits.params")
    assert "called hello" not in notes(live)


def test_c37_the_limit_is_exact() -> None:
    with start(limits={"params": 2000}) as live:
        rest = len(pairs(environ("/hello"))) + len(length(1000)) + len(length(3)) + len("BIG")
        assert ask(live, BIG="x" * (2000 - rest)).status == 200
        assert ask(live, BIG="x" * (2001 - rest)).status == 431
        live.output.take("^refused a request.*limits.params, 2000 bytes")


def test_c38_empty_names_are_skipped(live: LiveWorker) -> None:
    there = seen(live, pair("", "value") + pair("", "") + pair("AFTER", "1"))
    assert "" not in there and there["AFTER"] == "1"


def test_c39_odd_names_do_no_harm(live: LiveWorker) -> None:
    """What CGI mode must drop (there is none yet) reaches a WSGI environ as latin-1 text, or not at all; its neighbours are intact."""
    odd = {b"A=B": b"1", b"A\0B": b"2", b"A\xe4\xff": b"3", b"A\nB": b"4"}
    there = seen(live, pair("BEFORE", "1") + pairs(odd) + pair("AFTER", "2"))
    assert (there["BEFORE"], there["AFTER"]) == ("1", "2")
    for name, value in odd.items():
        assert there.get(name.decode("latin-1"), value.decode()) == value.decode()


def test_c40_repeated_headers_are_joined(live: LiveWorker) -> None:
    there = seen(
        live,
        b"".join(
            pair(name, value)
            for name in ("HTTP_COOKIE", "HTTP_ACCEPT", "HTTP_X_FORWARDED_FOR")
            for value in ("a=1", "b=2", "c")
        ),
    )
    assert there["HTTP_COOKIE"] == "a=1; b=2; c"
    assert there["HTTP_ACCEPT"] == there["HTTP_X_FORWARDED_FOR"] == "a=1, b=2, c"


def test_c40_repeated_headers_apart_from_each_other(live: LiveWorker) -> None:
    there = seen(
        live,
        pair("HTTP_COOKIE", "a")
        + pair("OTHER", "1")
        + pair("HTTP_VIA", "x")
        + pair("HTTP_COOKIE", "b")
        + pair("HTTP_VIA", "y"),
    )
    assert (there["HTTP_COOKIE"], there["HTTP_VIA"]) == ("a; b", "x, y")


def test_c41_of_repeated_other_names_the_last_wins(live: LiveWorker) -> None:
    there = seen(live, pair("REMOTE_USER", "first") + pair("REMOTE_USER", "second") + pair("QUERY_STRING", "last=1"))
    assert there["REMOTE_USER"] == "second" and there["QUERY_STRING"] == "last=1"


def test_c42_two_empty_params_are_tolerated(connection: Connection) -> None:
    connection.send(head("/body", keep=True) + record(PARAMS) + record(STDIN, b"some body") + record(STDIN))
    assert connection.read_reply().body == b"some body"
    assert connection.ask(environ("/hello")).body == b"hello"


def test_c43_params_after_their_end_are_rejected(live: LiveWorker) -> None:
    with open_to(live) as connection:
        send_and_begin(live, connection, head("/read-inside"))
        connection.send(record(PARAMS, pair("LATE", "1")))
        assert connection.read_to_end() == b""
    live.output.take("^rejected connection")
    assert_alive(live)
    assert notes(live) == ["called read_inside", "error OSError", "close", "called pid"]


@pytest.mark.parametrize("keep", [False, True])
def test_c44_no_params_get_a_document(connection: Connection, keep: bool) -> None:
    connection.send(begin(flags=int(keep)) + END_OF_REQUEST)
    reply = connection.read_reply()
    assert reply.status == 400 and reply.body and reply.header("Content-Type")
    assert reply.complete and connection.at_end()


def test_c45_params_never_override_ours(live: LiveWorker) -> None:
    names = (
        "input",
        "errors",
        "url_scheme",
        "version",
        "multithread",
        "multiprocess",
        "run_once",
        "file_wrapper",
        "input_terminated",
    )
    plain = environ_of(ask(live, "/echo"))
    there = seen(live, pairs({f"wsgi.{name}": "evil" for name in names}))
    assert {name: value for name, value in there.items() if name.startswith("wsgi.")} == {
        name: value for name, value in plain.items() if name.startswith("wsgi.")
    }
    assert there["wsgi.url_scheme"] == "http"


def test_c46_many_tiny_pairs_take_linear_time() -> None:
    """40,000 pairs cost about eight times the processor time of 5,000, where quadratic time would be 64 times."""

    def cost(live: LiveWorker, number: int, run: int) -> float:
        tiny = b"".join(
            pair(f"K{run}-{index}", "") for index in range(number)
        )  # New names each time: decoders remember.
        before = live.cpu()
        with open_to(live) as connection:
            connection.send(begin() + stream(PARAMS, pairs(environ("/hello")) + tiny) + record(STDIN))
            assert connection.read_reply().body == b"hello"
        return live.cpu() - before

    with start(limits={"params": 4 << 20}) as live:
        few, many = (min(cost(live, number, run) for run in range(3)) for number in (5_000, 40_000))
        assert many < 24 * few, f"{few:.4f} s for 5,000 pairs, {many:.4f} s for 40,000"


def test_c46_many_repeated_headers_take_linear_time() -> None:
    with start() as live, open_to(live) as connection:
        connection.send(
            begin() + stream(PARAMS, pairs(environ("/echo")) + pair("HTTP_A", "b") * 80_000) + record(STDIN)
        )
        before = live.cpu()
        assert environ_of(connection.read_reply())["HTTP_A"] == ", ".join(["b"] * 80_000)
        assert live.cpu() - before < 3


def test_c46_one_pair_a_record(connection: Connection) -> None:
    content = pairs(environ("/echo")) + b"".join(pair(f"K{index}", str(index)) for index in range(10_000))
    connection.send(begin() + stream(PARAMS, content, piece=7) + record(STDIN))
    assert environ_of(connection.read_reply())["K9999"] == "9999"


def test_c46_names_as_written(live: LiveWorker) -> None:
    assert seen(live, pair("lower_Case-dash.dot", "x"))["lower_Case-dash.dot"] == "x"
