"""Who must give its kept connections away: a pure function of two looks at the scoreboard, one beat apart."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class SlotLook(NamedTuple):
    """One worker thread at one instant: inside a request or not, the number of requests it has begun, connections it keeps beside it, and (a foreign program)
    connections that it has accepted without the CPU for them."""

    busy: bool
    begun: int
    kept: int
    inside: int = 0


Look = Mapping[int, tuple[SlotLook, ...]]
"""Worker number → its threads."""


def _stays_inside(before: SlotLook, after: SlotLook) -> bool:
    return before.busy and after.busy and before.begun == after.begun


def is_stuck(before: SlotLook, after: SlotLook) -> bool:
    """Inside one and the same request at both looks, with connections waiting on it."""
    return after.kept > 0 and _stays_inside(before, after)


def givers(before: Look, after: Look, may_grow: bool = False) -> list[int]:
    """The workers to send HANDOVER: stuck with kept connections, while some worker of the pool could take them, or one may be added that can.

    A taker is a worker with a thread that was not inside one request all the time between the looks; without one, giving away would only move the queue.
    """
    pairs = {
        number: list(zip(before[number], slots, strict=True)) for number, slots in after.items() if number in before
    }
    if not may_grow and len(pairs) == len(after) and all(_stays_inside(*pair) for slots in pairs.values() for pair in slots):
        return []
    return [number for number, slots in pairs.items() if any(is_stuck(*pair) for pair in slots)]
