"""A reload that waits for nobody begins at once, however quiet the daemon is."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from fcgipm.master.reloads import Reloads


def test_one_that_waits_wakes_the_master() -> None:
    master: Any = SimpleNamespace()
    reloads = Reloads(master)
    assert reloads.next_wakeup is None
    wish = reloads.ask("web")
    assert reloads.next_wakeup == 0.0
    assert reloads.ask(None) is wish and wish.pool is None, "shared, and of all pools then"


def test_one_under_way_says_when_itself() -> None:
    master: Any = SimpleNamespace()
    reloads = Reloads(master)
    reloads.ask(None)
    under_way: Any = SimpleNamespace(next_wakeup=12.5)
    reloads._present = (under_way, reloads.ask(None))
    assert reloads.next_wakeup == 12.5
