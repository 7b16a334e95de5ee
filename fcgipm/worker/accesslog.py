"""The access log in a worker: around the gateway, so that a worker without one pays nothing for it."""

from __future__ import annotations

import os
import socket
import time
from time import monotonic_ns, thread_time_ns
from typing import Any, Dict, List, Optional, Tuple

from fcgipm import orders
from fcgipm.accesslog import NO_TEXTS, Texts, clf, compile_format, has_field, request_texts, sent_at
from fcgipm.gateways.errors import say
from fcgipm.gateways.wsgi import AnyGateway, Response
from fcgipm.urls import request_path
from fcgipm.wire.fastcgi import encode_last
from fcgipm.worker import rights
from fcgipm.worker.connection import Connection
from fcgipm.worker.deadlines import RequestWatch
from fcgipm.worker.pumped_connection import PumpedConnection

STDERR = 2
"""The descriptor that the log has as `stderr`: the worker's pipe to its master, so that nobody writes lines in another's name."""
_MILLISECONDS = tuple(f".{number:03}Z" for number in range(1000))
_CLIENT_LEFT = 499
"""The status of a request whose client left before it had one, as in nginx."""


class CountedConnection(PumpedConnection):
    """Counts the body's bytes of request and response."""

    bytes_in = bytes_out = 0

    def receive_body(self) -> bytes:
        data = Connection.receive_body(self)
        self.bytes_in += len(data)
        return data

    def body_at_hand(self) -> Optional[bytes]:
        data = PumpedConnection.body_at_hand(self)
        self.bytes_in += len(data or b"")
        return data

    def send(self, head: bytes, block: bytes) -> None:
        Connection.send(self, head, block)
        self.bytes_out += len(block)

    def finish(self, head: bytes, block: bytes) -> None:
        """As a Connection's, which is not called: 0.3 µs of each request."""
        request = self.request
        assert request is not None
        self._send(encode_last(request.id, head, block))
        self.finished = True
        self.codec.end(request.id)
        self.bytes_out += len(block)


class LoggedGateway(AnyGateway):
    """A gateway that writes a line for each request, after its response."""

    def __init__(self, gateway: AnyGateway, descriptor: int, form: str, pool: str, watch: RequestWatch) -> None:
        """`watch` knows when a request began."""
        self._gateway = gateway
        self._watch = watch
        self.constants = gateway.constants
        self._descriptor = descriptor
        self._line = compile_format(form, pool, os.getpid())
        self._wants_cpu = has_field(form, "cpu")
        """It is a system call."""
        self._cpu = 0 if self._wants_cpu else -1
        """What the thread had used at the line before; 0 before the first."""
        self._second = self._next_second = -1
        """When the present one began and ends, monotonic nanoseconds: the wall clock is asked and written once in it."""
        self._stamp = self._clf = ""
        self._lost = 0
        self._torn: Optional[Tuple[int, int]] = None
        """Where the file ends in a part of a line of ours: its inode and its size."""

    def serve(self, params: Dict[str, Any], exchange: Any) -> Response:
        """As the gateway's; `exchange` is a CountedConnection (see ``gateway.connection_class``)."""
        started, cpu = self._watch.started, 0
        if not self._cpu:
            self._cpu = thread_time_ns()
        texts = request_texts(params, exchange.path)
        wait = _waited(params) if "REQUEST_START" in params or "HTTP_X_REQUEST_START" in params else None
        exchange.bytes_in = exchange.bytes_out = 0
        response = self._gateway.serve(params, exchange)
        if not texts[4] and type(made := params.get("REQUEST_ID")) is str:  # By the gateway.
            texts = (*texts[:4], made, *texts[5:])
        if self._wants_cpu:
            used = thread_time_ns()
            # A worker that leaves may serve its last connections in another thread.
            cpu, self._cpu = max(0, used - self._cpu) // 1000, used
        ended = monotonic_ns()
        if ended >= self._next_second:  # As in `_note`, without whose frames a line takes 0.1 µs less.
            self._begin_second(ended)
        when = self._stamp + _MILLISECONDS[(ended - self._second) // 1000000]
        status, took = response.status or _CLIENT_LEFT, (ended - started) // 1000
        self._write(self._line(when, self._clf, texts, status, exchange.bytes_in, exchange.bytes_out, took, cpu, wait))
        return response

    def deserted(self, params: Dict[str, Any]) -> None:
        """As the gateway's: a request that took no time."""
        self._note(request_texts(params, request_path(params)), _CLIENT_LEFT, 0, _waited(params))

    def refused(self, status: int) -> None:
        """As the gateway's: nothing is known of it but that."""
        self._note(NO_TEXTS, status, None, None)

    def _note(self, texts: Texts, status: int, figure: Optional[int], wait: Optional[int]) -> None:
        """A line of this moment about what never ran: all its figures are the same."""
        now = monotonic_ns()
        if now >= self._next_second:
            self._begin_second(now)
        when = self._stamp + _MILLISECONDS[(now - self._second) // 1000000]
        self._write(self._line(when, self._clf, texts, status, figure, figure, figure, figure, wait))

    def _write(self, line: bytes) -> None:
        """In one piece. A line that fails is lost, never its request."""
        if self._torn and self._end() == self._torn:
            line = b"\n" + line
        try:
            whole = os.write(self._descriptor, line) == len(line)
        except OSError as error:
            self._lose(error.strerror or "error")
            return
        if not whole:
            self._torn = self._end()
            self._lose("no room")
        elif self._lost:
            say(f"the access log is written again: {self._lost} lines were lost")
            self._lost, self._torn = 0, None

    def _end(self) -> Tuple[int, int]:
        """Of the file as it is now: another worker may write there, or another file be in its place."""
        found = os.fstat(self._descriptor)
        return found.st_ino, found.st_size

    def _begin_second(self, now: int) -> None:
        wall = time.time_ns()
        self._second = now - wall % 1000000000
        self._next_second = self._second + 1000000000
        fields = time.gmtime(wall // 1000000000)
        self._stamp, self._clf = time.strftime("%Y-%m-%dT%H:%M:%S", fields), clf(fields)

    def _lose(self, why: str) -> None:
        self._lost += 1
        if self._lost == 1:
            say(f"cannot write the access log: {why}; requests go on without their lines")


def receive_order(channel: socket.socket, access: int) -> Tuple[bytes, List[int]]:
    """The next order, b"" at the channel's end, and its descriptors; a new file for the access log is put in place here. Raises OSError."""
    message, descriptors = rights.receive(channel, 1)
    taken = take_log(message, descriptors, access, channel)
    return (orders.LOGS, []) if taken else (message, descriptors)


def take_log(message: bytes, descriptors: List[int], access: int, channel: socket.socket) -> bool:
    """Obey LOGS, if this is one: the new file takes the old one's number at once, so no line meets a closed descriptor."""
    word, _, number = message.partition(b" ")
    if word != orders.LOGS:
        return False
    if access > STDERR and not descriptors:  # None was left for it: the master names those that do not answer.
        say("cannot take over the access log that was opened anew: out of descriptors (raise the limit on open files)")
        return True
    for descriptor in descriptors:
        if access > STDERR:
            os.dup2(descriptor, access, inheritable=False)
        os.close(descriptor)
    channel.send(orders.LOGS_TAKEN + b" " + number)
    return True


def _waited(params: Dict[str, Any]) -> Optional[int]:
    """Microseconds since the web server took the request, in its own words; None: it has none."""
    sent = sent_at(params.get("REQUEST_START") or params.get("HTTP_X_REQUEST_START", ""))
    return None if sent is None else max(0, int((time.time() - sent) * 1000000))
