"""The process of the status server: pages for people, figures for Prometheus, answers for load balancers, all from what the master's feed tells.

It holds a listening socket and its end of the feed, over which it can ask for the snapshot alone; it never saw the control socket.
"""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from importlib.resources import files
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from fcgipm.report.readiness import unreadiness
from fcgipm.web.application import tell
from fcgipm.web.metrics import exposition
from fcgipm.web.process import OPTIONS, Server, follow_master, log_to
from fcgipm.worker.prctl import set_name

PATIENCE = 1.0
"""Seconds that the master has to answer."""
LINE_LIMIT = 64 << 20
INTERVAL = 1.0
"""Seconds between two documents of a live stream."""
STREAMS = 64
"""Live streams at once; whoever comes then is told to come later."""

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
FILES = {"/": ("dashboard.html", "text/html"), "/dashboard.css": ("dashboard.css", "text/css"), "/dashboard.js": ("dashboard.js", "text/javascript")}

Endpoint = Callable[[Request], Awaitable[Response]]


class Silent(Exception):
    """The master does not answer."""


class Feed:
    """Our end: one question at a time; who asks while another waits shares its answer."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._asked: asyncio.Task[bytes] | None = None

    async def line(self) -> bytes:
        """The status document, as JSON. Raises Silent."""
        if self._asked is None or self._asked.done():
            self._asked = asyncio.create_task(self._ask())
        try:
            return await asyncio.wait_for(asyncio.shield(self._asked), PATIENCE)
        except (TimeoutError, OSError, ValueError):
            raise Silent(f"the master does not answer within {PATIENCE:g} s") from None

    async def document(self) -> dict[str, Any]:
        """The same, decoded."""
        document: dict[str, Any] = json.loads(await self.line())
        return document

    async def _ask(self) -> bytes:
        if self._streams is None:
            self._streams = await asyncio.open_connection(sock=self._sock, limit=LINE_LIMIT)
        reader, writer = self._streams
        writer.write(b"?")
        await writer.drain()
        line = await reader.readline()
        if not line.endswith(b"\n"):
            raise OSError("the feed has ended")
        return line


class Pages:
    """What can be asked."""

    def __init__(self, feed: Feed, leaving: Callable[[], bool]) -> None:
        self._feed = feed
        self._leaving = leaving
        self._open = 0

    def routes(self) -> list[Route]:
        """All of it. Paths of the dashboard are relative: it works below any prefix."""
        pages: dict[str, Endpoint] = {
            "/status.json": self.status,
            "/metrics": self.metrics,
            "/healthz": self.health,
            "/readyz": self.readiness,
            "/live": self.live,
        }
        return [*(Route(path, _heard(page)) for path, page in pages.items()), *(Route(path, _file(*file)) for path, file in FILES.items())]

    async def status(self, _request: Request) -> Response:
        """The document of ``fcgipm status --json``."""
        return Response(await self._feed.line(), media_type="application/json")

    async def metrics(self, request: Request) -> Response:
        """For Prometheus."""
        kind, body = exposition(await self._feed.document(), request.headers.get("accept", ""))
        return Response(body, headers={"Content-Type": kind})

    async def health(self, _request: Request) -> Response:
        """This process and the master answer."""
        await self._feed.line()
        return PlainTextResponse("ok\n")

    async def readiness(self, _request: Request) -> Response:
        """Whether visitors should be sent here, and why not."""
        reasons = unreadiness(await self._feed.document())
        return PlainTextResponse("".join(f"{line}\n" for line in reasons) or "ready\n", 503 if reasons else 200)

    async def live(self, _request: Request) -> Response:
        """Server-sent events: the document every INTERVAL seconds."""
        if self._open >= STREAMS:
            return PlainTextResponse(f"{STREAMS} pages look already: come later\n", 503, {"Retry-After": "10"})
        return StreamingResponse(self._documents(), media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})

    async def _documents(self) -> AsyncIterator[bytes]:
        self._open += 1
        try:
            while not self._leaving():
                try:
                    yield b"data: " + await self._feed.line() + b"\n"
                except Silent as silent:
                    yield f"event: silent\ndata: {silent}\n\n".encode()
                await self._pause()
        finally:
            self._open -= 1

    async def _pause(self) -> None:
        """In parts, lest a stop has to wait for it."""
        for _ in range(10):
            if self._leaving():
                break
            await asyncio.sleep(INTERVAL / 10)


def _heard(page: Endpoint) -> Endpoint:
    """503 where the master is silent."""

    async def answer(request: Request) -> Response:
        try:
            return await page(request)
        except Silent as silent:
            if request.url.path.endswith(".json"):
                return JSONResponse({"error": str(silent)}, 503)
            return PlainTextResponse(f"{silent}\n", 503)

    return answer


def _file(name: str, kind: str) -> Endpoint:
    content = files("fcgipm.web").joinpath("dashboard", name).read_bytes()

    async def answer(_request: Request) -> Response:
        return Response(content, media_type=kind)

    return answer


class Guarded:
    """Around the pages: headers on every answer; strangers, and pages of others that had their name lead here (DNS rebinding), are sent away."""

    def __init__(self, application: Any, address: str, allow: list[str] | None) -> None:
        self._application = application
        self._names = LOCAL_NAMES if address.startswith(("127.", "[::1]")) else None
        self._allow = None if allow is None else frozenset(allow)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """One request."""
        if (status := self._refusal(scope)) is not None:
            await PlainTextResponse("not for you\n", status)(scope, receive, _with_headers(send))
        else:
            await self._application(scope, receive, _with_headers(send))

    def _refusal(self, scope: Any) -> int | None:
        peer = scope["client"][0].removeprefix("::ffff:") if scope.get("client") else ""
        if self._allow is not None and peer not in self._allow:
            return 403
        host = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"host"), "")
        name = host if host.endswith("]") else host.rpartition(":")[0] or host
        return 421 if self._names is not None and name not in self._names else None


LOCAL_NAMES = frozenset({"127.0.0.1", "[::1]", "localhost", ""})


def _with_headers(send: Any) -> Any:
    extra = [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()]

    async def sent(message: Any) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message["headers"], *extra]}
        await send(message)

    return sent


def serve(specification: Mapping[str, Any]) -> None:
    """Serve until told to stop. For the keys see `fcgipm.master.status`."""
    follow_master(specification["master"])
    set_name("fcgipm status")
    listening = socket.socket(fileno=specification["listener"])
    feed = Feed(socket.socket(fileno=specification["feed"]))
    log_to(tell)
    server: Server
    pages = Pages(feed, lambda: server.should_exit)
    application = Guarded(Starlette(routes=pages.routes()), specification["address"], specification["allow"])
    server = Server(
        uvicorn.Config(
            application,
            http="h11",
            backlog=specification["backlog"],
            timeout_graceful_shutdown=specification["stop_timeout"],
            **OPTIONS,
        )
    )
    server.run([listening])
