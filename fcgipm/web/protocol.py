"""uvicorn's HTTP protocol with what it lacks for a web server: the target as sent, bounded heads, patience with an end, allowed clients, HTTP/1.0 clients."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from ipaddress import ip_address
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from fcgipm.web.application import TARGET

LARGEST_HEAD = 1 << 16
"""Bytes of target and headers of one request."""

HEAD_TIMEOUT = 60.0
"""Seconds from a connection, or a request's first byte, to the end of its head, as nginx's client_header_timeout."""


class HeadTooLarge(Exception):
    """Raised inside the parser, which then fails."""


class Protocol(HttpToolsProtocol):
    """One client connection. `allowed` are addresses that may connect, None: all."""

    allowed: frozenset[str] | None = None
    _head_size = 0
    _head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._await_head()
        if self.allowed is not None and self.client and str(ip_address(self.client[0])) not in self.allowed:
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._got_head()
        super().connection_lost(exc)

    # Heads.

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._head_size = 0
        if self._head_timer is None:
            self._await_head()

    def on_url(self, url: bytes) -> None:
        self._weigh(url)
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._weigh(name)
        self._weigh(value)
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._got_head()
        cast(dict[str, Any], self.scope)[TARGET] = self.url
        super().on_headers_complete()
        if self.parser.get_http_version() == "1.0":
            self.cycle.transport = Unchunked(self.cycle.transport)  # type: ignore[assignment]

    def send_400_response(self, msg: str) -> None:
        if self.cycle is not None and self.cycle.response_started and not self.cycle.response_complete:
            self.transport.abort()  # Rubbish behind a request that is being answered must not end up inside the answer.
        else:
            super().send_400_response(msg)

    def _weigh(self, piece: bytes) -> None:
        self._head_size += len(piece)
        if self._head_size > LARGEST_HEAD:
            raise HeadTooLarge

    def _await_head(self) -> None:
        self._head_timer = self.loop.call_later(HEAD_TIMEOUT, self.transport.abort)

    def _got_head(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _unsupported_upgrade_warning(self) -> None:
        """A request that offers to go on in another protocol is answered in this one (RFC 9110, section 7.8): nothing to warn of."""


class Unchunked:
    """A transport for answers to HTTP/1.0: uvicorn sends those chunked too, which such a client does not know (RFC 9112, section 7).

    Here the end of the connection is the end of the answer. uvicorn writes the head in one piece, then whole chunks.
    """

    _HEADER = b"transfer-encoding: chunked\r\n"

    def __init__(self, transport: Any) -> None:
        self._transport = transport
        self._write: Callable[[bytes], None] = self._head

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """What uvicorn wrote, without the coding."""
        self._write(data)

    def _head(self, data: bytes) -> None:
        head, found, rest = data.rpartition(self._HEADER)
        self._write = self._chunks if found and rest == b"\r\n" else self._transport.write
        self._transport.write(head + rest if self._write == self._chunks else data)

    def _chunks(self, data: bytes) -> None:
        while data:
            size = re.match(rb"([0-9a-f]+)\r\n", data)
            assert size is not None, "uvicorn wrote something that is no chunk"
            end = size.end() + int(size[1], 16)
            if end > size.end():
                self._transport.write(data[size.end() : end])
            data = data[end + 2 :]
