"""What happened lately, in a list of fixed length: events come in, the oldest go, and how many there were of each kind stays known."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import NamedTuple

KINDS = ("growth", "shrink", "max_reached", "crash", "degraded", "recycle", "reload", "slow", "timeout")
"""Workers added or let go (with the reason), more needed than there may be, a worker or a template that was ready died (with the cause), a pool cannot
start workers, a worker is replaced though nothing is wrong with it, a reload ended, a request was slow, a request reached its time-out."""

ALL = "*"
"""The `pool` of an event that concerns every pool; none has that name."""

CAPACITY = 100
"""Events of a pool that are kept."""

TEXT_LIMIT, STACK_LIMIT = 1000, 20_000
"""Characters of one event: what a worker says must not fill the master's memory."""


class Event(NamedTuple):
    """`at` in UTC, RFC 3339; `pid` of the worker it is about; `stack` of a slow request, as text."""

    at: str
    pool: str
    kind: str
    text: str
    pid: int | None = None
    stack: str | None = None


class Events:
    """The last events of a pool. `counts` are of all there ever were, by KINDS."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._kept: deque[Event] = deque(maxlen=capacity)
        self.counts = dict.fromkeys(KINDS, 0)

    def post(self, event: Event) -> None:
        """Add one; raises KeyError for a kind that is none of KINDS."""
        self.counts[event.kind] += 1
        stack = None if event.stack is None else event.stack[:STACK_LIMIT]
        self._kept.append(event._replace(text=event.text[:TEXT_LIMIT], stack=stack))

    @property
    def kept(self) -> tuple[Event, ...]:
        """Those still there, oldest first."""
        return tuple(self._kept)


def latest(groups: Iterable[Iterable[Event]], most: int = CAPACITY) -> tuple[Event, ...]:
    """The last `most` events of several pools, oldest first."""
    return tuple(sorted((event for group in groups for event in group), key=lambda event: event.at)[-most:])
