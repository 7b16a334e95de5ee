"""What a keeper decides, as pure functions of what it sees: when it looks again, and how a copy leaves."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple, Optional

INTERVAL = 0.020
"""Seconds between looks while a copy is at work."""
LEAVING_INTERVAL = 0.005
"""The same, while one is to leave: it must be caught between two requests."""
TERM_GRACE = 2.0
"""Seconds that a copy has to end by itself."""


class Rhythm:
    """When to look. A request may begin and end between two looks, so it takes two without any before the keeper rests."""

    def __init__(self) -> None:
        self._quiet = 0

    def stirred(self) -> None:
        """Somebody comes, or is to leave."""
        self._quiet = 0

    def after(self, at_work: bool, leaving: bool) -> Optional[float]:
        """Seconds until the next look, by what this one has shown; None: rest until somebody comes."""
        self._quiet = 0 if at_work or leaving else self._quiet + 1
        if self._quiet > 1:
            return None
        return LEAVING_INTERVAL if leaving else INTERVAL


class Parting(NamedTuple):
    """A copy that is to leave, and what matters around it.

    `stops`: the whole pool ends, with no successor. `unshared`: its edition alone has the listener. `last`: no other copy of the edition serves on.
    `queued`: somebody waits at the listener. `readable`: its connections can be seen. `told`: seconds since it was sent TERM, None when it was not.
    """

    stops: bool
    unshared: bool
    last: bool
    queued: bool
    readable: bool = True
    told: Optional[float] = None

    @property
    def must_serve(self) -> bool:
        """Whether somebody waits who has nobody else: at the end of a pool, or at a listener that has a successor."""
        return self.queued and (self.stops or (self.last and self.unshared))

    @property
    def unreachable(self) -> bool:
        """Whether nobody can come any more: only then may a program end in its own way."""
        return self.stops and self.unshared


class Step(Enum):
    """WAIT leaves it as it is until the next look; FREEZE is followed by `when_frozen`; TERM lets it end by itself, KILL ends it where it stands."""

    WAIT = "wait"
    FREEZE = "freeze"
    TERM = "term"
    KILL = "kill"


def when_running(parting: Parting) -> Step:
    """For a copy that holds no connection, as far as could be seen while it ran."""
    if parting.told is not None and parting.told < TERM_GRACE:
        return Step.WAIT
    if not parting.readable:  # It must know itself what to do about TERM; if it stays, the master evicts it.
        return Step.WAIT if parting.told is not None else Step.TERM
    return Step.WAIT if parting.must_serve else Step.FREEZE


def when_frozen(parting: Parting, empty: bool) -> Step:
    """`empty`: all of it has stopped, and it holds nothing. Then nobody is lost by its end; who waits is others' to serve, or was seen above."""
    if not empty or parting.must_serve:
        return Step.WAIT
    return Step.TERM if parting.unreachable and parting.told is None else Step.KILL
