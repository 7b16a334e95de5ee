"""How a keeper hears that somebody comes to the listener from which its copies accept.

By a signal (O_ASYNC and F_SETOWN, fcntl(2)). epoll alone would not do: it looks again before it tells, and a program that waits for nothing else has accepted
by then; of single connections to flup's server it told half. While the keeper looks anyway the signal is blocked: then it costs no wake-up, and is pending.

epoll stays for what the signal does not reach: at a TCP port all editions share one listener, which has one owner, the keeper that rested last.
"""

from __future__ import annotations

import fcntl
import os
import select
import signal
import socket
from contextlib import suppress

SIGNAL = signal.SIGIO
_ONCE = select.EPOLLIN | select.EPOLLET | select.EPOLLONESHOT


class Visits:
    """At one listener, which `epoll` tells of too. SIGNAL must have a handler; `attend` comes first."""

    def __init__(self, listener: socket.socket, epoll: select.epoll) -> None:
        self._listener = listener
        self._epoll = epoll
        epoll.register(listener, 0)

    def attend(self) -> None:
        """From now on `came` is asked."""
        signal.pthread_sigmask(signal.SIG_BLOCK, {SIGNAL})

    def came(self) -> bool:
        """Whether somebody came since this was asked last, or since `attend`."""
        return signal.sigtimedwait({SIGNAL}, 0) is not None

    def rest(self) -> None:
        """From now on SIGNAL or epoll tells, once at least; at once when somebody came already."""
        with suppress(OSError):  # A sandbox without it.
            fcntl.fcntl(self._listener, fcntl.F_SETOWN, os.getpid())
            fcntl.fcntl(self._listener, fcntl.F_SETFL, fcntl.fcntl(self._listener, fcntl.F_GETFL) | os.O_ASYNC)
        self._epoll.modify(self._listener, _ONCE)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {SIGNAL})


def forget() -> None:
    """In a child that becomes another program: the signal is as if it had never been used."""
    signal.signal(SIGNAL, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {SIGNAL})
