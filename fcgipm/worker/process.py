"""A worker process: what a fork of the template does with its life.

Its main thread runs the first loop, so that an application that wants the main thread has it; `threads` beyond the first run one loop each. One more
thread, the order thread, waits for the master's words and for signals: it obeys also while every loop is inside a request.
"""

from __future__ import annotations

import atexit
import mmap
import os
import select
import signal
import socket
import sys
import threading
import time
from typing import Any, Iterable, List, NamedTuple, NoReturn, Optional

from fcgipm import orders, scoreboard
from fcgipm.gateways.errors import format_failure, plain_word, say
from fcgipm.gateways.wsgi import AnyGateway
from fcgipm.worker import prctl
from fcgipm.worker.accesslog import STDERR, LoggedGateway, receive_order
from fcgipm.worker.deadlines import INTERRUPT, RequestWatch
from fcgipm.worker.doors import Doors, Listener
from fcgipm.worker.gateway import make_gateway
from fcgipm.worker.hooks import StartFailed, call_start, call_stop
from fcgipm.worker.importing import Imported, Unimportable, import_all
from fcgipm.worker.loop import RETIRE, SERVE, STOP, Loop
from fcgipm.worker.settings import Settings
from fcgipm.worker.stacks import answer_with_stacks, forget_stacks

_OURS = frozenset((signal.SIGTERM, signal.SIGINT))
"""Signals that retire a worker."""
_INTERNAL = 70
"""Exit status after an error of ours (EX_SOFTWARE)."""


class Inherited(NamedTuple):
    """Descriptors that the template got with START."""

    board: int
    give: int
    take: int
    listeners: List[int]
    access: int = -1
    """The access log's file; -1: none."""


def run_worker(
    settings: Settings, inherited: Inherited, imported: Optional[Imported], slot: int, channel_number: int, output: int, stacks: int
) -> NoReturn:
    """Be worker number `slot` until told to leave; then end the process."""
    try:
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.close(output)
        answer_with_stacks(stacks)
        channel = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET, 0, channel_number)
        trial = _join_master(channel, settings.master, inherited.access)
        if imported is None:
            imported = import_all(settings)
        Worker(settings, inherited, imported, slot, channel, trial).run()
        call_stop(imported)
        status = 0
    except (Unimportable, StartFailed) as why:
        say(str(why))
        status = 1
    except SystemExit as leaving:
        status = leaving.code if isinstance(leaving.code, int) else 0
    except BaseException as error:
        say("worker failed\n" + format_failure(error))
        status = _INTERNAL
    _end(status)


def drain_the_rest(loops: Iterable[Loop], obeying: threading.Lock) -> None:
    """Serve what comes back to loops that have ended. Returns with `obeying` held: the order thread may have been giving away a connection that no loop
    knew any more, and the process must not end meanwhile. It is free while a request runs, or nobody would tell of a time-out."""
    while obeying.acquire() and any(loop.waiting.count() for loop in loops):
        obeying.release()
        for loop in loops:
            loop.watch.attach()  # From now on this is the thread of its requests.
            loop.drain()


def _join_master(channel: socket.socket, master: int, access: int) -> Optional[socket.socket]:
    """Become the master's own: known by pid, and gone when it is. A handover for us alone, if we are tried first."""
    os.setpgid(0, 0)
    intermediate = os.getppid()
    channel.send(orders.HELLO)
    order, descriptors = receive_order(channel, access)
    while order == orders.LOGS:
        order, descriptors = receive_order(channel, access)
    if order not in (orders.GO, orders.TRY):
        sys.exit(0)
    while os.getppid() == intermediate and intermediate != master:
        time.sleep(0.0005)  # Until the intermediate has ended, its end is what the death signal would tell.
    if os.getppid() == master:
        prctl.set_death_signal(signal.SIGTERM)
    return socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET, 0, descriptors[0]) if order == orders.TRY else None


def _end(status: int) -> NoReturn:
    """Leave without the interpreter's long farewell, which would only write into shared pages; but `atexit` is the application's."""
    try:
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
    except BaseException as error:
        say("error at exit\n" + format_failure(error))
    finally:
        os._exit(status)


class Worker:
    """The loops of one process, and the order thread."""

    def __init__(
        self, settings: Settings, inherited: Inherited, imported: Imported, slot: int, channel: socket.socket, trial: Optional[socket.socket]
    ) -> None:
        self._settings = settings
        self._channel = channel
        self._imported = imported
        self._access = STDERR if settings.access_file == "stderr" else inherited.access
        self._trial = trial
        self._mode = SERVE
        self._obeying = threading.Lock()
        """Held by the order thread while it obeys."""
        self._wake, self._waker = socket.socketpair()
        self._signal, self._signaler = socket.socketpair()
        self._doors = self._open_doors(inherited)
        size = os.fstat(inherited.board).st_size
        self._board = memoryview(mmap.mmap(inherited.board, size))
        self._loops = [self._make_loop(imported.application, slot, thread) for thread in range(settings.threads)]

    def _open_doors(self, inherited: Inherited) -> Doors:
        sockets = [_listening(number) for number in inherited.listeners]
        listeners = [
            Listener(sock, int(sock.family), allow, sock.family != socket.AF_UNIX) for sock, allow in zip(sockets, self._settings.allow)
        ]
        give = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET, 0, inherited.give)
        take = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET, 0, inherited.take)
        return Doors(listeners, give, take, self._wake, self._channel, self._trial)

    def _make_loop(self, application: Any, slot: int, thread: int) -> Loop:
        watch = RequestWatch()
        gateway = make_gateway(self._settings, application, thread, watch)
        words = scoreboard.words(self._board, slot + thread)
        words[scoreboard.PID] = os.getpid()
        words[scoreboard.GENERATION] = self._settings.generation
        words[scoreboard.STARTED] = time.monotonic_ns() // 1000000
        words[scoreboard.STATE] = scoreboard.IDLE
        if self._trial is None:
            gateway = self._logged(gateway, watch)
        return Loop(self._settings, gateway, self._doors, words, scoreboard.words(self._board, -1), watch)

    def _logged(self, gateway: AnyGateway, watch: RequestWatch) -> AnyGateway:
        """With the access log around it, if there is one. What is asked while we are on trial is no client's request."""
        if self._access < 0:
            return gateway
        return LoggedGateway(gateway, self._access, self._settings.access_format, self._settings.pool, watch)

    def run(self) -> None:
        """Serve until the order to leave has been carried out. Raises StartFailed."""
        os.register_at_fork(before=_hold_signals, after_in_parent=_release_signals, after_in_child=self._forget)
        call_start(self._imported)  # A signal still ends it: nobody is served yet.
        self._catch_signals()
        self._loops[0].watch.attach()
        threads = [threading.Thread(target=self._run_loop, args=(loop,), daemon=True) for loop in self._loops[1:]]
        for thread in threads:
            thread.start()
        threading.Thread(target=self._obey, name="fcgipm-orders", daemon=True).start()
        self._channel.send(orders.READY)
        self._loops[0].run()
        for thread in threads:
            thread.join()
        drain_the_rest(self._loops, self._obeying)

    def _catch_signals(self) -> None:
        """TERM and INT are words for the order thread: the main thread may be deep inside a request."""
        self._signaler.setblocking(False)
        signal.set_wakeup_fd(self._signaler.fileno(), warn_on_full_buffer=False)
        for number in _OURS:
            signal.signal(number, lambda number, frame: None)

    def _run_loop(self, loop: Loop) -> None:
        try:
            loop.watch.attach()
            loop.run()
        except BaseException as error:
            say("worker failed\n" + format_failure(error))
            os._exit(_INTERNAL)

    # The order thread.

    def _obey(self) -> None:
        try:
            self._obey_for_ever()
        except BaseException as error:  # A worker that hears no order any more is worse than none.
            say("worker failed\n" + format_failure(error))
            os._exit(_INTERNAL)

    def _obey_for_ever(self) -> NoReturn:
        poll = select.poll()
        poll.register(self._channel, select.POLLIN)
        poll.register(self._signal, select.POLLIN)
        while True:
            ready = poll.poll()
            with self._obeying:
                for number, _ in ready:
                    if number == self._channel.fileno():
                        if not self._obey_order():
                            poll.unregister(number)
                    else:
                        self._obey_signals(self._signal.recv(64))

    def _obey_order(self) -> bool:
        """False: the master is gone, and no order will come any more."""
        try:
            order, _ = receive_order(self._channel, self._access)
        except OSError:
            order = b""
        if order == orders.HANDOVER:
            self._give_away()
        elif order == orders.GO:
            for loop in self._loops:
                loop.gateway = self._logged(loop.gateway, loop.watch)
                loop.open_doors()
        elif order == orders.RETIRE:
            self._leave(RETIRE)
        elif order == orders.STOP:
            self._leave(STOP)
        elif order.startswith(orders.TIMEOUT):
            self._expire(order)
        elif order.startswith(orders.IDENTIFY):
            self._identify(order)
        elif not order:
            self._abandon()
        return bool(order)

    def _expire(self, order: bytes) -> None:
        """Interrupt a request; the worker is not to be trusted after that."""
        _, (thread, since) = orders.decode(order)
        status = self._loops[int(thread)].watch.expire(int(since))
        if status is None:
            return
        try:
            self._channel.send(orders.encode(orders.EXPIRED, thread, status, since))
        except OSError:
            pass  # The master is gone, which the channel will tell.
        self._leave(RETIRE)

    def _identify(self, order: bytes) -> None:
        """Tell the id of a running request: it is in the request alone, and written down nowhere while nobody asks."""
        _, (thread, since) = orders.decode(order)
        loop = self._loops[int(thread)]
        connection = loop.current
        request = connection and connection.request
        name = plain_word(request.params.get("REQUEST_ID")) if request else ""
        if loop.watch.slot[scoreboard.RUNNING_SINCE] == int(since):  # After the id was read: it is that request's.
            try:
                self._channel.send(orders.encode(orders.IDENTITY, thread, since, name))
            except OSError:
                pass  # As above.

    def _abandon(self) -> None:
        """The master is gone. Its successor gets the addresses as soon as nobody here accepts any more, however long a request still takes."""
        self._leave(STOP)
        while any(loop.current is None and not loop.shut for loop in self._loops):
            time.sleep(0.01)
        for listener in self._doors.listeners:
            listener.sock.close()

    def _obey_signals(self, numbers: bytes) -> None:
        if self._mode == SERVE and _OURS.intersection(numbers):
            try:
                self._channel.send(orders.RETIRING)  # First: an idle worker is gone a moment after it knows.
            except OSError:
                pass  # The master is gone; that is what sent the signal.
            self._leave(RETIRE)

    def _leave(self, mode: int) -> None:
        if mode <= self._mode:
            return
        self._mode = mode
        for loop in self._loops:
            loop.mode = mode
        self._waker.send(b"!")
        for loop in self._loops:
            if loop.current is not None:
                loop.give_away() if mode == RETIRE else loop.close_unused()

    def _give_away(self) -> None:
        for loop in self._loops:
            if loop.current is not None:
                loop.give_away()

    # An application's own children.

    def _forget(self) -> None:
        """In a process that the application forked: nothing of ours stays open, or a connection would outlive its worker; and signals mean again what
        they mean to any process."""
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(INTERRUPT, signal.SIG_DFL)
        forget_stacks()
        _release_signals()
        for loop in self._loops:
            loop.forget()
        doors = self._doors
        for sock in (self._wake, self._waker, self._signal, self._signaler, self._channel, doors.give, doors.take):
            sock.close()
        if self._trial is not None:
            self._trial.close()
        for listener in doors.listeners:
            listener.sock.close()
        if self._access > STDERR:
            os.close(self._access)


def _hold_signals() -> None:
    """Around an application's fork: one sent to the child at once must not meet our handler, which would swallow it."""
    signal.pthread_sigmask(signal.SIG_BLOCK, _OURS)


def _release_signals() -> None:
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _OURS)


def _listening(number: int) -> socket.socket:
    sock = socket.socket(fileno=number)
    sock.setblocking(False)
    if sock.family != socket.AF_UNIX:
        # Connections inherit it; a streamed block must not wait for the acknowledgement of the last.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock
