"""Kept connections while their pool has no worker to wait on them.

A leaving worker sends its kept connections into the handover. When nobody waits there (the pool went to rest without a worker, or all are busy), the master
takes them out: it reads not a byte, only waits until something has come, and then puts the connection back for a worker. So no client is cut off because
its pool rests, and a connection without a request is not taken for a request that waits.
"""

from __future__ import annotations

import socket
from collections.abc import Callable

from fcgipm import handover
from fcgipm.master.loop import Loop


class Parking:
    """Of one pool. `patience`: seconds that a connection may be silent; `woken` is called when one has something for a worker."""

    def __init__(self, give: socket.socket, take: socket.socket, patience: float, loop: Loop, woken: Callable[[], None]) -> None:
        self._give = give
        self._take = take
        self._patience = patience
        self._loop = loop
        self._woken = woken
        self._parked: dict[socket.socket, float] = {}
        self._refused: list[socket.socket] = []
        """Something has come, and the handover was full."""

    def __len__(self) -> int:
        return len(self._parked)

    @property
    def next_expiry(self) -> float | None:
        """When the one that was parked first has been silent for too long."""
        return next(iter(self._parked.values()), None)

    def sort(self, now: float) -> int:
        """Empty the handover: who is silent is parked, the others go back in. How many those are."""
        ready, self._refused = self._refused, []
        while (number := handover.take(self._take)) is not None:
            if number != handover.LOST:
                connection = socket.socket(fileno=number)
                if _has_something(connection):
                    ready.append(connection)
                else:
                    self._park(connection, now)
        return sum(self._hand_on(connection) for connection in ready)

    def expire(self, now: float) -> None:
        """Close what has been silent for too long."""
        for connection in [connection for connection, until in self._parked.items() if until <= now]:
            self._leave(connection)
            connection.close()

    def empty(self) -> None:
        """The pool stops: who has sent something is for the workers, who is silent is closed."""
        for connection in list(self._parked):
            self._leave(connection)
            if _has_something(connection):
                self._hand_on(connection)
            else:
                connection.close()

    def close(self) -> None:
        """Close everything."""
        for connection in list(self._parked):
            self._leave(connection)
            connection.close()
        for connection in self._refused:
            connection.close()

    def _park(self, connection: socket.socket, now: float) -> None:
        self._parked[connection] = now + self._patience
        self._loop.watch(connection, lambda _events: self._readable(connection))

    def _leave(self, connection: socket.socket) -> None:
        del self._parked[connection]
        self._loop.forget(connection)

    def _readable(self, connection: socket.socket) -> None:
        self._leave(connection)
        if self._hand_on(connection):
            self._woken()

    def _hand_on(self, connection: socket.socket) -> bool:
        """Put it back into the handover, if there is a request in it. Whether somebody waits."""
        if _has_ended(connection):
            connection.close()
            return False
        if handover.give(self._give, connection.fileno()):
            connection.close()
        else:
            self._refused.append(connection)
        return True


def _peek(connection: socket.socket) -> bytes | None:
    """The first byte that nobody has read; b"" at the end, None when there is nothing."""
    try:
        return connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except BlockingIOError:
        return None
    except OSError:
        return b""


def _has_something(connection: socket.socket) -> bool:
    return _peek(connection) is not None


def _has_ended(connection: socket.socket) -> bool:
    return _peek(connection) == b""
