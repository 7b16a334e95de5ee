"""One request's way to the application and back.

The body goes up while the answer comes down: an application may answer before it has read everything. The task that sends the body goes on to watch
the client; when that leaves, the FastCGI connection is closed, which is how a web server gives a request up.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from fcgipm.web.answer import Answer, BadAnswer, answer
from fcgipm.web.backend import Backend
from fcgipm.web.connection import ID, Broken, Connection
from fcgipm.web.pages import Refusal
from fcgipm.web.params import Body, Pair
from fcgipm.wire import fastcgi
from fcgipm.wire.cgi import HeadParser
from fcgipm.wire.fastcgi import End, RemoteProtocolError, Stdout
from fcgipm.wire.fastcgi.webserver import Event

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

REPEATABLE = frozenset({"GET", "HEAD"})


class ClientLeft(Exception):
    """Nobody waits for the answer any more."""


class CutShort(Exception):
    """The answer ended before its end: the client's connection has to, too."""


class Exchange:
    """One request. `status` is what the client was told, None so far. `note` is called when the request is sent once more."""

    def __init__(
        self, method: str, pairs: list[Pair], body: Body, receive: Receive, send: Send, note: Callable[[str], None] = lambda text: None
    ) -> None:
        self.status: int | None = None
        self._note = note
        self._method = method
        self._pairs = pairs
        self._body = body
        self._receive = receive
        self._send = send
        self._left = False
        self._sent_all = not body.expected
        self._rest: int | None = None

    async def run(self, backend: Backend, timeout: float) -> None:
        """Ask and answer. `timeout`: seconds that the application may take to begin its answer; after that only the client's patience counts.

        Raises Refusal while there is no answer yet, later CutShort; ClientLeft at any time.
        """
        if not await self._try(await backend.acquire(), backend, timeout, self._method in REPEATABLE and not self._body.expected):
            self._note("sent once more: the connection ended before any process of the application had read the request")
            await self._try(await backend.acquire(fresh=True), backend, timeout, False)

    async def _try(self, connection: Connection, backend: Backend, timeout: float, repeatable: bool) -> bool:
        """One attempt; whether it came to an end, good or bad. False: nobody has seen the request, and asking again is safe."""
        head = connection.wire.request(ID, self._pairs, keep_conn=True)
        if self._sent_all:
            head += connection.wire.end_body(ID)
        await connection.send(head)
        upward = asyncio.create_task(self._send_body(connection))
        try:
            await self._answer(connection, timeout)
        except Broken as broken:
            if self._left:
                raise ClientLeft from None
            if repeatable and backend.unseen(connection, len(head)):
                return False
            raise self._failed(502, f"the application's process ended the request: {broken}") from None
        finally:
            upward.cancel()
            if self._sent_all:
                backend.release(connection)
            else:
                connection.abort()
        return True

    def _failed(self, status: int, reason: str) -> Exception:
        """What to tell about a failure, depending on whether there is anybody to tell."""
        return Refusal(status, reason) if self.status is None else CutShort(reason)

    # Upward.

    async def _send_body(self, connection: Connection) -> None:
        more = self._body.expected
        while True:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                break
            if more:
                more = message.get("more_body", False)
                await self._send_piece(connection, message.get("body", b""), more)
        if not self._done:
            self._left = True
            connection.abort()

    async def _send_piece(self, connection: Connection, piece: bytes, more: bool) -> None:
        data = connection.wire.body(ID, piece)
        if not more:
            data += connection.wire.end_body(ID)
        if data:
            await connection.send(data)
        self._sent_all = not more

    # Downward.

    _done = False

    async def _answer(self, connection: Connection, timeout: float) -> None:
        parser = HeadParser()
        found = None
        ended = False
        try:
            async with asyncio.timeout(timeout):
                while found is None:
                    data, ended = self._taken(await connection.receive())
                    found = parser.receive(data)
                    if found is None and ended:
                        raise Refusal(502, "the application ended the request without an answer")
        except TimeoutError:
            connection.abort()
            raise Refusal(504, f"the application gave no answer within {timeout:g} s") from None
        except RemoteProtocolError as error:
            connection.abort()
            raise Refusal(502, f"the application's answer is no answer: {error}") from None
        head, first = found
        await self._begin(self._judged(connection, head))
        await self._continue(connection, first, ended)

    def _judged(self, connection: Connection, head: Any) -> Answer:
        try:
            return answer(head, self._method)
        except BadAnswer as error:
            connection.abort()
            raise Refusal(502, f"the application's answer cannot be passed on: {error}") from None

    async def _begin(self, what: Answer) -> None:
        self.status = what.status
        self._rest = 0 if what.empty else what.length
        await self._send({"type": "http.response.start", "status": what.status, "headers": what.headers})

    async def _continue(self, connection: Connection, data: bytes, ended: bool) -> None:
        """The body, as it comes: no more of it than was declared, and no less."""
        while True:
            data = self._counted(data)
            if ended:
                break
            if data:
                await self._send({"type": "http.response.body", "body": data, "more_body": True})
            if self._left:
                raise ClientLeft
            data, ended = self._taken(await connection.receive())
        if self._rest:
            raise CutShort(f"the answer ended {self._rest} bytes early")
        self._done = True
        await self._send({"type": "http.response.body", "body": data, "more_body": False})

    def _counted(self, data: bytes) -> bytes:
        if self._rest is None:
            return data
        data = data[: self._rest]
        self._rest -= len(data)
        return data

    def _taken(self, events: list[Event]) -> tuple[bytes, bool]:
        """The bytes of STDOUT, and whether the request has ended. What an application writes for the log, a worker of ours writes there itself."""
        pieces = [event.data for event in events if isinstance(event, Stdout)]
        for event in events:
            if isinstance(event, End):
                self._judge_end(event)
                return b"".join(pieces) if len(pieces) != 1 else pieces[0], True
        return b"".join(pieces) if len(pieces) != 1 else pieces[0], False

    def _judge_end(self, end: End) -> None:
        if end.protocol_status == fastcgi.OVERLOADED:
            raise self._failed(503, "the application is overloaded")
        if end.protocol_status != fastcgi.REQUEST_COMPLETE:
            raise self._failed(502, f"the application refused the request (protocol status {end.protocol_status})")
