"""What a CGI program says on its error output: lines of the log, under its name, and only so many."""

from __future__ import annotations

import os

from fcgipm.gateways.errors import say

_PIECE = 65536
_LINE = 1000
"""Bytes of a line; longer ones come in pieces."""
_MOST = 65536
"""Bytes of one request that go into the log. The rest is read, so that the program goes on, and counted."""
_AROUND = 64
"""Bytes that a line costs beside its own: a flood of empty ones is a flood."""


class ErrorLines:
    """Of one request; `name`, one plain word, stands before each line."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._rest = b""
        self._said = 0
        self._dropped = 0

    def read(self, descriptor: int) -> bool:
        """Take what has come. False: that was the end."""
        try:
            data = os.read(descriptor, _PIECE)
        except BlockingIOError:
            return True
        if data:
            self._take(data)
        return bool(data)

    def _take(self, data: bytes) -> None:
        if self._said >= _MOST:
            self._dropped += len(data)
            return
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._say(line)
        while len(self._rest) > _LINE:
            end = _end_of_piece(self._rest, 0)
            self._say(self._rest[:end])
            self._rest = self._rest[end:]

    def _say(self, line: bytes) -> None:
        begin = 0
        while True:
            end = _end_of_piece(line, begin)
            self._say_piece(line[begin:end])
            begin = end
            if end == len(line):
                return

    def _say_piece(self, piece: bytes) -> None:
        if self._said >= _MOST:
            self._dropped += len(piece)
            return
        self._said += len(piece) + _AROUND
        say(f"{self._name}: {piece.decode('utf-8', 'backslashreplace')}")

    def end(self) -> None:
        """The last line, if it did not end, and how much was left out."""
        if self._rest:
            self._say(self._rest)
        if self._dropped:
            say(f"{self._name}: {self._dropped} more bytes of error output left out")


def _end_of_piece(line: bytes, begin: int) -> int:
    """Before a character of UTF-8 that would be cut in two: of its up to four bytes all but the first are 10xxxxxx."""
    end = begin + _LINE
    if end >= len(line):
        return len(line)
    return next((at for at in range(end, end - 4, -1) if line[at] & 0xC0 != 0x80), end)
