"""One connection to a FastCGI application: connect, ask, read the response as it comes.

A body is sent while the response is read: an application may answer long before it has read everything, or write more
than the kernel buffers hold before it reads at all, and whoever then insists on finishing one direction first blocks for
ever.
"""

from __future__ import annotations

import select
import socket
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import Self

from fcgipm.client.address import parse_address
from fcgipm.client.params import Pair
from fcgipm.wire import cgi, fastcgi
from fcgipm.wire.fastcgi import End, Stderr, Stdout, Values
from fcgipm.wire.fastcgi.webserver import Event

ID = 1
"""The id of every request: one at a time on a connection, as nginx does it."""

BLOCK = 65536

VARIABLES = (b"FCGI_MAX_CONNS", b"FCGI_MAX_REQS", b"FCGI_MPXS_CONNS")
"""What GET_VALUES may ask for (specification, section 4.1)."""

_REFUSALS = {
    fastcgi.CANT_MPX_CONN: "it takes no second request on this connection (CANT_MPX_CONN)",
    fastcgi.OVERLOADED: "it is overloaded (OVERLOADED)",
    fastcgi.UNKNOWN_ROLE: "it does not serve the Responder role (UNKNOWN_ROLE)",
}


class CannotConnect(Exception):
    """Nobody takes connections there; the message says what the system says."""


class Incomplete(Exception):
    """The connection or the request ended before the response did. `ended`: the connection, without a word of the application."""

    def __init__(self, text: str, ended: bool = False) -> None:
        super().__init__(text)
        self.ended = ended


class Refused(Exception):
    """END_REQUEST said that the application does not serve this request."""


class TimedOut(Exception):
    """Nothing moved on the connection for the whole time-out."""


def connect(address: str, timeout: float = 60.0) -> Connection:
    """A connection to `address` (see parse_address). `timeout`: seconds without any progress, from now on.

    Raises AddressError, CannotConnect.
    """
    family, target = parse_address(address)
    connection = socket.socket(family)
    connection.settimeout(timeout)
    try:
        connection.connect(target)
    except OSError as error:
        connection.close()
        raise CannotConnect(f"cannot connect to {address}: {error.strerror or error}") from None
    return Connection(connection, timeout)


class Connection:
    """One connection; one request at a time. Every method raises RemoteProtocolError, Incomplete or TimedOut when it fails."""

    def __init__(self, connection: socket.socket, timeout: float) -> None:
        self._socket = connection
        self._socket.setblocking(False)
        self._timeout = timeout
        self._wire = fastcgi.WebServer()
        self._unsent = b""
        self._body: Iterator[bytes] = iter(())
        self._answered = False

    def request(
        self,
        params: Iterable[Pair],
        body: Iterable[bytes] = (),
        *,
        keep_conn: bool = False,
        on_stderr: Callable[[bytes], None] = lambda data: None,
    ) -> Response:
        """Send a request and wait for the head of its response. `body`: its pieces, asked for as they can be sent.

        `on_stderr` gets what the application sends for the log. Raises Refused too. Read the response to its end before the next request.
        """
        # What is left of a body nobody wanted: its record in progress is finished, the rest is never made.
        self._answered = False
        self._unsent += self._wire.request(ID, params, keep_conn=keep_conn)
        self._body = self._records(body)
        return Response(self, on_stderr)

    def _records(self, body: Iterable[bytes]) -> Iterator[bytes]:
        for piece in body:
            if piece:
                yield self._wire.body(ID, piece)
        yield self._wire.end_body(ID)

    def get_values(self, names: Iterable[bytes] = VARIABLES) -> dict[bytes, bytes]:
        """Ask the library, not the application, what it can do: the lightest sign of life.

        Names it does not know are missing from the answer.
        """
        self._unsent += self._wire.get_values(names)
        while True:
            for event in self.receive():
                if isinstance(event, Values):
                    return dict(event.pairs)

    def receive(self) -> list[Event]:
        """Send what can be sent, until something is received: what it means."""
        poll = select.poll()
        while True:
            poll.register(self._socket, select.POLLIN | (select.POLLOUT if self._pending() else 0))
            ready = poll.poll(self._timeout * 1000)
            if not ready:
                raise TimedOut(f"nothing came for {self._timeout:g} s")
            if ready[0][1] & select.POLLOUT:
                self._send()
            if ready[0][1] & ~select.POLLOUT:
                return self._wire.receive(self._read())

    def _pending(self) -> bool:
        if not self._unsent:
            self._unsent = next(self._body, b"")
        return bool(self._unsent)

    def _send(self) -> None:
        try:
            self._unsent = self._unsent[self._socket.send(self._unsent) :]
        except BlockingIOError:
            return
        except ConnectionError:
            # The application left without reading on. Its answer may be here all the same.
            self._unsent = b""
            self._body = iter(())

    def _read(self) -> bytes:
        try:
            data = self._socket.recv(BLOCK)
        except ConnectionError as error:
            raise self._incomplete(error.strerror) from None
        if not data:
            raise self._incomplete("it was closed")
        self._answered = True
        return data

    def _incomplete(self, how: str | None) -> Incomplete:
        return Incomplete(f"the connection ended before {'the end of the response' if self._answered else 'a response'} ({how})", ended=True)

    def close(self) -> None:
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


class Response:
    """A response as it comes: `head` is there, iterating gives the blocks of the body, `app_status` is set at its end."""

    def __init__(self, connection: Connection, on_stderr: Callable[[bytes], None]) -> None:
        self._connection = connection
        self._on_stderr = on_stderr
        self.app_status: int | None = None
        """The application's exit status, 0 when all is well; None until the response has ended."""
        self._stdout = self._read_stdout()
        self.head, self._first = self._read_head()

    def __iter__(self) -> Iterator[bytes]:
        if self._first:
            first, self._first = self._first, b""
            yield first
        yield from self._stdout

    def _read_head(self) -> tuple[cgi.Head, bytes]:
        parser = cgi.HeadParser()
        for piece in self._stdout:
            found = parser.receive(piece)
            if found is not None:
                return found
        raise Incomplete("the application ended the request without a response head")

    def _read_stdout(self) -> Iterator[bytes]:
        while self.app_status is None:
            for event in self._connection.receive():
                if isinstance(event, Stdout):
                    yield event.data
                elif isinstance(event, Stderr):
                    self._on_stderr(event.data)
                elif isinstance(event, End):
                    self._end(event)

    def _end(self, event: End) -> None:
        self.app_status = event.app_status
        if event.protocol_status != fastcgi.REQUEST_COMPLETE:
            refusal = _REFUSALS.get(event.protocol_status, f"protocol status {event.protocol_status}")
            raise Refused(f"the application refused the request: {refusal}")
