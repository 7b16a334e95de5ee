"""When a request is sent once more: only if the kernel says that nobody has read it. Over real sockets of both families, which do not tell in the same way."""

from __future__ import annotations

import asyncio
import select
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fcgipm.web.backend import AT_ONCE, Backend
from fcgipm.web.exchange import Exchange
from fcgipm.web.pages import Refusal
from fcgipm.web.params import Body
from fcgipm.wire.fastcgi import encode_end, encode_stdout
from fcgipm.worker import connection as worker_connection
from tests.unit.web.test_exchange import NO_BODY, Client

ANSWER = encode_stdout(1, b"Status: 200 OK\r\nContent-Type: text/plain\r\n\r\nhello") + encode_end(1)
NOTE = "sent once more: the connection ended before any process of the application had read the request"


@pytest.fixture(params=["unix", "tcp"])
def listener(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[socket.socket]:
    if request.param == "tcp":
        listening = socket.create_server(("127.0.0.1", 0))
    else:
        listening = socket.socket(socket.AF_UNIX)
        listening.bind(str(tmp_path / "s"))
        listening.listen()
    with listening:
        listening.settimeout(15)
        yield listening


def backend_of(listener: socket.socket, foreign: bool = False) -> Backend:
    name = listener.getsockname()
    return Backend("web", {"unix": name} if isinstance(name, str) else {"host": name[0], "port": name[1]}, 60.0, foreign)


class Pool:
    """The application's side: each call serves or leaves one connection, in a thread."""

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        self._connections: list[socket.socket] = []

    async def accept(self) -> socket.socket:
        return await asyncio.to_thread(self._accept)

    async def serve(self) -> socket.socket:
        """Accept one connection and answer its first request."""
        accepted = await self.accept()
        await asyncio.to_thread(_answer, accepted)
        return accepted

    async def leave(self, kept: socket.socket, how: str) -> None:
        """Close the connection when its next request is there."""
        await asyncio.to_thread(_leave, kept, how == "read")

    def _accept(self) -> socket.socket:
        accepted = self._listener.accept()[0]
        accepted.settimeout(15)
        self._connections.append(accepted)
        return accepted

    def close(self) -> None:
        for connection in self._connections:
            connection.close()


def _answer(accepted: socket.socket) -> None:
    while not accepted.recv(65536).endswith(b"\x01\x05\x00\x01\x00\x00\x00\x00"):
        pass
    accepted.sendall(ANSWER)


def _leave(kept: socket.socket, read: bool) -> None:
    select.select([kept], [], [], 15)
    if read:
        kept.recv(65536)
    kept.close()


async def ask(backend: Backend, notes: list[str], method: str = "GET", body: Body = NO_BODY, extra: bytes = b"") -> int | None:
    """The status of the answer. Raises Refusal."""
    client = Client(b"abc") if body.expected else Client()
    pairs = [(b"REQUEST_METHOD", method.encode()), (b"HTTP_X", extra)]
    exchange = Exchange(method, pairs, body, client.receive, client.send, notes.append)
    await exchange.run(backend, 15.0)
    return exchange.status


def ask_a_leaving(listener: socket.socket, how: str, again: bool = False, foreign: bool = False, **request: Any) -> list[str]:
    """Ask for something on a kept connection that is being closed, as `how` says, and serve it `again`; the notes. Raises Refusal."""
    notes: list[str] = []

    async def scenario() -> None:
        backend, pool = backend_of(listener, foreign), Pool(listener)
        kept, _ = await asyncio.gather(pool.serve(), ask(backend, []))
        if how == "closed before":
            kept.close()  # The loop has not heard of it when the request is sent, for it has not turned since.
        try:
            asking = asyncio.ensure_future(ask(backend, notes, **request))
            if how != "closed before":
                await pool.leave(kept, how)
            if again:
                await pool.serve()
            assert await asking == 200
        finally:
            backend.close()
            pool.close()

    asyncio.run(scenario())
    return notes


@pytest.mark.parametrize("how", ["closed before", "unread"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_what_nobody_read_is_sent_once_more(listener: socket.socket, how: str, method: str) -> None:
    assert ask_a_leaving(listener, how, again=True, method=method) == [NOTE]


def test_what_was_read_is_not(listener: socket.socket) -> None:
    with pytest.raises(Refusal, match="502"):
        ask_a_leaving(listener, "read")


@pytest.mark.parametrize(("method", "body"), [("POST", NO_BODY), ("GET", Body(3, False))])
def test_other_methods_and_bodies_are_not(listener: socket.socket, method: str, body: Body) -> None:
    with pytest.raises(Refusal, match="502"):
        ask_a_leaving(listener, "unread", method=method, body=body)


def test_a_long_request_is_not(listener: socket.socket) -> None:
    """It may have been begun when its last bytes were unread."""
    with pytest.raises(Refusal, match="502"):
        ask_a_leaving(listener, "unread", extra=b"x" * AT_ONCE)


def test_long_is_what_a_worker_does_not_read_at_once() -> None:
    assert AT_ONCE <= worker_connection._HEAD_PIECE


def test_a_foreign_program_may_have_begun_what_it_did_not_read_to_the_end(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s"))
        listener.listen()
        with pytest.raises(Refusal, match="502"):
            ask_a_leaving(listener, "unread", foreign=True)
        assert ask_a_leaving(listener, "closed before", again=True, foreign=True) == [NOTE]


def test_a_fresh_connection_that_nobody_read_counts_too_but_once(listener: socket.socket) -> None:
    """Its worker died of another request, after accepting it and before its head was there."""
    notes: list[str] = []

    async def scenario() -> None:
        backend, pool = backend_of(listener), Pool(listener)
        asking = asyncio.ensure_future(ask(backend, notes))
        await pool.leave(await pool.accept(), "unread")
        await pool.leave(await pool.accept(), "unread")
        await asking

    with pytest.raises(Refusal, match="502"):
        asyncio.run(scenario())
    assert notes == [NOTE]
