"""The demonstration's own reading of records, against our codec's writing."""

from __future__ import annotations

from fcgipm.demo.records import decode
from fcgipm.wire.fastcgi import encode_pairs
from fcgipm.wire.fastcgi import records as wire


def test_a_whole_request() -> None:
    long = "x" * 300
    pairs = [(b"REQUEST_METHOD", b"POST"), (b"HTTP_X_LONG", long.encode()), (b"EMPTY", b"")]
    data = b"".join([
        wire.record(wire.BEGIN_REQUEST, 7, bytes((0, 1, 1, 0, 0, 0, 0, 0))),
        wire.record(wire.PARAMS, 7, encode_pairs(pairs)),
        wire.record(wire.PARAMS, 7),
        wire.HEADER.pack(1, wire.STDIN, 7, 3, 5) + b"abc" + bytes(5),
        wire.record(wire.STDIN, 7),
    ])  # fmt: skip
    begin, params, params_end, stdin, stdin_end = decode(data)
    assert (begin.kind, begin.request_id, begin.meaning) == ("BEGIN_REQUEST", 7, "role RESPONDER, keep the connection")
    assert begin.header_fields()[:3] == [("version", "01", 1), ("type", "01", 1), ("request id", "00 07", 7)]
    assert params.pairs == [("REQUEST_METHOD", "POST"), ("HTTP_X_LONG", long), ("EMPTY", "")]
    assert params_end.meaning == "empty: the end of PARAMS" and stdin_end.meaning == "empty: the end of STDIN"
    assert (stdin.content, stdin.padding, stdin.dump()) == (b"abc", 5, "0000  61 62 63" + " " * 39 + "  abc")
    assert [record.offset for record in (begin, params)] == [0, 16]


def test_secrets_are_unreadable_in_names_and_in_bytes() -> None:
    data = wire.record(wire.PARAMS, 1, encode_pairs([(b"HTTP_COOKIE", b"session=abc"), (b"HTTP_AUTHORIZATION", b"Basic xyz")]))
    (params,) = decode(data)
    assert params.pairs == [("HTTP_COOKIE", "*" * 11), ("HTTP_AUTHORIZATION", "*" * 9)]
    assert b"session" not in params.content and b"Basic" not in params.content
    assert len(params.content) == len(data) - 8


def test_what_is_cut_off_says_so() -> None:
    data = wire.record(wire.BEGIN_REQUEST, 1, bytes(8)) + wire.record(wire.STDIN, 1, b"x" * 100)
    assert [(record.kind, record.whole) for record in decode(data[:50])] == [("BEGIN_REQUEST", True), ("STDIN", False)]
    pairs = encode_pairs([(b"A", b"1"), (b"LONG", b"2" * 200)])
    (params,) = decode(wire.record(wire.PARAMS, 1, pairs[:20]))
    assert params.pairs == [("A", "1")]
    assert decode(b"\1\1\0") == []
