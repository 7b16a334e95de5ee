"""The loop of one worker thread: wait in one epoll for listeners, kept connections and the handover, and serve whatever is ready.

A worker takes a connection from a queue only when it waits here, hence can serve at once. While it is inside a request its other connections
stand in `waiting`, from where the order thread may give them to another worker.
"""

from __future__ import annotations

import errno
import select
import socket
import time
from typing import Optional

from fcgipm import handover, scoreboard
from fcgipm.gateways.environ import UNWANTED
from fcgipm.gateways.errors import say
from fcgipm.gateways.wsgi import AnyGateway
from fcgipm.scoreboard import ASLEEP, KEPT, STATE
from fcgipm.wire.fastcgi import Application, ParamsDecoder, Request
from fcgipm.worker.connection import Closed, Connection, new_codec
from fcgipm.worker.deadlines import RequestWatch
from fcgipm.worker.doors import Doors, Listener, peer
from fcgipm.worker.gateway import connection_class
from fcgipm.worker.running import WORTH_ASKING, Doubts, Tally
from fcgipm.worker.settings import Settings
from fcgipm.worker.waiting import Waiting

EPOLLEXCLUSIVE = 1 << 28  # select.EPOLLEXCLUSIVE is missing from some builds.

_DATA, _DATA_OR_END = select.EPOLLIN, select.EPOLLIN | select.EPOLLRDHUP
"""A unix socket whose peer closed it tells so unasked: on kept connections it costs nothing to learn that somebody left."""

SERVE, RETIRE, STOP = range(3)
"""What a worker is about; it only ever goes up."""

_LEAVING_BEAT = 0.05
"""Seconds between looks while a leaving worker waits for connections that it cannot part with yet."""
_LINGER = 5.0
"""Seconds that a peer may go on sending after our response."""
_IN_A_ROW = 16
"""Connections taken from one queue before the other doors are looked at."""
_LONGEST_QUEUE = 4096
"""Connections taken from one queue on the way out: whoever lost its master must not serve a TCP address for as long as clients come."""
_NEVER = float("inf")
_LONGEST_WAIT = 1e6
"""Seconds that a worker at rest sleeps: eleven days, twice that is the most epoll takes."""
_OUT_OF_DESCRIPTORS = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


class Loop:
    """One thread's loop. `slot` and `header` are words of the scoreboard."""

    def __init__(self, settings: Settings, gateway: AnyGateway, doors: Doors, slot: memoryview, header: memoryview, watch: RequestWatch) -> None:
        self.mode = SERVE
        """Raised by the order thread, obeyed by the loop."""
        self.waiting = Waiting()
        """Everything that epoll watches but the doors."""
        self.current: Optional[Connection] = None  # The connection whose request is being served.
        self.shut = False
        """Nothing is accepted any more."""
        self.gateway = gateway
        """What answers requests; another one once a trial has been passed."""
        self._settings = settings
        self._timeouts = settings.timeouts
        self._doors = doors
        self._account = slot
        # What happens behind closed doors is no client's request, and not counted.
        self._slot = slot if doors.trial is None else memoryview(bytearray(scoreboard.SLOT_BYTES)).cast("Q")
        self._tally = Tally(self._slot)
        self._header = header
        self.watch = watch
        watch.slot = self._slot
        self._decoder = ParamsDecoder(gateway.constants, UNWANTED)
        self._connection = connection_class(settings)
        self._spare_codec: Optional[Application] = None
        """Without kept connections every request would make one (0.6 µs)."""
        self._check_at = _NEVER
        self._starved = False
        self._doubts = Doubts()
        self._resting = scoreboard.IDLE
        self._listeners = {listener.sock.fileno(): listener for listener in doors.listeners}
        self._handovers = {sock.fileno(): sock for sock in (doors.take, doors.trial) if sock is not None}
        self._door_numbers = {*self._listeners, *self._handovers, doors.wake.fileno()}
        self._opened = False
        self.epoll = select.epoll()
        self.epoll.register(doors.wake.fileno(), select.EPOLLIN)
        if doors.trial is None:
            self.open_doors()
        else:
            self.epoll.register(doors.trial.fileno(), select.EPOLLIN)

    def open_doors(self) -> None:
        """Let everybody in; called by the order thread when a trial has been passed."""
        self._opened = True
        self._slot = self.watch.slot = self._account
        self._tally = Tally(self._slot)
        for number in (*self._listeners, self._doors.take.fileno()):
            self.epoll.register(number, select.EPOLLIN | EPOLLEXCLUSIVE)
        if self._doors.trial is not None:
            self.epoll.unregister(self._doors.trial)

    def run(self) -> None:
        """Serve until told to leave and nothing is left."""
        while self.mode == SERVE:
            self._turn(_LONGEST_WAIT)
        self.epoll.unregister(self._doors.wake)
        self._resting = self._slot[STATE] = scoreboard.STOPPING
        self._shut_doors()
        self.drain()

    def drain(self) -> None:
        """Leaving: wait until every connection has gone its way."""
        while self.waiting.count():
            self._turn(_LEAVING_BEAT)
            self._shut_doors()

    def _turn(self, longest: float) -> None:
        """Wait, `longest` seconds at most, and serve what is ready."""
        doors, take = self._door_numbers, self.waiting.take
        now, partings = time.monotonic(), self.waiting.partings
        if now >= self._check_at:
            self._expire(now)
        patience = self._check_at - now
        if partings & 1 or partings != self.waiting.partings:  # What was out of `waiting` meanwhile was not looked at, and comes back.
            patience, self._check_at = _LEAVING_BEAT, now
        self._slot[KEPT] = self.waiting.count()
        events = self.epoll.poll(patience if patience < longest else longest)
        if len(events) > 1:
            # Being woken for a door wakes nobody else for it, so doors come before requests that may take their time.
            events.sort(key=lambda event: event[0] not in doors)
        for late, (number, ready) in enumerate(events):
            connection = take(number, None)
            if connection is not None:
                self._readable(connection, 0, ready != _DATA or (late > 0 and self._doubts.ask()))
            elif number in doors:
                self._open_door(number)

    # Doors.

    def _open_door(self, number: int) -> None:
        listener = self._listeners.get(number)
        if listener is not None:
            # Where connections are not kept and a queue stands, the next one is taken without asking epoll first: 6% less CPU a request, measured in turn.
            for _ in range(_IN_A_ROW):
                if not self._accept(listener) or self.waiting.count() or self.mode != SERVE:
                    break
        elif number in self._handovers:
            self._take_over(self._handovers[number])

    def _accept(self, listener: Listener) -> bool:
        """Take one connection and serve it if its request is there. False: the queue is empty."""
        try:
            # The method behind socket.accept(), which makes an object of the slower class (4 µs of a request without keep-alive).
            number, address = listener.sock._accept()  # type: ignore[attr-defined]
        except BlockingIOError:
            return False
        except OSError as error:
            if error.errno in _OUT_OF_DESCRIPTORS:
                self._make_room(error)
            elif error.errno == errno.EINVAL:
                self._lose_door(listener)
            return error.errno == errno.ECONNABORTED
        self._starved = False
        connection = self._new_connection(number, listener.family)
        connection.tcp = listener.tcp
        if listener.allow is not None and peer(address) not in listener.allow:
            connection.close()
            say(f"refused a connection from {peer(address)}, which is not in the listener's allow")
        else:
            self._readable(connection, self._timeouts.first_byte, self._doubts.ask())
        return True

    def _lose_door(self, listener: Listener) -> None:
        """The master has shut this listener, which epoll would tell for ever."""
        number = listener.sock.fileno()
        if self._listeners.pop(number, None) is not None and number in self._door_numbers:
            self._door_numbers.discard(number)
            self.epoll.unregister(number)

    def _new_connection(self, number: int, family: int) -> Connection:
        codec = self._spare_codec or new_codec(self._settings, self._decoder)
        self._spare_codec = None
        return self._connection(socket.SocketType(family, socket.SOCK_STREAM, 0, number), number, self._settings, codec)

    def _make_room(self, error: OSError) -> None:
        """No descriptor left: the connection that waited longest has to go, or the queue has to wait."""
        if not self._starved:
            self._starved = True
            say(f"cannot accept a connection: {error.strerror}; closing kept connections instead (raise the limit on open files)")
        room = False
        for connection in self.waiting.take_each():
            if room or connection.untouched or not connection.codec.idle:
                self._watch(connection)
            else:
                connection.close()
                room = True
        if not room:
            time.sleep(_LEAVING_BEAT)

    # Connections.

    def _readable(self, connection: Connection, patience: float, doubtful: bool) -> None:
        """Something came, or may have, and who sent it may have left if that is `doubtful`; `patience`: how long to wait for the first of it, 0: as before."""
        if connection.lingers:
            if connection.discard():
                self._watch(connection)
            else:
                connection.close()
            return
        try:
            request = connection.receive_head()
        except Closed as closed:
            self._refuse(connection, closed)
            return
        if request is None:
            self._await_head(connection, patience)
        elif doubtful and connection.deserted():
            self._desert(request)
            connection.close()
        else:
            self._serve(connection, request)

    def _await_head(self, connection: Connection, patience: float) -> None:
        now = time.monotonic()
        if not connection.codec.idle:
            if not connection.reading:
                connection.reading = True
                connection.deadline = now + self._timeouts.header
        else:
            connection.reading = False
            if not connection.untouched:
                connection.deadline = now + self._timeouts.keepalive
            elif patience:
                connection.deadline = now + patience
        self._watch(connection)

    def _watch(self, connection: Connection) -> None:
        if not connection.registered:
            connection.registered = True
            self.epoll.register(connection.fd, _DATA_OR_END if connection.tcp else _DATA)
        if connection.deadline < self._check_at:
            self._check_at = connection.deadline
        self.waiting.put(connection.fd, connection)

    def _serve(self, connection: Connection, request: Request) -> None:
        """One request, and those that the peer has sent behind it already."""
        while True:
            if connection.aborted:  # In the same bytes as its head.
                self._desert(request)
                connection.finish_aborted()
            else:
                self._answer(connection, request)
            if not (connection.finished and connection.keep):
                self._part(connection)
                return
            if connection.codec.idle:
                connection.deadline = time.monotonic() + self._timeouts.keepalive
                self._watch(connection)
                return
            try:
                following = connection.next_head()
            except Closed as closed:
                self._refuse(connection, closed)
                return
            if following is None:
                self._await_head(connection, 0)
                return
            request = following

    def _answer(self, connection: Connection, request: Request) -> None:
        self.current = connection
        connection.reading = False
        started = self.watch.started = time.monotonic_ns()
        connection.path = self._tally.begin(self.waiting.count(), started, request.params)
        if self._header[ASLEEP]:
            self._header[ASLEEP] = 0
            self._doors.wake_master()
        tally = self._tally  # Of the probe, when the doors are opened while it is answered.
        response = self.gateway.serve(request.params, connection)
        if connection.aborted and not (connection.gone or connection.finished):
            connection.finish_aborted()
        took = time.monotonic_ns() - started
        tally.end(response, took)
        if took >= WORTH_ASKING:
            self._doubts.arise(took)
        self._slot[STATE] = self._resting
        self.current = None

    def _desert(self, request: Request) -> None:
        """Whoever asked does not want the answer any more: the application is not called."""
        self._tally.deserted()
        self.gateway.deserted(request.params)

    def _refuse(self, connection: Connection, closed: Closed) -> None:
        if closed.reason:
            self._tally.count(scoreboard.REJECTED)
            say(closed.reason)
            self.gateway.refused(closed.status)
        (self._part if closed.lingers else Connection.close)(connection)

    def _part(self, connection: Connection) -> None:
        """Close, but never under the feet of a peer that still sends: that would reset the connection, and the response with it."""
        if connection.complete:
            self._spare_codec = connection.codec
            connection.close()
        elif connection.gone or not connection.linger():
            connection.close()
        else:
            connection.deadline = time.monotonic() + _LINGER
            self._watch(connection)

    # Time.

    def _expire(self, now: float) -> None:
        """Close what has waited too long; sets the time of the next look."""
        self._check_at = _NEVER
        for connection in self.waiting.take_each():
            # What came in time is served, however late this worker is.
            if connection.deadline > now or (not connection.lingers and connection.readable()):
                self._watch(connection)
                continue
            late = connection.reading and not connection.lingers
            why = f"rejected connection: its request header was not complete within {self._timeouts.header:g} s" if late else ""
            self._refuse(connection, Closed(why, status=408))

    # Leaving.

    def give_away(self) -> None:
        """Send every idle connection into the handover; called by the order thread while this one is inside a request, else by itself."""
        refused = 0
        for connection in self.waiting.take_each_apart():
            if connection.codec.idle and not connection.lingers:
                refused += not self._give(connection)
            else:
                self._watch(connection)
        self._slot[scoreboard.KEPT] = refused

    def _give(self, connection: Connection) -> bool:
        connection.registered = False
        self.epoll.unregister(connection.fd)
        given = handover.give(self._doors.give, connection.fd, connection.untouched)
        (Connection.close if given else self._watch)(connection)
        return given

    def _take_over(self, door: socket.socket) -> bool:
        """Take one connection from a handover and serve it if its request is there. False: there is none."""
        taken = handover.take(door)
        if taken is None:
            return False
        if taken.number == handover.LOST:
            say("lost a kept connection: out of descriptors (raise the limit on open files)")
            return True
        connection = self._new_connection(taken.number, socket.AF_UNIX)
        connection.tcp = connection.sock.getsockopt(socket.SOL_SOCKET, socket.SO_DOMAIN) != socket.AF_UNIX
        connection.untouched = taken.fresh
        self._readable(connection, self._timeouts.first_byte if taken.fresh else 0, self._doubts.ask())
        return True

    def _shut_doors(self) -> None:
        """Retiring: take nothing more, part with what is idle. Stopping: serve what is queued, close what is idle."""
        if self.mode == RETIRE:
            self._unregister_doors()
            self.give_away()
            return
        if self._opened:
            for listener in list(self._listeners.values()):
                for _ in range(_LONGEST_QUEUE):
                    if not self._accept(listener):
                        break
            while self._take_over(self._doors.take):
                pass
        self._unregister_doors()
        self.close_unused()

    def _unregister_doors(self) -> None:
        if not self.shut:
            self.shut = True
            self._door_numbers.clear()
            for sock in (*(listener.sock for listener in self._listeners.values()), self._doors.take):
                if self._opened and sock.fileno() >= 0:  # The order thread closes listeners whose master is gone.
                    self.epoll.unregister(sock)

    def close_unused(self) -> None:
        """Close every kept connection on which nothing has come; called by the order thread while this one is inside a request, else by itself."""
        for connection in self.waiting.take_each_apart():
            if connection.codec.idle and not connection.untouched and not connection.lingers and not connection.readable():
                connection.close()
            else:
                self._watch(connection)

    # In an application's own child.

    def forget(self) -> None:
        """Close everything without a word: it all belongs to the parent."""
        self.epoll.close()
        for connection in (*self.waiting.take_each(), self.current):
            if connection is not None:
                connection.close()
