"""One FastCGI connection to the pool, with back-pressure both ways: what nobody takes is not read, and who sends waits until there is room."""

from __future__ import annotations

import asyncio
import socket
from typing import cast

from fcgipm.wire.fastcgi import RemoteProtocolError, WebServer
from fcgipm.wire.fastcgi.webserver import Event

ID = 1
"""The id of every request: one at a time on a connection, as nginx does it."""

HIGH_WATER = 1 << 17
"""Bytes received and not yet taken, from which on no more is read."""


class Broken(Exception):
    """The connection ended; the text says how."""


class Connection(asyncio.Protocol):
    """An asyncio protocol. `heard` once the present request got an answer's first byte."""

    def __init__(self) -> None:
        self.wire = WebServer()
        self.heard = False
        self.unsent = False
        """It ended, and the kernel did not even take what was sent last."""
        self.unread = False
        """It ended, and its other end was closed with something of ours unread, as the kernel says."""
        self.idle_since = 0.0
        self.ended: str | None = None
        """Why it ended, None while it lives."""
        self._transport: asyncio.Transport
        self._events: list[Event] = []
        self._unread = 0
        self._arrival = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()

    # What the event loop tells.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one in all but its ancestry

    def data_received(self, data: bytes) -> None:
        self.heard = True
        try:
            self._events += self.wire.receive(data)
        except RemoteProtocolError as error:
            self._end(f"it broke the protocol: {error}")
            self._transport.abort()
        self._unread += len(data)
        if self._unread > HIGH_WATER:
            self._transport.pause_reading()
        self._arrival.set()

    def eof_received(self) -> None:
        """Over TCP what reaches a closed socket is answered with a reset behind the end, which nobody hears of who does not ask."""
        if self._transport.get_extra_info("socket").getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            self.unread = True

    def connection_lost(self, exc: Exception | None) -> None:
        self.unsent = isinstance(exc, BrokenPipeError)
        self.unread = self.unread or isinstance(exc, ConnectionResetError)
        self._end("it closed the connection" if exc is None else f"the connection broke: {exc}")

    def pause_writing(self) -> None:
        self._room.clear()

    def resume_writing(self) -> None:
        self._room.set()

    def _end(self, why: str) -> None:
        self.ended = self.ended or why
        self._arrival.set()
        self._room.set()

    # What an exchange does.

    async def send(self, data: bytes) -> None:
        """Send, once there is room. What cannot be sent any more is dropped: the answer may be here all the same."""
        await self._room.wait()
        if self.ended is None:
            self._transport.write(data)

    async def receive(self) -> list[Event]:
        """What has come since, at least one event. Raises Broken, when nothing is left and nothing can come."""
        while not self._events:
            if self.ended is not None:
                raise Broken(self.ended)
            self._arrival.clear()
            await self._arrival.wait()
        events, self._events = self._events, []
        if self._unread > HIGH_WATER and self.ended is None:
            self._transport.resume_reading()
        self._unread = 0
        return events

    @property
    def reusable(self) -> bool:
        """Whether the next request can be sent on it."""
        return self.ended is None and self.wire.idle and not self._events

    def abort(self) -> None:
        """Close it now, whatever is under way: the application's side notices, and gives the request up."""
        self._end("given up")
        self._transport.abort()
