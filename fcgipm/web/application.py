"""The ASGI application that uvicorn calls: each request goes to a static folder or to the pool, and what fails becomes a page."""

from __future__ import annotations

import asyncio
import secrets
import sys
import time
from collections.abc import Callable, Mapping
from email.utils import formatdate
from functools import lru_cache
from typing import Any

from fcgipm.web import access
from fcgipm.web.answer import complete
from fcgipm.web.backend import Backend
from fcgipm.web.exchange import ClientLeft, CutShort, Exchange, Message, Receive, Send
from fcgipm.web.pages import Page, Refusal
from fcgipm.web.params import Door, body_of, host_of, params
from fcgipm.web.static import StaticFolders
from fcgipm.web.target import BadRequest, Target, split

ANSWER_TIMEOUT = 60.0
"""Seconds that an application may take to begin its answer, as nginx's fastcgi_read_timeout."""

TARGET = "fcgipm.target"
"""Key of a scope: the request target as it was sent. `fcgipm.web.protocol` puts it there, as ASGI's own keys lose an empty query and an absolute form."""


class Application:
    """`tell` gets a line about what goes wrong, `access` (None: nobody) one about each request."""

    def __init__(
        self,
        backend: Backend,
        static: Mapping[str, str],
        tell: Callable[[str], None],
        access_line: Callable[[str], None] | None = None,
        timeout: float = ANSWER_TIMEOUT,
    ) -> None:
        self._backend = backend
        self._static = StaticFolders(static)
        self._tell = tell
        self._access = access_line
        self._timeout = timeout

    async def __call__(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        """One request. Returning without an end of the response makes uvicorn close the connection: so a client sees that it is cut short."""
        teller = _Teller(send)
        began = time.monotonic()
        try:
            page = await self._serve(scope, receive, teller)
        except CutShort as short:
            page = None
            self._tell(f"{scope['method']} {_path(scope)}: cut short: {short}")
        except (ClientLeft, asyncio.CancelledError):  # uvicorn cancels what takes longer than a stop may.
            page = None
        if page is not None:
            await _send_page(page, scope, teller)
        if self._access is not None:
            self._access(access.line(scope["method"], scope[TARGET], teller.status, time.monotonic() - began, teller.whole))

    async def _serve(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> Page | None:
        try:
            target = split(scope[TARGET])
            path = target.path.decode("utf-8", "surrogateescape")
            prefix = self._static.prefix_of(path)
            if prefix is not None:
                return await self._static.serve(prefix, path, scope, receive, send)
            await self._exchange(scope, target, receive, send).run(self._backend, self._timeout)
        except BadRequest as bad:
            return Page(400, str(bad))
        except Refusal as refusal:
            self._tell(f"{scope['method']} {_path(scope)}: {refusal}")
            return refusal.page
        return None

    def _exchange(self, scope: Mapping[str, Any], target: Target, receive: Receive, send: Send) -> Exchange:
        headers = scope["headers"]
        body = body_of(headers)
        host = host_of(headers, target, scope["http_version"])
        pairs = params(
            scope["method"], scope["http_version"], target, headers, host, body, door_of(scope), secrets.token_hex(16)
        )
        return Exchange(scope["method"], pairs, body, receive, send, lambda text: self._tell(f"{scope['method']} {_path(scope)}: {text}"))


class _Teller:
    """Passes messages on, and knows afterwards what the client was told."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.status: int | None = None
        self.whole = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message = {**message, "headers": complete(message["headers"], http_date(int(time.time())))}
        elif not message.get("more_body", False):
            self.whole = True
        await self._send(message)


@lru_cache(maxsize=1)
def http_date(second: int) -> bytes:
    """A Date header's value."""
    return formatdate(second, usegmt=True).encode("ascii")


def door_of(scope: Mapping[str, Any]) -> Door:
    """Both ends of the client's connection. On a unix socket: "unix:" for the client, as nginx has it."""
    address, port = scope["server"] or ("", None)
    peer, peer_port = scope["client"] or ("unix:", None)
    return Door(*(str("" if value is None else value).encode("utf-8", "surrogateescape") for value in (address, port, peer, peer_port)))


async def _send_page(page: Page, scope: Mapping[str, Any], send: Send) -> None:
    headers = page.head()
    if any(name == b"expect" for name, _ in scope["headers"]):
        headers.append((b"connection", b"close"))  # The client may or may not send the body that it asked leave for.
    await send({"type": "http.response.start", "status": page.status, "headers": headers})
    await send({"type": "http.response.body", "body": page.text.encode(), "more_body": False})


def _path(scope: Mapping[str, Any]) -> str:
    return access.path(scope[TARGET])


def tell(line: str) -> None:
    """Standard error is a pipe into the daemon's log."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()
