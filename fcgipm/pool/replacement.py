"""Replacements asked for: one is under way at a time, one more may wait, and whoever asks meanwhile shares the waiting one."""

from __future__ import annotations

from typing import NamedTuple


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
        self.finished += 1
        self.last = Outcome(ok, text)
