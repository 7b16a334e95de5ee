"""Cases H127 to H137: the status, the headers, and responses without a body."""

from __future__ import annotations

import pytest

from tests.process.conformance.helpers import (
    ask,
    assert_refused,
    close_count,
    literal,
    notes,
)
from tests.support.fastcgi import Connection, environ
from tests.support.live_worker import LiveWorker


@pytest.mark.parametrize(
    "status",
    [
        "200",
        "200 OK\r\nX: y",
        "abc",
        b"200 OK",
        "099 x",
        "",
        None,
        200,
        "2000 OK",
        "20 OK",
        "200\tOK",
        "200 \u20ac",
        "-12 x",
        "\u0662\u0660\u0660 OK",
    ],
)
def test_h127_status_refused(live: LiveWorker, status: object) -> None:
    assert_refused(live, ask(live, literal(status=status)))


@pytest.mark.parametrize("status", ["200 OK", "404 Not Found", "299 ", "599 Any text at all: \xe4", "200 O K"])
def test_h127_status_accepted(live: LiveWorker, status: str) -> None:
    assert ask(live, literal(status=status)).status_line.strip() == status.strip()


@pytest.mark.parametrize("status", ["100 Continue", "101 Switching Protocols", "103 Early Hints", "199 x"])
def test_h128_interim_status_refused(live: LiveWorker, status: str) -> None:
    assert_refused(live, ask(live, literal(status=status)))


CONTROLS = ["\r", "\n", "\r\n", "\0", "\x01", "\x1f", "\x7f", "\x0b", "\t"]


@pytest.mark.parametrize("control", CONTROLS)
def test_h129_controls_in_a_header_refused(live: LiveWorker, control: str) -> None:
    assert_refused(live, ask(live, literal(headers=[("X-Value", f"before{control}Evil: 1")])))
    assert_refused(live, ask(live, literal(headers=[(f"X-Na{control}me", "value")])))
    assert_refused(live, ask(live, literal(headers=[("X-Value", f"at its end{control}")])))


def test_h129_latin_in_a_value_accepted(live: LiveWorker) -> None:
    assert ask(live, literal(headers=[("X-Value", "a b \xe4\xff")])).header("X-Value") == "a b \xe4\xff"


BAD_HEADERS = [
    (("X-A", "b"),), None, "X-A: b", {"X-A": "b"}, [("X-A", b"b")], [(b"X-A", "b")], [("X-A", 5)], [("X-A", None)], [("X-A",)], ["X-A"],
    [("X-A", "b", "c")], [("X-A", "\u20ac")], [("X-\u20ac", "a")], [("", "a")], [("X A", "b")], [("X:A", "b")], [("X-\xe4", "b")], [("X(A)", "b")],
]  # fmt: skip


@pytest.mark.parametrize("headers", BAD_HEADERS, ids=range(len(BAD_HEADERS)))
def test_h130_bad_headers_refused(live: LiveWorker, headers: object) -> None:
    assert_refused(live, ask(live, literal(headers=headers)))


@pytest.mark.parametrize("header", [["X-A", "b"], ("X-A", ["b"]), {"X-A": "b"}])
def test_h130_the_error_says_what_a_header_is(live: LiveWorker, header: object) -> None:
    assert_refused(
        live, ask(live, literal(headers=[header])), r"^TypeError: a header.*(\(name, value\) tuple|must be str)"
    )


@pytest.mark.parametrize("name", ["Status", "status", "STATUS"])
def test_h131_header_named_status(live: LiveWorker, name: str) -> None:
    """Refused, or dropped: it must never become the response's status."""
    reply = ask(live, literal(headers=[(name, "201 Created"), ("X-Other", "1")]))
    assert reply.status in (200, 500)
    if reply.status == 500:
        live.output.take_error(r"^\w+Error: ")


HOP_BY_HOP = [
    "Connection",
    "Keep-Alive",
    "Proxy-Authenticate",
    "Proxy-Authorization",
    "TE",
    "Trailers",
    "Transfer-Encoding",
    "Upgrade",
    "transfer-encoding",
]


@pytest.mark.parametrize("name", HOP_BY_HOP)
def test_h132_hop_by_hop_headers_refused(live: LiveWorker, name: str) -> None:
    assert_refused(live, ask(live, f"/hop?{name}"))


def test_h133_many_cookies_in_order(live: LiveWorker) -> None:
    reply = ask(live, "/cookies")
    assert [value for name, value in reply.headers if name == "Set-Cookie"] == [
        f"c{number}={number}; Path=/" for number in range(40)
    ]


def test_h134_wide_headers(live: LiveWorker) -> None:
    reply = ask(live, "/wide")
    assert [value for name, value in reply.headers if name.startswith("X-Wide")] == ["v" * 500] * 11
    assert reply.body == b"wide"


def test_h134_headers_longer_than_a_record(live: LiveWorker) -> None:
    reply = ask(live, "/wide", COUNT="150")
    assert [value for name, value in reply.headers if name.startswith("X-Wide")] == ["v" * 500] * 150
    assert reply.body == b"wide"


BODILESS = [
    ("/sized", "HEAD", 200),
    ("/hello", "HEAD", 200),
    ("/big", "HEAD", 200),
    ("/status?204+No+Content", "GET", 204),
    ("/status?304+Not+Modified", "GET", 304),
]


@pytest.mark.parametrize(("path", "method", "status"), BODILESS)
def test_h135_no_body_where_none_may_be(
    live: LiveWorker, connection: Connection, path: str, method: str, status: int
) -> None:
    reply = connection.ask(environ(path, method, SIZE="300000"), keep=True)
    assert reply.status == status and reply.body == b"" and reply.complete
    assert connection.ask(environ("/hello")).body == b"hello"
    assert notes(live).count("close") == (0 if path in ("/hello", "/big") else 1)


def test_h135_head_keeps_the_length(live: LiveWorker) -> None:
    assert ask(live, "/sized", "HEAD").header("Content-Length") == "11"


@pytest.mark.parametrize(
    ("path", "method"), [("/one-yield", "HEAD"), *((path, method) for path, method, _ in BODILESS[3:])]
)
def test_h135_no_length_is_invented_where_there_is_no_body(live: LiveWorker, path: str, method: str) -> None:
    """Above all not 0: the length of a HEAD response is that of the body a GET would have had."""
    assert ask(live, path, method).header("Content-Length") is None


def test_h135_head_of_an_endless_response_ends(live: LiveWorker) -> None:
    assert ask(live, "/endless", "HEAD").body == b""
    assert close_count(live) == 1


def test_h136_location_has_an_explicit_status(live: LiveWorker) -> None:
    reply = ask(live, "/redirect")
    assert reply.status_line == "302 Found" and reply.header("Location") == "/elsewhere"
    assert ask(live, literal(status="201 Created", headers=[("Location", "/new")])).status == 201


def test_h137_content_type_is_not_invented(live: LiveWorker) -> None:
    assert ask(live, "/untyped").header("Content-Type") is None
