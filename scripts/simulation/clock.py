"""Simulated time: what is to happen, in order. Nothing waits; the clock jumps from one event to the next."""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush
from typing import Any


class Clock:
    """`now` in seconds. Events of the same instant happen in the order in which they were asked for, so that a run can be repeated exactly."""

    def __init__(self) -> None:
        self.now = 0.0
        self._events: list[tuple[float, int, Callable[..., None], tuple[Any, ...]]] = []
        self._asked = 0

    def at(self, when: float, call: Callable[..., None], *arguments: Any) -> None:
        """Call it at that time; what should have been before now happens now."""
        self._asked += 1
        heappush(self._events, (max(when, self.now), self._asked, call, arguments))

    def after(self, seconds: float, call: Callable[..., None], *arguments: Any) -> None:
        """Call it so many seconds from now."""
        self.at(self.now + seconds, call, *arguments)

    def run(self, until: float) -> None:
        """Everything up to and including that time."""
        events = self._events
        while events and events[0][0] <= until:
            self.now, _, call, arguments = heappop(events)
            call(*arguments)
        self.now = max(self.now, until)

    def run_while(self, condition: Callable[[], bool]) -> None:
        """One event after the other, until there is none or the condition does not hold any more."""
        while self._events and condition():
            self.now, _, call, arguments = heappop(self._events)
            call(*arguments)
