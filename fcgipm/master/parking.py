"""Kept connections while their pool has no worker to wait on them.

A leaving worker sends its kept connections into the handover. When nobody waits there (the pool went to rest without a worker, or all are busy), the master
takes them out: it reads not a byte, only waits until something has come, and then puts the connection back for a worker. So no client is cut off because
its pool rests, and a connection without a request is not taken for a request that waits.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable

from fcgipm import handover
from fcgipm.master.loop import Loop
from fcgipm.system.spawn import CHANNEL

AT_ONCE = 1024
"""Connections taken from the handover in one look: more than it holds, and a worker that fills it for ever does not keep the master."""
RETRY_INTERVAL = 0.020
"""Seconds until the handover is tried again after it was full."""


class Parking:
    """Of one pool, and of all its generations: `give` and `take` are the two ends of its handover.

    `patience`: seconds that a connection may be silent; `woken` is called when one has something for a worker.
    """

    def __init__(self, patience: float, loop: Loop, ends: tuple[socket.socket, socket.socket] | None = None) -> None:
        self.give, self.take = socket.socketpair(*CHANNEL) if ends is None else ends
        self.patience = patience
        self.woken: Callable[[], None] = _nobody
        self._loop = loop
        self._parked: dict[socket.socket, float] = {}
        self._refused: list[tuple[socket.socket, bool]] = []
        """Who has something for a worker, or is fresh (see `handover.Taken`), while the handover was full."""
        self._retry_at = 0.0

    def __len__(self) -> int:
        return len(self._parked) + len(self._refused)

    @property
    def descriptors(self) -> list[int]:
        """Of all connections that are here."""
        return [connection.fileno() for connection in (*self._parked, *(refused for refused, _ in self._refused))]

    @property
    def overfull(self) -> bool:
        """Whether connections with requests wait until the handover has room."""
        return bool(self._refused)

    @property
    def next_look(self) -> float | None:
        """When to call `see_to`: the one that was parked first has been silent for too long, or the handover may have room again."""
        return self._retry_at if self._refused else next(iter(self._parked.values()), None)

    def sort(self, now: float) -> int:
        """Empty the handover, as far as one look should: who is silent is parked, the others go back in. How many those are."""
        ready, self._refused = self._refused, []
        for _ in range(AT_ONCE):
            taken = handover.take(self.take)
            if taken is None:
                break
            connection = _connection(taken.number)
            if connection is not None and (taken.fresh or _has_something(connection)):
                ready.append((connection, taken.fresh))
            elif connection is not None:
                self.park(connection, now)
        return sum(self._hand_on(connection, fresh, now) for connection, fresh in ready)

    def see_to(self, now: float) -> None:
        """Close what has been silent for too long, and hand on what the handover had no room for."""
        for connection in [connection for connection, until in self._parked.items() if until <= now]:
            self._leave(connection)
            if _has_something(connection):  # It came in the very last moment.
                self._hand_on(connection, False, now)
            else:
                connection.close()
        if self._refused and now >= self._retry_at:
            refused, self._refused = self._refused, []
            for connection, fresh in refused:
                self._hand_on(connection, fresh, now)

    def empty(self, now: float) -> None:
        """The pool stops: who has sent something is for the workers, who is silent is closed."""
        for connection in list(self._parked):
            self._leave(connection)
            if _has_something(connection):
                self._hand_on(connection, False, now)
            else:
                connection.close()

    def close(self) -> None:
        """Close everything, the handover too."""
        for connection in list(self._parked):
            self._leave(connection)
            connection.close()
        for connection, _ in self._refused:
            connection.close()
        self._refused = []
        self.give.close()
        self.take.close()

    def admit(self, connection: socket.socket, now: float) -> None:
        """A connection that the master has accepted, because no worker will: it waits for its first word at one of them."""
        self._hand_on(connection, True, now)

    def park(self, connection: socket.socket, now: float) -> None:
        """Wait until something comes on it."""
        self._parked[connection] = now + self.patience
        self._loop.watch(connection, lambda _events: self._readable(connection))

    def _leave(self, connection: socket.socket) -> None:
        del self._parked[connection]
        self._loop.forget(connection)

    def _readable(self, connection: socket.socket) -> None:
        self._leave(connection)
        if self._hand_on(connection, False, time.monotonic()):
            self.woken()

    def _hand_on(self, connection: socket.socket, fresh: bool, now: float) -> bool:
        """Put it back into the handover, unless it has ended. Whether somebody waits."""
        if _has_ended(connection):
            connection.close()
            return False
        if handover.give(self.give, connection.fileno(), fresh):
            connection.close()
        else:
            self._refused.append((connection, fresh))
            self._retry_at = now + RETRY_INTERVAL
        return True


def _nobody() -> None:
    """Until somebody serves."""


def _connection(number: int) -> socket.socket | None:
    """A descriptor from the handover. None: there was none for us, or it is no socket; a worker is foreign code and may send anything."""
    if number == handover.LOST:
        return None
    try:
        return socket.socket(fileno=number)
    except OSError:
        os.close(number)
        return None


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
