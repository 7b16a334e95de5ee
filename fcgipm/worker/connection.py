"""One FastCGI connection in a worker: it reads request heads without waiting, and carries one request at a time to the gateway."""

from __future__ import annotations

import select
import socket
from typing import List, NoReturn, Optional

from fcgipm.gateways.errors import say
from fcgipm.gateways.exchange import BodyTimeout, ClientLeft
from fcgipm.wire.fastcgi import (
    Abort,
    Application,
    Body,
    BodyEnd,
    Event,
    HeadTooLarge,
    ParamsDecoder,
    Refused,
    RemoteProtocolError,
    Request,
    encode_end,
    encode_last,
    encode_stdout,
)
from fcgipm.worker.body import BodyStore
from fcgipm.worker.recording import RecordingApplication
from fcgipm.worker.settings import Settings

_VALUES = {b"FCGI_MAX_CONNS": b"1", b"FCGI_MAX_REQS": b"1", b"FCGI_MPXS_CONNS": b"0"}

_HEAD_PIECE = 16384
_HEAD_PIECES = 64
"""Read in one go at most; a longer head waits for the next turn, so that nobody who only sends keeps the others waiting."""
BODY_PIECE = 262144
_NOW = socket.MSG_DONTWAIT
_TCP_LEFT = frozenset((7, 8))
"""States CLOSE and CLOSE_WAIT, as the kernel's ``net/tcp_states.h`` numbers them, in the first byte of TCP_INFO (tcp(7))."""


_TOO_LARGE = b"Status: 431 Request Header Fields Too Large\r\nContent-Type: text/plain\r\n\r\nRequest Header Fields Too Large\n"
_REPLIES = 65536
"""Bytes of answers that may wait while a peer asks and asks, and does not read."""
_LINGER_BYTES = 64 << 20
"""What a peer may go on sending after our response."""
NO_BODY = BodyStore()
"""Stands for every body that has nothing waiting; nothing is ever put in."""


class Closed(Exception):
    """This connection is done with. `reason` is a line for the log, or empty; one that `lingers` has something for the peer to read still; `status`
    is that of a request that was refused."""

    def __init__(self, reason: str, lingers: bool = False, status: int = 400) -> None:
        super().__init__(reason)
        self.reason = reason
        self.lingers = lingers
        self.status = status


def new_codec(settings: Settings, decoder: ParamsDecoder) -> Application:
    """The codec of a connection whose requests are served one at a time."""
    kind = RecordingApplication if settings.records else Application
    return kind(settings.max_params, 1, _VALUES, decoder)


class Connection:
    """Is the gateway's `Exchange` while a request runs.

    The socket stays blocking and every call says MSG_DONTWAIT, which saves the system call that would make it non-blocking.
    """

    # Defaults stand in the class: a connection for a single request is made faster for each attribute not set (0.5 µs in all).
    registered = False
    """Known to the loop's epoll."""
    deadline = 0.0
    """When the present wait has been too long, monotonic seconds."""
    tcp = False
    untouched = True
    """Not a byte has come so far."""
    reading = False
    """A head has begun and is not complete."""
    request: Optional[Request] = None
    path = ""
    """Of the request."""
    keep = False
    """The peer wants the connection back after the response."""
    finished = False
    """The response and END_REQUEST are out."""
    left = False
    """See `Exchange`: `gone`, or `aborted`."""
    gone = False
    """The connection is of no use any more."""
    aborted = False
    """The peer sent ABORT_REQUEST, and waits for the end."""
    lingers = False
    """The response is out, and the peer is still sending."""
    _linger_left = _LINGER_BYTES
    _body = NO_BODY
    _body_ended = False
    _input_ended = False

    def __init__(self, sock: socket.SocketType, number: int, settings: Settings, codec: Application) -> None:
        """`number` is the socket's descriptor; `codec` comes from `new_codec`, or is one whose connection ended idle."""
        self.sock = sock
        self.fd = number
        self.codec = codec
        self._settings = settings

    # Between requests.

    def receive_head(self) -> Optional[Request]:
        """Read what has come; a request if its head is complete. Raises Closed."""
        for _ in range(_HEAD_PIECES):
            try:
                data = self.sock.recv(_HEAD_PIECE, _NOW)
            except BlockingIOError:
                return None
            except OSError:
                raise Closed("") from None
            if not data:
                raise Closed("")
            self.untouched = False
            request = self.next_head(data)
            if request is not None or len(data) < _HEAD_PIECE:
                return request
        return None

    def next_head(self, data: bytes = b"") -> Optional[Request]:
        """The same for bytes at hand; without any, for a request held back by the codec. Raises Closed."""
        try:
            whole = self.codec.receive_whole(data)
            if whole is not None:
                self.request = whole
                self.keep = whole.keep_conn and "REQUEST_METHOD" in whole.params
                self.finished = self.left = self.aborted = False
                self._body = NO_BODY
                self._body_ended = True
                return whole
            events = self.codec.receive(data)
        except RemoteProtocolError as error:
            raise Closed(f"rejected connection: {error}") from None
        if self.codec.replies:
            self._send_at_once(self._take_replies())
            if self.gone:
                raise Closed("")
        if not events:
            return None
        first = events[0]
        if type(first) is Request:
            return self._begin(first, events)
        return self._settle(events)

    def _begin(self, request: Request, events: List[Event]) -> Request:
        """A request's head is complete; `events` hold it and what came with it, perhaps that it is aborted."""
        self.request = request
        self.keep = request.keep_conn and "REQUEST_METHOD" in request.params
        self.finished = self.left = self.aborted = False
        self._body = NO_BODY
        self._body_ended = False
        self._note(events[events.index(request) + 1 :])
        return request

    def _settle(self, events: List[Event]) -> Optional[Request]:
        """Requests that never reach the application: refused, too large, aborted before their head was complete; perhaps with one behind that does."""
        for event in events:
            if type(event) is Request:
                return self._begin(event, events)
            if type(event) is HeadTooLarge:
                self._send_at_once(encode_last(event.id, _TOO_LARGE, b""))
                limit = self._settings.max_params
                raise Closed(f"refused a request: its params are longer than limits.params, {limit} bytes", lingers=True, status=431)
            if type(event) is Abort:
                self._send_at_once(encode_end(event.id))
                self.codec.end(event.id)
            if self.gone or (isinstance(event, (Abort, Refused)) and not event.keep_conn and self.codec.idle):
                raise Closed("", lingers=not self.gone)
        return self.next_head()

    @property
    def complete(self) -> bool:
        """The request has been read and answered to its end: closing now resets nothing."""
        return self.finished and self._body_ended and self.codec.idle

    def readable(self) -> bool:
        """Something has come that nobody has read."""
        return _wait(self.sock, select.POLLIN, 0) != 0

    def linger(self) -> bool:
        """Tell the peer that nothing more will come. False: it is gone."""
        try:
            self.sock.shutdown(socket.SHUT_WR)
        except OSError:
            return False
        self.lingers = True
        return True

    def discard(self) -> bool:
        """Read and drop what a peer sends after our response. False: no more of that."""
        try:
            size = len(self.sock.recv(BODY_PIECE, _NOW))
        except BlockingIOError:
            return True
        except OSError:
            return False
        self._linger_left -= size
        return size > 0 and self._linger_left > 0

    def deserted(self) -> bool:
        """The peer closed the connection before its request was begun; costs no wait and, with the peer there, no exception.

        Asked for nothing, poll tells of a connection that is reset, and of a unix socket that the peer has closed, not of one that it only shut down
        for sending. TCP does not tell these two apart, and no web server shuts down one side, so there the end of its data is the end.
        """
        try:
            return _wait(self.sock, 0, 0) != 0 or (self.tcp and self.sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] in _TCP_LEFT)
        except OSError:
            return True

    def close(self) -> None:
        """Let go of it, at once."""
        self.sock.close()

    # The gateway's side, see `Exchange`.

    def receive_body(self) -> bytes:
        while True:
            data = self._body.take()
            if data or self._body_ended:
                return data
            if self.left:
                raise ClientLeft("the client left before its body was complete")
            if self.finished:  # What comes now belongs to the next request.
                raise ClientLeft("the response is complete: no more of the request's body is received")
            received = self._receive(BODY_PIECE)
            self._send_replies()
            if not received and not _wait(self.sock, select.POLLIN, self._settings.timeouts.body):
                raise BodyTimeout(f"no more of the request's body within {self._settings.timeouts.body:g} s")

    def send(self, head: bytes, block: bytes) -> None:
        assert self.request is not None
        self._send(encode_stdout(self.request.id, head + block))
        self._receive(_HEAD_PIECE)  # An abort, or the peer's end, is learned between the blocks of a long response.
        self._send_replies()
        if self.left:
            raise ClientLeft("the client no longer wants this response")

    def finish(self, head: bytes, block: bytes) -> None:
        request = self.request
        assert request is not None
        self._send(encode_last(request.id, head, block))
        self.finished = True
        self.codec.end(request.id)

    def cut(self) -> None:
        self.keep = False

    def finish_aborted(self) -> None:
        """Give a request that the peer aborted its end (specification, section 5.4)."""
        assert self.request is not None
        self.aborted = self.left = False
        try:
            self._send(encode_end(self.request.id))
        except ClientLeft:
            return
        self.codec.end(self.request.id)
        self.finished = True

    # Bytes.

    def _receive(self, size: int) -> bool:
        """Take what has come, without waiting, into the body's store. Whether anything has. Replies of the protocol are left for the caller to send."""
        if self._input_ended or self.codec.holding:
            return False
        try:
            data = self.sock.recv(size, _NOW)
        except BlockingIOError:
            return False
        except OSError:
            data = b""
        if not data:
            self._end_input()
            return True
        try:
            events = self.codec.receive(data)
        except RemoteProtocolError as error:
            say(f"rejected connection: {error}")
            self.left = self.gone = True
            return True
        if len(self.codec.replies) > _REPLIES:
            self.left = self.gone = True
        self._note(events)
        return True

    def _end_input(self) -> None:
        """Nothing more will come. A peer that has sent its whole request may still read the answer; if not, sending will tell."""
        self._input_ended = True
        self.keep = False
        if not self._body_ended:
            self.left = self.gone = True

    def _note(self, events: List[Event]) -> None:
        for event in events:
            if type(event) is Body:
                if self._body is NO_BODY:
                    self._body = BodyStore()
                self._body.put(event.data)
            elif type(event) is BodyEnd:
                self._body_ended = True
            elif type(event) is Abort:
                self.left = self.aborted = True

    def _send(self, data: bytes) -> None:
        try:
            sent = self.sock.send(data, _NOW)
        except BlockingIOError:
            sent = 0
        except OSError:
            self._lose(unsent=True)
        if sent != len(data):
            self._send_rest(memoryview(data)[sent:])

    def _send_rest(self, data: memoryview) -> None:
        """The peer takes its time. What it sends meanwhile is read, or both sides would wait for each other (case 59); answers to its questions follow,
        for before they would stand in the middle of a record, and while they are sent no further question is read."""
        answering = False
        while data:
            listens = select.POLLOUT if self._input_ended or self.codec.holding or answering else select.POLLOUT | select.POLLIN
            ready = _wait(self.sock, listens, self._settings.timeouts.write)
            if not ready:
                say(f"the client took no more of the response for {self._settings.timeouts.write:g} s: cut short")
                self._lose()
            if ready & select.POLLIN:
                self._receive(BODY_PIECE)
                if self.gone:
                    self._lose()
            try:
                data = data[self.sock.send(data, _NOW) :]
            except BlockingIOError:
                continue
            except OSError:
                self._lose()
            if not data:
                answering = True
                data = memoryview(self._take_replies())

    def _send_replies(self) -> None:
        if self.codec.replies:
            self._send(self._take_replies())

    def _take_replies(self) -> bytes:
        replies, self.codec.replies = self.codec.replies, b""
        return replies

    def _send_at_once(self, data: bytes) -> None:
        """Small answers of the protocol, between requests. Nobody waits for a peer that does not even read those."""
        try:
            whole = self.sock.send(data, _NOW) == len(data)
        except OSError:
            whole = False
        if not whole:
            self.left = self.gone = True

    def _lose(self, unsent: bool = False) -> NoReturn:
        self.left = self.gone = True
        raise ClientLeft("the client left before the response was complete", unsent) from None


def _wait(sock: socket.SocketType, listens: int, seconds: float) -> int:
    """What the socket is ready for; 0: nothing in time."""
    poll = select.poll()
    poll.register(sock, listens)
    ready = poll.poll(seconds * 1000)
    return ready[0][1] if ready else 0
