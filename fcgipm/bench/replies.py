"""Where a reply ends and what its status is, for clients that want to know no more: as few steps a reply as it takes."""

from __future__ import annotations

import re
from typing import Protocol

from fcgipm.wire.fastcgi.records import END_REQUEST, HEADER, HEADER_SIZE, REQUEST_COMPLETE, STDOUT

_STATUS_LINE = re.compile(rb"^Status: *(\d{3})", re.IGNORECASE | re.MULTILINE)
_HTTP_STATUS = re.compile(rb"HTTP/1\.[01] (\d{3})")
_LENGTH = re.compile(rb"\r\nContent-Length: *(\d+)", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\nTransfer-Encoding: *chunked", re.IGNORECASE)
_CHUNK = re.compile(rb"([0-9a-fA-F]+)[^\r\n]*\r\n")
_BODILESS = (204, 304)


class BadReply(Exception):
    """Not what a server may answer."""


class Reply(Protocol):
    """One reply after the other, on one connection."""

    def feed(self, data: bytes) -> int | None:
        """The status once a reply is whole; raises BadReply. The next bytes belong to the next reply."""


class FastCgiReply:
    """STDOUT and END_REQUEST of one request at a time (FastCGI 1.0, sections 3.3 and 5.5)."""

    def __init__(self) -> None:
        self._begin()

    def _begin(self) -> None:
        self._data = b""
        self._at = 0
        self._head = b""

    def feed(self, data: bytes) -> int | None:
        self._data += data
        data, at = self._data, self._at
        while len(data) - at >= HEADER_SIZE:
            _, kind, _, length, padding = HEADER.unpack_from(data, at)
            end = at + HEADER_SIZE + length
            if len(data) < end + padding:
                break
            if kind == STDOUT and not self._head:
                self._head = data[at + HEADER_SIZE : end]
            elif kind == END_REQUEST:
                return self._end(data[at + HEADER_SIZE + 4])
            at = end + padding
        self._at = at
        return None

    def _end(self, protocol_status: int) -> int:
        head = self._head
        self._begin()
        if protocol_status != REQUEST_COMPLETE:
            raise BadReply(f"refused with protocol status {protocol_status}")
        if not head:
            raise BadReply("a reply without a head")
        found = _STATUS_LINE.search(head)
        return int(found[1]) if found else 200  # RFC 3875, section 6.3.3


class HttpReply:
    """Replies to GET over HTTP/1.1, with a length or in chunks (RFC 9112, section 6.3)."""

    def __init__(self) -> None:
        self._begin()

    def _begin(self) -> None:
        self._data = b""
        self._status = 0
        self._chunk = -1
        """Where the next chunk begins; -1: it is not in chunks."""
        self._end: int | None = None

    def feed(self, data: bytes) -> int | None:
        self._data += data
        if self._end is None and self._chunk < 0 and not self._read_head():
            return None
        if self._chunk >= 0:
            self._skip_chunks()
        if self._end is None or len(self._data) < self._end:
            return None
        status = self._status
        self._begin()
        return status

    def _read_head(self) -> bool:
        blank = self._data.find(b"\r\n\r\n")
        if blank < 0:
            return False
        head = self._data[:blank]
        status, length = _HTTP_STATUS.match(head), _LENGTH.search(head)
        if status is None:
            raise BadReply(f"not HTTP: {head[:60]!r}")
        self._status = int(status[1])
        if self._status in _BODILESS:
            self._end = blank + 4
        elif length is not None:
            self._end = blank + 4 + int(length[1])
        elif _CHUNKED.search(head):
            self._chunk = blank + 4
        else:
            raise BadReply("an answer of unknown length")
        return True

    def _skip_chunks(self) -> None:
        while self._end is None and (size := _CHUNK.match(self._data, self._chunk)):
            self._chunk = size.end() + int(size[1], 16) + 2
            if int(size[1], 16) == 0:
                self._end = self._chunk  # nginx sends no trailers
