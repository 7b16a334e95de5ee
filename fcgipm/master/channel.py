"""The master's end of a channel: whole messages, never blocking, with the sender's pid as the kernel vouches for it."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from fcgipm import orders
from fcgipm.master.lines import clean

_CREDENTIALS = struct.Struct("iII")
_ROOM = socket.CMSG_SPACE(_CREDENTIALS.size)
"""Room for the credentials alone: descriptors that a worker might send along are discarded by the kernel."""

_LONGEST = 4096
LAST_WORDS = 512
"""Words heard of a process that has ended: more than a channel's buffer holds."""


class Word(NamedTuple):
    """One message from below; `pid` is its sender's, 0 when it is not known. The arguments have no control characters: they end in logs and on terminals."""

    word: bytes
    arguments: list[str]
    pid: int

    @property
    def number(self) -> int:
        """The first argument as a number; whatever else it is, 0."""
        return self.numbers[0] if self.arguments else 0

    @property
    def numbers(self) -> list[int]:
        """All arguments in this way."""
        return [int(word) if word.isascii() and word.isdigit() and len(word) < 20 else 0 for word in self.arguments]


class Channel:
    """A SEQPACKET socket. ``ended`` once the other side has closed it."""

    def __init__(self, ours: socket.socket) -> None:
        ours.setblocking(False)
        self._socket = ours
        self.ended = False

    def fileno(self) -> int:
        """For the selector."""
        return self._socket.fileno()

    def receive(self) -> Word | None:
        """The next message, or None: nothing there, an unknown word, or the end."""
        try:
            message, ancillary, _, _ = self._socket.recvmsg(_LONGEST, _ROOM)
        except BlockingIOError:
            return None
        except OSError:
            message, ancillary = b"", []
        if not message:
            self.ended = True
            return None
        word, arguments = orders.decode(message)
        cleaned = [clean(argument.encode()) for argument in arguments]
        return Word(word, cleaned, _pid(ancillary)) if word in orders.UPWARD else None

    def last_words(self) -> Iterator[Word]:
        """What a process said before it ended. What it left running may hold its channel and go on saying things, so there is a limit."""
        for _ in range(LAST_WORDS):
            if self.ended or self.fileno() < 0 or (word := self.receive()) is None:
                break
            yield word

    def send(self, message: bytes, descriptors: Iterable[int] = ()) -> bool:
        """Send one order; False when the other side is gone or does not take its orders."""
        try:
            socket.send_fds(self._socket, [message], list(descriptors), socket.MSG_NOSIGNAL)
        except OSError:
            return False
        return True

    def close(self) -> None:
        """End it: the other side notices."""
        self._socket.close()


def pair() -> tuple[Channel, socket.socket]:
    """A new channel: our end, and the one to give away."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
    return Channel(ours), theirs


def _pid(ancillary: list[tuple[int, int, bytes]]) -> int:
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_CREDENTIALS and len(data) >= _CREDENTIALS.size:
            pid: int = _CREDENTIALS.unpack_from(data)[0]
            return pid
    return 0
