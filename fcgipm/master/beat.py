"""The beat: looks at a pool's scoreboard while it is busy, and no wake-up at all while it is not.

AWAKE looks again and again. When nobody is busy and no request began since the last look (under a load of short requests nobody may be busy at
the very moment), the beat sets ``asleep`` in the scoreboard and DOZES: it looks once more a beat later, so that a worker that went busy just then
is seen. Then it is ASLEEP until a worker, finding ``asleep`` set, clears it and sends BUSY, or the queue alarm goes off.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import Enum
from typing import NamedTuple

from fcgipm import scoreboard
from fcgipm.pool.handover import Look, SlotLook, givers
from fcgipm.pool.happenings import Observed

KEPT_INTERVAL = 0.020
"""Seconds between looks while a busy worker keeps other connections waiting."""

BUSY_INTERVAL = 0.050
"""Seconds between looks while anything is busy."""

GROWING_INTERVAL = 0.010
"""Seconds between looks while somebody waits and there may be more workers: forks are under way. Also the shortest time between two alarms."""


class Sleep(Enum):
    """How deep the beat sleeps."""

    AWAKE = "awake"
    DOZING = "dozing"
    ASLEEP = "asleep"


class Eyes(NamedTuple):
    """What a beat looks with, and whom it tells: `serving` gives number and first slot of each worker that serves, `waiting` how many connections wait
    at that time (asked when no worker is free), `may_grow` whether more of them mean more workers; `give` sends HANDOVER to one."""

    serving: Callable[[], Iterable[tuple[int, int]]]
    waiting: Callable[[float], int]
    may_grow: Callable[[], bool]
    give: Callable[[int], None]


class Beat:
    """One pool's beat; `next_look` is None while it is asleep."""

    def __init__(self, board: memoryview, threads: int, eyes: Eyes) -> None:
        self._words = board.cast("Q")
        self._threads = threads
        self._eyes = eyes
        self._before: Look = {}
        self._words[scoreboard.ASLEEP] = 1
        self.sleep = Sleep.ASLEEP
        self.next_look: float | None = None

    def wake(self, now: float) -> None:
        """A worker went busy: whoever is stuck will be so a beat from now."""
        self._words[scoreboard.ASLEEP] = 0
        if self.sleep is not Sleep.AWAKE:
            self._before = {}
            self.sleep = Sleep.AWAKE
            self.next_look = now + KEPT_INTERVAL

    def look(self, now: float) -> Observed:
        """Look at everybody, let the stuck give away, and say when to look again."""
        look = {number: self._read(slot) for number, slot in self._eyes.serving()}
        busy = [slot for slots in look.values() for slot in slots if slot.busy]
        free = sum(map(len, look.values())) - len(busy)
        waiting = 0 if free else self._eyes.waiting(now)
        if not busy and not waiting and _begun(look) == _begun(self._before):
            self._fall_asleep(now)
            return Observed(look, 0)
        self._words[scoreboard.ASLEEP] = 0
        self.sleep = Sleep.AWAKE
        grows = self._eyes.may_grow()
        for number in givers(self._before, look, grows):
            self._eyes.give(number)
        self._before = look
        self.next_look = now + (GROWING_INTERVAL if grows and waiting else _interval(busy))
        return Observed(look, waiting)

    def close(self) -> None:
        """Let go of the scoreboard's memory."""
        self._words.release()

    def _fall_asleep(self, now: float) -> None:
        if self.sleep is Sleep.AWAKE:
            self._words[scoreboard.ASLEEP] = 1
            self.sleep = Sleep.DOZING
            self.next_look = now + BUSY_INTERVAL
        else:
            self.sleep = Sleep.ASLEEP
            self.next_look = None

    def _read(self, slot: int) -> tuple[SlotLook, ...]:
        words = self._words
        starts = [scoreboard.SLOT_WORDS * (index + 1) for index in range(slot, slot + self._threads)]
        return tuple(
            SlotLook(
                words[start + scoreboard.STATE] == scoreboard.BUSY,
                words[start + scoreboard.BEGUN],
                words[start + scoreboard.KEPT],
                words[start + scoreboard.INSIDE],
            )
            for start in starts
        )


def _interval(busy: Iterable[SlotLook]) -> float:
    return KEPT_INTERVAL if any(slot.kept for slot in busy) else BUSY_INTERVAL


def _begun(look: Look) -> int:
    return sum(slot.begun for slots in look.values() for slot in slots)
