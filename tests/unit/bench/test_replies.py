"""Where replies end, however they are cut."""

from __future__ import annotations

import itertools
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcgipm.bench.replies import BadReply, FastCgiReply, HttpReply, Reply


def record(kind: int, content: bytes, padding: int = 0) -> bytes:
    return struct.pack(">BBHHBx", 1, kind, 1, len(content), padding) + content + bytes(padding)


END = record(3, bytes(8))
OK = record(6, b"Content-Type: text/plain\r\n\r\nhello", 3) + record(7, b"a word for the log") + record(6, b"") + END
MOVED = record(6, b"Status: 302 Found\r\nLocation: /x\r\n\r\n") + END
LENGTH = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello"
CHUNKS = b"HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n1f;x=y\r\n" + b"\r\n0\r\n\r\n".ljust(31, b"z") + b"\r\n0\r\n\r\n"
NOTHING = b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n"


@pytest.mark.parametrize(
    ("reply", "stream", "status"),
    [(FastCgiReply, OK, 200), (FastCgiReply, MOVED, 302), (HttpReply, LENGTH, 200), (HttpReply, CHUNKS, 404), (HttpReply, NOTHING, 304)],
)
@given(data=st.data())
def test_a_reply_is_whole_with_its_last_byte(reply: type[Reply], stream: bytes, status: int, data: st.DataObject) -> None:
    one = reply()
    for _ in range(2):  # one after the other on the same connection
        cuts = sorted({0, len(stream), *data.draw(st.lists(st.integers(0, len(stream)), max_size=5))})
        pieces = [stream[start:stop] for start, stop in itertools.pairwise(cuts)]
        assert [one.feed(piece) for piece in pieces] == [None] * (len(pieces) - 1) + [status]


@pytest.mark.parametrize(
    ("reply", "stream", "why"),
    [
        (FastCgiReply, record(3, b"\0\0\0\0\1\0\0\0"), "protocol status 1"),
        (FastCgiReply, END, "without a head"),
        (HttpReply, b"SSH-2.0-OpenSSH\r\n\r\n", "not HTTP"),
        (HttpReply, b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", "unknown length"),
    ],
)
def test_what_is_no_answer(reply: type[Reply], stream: bytes, why: str) -> None:
    with pytest.raises(BadReply, match=why):
        reply().feed(stream)
