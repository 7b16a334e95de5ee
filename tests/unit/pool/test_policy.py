"""How many workers for a load, and the words for it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcgipm.pool.policy import Bounds, Load, growth_reason, shrink_reason, wanted

LOADS = st.builds(Load, st.integers(0, 300), st.integers(0, 300))
BOUNDS = st.tuples(st.integers(0, 40), st.integers(1, 60)).map(lambda pair: Bounds(min(pair), max(*pair, 1)))


@pytest.mark.parametrize(
    ("load", "threads", "spare", "workers"),
    [
        (Load(0, 0), 1, 1, 2),
        (Load(1, 0), 1, 1, 2),
        (Load(2, 0), 1, 1, 3),
        (Load(2, 3), 1, 1, 6),
        (Load(2, 3), 1, 0, 5),
        (Load(2, 90), 1, 1, 8),
        (Load(9, 0), 4, 1, 4),
        (Load(9, 3), 4, 0, 3),
    ],
)
def test_it_is_busy_and_waiting_and_spare_within_the_bounds(load: Load, threads: int, spare: int, workers: int) -> None:
    assert wanted(load, Bounds(2, 8), threads, spare) == workers


@given(load=LOADS, bounds=BOUNDS, threads=st.integers(1, 8), spare=st.integers(0, 5))
def test_never_over_max_nor_under_min(load: Load, bounds: Bounds, threads: int, spare: int) -> None:
    assert bounds.min <= wanted(load, bounds, threads, spare) <= bounds.max


@given(load=LOADS, bounds=BOUNDS, threads=st.integers(1, 8), spare=st.integers(0, 5))
def test_more_load_never_means_fewer_workers(load: Load, bounds: Bounds, threads: int, spare: int) -> None:
    here = wanted(load, bounds, threads, spare)
    assert wanted(Load(load.busy + 1, load.waiting), bounds, threads, spare) >= here
    assert wanted(Load(load.busy, load.waiting + 1), bounds, threads, spare) >= here


@given(load=LOADS, bounds=BOUNDS, threads=st.integers(1, 8))
def test_what_is_there_serves_all_of_it_or_is_all_there_may_be(load: Load, bounds: Bounds, threads: int) -> None:
    workers = wanted(load, bounds, threads, 0)
    assert workers * threads >= load.busy + load.waiting or workers == bounds.max


def test_growth_says_what_waits_and_who_is_busy() -> None:
    bounds = Bounds(2, 40)
    assert growth_reason(3, Load(8, 12), 8, bounds, 1) == "+3: 12 waiting, all 8 busy"
    assert growth_reason(1, Load(0, 1), 0, bounds, 0) == "+1: 1 waiting, no worker there"
    assert growth_reason(1, Load(2, 0), 2, bounds, 1) == "+1: 2 busy, 1 spare wanted"
    assert growth_reason(2, Load(0, 0), 0, bounds, 1) == "+2: at least 2 wanted"


def test_shrinking_says_for_how_long_or_for_whom() -> None:
    assert shrink_reason(5, 8, Bounds(2, 40), 10.0, False) == "-5: not needed for 10 s"
    assert shrink_reason(5, 8, Bounds(2, 3), 10.0, False) == "-5: at most 3 wanted"
    assert shrink_reason(5, 8, Bounds(2, 3), 10.0, True) == "-5: other pools need them"
