"""The control protocol, without sockets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcgipm.control import protocol
from fcgipm.control.protocol import ControlProtocolError, LineBuffer


@given(st.lists(st.binary(max_size=50).filter(lambda line: b"\n" not in line)), st.integers(1, 20))
def test_any_chunking_gives_the_same_lines(lines: list[bytes], step: int) -> None:
    stream = b"".join(line + b"\n" for line in lines)
    buffer = LineBuffer()
    found = [line for at in range(0, len(stream), step) for line in buffer.feed(stream[at : at + step])]
    assert found == lines


@pytest.mark.parametrize("data", [b"x" * 101, b"x" * 101 + b"\n"])
def test_a_line_that_grows_too_long(data: bytes) -> None:
    with pytest.raises(ControlProtocolError, match="longer than 100 bytes"):
        LineBuffer(100).feed(data)


def test_requests() -> None:
    assert protocol.decode_request(b'{"command": "status", "pool": "web"}') == {"command": "status", "pool": "web"}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"status", "no JSON"),
        (b"\xff", "no JSON"),
        (b"[" * 40000, "no JSON"),
        (b"[]", "no JSON object"),
        (b"{}", 'needs the key "command"'),
        (b'{"command": 7}', 'needs the key "command"'),
    ],
)
def test_bad_requests(line: bytes, message: str) -> None:
    with pytest.raises(ControlProtocolError, match=message):
        protocol.decode_request(line)


@given(st.binary(max_size=200))
def test_noise_is_a_protocol_error_or_a_request(noise: bytes) -> None:
    try:
        assert isinstance(protocol.decode_request(noise)["command"], str)
    except ControlProtocolError:
        pass


def test_answers_are_single_lines() -> None:
    for line in (protocol.progress("a\nb"), protocol.result({"x": "ü\u2028"}), protocol.refusal("no")):
        assert line.endswith(b"\n") and line.count(b"\n") == 1 and line.isascii()
    assert protocol.decode_answer(protocol.refusal("no")) == {"result": None, "error": "no"}
