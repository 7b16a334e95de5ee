"""Where log lines go: a file, pipe, terminal or socket that may be full, or that nobody reads. Whoever writes here is never made to wait."""

from __future__ import annotations

import os
import select
import stat

CHUNK = select.PIPE_BUF
"""Bytes: a pipe that poll(2) calls writable takes so many at once (pipe(7))."""


class Sink:
    """Lines in, whole or not at all; `lost` counts those that were not taken since the last that was."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = _without_waiting(descriptor)
        self._poll = select.poll()
        self._poll.register(self._descriptor, select.POLLOUT)
        self._rest = b""
        self.lost = 0

    def put(self, line: bytes) -> bool:
        """Write a line; whether it was taken. What remains of one that was taken in part goes out before the next."""
        self._rest = self._push(self._rest)
        left = line if self._rest else self._push(line)
        if len(left) == len(line):
            self.lost += 1
            return False
        self._rest, self.lost = left, 0
        return True

    def replace(self, descriptor: int) -> None:
        """Write into another file from now on, whose descriptor is taken over."""
        os.dup2(descriptor, self._descriptor, inheritable=False)
        os.close(descriptor)
        self._rest = b""

    def close(self) -> None:
        """Write there no more; standard error itself stays open."""
        self._push(self._rest)
        if self._descriptor != 2:
            os.close(self._descriptor)

    def _push(self, data: bytes) -> bytes:
        """What could not be written: the place is full, or gone."""
        try:
            while data and self._poll.poll(0):
                data = data[os.write(self._descriptor, data[:CHUNK]) :]
        except OSError:
            pass
        return data


def _without_waiting(descriptor: int) -> int:
    """A descriptor of our own for a pipe or terminal, because the mode of an inherited one is the mode of everybody who has it."""
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISFIFO(mode) or stat.S_ISCHR(mode):
        try:
            return os.open(f"/proc/self/fd/{descriptor}", os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
        except OSError:
            pass  # A terminal of another user: then poll(2) alone must do.
    return descriptor
