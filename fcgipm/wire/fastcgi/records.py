"""Records: the frame around everything FastCGI says (specification, section 3.3).

A record is a header of 8 bytes, up to 65535 bytes of content and up to 255 of padding. `Framer` takes a connection's bytes apart and hands each piece of
content on as it arrives, so nothing but an unfinished header is ever buffered here, and a slow peer costs linear time.
"""

from __future__ import annotations

import struct
from typing import Any, Callable, List, Optional

VERSION = 1
_HTTP = (b"HTTP/", b"GET /", b"HEAD ", b"POST ", b"PUT /")
"""What others than FastCGI's friends begin with."""

# Record types, section 8.
BEGIN_REQUEST = 1
ABORT_REQUEST = 2
END_REQUEST = 3
PARAMS = 4
STDIN = 5
STDOUT = 6
STDERR = 7
DATA = 8
GET_VALUES = 9
GET_VALUES_RESULT = 10
UNKNOWN_TYPE = 11

# Roles and flags of BEGIN_REQUEST, section 5.1.
RESPONDER = 1
KEEP_CONN = 1

# protocolStatus of END_REQUEST, section 5.5.
REQUEST_COMPLETE = 0
CANT_MPX_CONN = 1
OVERLOADED = 2
UNKNOWN_ROLE = 3

HEADER = struct.Struct(">BBHHBx")
"""version, type, request id, content length, padding length"""
HEADER_SIZE = 8

MAX_CONTENT = 65535
MAX_ALIGNED_CONTENT = 65528
"""The longest content that needs no padding to end on a multiple of 8."""


class LocalProtocolError(Exception):
    """We were asked to say what the protocol does not allow; nothing was sent."""


class RemoteProtocolError(Exception):
    """The peer broke the protocol: this connection can only be closed."""


Sink = Callable[[bytes], None]


def header(kind: int, request_id: int, length: int) -> bytes:
    """The 8 bytes before `length` bytes of unpadded content."""
    return HEADER.pack(VERSION, kind, request_id, length, 0)


def record(kind: int, request_id: int, content: bytes = b"") -> bytes:
    """One whole record; without content, the end of a stream.

    Raises LocalProtocolError when the content is longer than a record can be.
    """
    if len(content) > MAX_CONTENT:
        raise LocalProtocolError(f"a record holds {MAX_CONTENT} bytes, not {len(content)}")
    return header(kind, request_id, len(content)) + content


def stream(kind: int, request_id: int, content: bytes) -> bytes:
    """Content of any length as records of a stream, without the empty record that ends it; empty content gives no bytes."""
    if len(content) <= MAX_ALIGNED_CONTENT:
        return header(kind, request_id, len(content)) + content if content else b""
    view = memoryview(content)
    pieces: List[Any] = []
    for start in range(0, len(content), MAX_ALIGNED_CONTENT):
        piece = view[start : start + MAX_ALIGNED_CONTENT]
        pieces += (header(kind, request_id, len(piece)), piece)
    return b"".join(pieces)


class Framer:
    """Takes a connection's bytes apart into records; the two roles build upon it.

    A role says in `_open` where the content of a record goes, gets the content in pieces through that sink, and hears in `_close` that a record which had
    content is complete. Padding and content without a sink are skipped.
    """

    HOLD: Sink = staticmethod(lambda content: None)
    """Answer of `_open`: leave this record and all behind it unread until `_held` is cleared."""

    _rest = b""
    _content_left = 0
    _skip_left = 0
    _sink: Optional[Sink] = None
    _held = False

    @property
    def between_records(self) -> bool:
        """Nothing of an unfinished record was received."""
        return not (self._rest or self._content_left or self._skip_left)

    def _feed(self, data: bytes, at: int = 0) -> None:
        """Consume `data` from offset `at`. Raises RemoteProtocolError."""
        if self._rest:
            data = self._rest + data
            self._rest = b""
        end = len(data)
        while at < end:
            if self._content_left:
                at = self._feed_content(data, at)
            elif self._skip_left:
                step = min(self._skip_left, end - at)
                self._skip_left -= step
                at += step
            elif self._held or end - at < HEADER_SIZE:
                self._rest = data[at:]
                return
            else:
                at = self._feed_header(data, at)

    def _feed_header(self, data: bytes, at: int) -> int:
        version, kind, request_id, length, padding = HEADER.unpack_from(data, at)
        if version != VERSION:
            hint = ": this looks like HTTP, not FastCGI" if data[at : at + 5] in _HTTP else ""
            raise RemoteProtocolError(f"record version {version} instead of {VERSION}{hint}")
        sink = self._open(kind, request_id, length)
        if sink is Framer.HOLD:
            self._held = True
            return at
        self._sink = sink
        if sink is None:
            self._skip_left = length + padding
        else:
            self._content_left = length
            self._skip_left = padding
        return at + HEADER_SIZE

    def _feed_content(self, data: bytes, at: int) -> int:
        piece = data[at : at + self._content_left]
        self._content_left -= len(piece)
        assert self._sink is not None
        self._sink(piece)
        if not self._content_left:
            self._close()
        return at + len(piece)

    def _open(self, kind: int, request_id: int, length: int) -> Optional[Sink]:
        """A record begins: where does its content go? None: nowhere. Raises RemoteProtocolError."""
        raise NotImplementedError

    def _close(self) -> None:
        """All content of the record opened last has been through its sink (not called for an empty record)."""
        raise NotImplementedError
