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
            self._say(self._rest[:_LINE])
            self._rest = self._rest[_LINE:]

    def _say(self, line: bytes) -> None:
        for at in range(0, max(1, len(line)), _LINE):
            piece = line[at : at + _LINE]
            if self._said >= _MOST:
                self._dropped += len(piece)
                continue
            self._said += len(piece) + _AROUND
            say(f"{self._name}: {piece.decode('utf-8', 'backslashreplace')}")

    def end(self) -> None:
        """The last line, if it did not end, and how much was left out."""
        if self._rest:
            self._say(self._rest)
        if self._dropped:
            say(f"{self._name}: {self._dropped} more bytes of error output left out")
