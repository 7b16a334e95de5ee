"""The debugging hook: the bytes that an application sees are those that came for its request, however they were cut."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from fcgipm.wire.fastcgi import Request, encode_pairs
from fcgipm.wire.fastcgi import records as wire
from fcgipm.worker.recording import KEY, RecordingApplication, wanted

BEGIN = wire.record(wire.BEGIN_REQUEST, 1, bytes((0, 1, 1, 0, 0, 0, 0, 0)))
HEAD = BEGIN + wire.record(wire.PARAMS, 1, encode_pairs([(b"REQUEST_METHOD", b"GET")])) + wire.record(wire.PARAMS, 1)
WHOLE = HEAD + wire.record(wire.STDIN, 1)
VALUES = wire.record(wire.GET_VALUES, 0, encode_pairs([(b"FCGI_MAX_CONNS", b"")]))


def fed(codec: RecordingApplication, data: bytes, size: int) -> list[dict[str, Any]]:
    """The environs that come out of `data` in pieces of `size` bytes."""
    pieces = [data[at : at + size] for at in range(0, len(data), size)]
    return [event.params for piece in pieces for event in codec.receive(piece) if type(event) is Request]


@given(size=st.integers(1, 200), before=st.sampled_from([b"", VALUES, VALUES * 3]))
def test_a_request_in_pieces(size: int, before: bytes) -> None:
    codec = RecordingApplication(1 << 20)
    (environ,) = fed(codec, before + WHOLE, size)
    assert environ[KEY]() == WHOLE


@given(size=st.integers(1, 200), unread=st.integers(0, 300), sent=st.integers(0, 300))
def test_what_an_earlier_request_left_unread_is_not_shown(size: int, unread: int, sent: int) -> None:
    codec = RecordingApplication(1 << 20)
    body = wire.record(wire.STDIN, 1, b"\1" * unread) + wire.record(wire.STDIN, 1)
    fed(codec, HEAD + body[:sent], size)
    codec.end(1)
    (environ,) = fed(codec, body[sent:] + WHOLE, size)
    assert environ[KEY]() == WHOLE


def test_a_request_sent_ahead_has_its_own() -> None:
    codec = RecordingApplication(1 << 20)
    codec.receive(WHOLE + WHOLE)
    codec.end(1)
    (environ,) = [event.params for event in codec.receive(b"") if type(event) is Request]
    assert environ[KEY]() == WHOLE  # type: ignore[operator]


def test_a_body_is_there_as_far_as_it_came_and_no_further_than_the_limit() -> None:
    codec = RecordingApplication(1 << 20)
    (environ,) = fed(codec, HEAD, 1000)
    piece = wire.record(wire.STDIN, 1, b"x" * 40000)
    codec.receive(piece)
    assert environ[KEY]() == HEAD + piece
    codec.receive(piece)
    assert environ[KEY]() == (HEAD + piece + piece)[:65536]


def test_only_who_asks_has_it() -> None:
    assert wanted({"FCGIPM_RECORDS": "1"})
    assert not wanted({}) and not wanted({"FCGIPM_RECORDS": "0"})
