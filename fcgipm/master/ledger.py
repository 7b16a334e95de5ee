"""The account of a pool over all its workers: what those have counted that are gone. All its generations share one, so that totals never go back."""

from __future__ import annotations

from fcgipm import scoreboard


class Ledger:
    """`counters` in the order of `scoreboard.COUNTERS`."""

    def __init__(self) -> None:
        self.counters = [0] * len(scoreboard.COUNTERS)

    def fold(self, board: memoryview, slot: int) -> None:
        """The thread of that slot is gone: its counters are ours, and the slot is free."""
        self.counters = scoreboard.add(self.counters, scoreboard.read(board, slot).counters)
        scoreboard.clear(board, slot)
