"""Everything that flows between a client and a CGI program: body in, response and error output out, without ever waiting for one of them alone.

The response comes out as an iterator of blocks; whoever takes a block waits for the client, nobody else does. A program's time runs while there is nothing
to wait for but the program itself.
"""

from __future__ import annotations

import fcntl
import os
import select
import sys
import termios
import time
from typing import Dict, Iterator, Optional

from fcgipm.ending import signal_name
from fcgipm.gateways.exchange import BodyTimeout
from fcgipm.worker.cgi_child import Child
from fcgipm.worker.cgi_errors import ErrorLines
from fcgipm.worker.pumped_connection import PumpedConnection
from fcgipm.worker.settings import Timeouts

_PIECE = 65536
_FIRST_MOMENT = 0.002
"""Seconds that a program has to be through with everything before its output is looked at: then one wake-up and one send are enough for the whole response,
which takes a tenth of the CPU less for a shell script that says hello. Whoever takes longer begins to be heard that much later."""
_LAST_MOMENT = 0.1
"""Seconds between the end of a program's output and its own, and between its own and the last of its children's hold on the output."""


class Overdue(Exception):
    """The program has run for `timeouts.request` without a word."""


class Crashed(Exception):
    """The program was killed by a signal; the text says which."""


class Pump:
    """Of one request."""

    def __init__(self, child: Child, connection: PumpedConnection, errors: ErrorLines, timeouts: Timeouts, length: int) -> None:
        """`length` are the bytes of the body that the program may read."""
        self._child = child
        self._connection = connection
        self._errors = errors
        self._timeouts = timeouts
        self._left = length
        self._pending = memoryview(b"")
        """What the program is to read next."""
        self._listens = True
        """The client may still send something that matters: a body, or that it leaves."""
        self._poll = select.poll()
        self._since = time.monotonic()
        """When the one whose turn it is last did something."""
        self._ended = False
        """The program is gone, though others may hold its pipes."""
        self.held = True
        """Somebody has its output open still."""

    def blocks(self) -> Iterator[bytes]:
        """Its output, piece by piece. Raises ClientLeft, BodyTimeout, Overdue, Crashed."""
        if self._child.input < 0:
            self._ended = self._wait_for_end(_FIRST_MOMENT)
        self._child.listen()
        for number in (self._child.output, self._child.errors, self._child.end):
            self._poll.register(number, select.POLLIN)
        if self._ended:
            yield self._rest()
        while not self._ended:
            self._feed()
            ready = self._wait()
            if self._child.errors in ready and not self._errors.read(self._child.errors):
                self._poll.unregister(self._child.errors)
            if self._connection.fd in ready:
                self._listens = self._connection.take_in()
                if self._child.input < 0:
                    self._connection.drop_body()
            if ready.get(self._child.input, 0) & select.POLLERR:  # It has closed its end, and would be ready for ever.
                self._close_input()
            if self._child.end in ready:
                self._ended = True
                yield self._rest()
                break
            if self._child.output in ready:
                data = self._read()
                if data:
                    yield data
                elif data is not None:
                    break
                self._since = time.monotonic()
        self.look_how_it_ended()

    @property
    def over(self) -> bool:
        """Its response is complete with the block that was yielded last."""
        return self._ended or not self.held

    def _rest(self) -> bytes:
        """What is in the pipe of a program that has ended; what others go on to write there is no part of its response."""
        first = self._read()
        if not first or len(first) < _PIECE:
            if self.held:
                self._read()
            return first or b""
        left = int.from_bytes(fcntl.ioctl(self._child.output, termios.FIONREAD, bytes(4)), sys.byteorder)
        pieces = [first]
        while left > 0 and (data := self._read()):
            pieces.append(data[:left])
            left -= len(data)
        if self.held:
            self._read()
        return b"".join(pieces)

    def let_go(self) -> bool:
        """Whether nobody holds the output of a program that has ended. A process it has left behind gets a moment to close what it inherited."""
        if not self.held:
            return True
        deadline = time.monotonic() + _LAST_MOMENT
        poll = select.poll()
        poll.register(self._child.output, select.POLLIN)
        while self.held and (left := deadline - time.monotonic()) > 0:
            if poll.poll(left * 1000):
                self._read()
        return not self.held

    def _read(self) -> Optional[bytes]:
        """b"" at the end, None while there is nothing."""
        try:
            data = os.read(self._child.output, _PIECE)
        except BlockingIOError:
            return None
        if not data:
            self.held = False
            self._poll.unregister(self._child.output)
        return data

    def look_how_it_ended(self) -> None:
        """A program that crashes closes its output in the same moment: what it said is no complete response then. Raises Crashed."""
        if self._ended or self._wait_for_end(_LAST_MOMENT):
            self._ended = True
            number = self._child.killed_by()
            if number:
                raise Crashed(f"it was killed by {signal_name(number)}")

    def _wait_for_end(self, seconds: float) -> bool:
        poll = select.poll()
        poll.register(self._child.end, select.POLLIN)
        return bool(poll.poll(seconds * 1000))

    def _feed(self) -> None:
        """Give the program of the body what it takes."""
        while self._child.input >= 0:
            if not self._pending:
                data = self._connection.body_at_hand()
                if data is None:
                    return
                self._pending = memoryview(data)[: self._left]
                self._left -= len(self._pending)
                if not self._pending:
                    self._close_input()
                    return
            try:
                self._pending = self._pending[os.write(self._child.input, self._pending) :]
                self._since = time.monotonic()
            except BlockingIOError:
                return
            except OSError:  # It reads no more of it, which is its right.
                self._close_input()

    def _close_input(self) -> None:
        self._pending = memoryview(b"")
        self._child.close_input()
        self._since = time.monotonic()

    def _wait(self) -> Dict[int, int]:
        """What is ready, before the one whose turn it is has taken too long. Error output is no answer: a program that only complains is late."""
        if self._connection.finished:  # What comes now belongs to the next request.
            self._listens = False
            if self._child.input >= 0 and not self._pending:
                self._close_input()
        feeding = self._child.input >= 0
        hungry = feeding and not self._pending
        if feeding:
            self._poll.register(self._child.input, 0 if hungry else select.POLLOUT)
        if self._listens:
            # Without a word in it, poll still tells of a unix socket that its peer has closed.
            self._poll.register(self._connection.fd, select.POLLIN if hungry or not feeding else 0)
        patience = self._timeouts.body if hungry else self._timeouts.request
        left = self._since + patience - time.monotonic()
        try:
            ready = dict(self._poll.poll(max(0.0, left) * 1000))
        finally:
            if feeding:
                self._poll.unregister(self._child.input)
            if self._listens:
                self._poll.unregister(self._connection.fd)
        if hungry and self._connection.fd in ready:
            self._since = time.monotonic()
            return ready
        if (ready and left > 0) or not ready.keys().isdisjoint((self._child.input, self._child.output, self._child.end)):
            return ready
        if hungry:
            raise BodyTimeout(f"no more of the request's body within {patience:g} s")
        raise Overdue

    def drain(self, seconds: float) -> bool:
        """Wait for the program's end, so long at most, and take its last words meanwhile; no more of a body comes. Whether it has ended."""
        self._close_input()
        deadline = time.monotonic() + seconds
        while not self._ended and (left := deadline - time.monotonic()) > 0:
            ready = dict(self._poll.poll(left * 1000))
            self._ended = self._child.end in ready
            if self._child.errors in ready and not self._errors.read(self._child.errors):
                self._poll.unregister(self._child.errors)
            if self._child.output in ready:
                self._read()  # Nobody wants it any more.
        self._errors.read(self._child.errors)
        return self._ended
