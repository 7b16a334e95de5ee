"""The pool as the embedded server sees it: kept connections to its first listener, the last used one first, new ones when all are in use."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Mapping
from typing import Any

from fcgipm.web.connection import Connection
from fcgipm.web.pages import Refusal

MOST_IDLE = 1024
"""Connections kept without a request. A burst of clients leaves that many behind at most, and closing them early would only make the next burst slower."""

PATIENCE = 5.0
"""Seconds to wait for a place in the listener's queue."""

RETRY = 0.05
"""Seconds between two looks at a full queue: a unix socket says that it is full, not when it no longer is."""


AT_ONCE = 16384
"""Bytes that a worker of ours takes from a connection in one system call: of a request that is no longer it has read all or nothing."""


class Backend:
    """Connections to one pool. `address`: ``{"unix": path}`` or ``{"host": text, "port": number}``; `keepalive`: seconds, less than the worker's own;
    `foreign`: the pool's program is not ours."""

    def __init__(self, pool: str, address: Mapping[str, Any], keepalive: float, foreign: bool = False) -> None:
        self._pool = pool
        self._address = address
        self._keepalive = keepalive
        self._foreign = foreign
        self._idle: list[Connection] = []
        self._sweep: asyncio.TimerHandle | None = None

    def unseen(self, connection: Connection, size: int) -> bool:
        """Whether nobody can have begun the request of `size` bytes, body and all, that was sent last on this connection, now that it has ended.

        A worker of ours reads a short request whole before it begins it, so what it left unread was not begun. A foreign program may read a
        request's end late or never; of that we only know when nothing was sent at all.
        """
        return not connection.heard and size <= AT_ONCE and (connection.unsent or (connection.unread and not self._foreign))

    async def acquire(self, fresh: bool = False) -> Connection:
        """A kept connection, or a new one (`fresh`: surely a new one). Raises Refusal: 502 when nobody listens, 503 when the queue stays full."""
        while self._idle and not fresh:
            connection = self._idle.pop()
            if connection.reusable:
                return connection
            connection.abort()
        return await self._connect()

    def release(self, connection: Connection) -> None:
        """Keep a connection for the next request, or close it if it cannot serve one."""
        if not connection.reusable or len(self._idle) >= MOST_IDLE:
            connection.abort()
            return
        loop = asyncio.get_running_loop()
        connection.heard = False
        connection.idle_since = loop.time()
        self._idle.append(connection)
        if self._sweep is None:
            self._sweep = loop.call_later(self._keepalive, self._close_old)

    def close(self) -> None:
        """Close what is idle."""
        for connection in self._idle:
            connection.abort()
        self._idle.clear()

    def _close_old(self) -> None:
        """The oldest come first in the list. While any is left, look again when the next will be old."""
        loop = asyncio.get_running_loop()
        self._sweep = None
        while self._idle and self._idle[0].idle_since + self._keepalive <= loop.time():
            self._idle.pop(0).abort()
        if self._idle:
            self._sweep = loop.call_at(self._idle[0].idle_since + self._keepalive, self._close_old)

    async def _connect(self) -> Connection:
        try:
            async with asyncio.timeout(PATIENCE):
                return await (self._connect_unix() if "unix" in self._address else self._connect_tcp())
        except TimeoutError:
            raise Refusal(503, f"the queue of the pool {self._pool} is full") from None
        except OSError as error:
            raise Refusal(502, f"the pool {self._pool} takes no connections ({error.strerror or error})") from error

    async def _connect_tcp(self) -> Connection:
        loop = asyncio.get_running_loop()
        return (await loop.create_connection(Connection, self._address["host"], self._address["port"]))[1]

    async def _connect_unix(self) -> Connection:
        """By hand: asyncio takes the EAGAIN of a full queue for a connect under way, which on unix sockets there is not (connect(2))."""
        while True:
            client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
            try:
                client.connect(self._address["unix"])
            except BlockingIOError:
                client.close()
            except OSError:
                client.close()
                raise
            else:
                return (await asyncio.get_running_loop().create_unix_connection(Connection, sock=client))[1]
            await asyncio.sleep(RETRY)
