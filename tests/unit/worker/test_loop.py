"""The loop's sense of time while another thread has some of its connections."""

from __future__ import annotations

import math
import time
from types import SimpleNamespace
from typing import Any

from fcgipm import scoreboard
from fcgipm.worker.loop import Loop
from fcgipm.worker.waiting import Waiting


class Epoll:
    """Notes how long it is to wait, and does not."""

    def __init__(self) -> None:
        self.patience: list[float] = []

    def poll(self, patience: float) -> list[tuple[int, int]]:
        self.patience.append(patience)
        return []


def new_loop() -> Any:
    loop: Any = Loop.__new__(Loop)
    loop.waiting, loop.epoll = Waiting(), Epoll()
    loop._door_numbers, loop._check_at, loop._slot = set(), math.inf, memoryview(bytearray(scoreboard.SLOT_BYTES)).cast("Q")
    return loop


def test_a_deadline_is_not_forgotten_while_its_connection_is_in_other_hands() -> None:
    """The order thread has it while the loop looks for the next deadline, and puts it back."""
    loop = new_loop()
    connection: Any = SimpleNamespace(fd=5, deadline=time.monotonic() + 30, lingers=False, registered=True)
    loop.waiting.put(5, connection)
    each = loop.waiting.take_each_apart()
    assert next(each) is connection
    loop._check_at = 0.0  # An earlier deadline of another has just passed.
    loop._turn(1000.0)
    loop.waiting.put(5, connection)
    assert list(each) == []
    loop._turn(1000.0)
    first, second = loop.epoll.patience
    assert first < 1 < second < 31


def test_nor_when_all_of_that_happens_while_the_loop_looks() -> None:
    loop = new_loop()
    connection: Any = SimpleNamespace(fd=5, deadline=time.monotonic() + 30, lingers=False, registered=True)

    def expire(_now: float) -> None:
        loop._check_at = math.inf
        loop.waiting.put(5, connection)
        for _ in loop.waiting.take_each_apart():
            loop.waiting.put(5, connection)

    loop._check_at, loop._expire = 0.0, expire
    loop._turn(1000.0)
    del loop._expire
    loop._turn(1000.0)
    first, second = loop.epoll.patience
    assert first < 1 < second < 31
