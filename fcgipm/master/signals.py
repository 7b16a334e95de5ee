"""Signals as bytes of a socket: the handlers do nothing, Python's wakeup descriptor says which signal came (signal(3py), set_wakeup_fd)."""

from __future__ import annotations

import signal
import socket
from collections.abc import Iterable

HEARD = (
    signal.SIGCHLD,
    signal.SIGTERM,
    signal.SIGINT,
    signal.SIGQUIT,
    signal.SIGHUP,
    signal.SIGUSR1,
    signal.SIGUSR2,
    signal.SIGTTIN,
    signal.SIGTTOU,
)


class Signals:
    """Hears HEARD from construction to ``close``."""

    def __init__(self, heard: Iterable[signal.Signals] = HEARD) -> None:
        self._receiver, self._sender = socket.socketpair()
        self._receiver.setblocking(False)
        self._sender.setblocking(False)
        signal.set_wakeup_fd(self._sender.fileno(), warn_on_full_buffer=False)
        self._heard = tuple(heard)
        for number in self._heard:
            signal.signal(number, _nothing)
        self.release()  # A program that has taken over begins with them held.

    def fileno(self) -> int:
        """For the selector."""
        return self._receiver.fileno()

    def collect(self) -> list[int]:
        """The numbers that arrived, in order. A burst that overfilled the buffer lost repeats only."""
        try:
            return list(self._receiver.recv(4096))
        except BlockingIOError:
            return []

    def hold(self) -> None:
        """Those that come from now on wait: exec forgets handlers, and the default of most would end whoever comes after us."""
        signal.pthread_sigmask(signal.SIG_BLOCK, self._heard)

    def release(self) -> None:
        """Hear them again."""
        signal.pthread_sigmask(signal.SIG_UNBLOCK, self._heard)

    def close(self) -> None:
        """Hear nothing more: a signal that comes while the process ends must not spoil its exit status."""
        for number in self._heard:
            signal.signal(number, signal.SIG_DFL if number == signal.SIGCHLD else signal.SIG_IGN)
        signal.set_wakeup_fd(-1)
        self._receiver.close()
        self._sender.close()


def _nothing(_number: int, _frame: object) -> None:
    """A handler must exist, else the signal's default action is taken."""
