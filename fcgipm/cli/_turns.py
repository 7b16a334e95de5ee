"""What `fcgipm bench` shows while it measures: how far it is, and the figures so far."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from fcgipm.bench.figures import Round
from fcgipm.bench.measure import Heard, Turn
from fcgipm.bench.report import HEAD, row
from fcgipm.bench.ways import Way


@contextmanager
def shown() -> Iterator[Heard]:
    """On the terminal of standard error, gone afterwards; where that is no terminal, nothing."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda turn, outcome: None
        return
    with Live(console=console, transient=True, refresh_per_second=8) as live:
        yield _Display(live).hear


class _Display:
    def __init__(self, live: Live) -> None:
        self._live = live
        self._rounds: dict[Way, list[Round]] = {}
        self._bar = Progress(BarColumn(), TextColumn("{task.description}"), TimeRemainingColumn())
        self._task = self._bar.add_task("starting", total=None)
        live.update(self._bar)

    def hear(self, turn: Turn, outcome: Round | None) -> None:
        if outcome is not None:
            self._rounds.setdefault(turn.way, []).append(outcome)
        what = f"{turn.number} of {turn.of}: {turn.way.label}" if turn.number else f"warming up: {turn.way.label}"
        done = turn.number if outcome else max(0, turn.number - 1)
        self._bar.update(self._task, description=what, completed=done, total=turn.of)
        self._live.update(Group(self._table(), self._bar))

    def _table(self) -> Table:
        table = Table(box=None, padding=(0, 1))
        for index, head in enumerate(HEAD):
            table.add_column(head, justify="right" if index else "left", no_wrap=True)
        for way, several in sorted(self._rounds.items(), key=lambda item: item[0].door):
            table.add_row(*row(way, several))
        return table
