"""How quiet the machine was during a measurement."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from fcgipm.bench import cpu

QUIET = 0.1
"""CPUs that may be lost before the figures count as provisional."""


class Quiet:
    """Measures what disturbs a run: CPU that neither these processes nor what they started has used."""

    def __init__(self, roots: Sequence[int]) -> None:
        self.roots = roots
        self.began, self.machine, self.own = time.monotonic(), cpu.machine(), self.ours()

    def ours(self) -> float:
        return cpu.used(dict.fromkeys(pid for root in self.roots for pid in cpu.tree(root)))

    @contextmanager
    def apart(self) -> Iterator[list[float]]:
        """Programs run meanwhile that cannot be told from strangers: nothing is counted as a disturbance, and how many seconds of CPU all but these
        processes took is in the list, when it is over."""
        began, machine, own = time.monotonic(), cpu.machine(), self.ours()
        seconds: list[float] = []
        yield seconds
        ended = cpu.machine()
        spent = cpu.Machine(ended.used - machine.used, ended.stolen - machine.stolen)
        ours = self.ours() - own
        self.began += time.monotonic() - began
        self.machine = cpu.Machine(self.machine.used + spent.used, self.machine.stolen + spent.stolen)
        self.own += ours
        seconds.append(spent.used - ours)

    def since(self) -> tuple[float, float]:
        """CPUs that other programs took since the beginning, and CPUs that the machine's host kept back."""
        seconds, machine = time.monotonic() - self.began, cpu.machine()
        others = machine.used - self.machine.used - (self.ours() - self.own)
        return max(0.0, others) / seconds, (machine.stolen - self.machine.stolen) / seconds


def text(others: float, stolen: float) -> str:
    """What disturbed the run: CPUs that other programs took, CPUs that the machine's host kept back."""
    state = "a quiet machine" if others < QUIET and stolen < QUIET else "figures are provisional, ratios less so"
    return f"other programs took {others:.2f} and the host kept back {stolen:.2f} of {os.cpu_count()} CPUs: {state}"
