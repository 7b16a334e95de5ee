"""The end of a worker's threads."""

from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import Any

from fcgipm.worker.process import drain_the_rest


class Ended:
    """A loop that has ended, to which connections come back; it notes what happens."""

    def __init__(self, obeying: threading.Lock, came_back: int) -> None:
        self.left = came_back
        self.noted: list[object] = []
        self.waiting = SimpleNamespace(count=lambda: self.left)
        self.watch = SimpleNamespace(attach=lambda: self.noted.append("attached"))
        self._obeying = obeying

    def drain(self) -> None:
        self.left = 0
        self.noted.append("orders are heard" if not self._obeying.locked() else "nobody hears an order")


def test_what_comes_back_is_served_by_a_thread_that_can_be_interrupted() -> None:
    obeying = threading.Lock()
    loops: list[Any] = [Ended(obeying, 0), Ended(obeying, 2)]
    drain_the_rest(loops, obeying)
    assert loops[1].noted == ["attached", "orders are heard"]
    assert obeying.locked(), "the process ends now, and not while the order thread has a connection"


def test_nothing_came_back() -> None:
    obeying = threading.Lock()
    loop: Any = Ended(obeying, 0)
    drain_the_rest([loop], obeying)
    assert (loop.noted, obeying.locked()) == ([], True)
