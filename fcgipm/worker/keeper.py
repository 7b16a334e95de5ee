"""The template of a pool whose program is not ours (`command:`): it keeps copies of it, and speaks to the master for them.

A foreign program knows no channel and no scoreboard. So the keeper greets, is ready, obeys and writes slots in its copies' names; the master need not know the
difference. What a copy is at is seen from outside (`keeper_holding`), every 20 ms while any is at work, and not at all while none is.

The copies are children of the master, like all workers. A keeper that is dismissed starts no more of them, and stays until the last is gone.
"""

from __future__ import annotations

import errno
import math
import mmap
import os
import platform
import select
import signal
import socket
import time
from contextlib import suppress
from typing import Callable, Dict, List, NoReturn, Optional, Tuple

from fcgipm import orders, scoreboard
from fcgipm.worker import rights
from fcgipm.worker.keeper_computing import WINDOW_NS
from fcgipm.worker.keeper_copy import TRIED, Copy, become
from fcgipm.worker.keeper_decisions import INTERVAL, TERM_GRACE, Parting, Rhythm, Step, when_frozen, when_running
from fcgipm.worker.keeper_holding import Connections, group_exists
from fcgipm.worker.keeper_visits import SIGNAL, Visits
from fcgipm.worker.pidfd import open_pidfd
from fcgipm.worker.settings import Settings

SETTLING = 0.25
"""Seconds that a program must have lived before it counts as serving: it has no way to say so."""
_GET_VALUES = b"\x01\x09\x00\x00\x00\x11\x00\x00\x0f\x00FCGI_MPXS_CONNS"
"""FCGI_GET_VALUES (FastCGI specification, section 4.1): whoever accepts answers it, or closes the connection because he does not know it."""


def keep(settings: Settings, board: int, listener: int, channel: socket.socket) -> NoReturn:
    """Keep copies until dismissed and the last is gone."""
    Keeper(settings, board, socket.socket(fileno=listener), channel).run()


class Keeper:
    """`_channel` is None once it was dismissed."""

    def __init__(self, settings: Settings, board: int, listener: socket.socket, channel: socket.socket) -> None:
        self._settings = settings
        self._board = memoryview(mmap.mmap(board, os.fstat(board).st_size))
        self._header = scoreboard.words(self._board, -1)
        self._listener = listener
        self._listener.setblocking(True)  # Programs accept without looking, and end when they are told that nobody is there.
        if not listener.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            listener.listen(settings.backlog)  # Nobody knows the way to it yet but us, who try the first copy.
        self._connections = Connections(listener)
        self._channel: Optional[socket.socket] = channel
        self._copies: List[Copy] = []
        self._groups: List[int] = []
        """Of copies that have ended: groups that were still there then."""
        self._epoll = select.epoll()
        self._watched: Dict[int, Callable[[], None]] = {}
        self._rhythm = Rhythm()
        self._next_look: Optional[float] = None
        self._visited_at = -math.inf
        self._told_unreadable = False
        self._visits = Visits(listener, self._epoll)
        self._signal, self._signaler = socket.socketpair()

    def run(self) -> NoReturn:
        """Until nobody is left to care for."""
        assert self._channel is not None
        self._signal.setblocking(False)
        self._signaler.setblocking(False)
        signal.set_wakeup_fd(self._signaler.fileno(), warn_on_full_buffer=False)
        for heard in (signal.SIGTERM, SIGNAL):
            signal.signal(heard, lambda number, frame: None)
        self._visits.attend()
        self._watch(self._signal.fileno(), self._signalled)
        self._watch(self._channel.fileno(), self._hear_master)
        self._visits.rest()
        with suppress(OSError):  # Dismissed already: the end of the channel is heard below.
            self._channel.send(orders.encode(orders.READY, platform.python_version(), "-"))
        while not self._over:
            ready = [(number, self._watched.get(number)) for number, _ in self._epoll.poll(self._patience())]
            for number, receiver in ready:
                if number == self._listener.fileno():
                    self._visited()
                elif receiver is not None and self._watched.get(number) is receiver:  # Else the number is another's by now.
                    receiver()
            self._see_to(time.monotonic())
        self._wait_for_groups()
        os._exit(0)

    @property
    def _over(self) -> bool:
        return self._channel is None and not self._copies

    def _watch(self, number: int, receiver: Callable[[], None]) -> None:
        self._watched[number] = receiver
        self._epoll.register(number, select.EPOLLIN)

    def _forget(self, number: int) -> None:
        if self._watched.pop(number, None) is not None:
            self._epoll.unregister(number)

    # What the master says.

    def _hear_master(self) -> None:
        assert self._channel is not None
        try:
            message, descriptors = rights.receive(self._channel, 3 * orders.FORK_LIMIT, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return
        except OSError:
            message, descriptors = b"", []
        if not message:
            self._dismissed()
            return
        word, slots = orders.decode(message)
        if word == orders.FORK:
            self._fork([int(slot) for slot in slots], descriptors)
        else:
            for number in descriptors:
                os.close(number)

    def _signalled(self) -> None:
        """Somebody comes; or we are dismissed, by somebody else than the master or because it is dead."""
        numbers = b""
        with suppress(BlockingIOError):
            numbers = self._signal.recv(64)
        if SIGNAL in numbers:
            self._visited()
        if signal.SIGTERM in numbers and self._channel is not None:
            with suppress(OSError):
                self._channel.send(orders.RETIRING)
            self._dismissed()

    def _dismissed(self) -> None:
        """Nothing is to be started any more."""
        assert self._channel is not None
        self._forget(self._channel.fileno())
        self._channel.close()
        self._channel = None

    def _fork(self, slots: List[int], descriptors: List[int]) -> None:
        """One process forks them all and ends, so that they become children of the master."""
        channels = [socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET, 0, number) for number in descriptors[::3]]
        pipes: List[Tuple[int, int]] = []
        failure = 0
        try:
            for _ in slots:
                pipes.append(os.pipe2(os.O_CLOEXEC))
            intermediate = os.fork()
            if intermediate == 0:
                self._fork_each(channels, descriptors[1::3], [end for _, end in pipes])
            os.waitpid(intermediate, 0)
        except OSError as error:
            failure = error.errno or errno.EAGAIN
        if failure:
            self._say_unforked(failure)
        for number in [*descriptors[1::3], *descriptors[2::3], *(end for _, end in pipes)]:
            os.close(number)
        for slot, channel, (started, _) in zip(slots, channels, pipes):
            self._adopt(Copy(slot, scoreboard.words(self._board, slot), channel, started))
        for channel in channels[len(pipes) :]:
            channel.close()

    def _fork_each(self, channels: List[socket.socket], outputs: List[int], started: List[int]) -> NoReturn:
        try:
            for channel, output, mine in zip(channels, outputs, started):
                if os.fork() == 0:
                    for other in started:
                        if other != mine:
                            os.close(other)
                    become(self._settings.command, self._listener.fileno(), channel, output, mine)
        except OSError as error:
            self._say_unforked(error.errno or errno.EAGAIN)
        finally:
            os._exit(0)

    def _say_unforked(self, number: int) -> None:
        if self._channel is not None:
            with suppress(OSError):  # That it has ended is heard elsewhere.
                self._channel.send(orders.encode(orders.UNFORKED, number))

    # What becomes of a copy.

    def _adopt(self, copy: Copy) -> None:
        os.set_blocking(copy.started, False)
        self._copies.append(copy)
        self._watch(copy.started, lambda: self._hear_started(copy))

    def _hear_started(self, copy: Copy) -> None:
        try:
            said = os.read(copy.started, 64)
        except BlockingIOError:
            return
        if copy.pid is None and said:
            copy.pid = int(said.split()[0])
            with suppress(OSError):
                copy.pidfd = open_pidfd(copy.pid)
                self._watch(copy.pidfd, lambda: self._gone(copy))
        copy.tried = copy.tried or said.endswith(TRIED)
        if copy.pidfd is None:
            self._gone(copy)
        elif not said:
            self._forget(copy.started)
            os.close(copy.started)
            copy.started = -1
            self._running(copy)

    def _running(self, copy: Copy) -> None:
        """Its program runs, or it has ended, which its pidfd tells."""
        self._watch(copy.channel.fileno(), lambda: self._hear_orders(copy))
        if copy.tried and self._ask(copy):
            return
        copy.ready_at = time.monotonic() + SETTLING

    def _ask(self, copy: Copy) -> bool:
        """A copy on trial shows that it accepts: it alone has this listener. Whether it could be asked: over TCP others would answer."""
        if self._listener.family != socket.AF_UNIX:
            return False
        asking = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        asking.setblocking(False)
        try:
            asking.connect(self._listener.getsockname())
            asking.send(_GET_VALUES)
            asking.shutdown(socket.SHUT_WR)  # libfcgi waits for more before it answers.
        except OSError:
            asking.close()
            return False

        def answered() -> None:
            self._forget(asking.fileno())
            asking.close()
            copy.ready_at = time.monotonic()

        self._watch(asking.fileno(), answered)
        return True

    def _hear_orders(self, copy: Copy) -> None:
        try:
            order = copy.channel.recv(orders.MESSAGE_LIMIT, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return
        except OSError:
            order = b""
        if not order:  # The master is gone, or knows of its end before us.
            self._forget(copy.channel.fileno())
            order = orders.RETIRE
        if order in (orders.RETIRE, orders.STOP) and copy.order is None:
            copy.order = order
            self._stir()

    def _gone(self, copy: Copy) -> None:
        for number in (copy.started, copy.channel.fileno(), copy.pidfd):
            if number is not None:
                self._forget(number)
        self._copies.remove(copy)
        copy.close()
        self._groups = [pid for pid in (*self._groups, copy.pid) if pid is not None and group_exists(pid)]

    def _wait_for_groups(self) -> None:
        """Who was left running in a copy's group was killed, but may take a moment to die: when we are gone, all is."""
        deadline = time.monotonic() + TERM_GRACE
        while any(map(group_exists, self._groups)) and time.monotonic() < deadline:
            time.sleep(0.002)

    # Looking.

    def _patience(self) -> Optional[float]:
        dues = [copy.ready_at for copy in self._copies if copy.ready_at is not None and not copy.ready]
        if self._next_look is not None:
            dues.append(self._next_look)
        return max(0.0, min(dues) - time.monotonic()) if dues else None

    def _see_to(self, now: float) -> None:
        for copy in self._copies:
            if not copy.ready and copy.ready_at is not None and now >= copy.ready_at:
                copy.begin(self._settings.generation)
                self._tell(copy, orders.READY)
        if self._next_look is not None and now >= self._next_look:
            self._look(now)

    def _tell(self, copy: Copy, word: bytes) -> None:
        with suppress(OSError):
            copy.channel.send(word, socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)

    def _log(self, text: str) -> None:
        """A line of the daemon's log, which may have ended."""
        with suppress(OSError):
            os.write(2, f"{text}\n".encode())

    def _visited(self) -> None:
        """Somebody comes."""
        self._visited_at = time.monotonic()
        self._stir()

    def _stir(self) -> None:
        """Somebody comes, or is to leave: look."""
        self._rhythm.stirred()
        if self._next_look is None:
            self._visits.attend()
            self._next_look = time.monotonic()

    def _look(self, now: float) -> None:
        if self._visits.came():
            self._visited()
        queued = self._queued()  # Before: who is neither in the queue nor seen as accepted comes later, and tells.
        looked = [copy for copy in self._copies if copy.ready or copy.order is not None]
        visited = now < self._visited_at + WINDOW_NS / 1e9
        try:
            accepted = self._connections.accepted()
            begun = [copy.look(accepted, visited) for copy in looked]
        except OSError:  # No descriptor or memory is left for the moment: nothing is known, so nobody is let go.
            self._next_look = time.monotonic() + INTERVAL
            return
        for copy in looked:
            if not copy.readable and not self._told_unreadable:
                self._told_unreadable = True
                self._log(f"copy {copy.pid} does not let us see its connections: its load is known by its CPU alone; told to leave, it gets TERM even at work")
        busy = [copy for copy in looked if copy.busy]
        if busy and self._header[scoreboard.ASLEEP]:
            self._header[scoreboard.ASLEEP] = 0
            self._tell(busy[0], orders.BUSY)
        leaving = [copy for copy in looked if copy.order is not None]
        for copy in leaving:
            if not copy.held:
                self._let_go(copy, now)
        pause = self._rhythm.after(bool(busy) or any(begun) or queued, bool(leaving))
        self._next_look = None if pause is None else time.monotonic() + pause
        if pause is None:
            self._visits.rest()

    # Leaving.

    def _let_go(self, copy: Copy, now: float) -> None:
        """End it, if that is right at this very moment."""
        step = when_running(self._parting(copy, now))
        frozen = step is Step.FREEZE
        if frozen:
            empty = self._freezes_empty(copy)
            step = when_frozen(self._parting(copy, now), empty)
        if step is Step.KILL:
            copy.kill()
            return
        if step is Step.TERM:
            copy.term_at = now
            copy.signal_all(signal.SIGTERM)
        if frozen:
            copy.thaw()

    def _parting(self, copy: Copy, now: float) -> Parting:
        last = all(other.order is not None for other in self._copies if other is not copy and other.ready)
        told = None if copy.term_at is None else now - copy.term_at
        return Parting(copy.order == orders.STOP, self._settings.own_listener, last, self._queued(), copy.readable, told)

    def _queued(self) -> bool:
        """Whether somebody waits at the listener."""
        return bool(select.select([self._listener], [], [], 0)[0])

    def _freezes_empty(self, copy: Copy) -> bool:
        """Whether it holds nothing, frozen; whatever the answer, it may be stopped by then."""
        try:
            return copy.freeze() and copy.holds_nothing(self._connections.accepted())
        except OSError:  # As in `_look`.
            return False
