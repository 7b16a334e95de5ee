"""The one place where the master waits."""

from __future__ import annotations

import selectors
import time
from collections.abc import Callable
from typing import Protocol

READ = selectors.EVENT_READ
WRITE = selectors.EVENT_WRITE

LONGEST_WAIT = 86400.0
"""Seconds; epoll's own limit is about 24 days, and a time far off costs nothing."""


class HasFileno(Protocol):
    """Anything with a descriptor."""

    def fileno(self) -> int:
        """The descriptor."""
        ...


Source = int | HasFileno


class Loop:
    """Descriptors and what to call when they are ready. Callbacks collect what arrived; nothing is decided in them."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self.lag = 0.0
        """How many seconds late it woke up, the last time that it woke up by itself."""

    def watch(self, source: Source, callback: Callable[[int], None], events: int = READ) -> None:
        """Call `callback` with the events whenever `source` is ready for one of `events`."""
        self._selector.register(source, events, callback)

    def change(self, source: Source, events: int) -> None:
        """Wait for other events from now on."""
        key = self._selector.get_key(source)
        if key.events != events:
            self._selector.modify(source, events, key.data)

    def attend(self, source: Source, callback: Callable[[int], None], events: int) -> None:
        """Watch `source` for these events from now on, whether it was watched before or not; with 0, no more."""
        watched = source in self._selector.get_map()
        if watched and events:
            self.change(source, events)
        elif watched:
            self.forget(source)
        elif events:
            self.watch(source, callback, events)

    def forget(self, source: Source) -> None:
        """Watch it no more; before it is closed."""
        self._selector.unregister(source)

    def turn(self, timeout: float | None) -> None:
        """Wait up to `timeout` seconds (None: until something is ready), then call back for everything that is ready."""
        wanted = None if timeout is None else time.monotonic() + timeout
        ready = self._selector.select(None if timeout is None else min(timeout, LONGEST_WAIT))
        if wanted is not None and not ready:
            self.lag = max(0.0, time.monotonic() - wanted)
        for key, events in ready:
            if self._selector.get_map().get(key.fd) is key:  # An earlier callback may have forgotten this one.
                key.data(events)

    def close(self) -> None:
        """Let go of the selector."""
        self._selector.close()
