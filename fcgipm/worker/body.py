"""What has arrived of a request's body and was not read by the application yet."""

from __future__ import annotations

import tempfile
from collections import deque
from typing import IO, Deque, Optional

IN_MEMORY = 1 << 20
"""Bytes kept in memory; what comes beyond goes to an unnamed file. Only a peer that sends its whole body before it reads the response gets there."""
_PIECE = 1 << 18


class BodyStore:
    """A queue of bytes with one end in the network and the other in ``wsgi.input``."""

    __slots__ = ("_file", "_in_file", "_pieces", "_read_at", "_size")

    def __init__(self) -> None:
        self._pieces: Deque[bytes] = deque()
        self._size = 0
        self._file: Optional[IO[bytes]] = None
        self._in_file = 0
        self._read_at = 0

    def put(self, data: bytes) -> None:
        """Raises OSError when the file cannot be written."""
        if self._in_file or self._size + len(data) > IN_MEMORY:
            self._spool(data)
        else:
            self._pieces.append(data)
            self._size += len(data)

    def take(self) -> bytes:
        """The next piece, b"" when there is none."""
        if self._pieces:
            data = self._pieces.popleft()
            self._size -= len(data)
            return data
        if not self._in_file or self._file is None:
            return b""
        self._file.seek(self._read_at)
        data = self._file.read(min(_PIECE, self._in_file))
        self._read_at += len(data)
        self._in_file -= len(data)
        return data

    def _spool(self, data: bytes) -> None:
        if self._file is None:
            self._file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 (it lives as long as the request)
        if not self._in_file:
            self._read_at = 0
            self._file.truncate(0)
        self._file.seek(self._read_at + self._in_file)
        while data:  # A disk that fills up writes a part first; the error comes with the rest.
            written = self._file.write(data)
            self._in_file += written
            data = data[written:]
