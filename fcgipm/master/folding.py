"""The same line again and again, told as a count: the first at once, the others at most once a second, or when another line comes."""

from __future__ import annotations

INTERVAL = 1.0
"""Seconds between two counts."""


class Folding:
    """Of one log. A line's key is all that it says but its time."""

    def __init__(self) -> None:
        self._key: object = None
        self._repeated = 0
        self._told_at = 0.0

    def take(self, key: object, now: float) -> tuple[int, bool]:
        """How many repetitions of the last line are to be told first, and whether this line is to be written after that."""
        same = key == self._key
        self._repeated += same
        if same and now - self._told_at < INTERVAL:
            return 0, False
        count, self._repeated = self._repeated, 0
        self._key, self._told_at = key, now
        return count, not same
