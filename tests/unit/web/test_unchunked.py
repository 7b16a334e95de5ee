"""Answers to HTTP/1.0, which knows no chunks."""

from __future__ import annotations

from fcgipm.web.protocol import Unchunked


class Transport:
    def __init__(self) -> None:
        self.sent: list[bytes] = []

    def write(self, data: bytes) -> None:
        self.sent.append(data)

    def is_closing(self) -> bool:
        return False


def sent(*writes: bytes) -> bytes:
    transport = Transport()
    shim = Unchunked(transport)
    for data in writes:
        shim.write(data)
    assert shim.is_closing() is False, "all else is the transport's"
    return b"".join(transport.sent)


HEAD = b"HTTP/1.1 200 OK\r\nx: y\r\n"


def test_chunks_are_taken_out() -> None:
    writes = (HEAD + b"transfer-encoding: chunked\r\n\r\n", b"5\r\nhello\r\n", b"10\r\n" + b"x" * 16 + b"\r\n0\r\n\r\n")
    assert sent(*writes) == HEAD + b"\r\nhello" + b"x" * 16


def test_a_declared_length_passes_unchanged() -> None:
    head = HEAD + b"content-length: 5\r\n\r\n"
    assert sent(head, b"0\r\n\r\n") == head + b"0\r\n\r\n"


def test_the_words_elsewhere_in_a_head_mean_nothing() -> None:
    head = b"HTTP/1.1 200 OK\r\nx: transfer-encoding: chunked\r\ncontent-length: 1\r\n\r\n"
    assert sent(head, b"a") == head + b"a"
