"""Replacements asked for: one is under way at a time, one more may wait, and whoever asks meanwhile shares the waiting one."""

from __future__ import annotations

from typing import NamedTuple

LEAVE_TIME = 0.5
"""Seconds that the replaced workers get to leave before the replacement counts as done all the same: idle ones need a millisecond, an open stream for ever."""


class Outcome(NamedTuple):
    """How a replacement ended. `text` says it in one line."""

    ok: bool
    text: str


class Replacements:
    """`generation` is the one that is to replace the others, None when nothing is under way; `finished` counts what has ended."""

    def __init__(self) -> None:
        self.generation: int | None = None
        self.waiting = False
        self.finished = 0
        self.last = Outcome(True, "")
        self._complete_at: float | None = None

    @property
    def due(self) -> float | None:
        """When to call `settled` again at the latest."""
        return None if self._complete_at is None else self._complete_at + LEAVE_TIME

    def incomplete(self) -> None:
        """The new workers are not all there, or no longer."""
        self._complete_at = None

    def settled(self, older: bool, now: float) -> bool:
        """The new workers are all there, and `older` ones still, or not: whether that is the end."""
        if self._complete_at is None:
            self._complete_at = now
        return not older or now >= self._complete_at + LEAVE_TIME

    @property
    def ticket(self) -> int:
        """What `finished` must reach for the replacement asked for last to have ended."""
        return self.finished + (self.generation is not None) + self.waiting

    def begin(self, generation: int) -> None:
        """The one that waited is under way."""
        self.waiting = False
        self.generation = generation

    def end(self, ok: bool, text: str) -> None:
        """The one under way has ended."""
        self.generation = None
        self._complete_at = None
        self.finished += 1
        self.last = Outcome(ok, text)
