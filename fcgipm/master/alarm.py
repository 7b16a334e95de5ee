"""The queue alarm: how the master learns, without looking, that a connection comes in and no worker waits for it.

The kernel wakes one of those that wait on a listener with EPOLLEXCLUSIVE, and asks them in the order in which they registered. The master registers behind
all workers, in an epoll of its own, so it is woken only when none of them waits. It is heard once: after that it has to be armed anew, which also
puts it behind workers that came since. (EPOLL_CTL_MOD and EPOLLONESHOT are EINVAL beside EPOLLEXCLUSIVE.)
"""

from __future__ import annotations

import select
from collections.abc import Iterable

_EVENTS = select.EPOLLIN | select.EPOLLET | (1 << 28)
"""EPOLLEXCLUSIVE is missing from some builds of Python."""


class Alarm:
    """Watches `sources`, descriptors of listeners and of the handover; readable for the loop once it has gone off."""

    def __init__(self, sources: Iterable[int]) -> None:
        self._sources = list(sources)
        self._epoll = select.epoll()
        self.armed = False

    def fileno(self) -> int:
        """For the selector."""
        return self._epoll.fileno()

    def arm(self) -> None:
        """Go off at the next connection that nobody takes, and for one that stands there already; behind everybody who waits by now."""
        self.disarm()
        for number in self._sources:
            self._epoll.register(number, _EVENTS)
        self.armed = True

    def disarm(self) -> None:
        """Hear nothing."""
        if self.armed:
            self.armed = False
            for number in self._sources:
                self._epoll.unregister(number)

    def close(self) -> None:
        """Let go of everything; again is harmless."""
        self.armed = False
        self._epoll.close()
