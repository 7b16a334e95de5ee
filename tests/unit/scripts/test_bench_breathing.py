"""What the benchmarks of growing pools make of the requests they saw."""

from __future__ import annotations

import pytest
from benchmarks import crowd, steady
from benchmarks.clients import Served
from benchmarks.crowd import Round


def served(*begun: tuple[int, float]) -> list[Served]:
    """Requests that were sent at 10 and took a second each, from a worker that began one at that time."""
    return [Served(10.0, at + 1.0, worker, at) for worker, at in begun]


def test_full_capacity_is_when_the_last_worker_was_called_for_the_first_time() -> None:
    found = crowd.figures(served((1, 10.1), (2, 10.2), (1, 11.1), (3, 12.0), (2, 13.0)), 3, None, 20.0)
    assert found.full == pytest.approx(2.0) and found.workers == 3
    assert found.slowest_ms == pytest.approx(4000) and found.rate == pytest.approx(5 / 4)


def test_a_pool_that_never_had_all_its_workers_was_never_full() -> None:
    assert crowd.figures(served((1, 10.1), (2, 10.2)), 3, None, 20.0).full is None


def test_one_round_that_was_never_full_spoils_the_median_and_the_aim() -> None:
    rounds = [Round(full, 173.0, 150.0, 390.0, 40, None, 20.0) for full in (0.07, None, 0.09)]
    assert crowd.full(rounds) is None
    assert crowd.aim("fcgipm dynamic", rounds).startswith("missed ")
    assert crowd.aim("fcgipm dynamic", rounds[:1]).startswith("reached: fcgipm dynamic: full after 0.07 s")
    assert crowd.row("x", rounds)[1] == "-"


def test_a_slow_request_misses_the_aim() -> None:
    rounds = [Round(0.07, slowest, 150.0, 390.0, 40, 2.1, 20.0) for slowest in (170.0, 501.0)]
    assert crowd.aim("fcgipm ondemand", rounds).startswith("missed ") and crowd.row("x", rounds)[2] == "501"


def test_only_requests_sent_within_a_window_belong_to_its_side() -> None:
    sent = [Served(at, at + wait, 1, at) for at, wait in ((1.0, 0.1), (1.9, 0.2), (2.0, 0.3), (5.0, 9.0))]
    side = steady.side(sent, [(0.0, 1.5), (1.8, 2.0)])
    assert side.requests == 2 and side.slowest_ms == pytest.approx(200)
