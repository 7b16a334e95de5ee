"""What is measured when: pages are walked rarely, sizes often, nothing twice within FRESH."""

from __future__ import annotations

import pytest

from fcgipm.master import samples
from fcgipm.system.memory import Shares, Usage


class Machine:
    """Counts who was measured."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.sized: list[int] = []
        self.walked: list[int] = []
        self.spent = 0.0
        monkeypatch.setattr(samples, "usage", self._usage)
        monkeypatch.setattr(samples, "shares", self._shares)
        monkeypatch.setattr(samples.time, "thread_time", lambda: self.spent)

    def _usage(self, pid: int) -> Usage:
        self.sized.append(pid)
        self.spent += 0.00001
        return Usage(1000, pid * len(self.sized) / 100, stopped=False)

    def _shares(self, pid: int) -> Shares:
        self.walked.append(pid)
        self.spent += 0.0004
        return Shares(300, 200, 1000)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(monkeypatch)


def test_the_first_status_knows_all_of_a_small_pool(machine: Machine) -> None:
    known = samples.Samples(lambda: [1, 2, 3])
    known.refresh(10.0)
    assert machine.sized == [1, 2, 3] and machine.walked == [1, 2, 3]
    assert known.together([1, 2, 3]) == (900, 600, 3000)


def test_one_status_costs_little_however_many_there_are(machine: Machine) -> None:
    known = samples.Samples(lambda: range(200))
    known.refresh(10.0)
    first = machine.spent
    assert first < samples.BUDGET + samples.FIRST_BUDGET + 0.001
    for number in range(1, 20):
        before = machine.spent
        known.refresh(10.0 + number * 0.05)
        assert machine.spent - before < samples.BUDGET + 0.0005
    assert len(machine.walked) <= samples.ENOUGH + 4  # one every 0.25 s, however often somebody asks
    assert machine.sized[:200] == list(range(200))  # those never measured first
    assert known.together(range(200)) == (60000, 40000, 200000)


def test_a_beat_measures_one(machine: Machine) -> None:
    known = samples.Samples(lambda: [1, 2])
    for now in (10.0, 10.1, 10.25, 10.5):
        known.look(now)
    assert machine.sized == [1, 2, 1] and machine.walked == [1, 2, 1]


def test_cpu_is_of_the_time_between_two_looks(machine: Machine) -> None:
    known = samples.Samples(lambda: [100])
    known.refresh(10.0)
    assert known.of(100).cpu_percent is None
    known.refresh(12.0)
    assert known.of(100).cpu_percent == pytest.approx(50.0)
    assert known.of(None).usage is None and known.of(7).usage is None


def test_nothing_known_and_nobody_there(machine: Machine) -> None:
    known = samples.Samples(list)
    assert known.together([]) == (0, 0, 0)
    assert known.together([5]) == (None, None, None)
