"""``wsgi.input``: the request's body as a file, read from the peer only when the application asks for it."""

from __future__ import annotations

from typing import Iterator, List, Optional

from fcgipm.gateways.errors import say
from fcgipm.gateways.exchange import Exchange
from fcgipm.gateways.watch import Watch

_LINE_PIECE = 65536


class Input:
    """PEP 3333, "Input and Error Streams".

    With a declared length, `read(n)` behaves like a file: it waits for n bytes or the end, because ``read(int(environ["CONTENT_LENGTH"]))`` is what
    applications do. Without one (a chunked upload through nginx, unbuffered) it returns what has arrived, so that a live stream can be followed.
    Every method raises ClientLeft or BodyTimeout when the rest does not come: a body that the client did not finish must not look complete. (A web server that
    ends the stream properly but early is believed, with a line in the log.)
    """

    __slots__ = ("_exchange", "_left", "_rest", "_watch")

    def __init__(self, exchange: Exchange, length: Optional[int], watch: Optional[Watch] = None) -> None:
        """`length` is the body's declared length in bytes, None when unknown."""
        self._exchange = exchange
        self._watch = watch or Watch()
        self._left = length
        self._rest = b""

    def end(self) -> None:
        """The request is over: an application that kept this object finds nothing more in it, least of all the next request's body."""
        self._left = 0
        self._rest = b""
        del self._exchange  # It holds the environ, which holds this: a ring that only the garbage collector would find.

    def read(self, size: Optional[int] = -1) -> bytes:
        if size is None or size < 0:
            return b"".join(iter(self._piece, b""))
        if self._left is None:
            return self._piece(size) if size else b""
        pieces: List[bytes] = []
        while size:
            piece = self._piece(size)
            if not piece:
                break
            pieces.append(piece)
            size -= len(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def readline(self, size: Optional[int] = -1) -> bytes:
        limit = -1 if size is None else size
        pieces: List[bytes] = []
        while limit:
            piece = self._piece(_LINE_PIECE if limit < 0 else limit)
            if not piece:
                break
            end = piece.find(b"\n") + 1
            if end:
                self._unread(piece[end:])
                piece = piece[:end]
            pieces.append(piece)
            limit -= len(piece) if limit > 0 else 0
            if end:
                break
        return b"".join(pieces)

    def readlines(self, hint: Optional[int] = -1) -> List[bytes]:
        lines: List[bytes] = []
        total = 0
        for line in self:
            lines.append(line)
            total += len(line)
            if hint is not None and 0 < hint <= total:
                break
        return lines

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.readline, b"")

    def _piece(self, most: int = 1 << 30) -> bytes:
        """Between 1 and `most` bytes, b"" at the end of the body."""
        if self._left == 0:
            return b""
        data = self._rest or self._receive()
        if self._left is not None:
            if not data:
                say(f"request body ended {self._left} bytes before its declared length")
                self._left = 0
                return b""
            most = min(most, self._left)
        self._rest = data[most:]
        data = data[:most]
        if self._left is not None:
            self._left -= len(data)
        return data

    def _receive(self) -> bytes:
        """Waiting for the peer is no time of the application's."""
        self._watch.leave()
        try:
            return self._exchange.receive_body()
        finally:
            self._watch.enter()

    def _unread(self, data: bytes) -> None:
        self._rest = data + self._rest
        if self._left is not None:
            self._left += len(data)


def declared_length(text: object) -> Optional[int]:
    """CONTENT_LENGTH as a number; None for absent, empty, or anything but a plain run of digits that a body can have."""
    return int(text) if isinstance(text, str) and text.isdigit() and text.isascii() and len(text) < 19 else None
