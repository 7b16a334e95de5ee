"""Who is out of CPU, by a clock and CPU times of this test; and the kernel's CPU clock of real processes."""

from __future__ import annotations

import os
import subprocess
import time

import pytest

from fcgipm.worker.keeper_computing import WINDOW_NS, Computing, cpu_time, filled, waiting

MILLISECOND = 1_000_000


class World:
    """Processes that have had so much CPU at this instant."""

    def __init__(self) -> None:
        self.now = 5_000 * MILLISECOND
        self.spent: dict[int, int] = {}
        self.computing = Computing(lambda: self.now, self._spent_by)

    def _spent_by(self, pid: int) -> int:
        if pid not in self.spent:
            raise ProcessLookupError
        return self.spent[pid]

    def passes(self, milliseconds: int, **cpus: float) -> dict[int, float]:
        """They use so much of a CPU each (`p7`: process 7), and are measured."""
        self.now += milliseconds * MILLISECOND
        for name, share in cpus.items():
            pid = int(name[1:])
            self.spent[pid] = self.spent.get(pid, 3_000) + round(share * milliseconds * MILLISECOND)
        return self.computing.measure(self.spent)


def test_what_it_had_before_it_was_known_does_not_count() -> None:
    world = World()
    assert world.passes(60_000, p7=1.0) == {7: 0.0}


def test_use_is_told_when_the_window_is_full_and_holds_until_the_next_is() -> None:
    world = World()
    world.passes(20, p7=1.0)
    told = [world.passes(20, p7=1.0) for _ in range(5)]
    assert told == [{7: 0.0}] * 4 + [{7: 1.0}]
    told = [world.passes(20, p7=0.5) for _ in range(5)]
    assert told == [{7: 1.0}] * 4 + [{7: 0.5}]


def test_a_long_rest_is_an_average_of_nearly_nothing() -> None:
    world = World()
    world.passes(20, p7=1.0)
    world.passes(100, p7=1.0)
    assert world.passes(60_000, p7=0.0) == {7: 0.0}
    assert world.passes(20, p7=1.0) == {7: 0.0}
    assert world.passes(80, p7=1.0) == {7: 1.0}


def test_who_comes_later_is_measured_from_then_on_and_who_goes_is_left_out() -> None:
    world = World()
    world.passes(20, p7=0.2)
    world.passes(50, p7=0.2, p8=0.9)
    assert world.passes(50, p7=0.2, p8=0.9) == {7: pytest.approx(0.2), 8: 0.0}
    assert world.passes(50, p7=0.2, p8=0.9)[8] == pytest.approx(0.9)
    del world.spent[7]
    assert world.computing.measure([7, 8]).keys() == {8}
    assert world.passes(100, p7=1.0)[7] == 0.0, "a number given anew is somebody else"


@pytest.mark.parametrize(("cpus", "full"), [(0.0, 0), (0.79, 0), (0.8, 1), (1.0, 1), (1.05, 1), (1.7, 1), (1.85, 2), (3.9, 4)])
def test_most_of_a_cpu_fills_it(cpus: float, full: int) -> None:
    assert filled(cpus) == full


def test_the_connections_of_a_process_that_fills_a_cpu_wait_but_for_one() -> None:
    assert waiting({7: 8}, {7: 0.97}) == 7
    assert waiting({7: 1}, {7: 0.97}) == waiting({7: 0}, {7: 0.97}) == waiting({}, {7: 0.97}) == 0


def test_who_holds_many_and_computes_little_has_nobody_waiting() -> None:
    assert waiting({7: 200}, {7: 0.3}) == waiting({7: 200}, {}) == 0


def test_each_process_of_a_tree_has_a_cpu_of_its_own() -> None:
    """Children that accept for themselves, one connection each, need no other copy; threads of C that fill three CPUs compute for three."""
    assert waiting(dict.fromkeys(range(4), 1), dict.fromkeys(range(4), 1.0)) == 0
    assert waiting({7: 5, 8: 3, 9: 4}, {7: 3.0, 8: 0.9, 9: 0.1}) == 2 + 2


def test_the_kernel_tells_the_cpu_time_of_any_process_while_it_is_there() -> None:
    with subprocess.Popen(["sh", "-c", "while :; do :; done"]) as one:
        began = cpu_time(one.pid)
        deadline = time.monotonic() + 20
        while cpu_time(one.pid) < began + WINDOW_NS // 10:
            assert time.monotonic() < deadline
        one.kill()
    with pytest.raises(OSError):
        cpu_time(one.pid)
    assert cpu_time(os.getpid()) == pytest.approx(time.process_time_ns(), abs=20 * MILLISECOND)
