"""One exchange at a time with a FastCGI application that does what the test says, over a real socket."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from fcgipm.web import backend as backend_module
from fcgipm.web.backend import Backend
from fcgipm.web.exchange import ClientLeft, CutShort, Exchange
from fcgipm.web.pages import Refusal
from fcgipm.web.params import Body
from fcgipm.wire.fastcgi import OVERLOADED, REQUEST_COMPLETE, encode_end, encode_stdout

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

NO_BODY = Body(None, False)
HEAD = b"Status: 200 OK\r\nContent-Type: text/plain\r\n"


class Client:
    """The client's side of ASGI: a body in pieces, then patience or leaving."""

    def __init__(self, *pieces: bytes, leaves: asyncio.Event | None = None) -> None:
        self._pieces = list(pieces)
        self._leaves = leaves
        self.sent: list[dict[str, Any]] = []

    async def receive(self) -> dict[str, Any]:
        if self._pieces:
            return {"type": "http.request", "body": self._pieces.pop(0), "more_body": bool(self._pieces)}
        await (self._leaves or asyncio.Event()).wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        self.sent.append(message)

    @property
    def body(self) -> bytes:
        return b"".join(message["body"] for message in self.sent[1:])


async def whole_request(reader: asyncio.StreamReader) -> bytes:
    """Everything until the empty STDIN."""
    data = b""
    while not data.endswith(b"\x01\x05\x00\x01\x00\x00\x00\x00"):
        more = await reader.read(65536)
        if not more:
            return b""
        data += more
    return data


def answering(*sends: bytes, status: int = REQUEST_COMPLETE, then_close: bool = False) -> Handler:
    """Answers every request with these pieces of STDOUT and an END."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await whole_request(reader):
            writer.write(b"".join(encode_stdout(1, data) for data in sends if data) + encode_end(1, status))
            if then_close:
                break
        writer.close()

    return handle


async def run(
    path: Path, handler: Handler, client: Client, method: str = "GET", body: Body = NO_BODY, timeout: float = 5.0, warm: int = 0
) -> None:
    """One request; before it, `warm` others that leave their connections kept."""
    listening = str(path / "s")
    server = await asyncio.start_unix_server(handler, listening)
    backend = Backend("web", {"unix": listening}, 60.0)
    try:
        for _ in range(warm):
            await Exchange("GET", [], NO_BODY, Client().receive, Client().send).run(backend, timeout)
            await asyncio.sleep(0.02)
        await Exchange(method, [(b"REQUEST_METHOD", method.encode())], body, client.receive, client.send).run(backend, timeout)
    finally:
        backend.close()
        server.close()
        await asyncio.sleep(0.01)


def ask(path: Path, handler: Handler, client: Client | None = None, **options: Any) -> Client:
    client = client or Client()
    asyncio.run(run(path, handler, client, **options))
    return client


def refused(path: Path, handler: Handler, **options: Any) -> Refusal:
    with pytest.raises(Refusal) as caught:
        ask(path, handler, **options)
    return caught.value


def test_an_answer_in_one_piece(tmp_path: Path) -> None:
    client = ask(tmp_path, answering(HEAD + b"Content-Length: 5\r\n\r\nhello"))
    assert client.sent[0]["status"] == 200 and client.body == b"hello"
    assert [message.get("more_body") for message in client.sent[1:]] == [False]


def test_more_than_was_declared_is_cut_off(tmp_path: Path) -> None:
    assert ask(tmp_path, answering(HEAD + b"Content-Length: 3\r\n\r\nhel", b"lo")).body == b"hel"


def test_less_than_was_declared_is_cut_short(tmp_path: Path) -> None:
    with pytest.raises(CutShort):
        ask(tmp_path, answering(HEAD + b"Content-Length: 9\r\n\r\nhello"))


def test_head_has_no_body_whatever_comes(tmp_path: Path) -> None:
    assert ask(tmp_path, answering(HEAD + b"Content-Length: 5\r\n\r\nhello"), method="HEAD").body == b""


@pytest.mark.parametrize(
    ("sends", "status", "code"),
    [
        ((), REQUEST_COMPLETE, 502),
        ((b"no head at all\r\n\r\n",), REQUEST_COMPLETE, 502),
        ((b"Status: 101 Switching\r\n\r\n",), REQUEST_COMPLETE, 502),
        ((), OVERLOADED, 503),
        ((), 3, 502),
    ],
)
def test_answers_that_are_none(tmp_path: Path, sends: tuple[bytes, ...], status: int, code: int) -> None:
    assert refused(tmp_path, answering(*sends, status=status)).page.status == code


def test_504_and_the_request_is_given_up(tmp_path: Path) -> None:
    closed = []

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await whole_request(reader)
        closed.append(await reader.read())
        writer.close()

    refusal = refused(tmp_path, silent, timeout=0.05)
    assert str(refusal) == "504: the application gave no answer within 0.05 s" and closed == [b""]


def test_502_when_nobody_listens(tmp_path: Path) -> None:
    backend = Backend("web", {"unix": str(tmp_path / "none")}, 60.0)
    with pytest.raises(Refusal, match="502: the pool web takes no connections"):
        asyncio.run(backend.acquire())


def test_503_when_the_queue_stays_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backend_module, "PATIENCE", 0.2)
    with socket.socket(socket.AF_UNIX) as listener, socket.socket(socket.AF_UNIX) as first:
        listener.bind(str(tmp_path / "s"))
        listener.listen(0)
        first.connect(str(tmp_path / "s"))
        with pytest.raises(Refusal, match="503: the queue of the pool web is full"):
            asyncio.run(Backend("web", {"unix": str(tmp_path / "s")}, 60.0).acquire())


class Dying:
    """Answers the first request of each connection, and hangs up when the next one comes: a kept connection that turns out dead."""

    def __init__(self) -> None:
        self.seen = 0

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if await whole_request(reader):
            self.seen += 1
            writer.write(encode_stdout(1, HEAD + b"\r\nhello") + encode_end(1))
            await writer.drain()
            await reader.read(65536)
        writer.transport.abort()


@pytest.mark.parametrize(("method", "body"), [("GET", NO_BODY), ("POST", NO_BODY), ("GET", Body(3, False))])
def test_what_was_read_is_never_sent_twice(tmp_path: Path, method: str, body: Body) -> None:
    """A worker that has read a request may have begun it: a request that kills its worker must not kill another."""
    dying = Dying()
    refusal = refused(tmp_path, dying, client=Client(b"abc"), method=method, body=body, warm=1)
    assert refusal.page.status == 502 and dying.seen == 1


def test_a_fresh_connection_that_dies_is_not_tried_again(tmp_path: Path) -> None:
    seen = []

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await whole_request(reader))
        writer.transport.abort()

    assert refused(tmp_path, hang_up).page.status == 502 and len(seen) == 1


def test_a_client_that_leaves_ends_the_request(tmp_path: Path) -> None:
    async def scenario() -> bytes:
        leaves = asyncio.Event()
        rest: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

        async def streaming(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await whole_request(reader)
            writer.write(encode_stdout(1, HEAD + b"\r\nfirst"))
            leaves.set()
            try:
                rest.set_result(await reader.read())
            except ConnectionResetError:  # It was closed with our bytes unread.
                rest.set_result(b"")
            writer.close()

        with pytest.raises(ClientLeft):
            await run(tmp_path, streaming, Client(leaves=leaves))
        return await rest

    assert asyncio.run(scenario()) == b""


def test_the_body_goes_up_in_pieces(tmp_path: Path) -> None:
    requests = []

    async def reading(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        requests.append(await whole_request(reader))
        writer.write(encode_stdout(1, HEAD + b"\r\n") + encode_end(1))
        await reader.read()
        writer.close()

    ask(tmp_path, reading, Client(b"one", b"", b"two"), method="POST", body=Body(None, True))
    assert requests[0].endswith(b"\x01\x05\x00\x01\x00\x03\x00\x00one\x01\x05\x00\x01\x00\x03\x00\x00two\x01\x05\x00\x01\x00\x00\x00\x00")
