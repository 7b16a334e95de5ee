"""How many workers for a load, and the words for it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcgipm.pool.policy import Bounds, Load, growth_reason, wanted

LOADS = st.builds(Load, st.integers(0, 300), st.integers(0, 300), st.integers(0, 300))
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
        (Load(1, 0, 3), 1, 0, 4),
        (Load(1, 2, 3), 1, 1, 7),
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
    for field in load._fields:
        assert wanted(load._replace(**{field: getattr(load, field) + 1}), bounds, threads, spare) >= here


@given(load=LOADS, bounds=BOUNDS, threads=st.integers(1, 8))
def test_what_is_there_serves_all_of_it_or_is_all_there_may_be(load: Load, bounds: Bounds, threads: int) -> None:
    workers = wanted(load, bounds, threads, 0)
    assert workers * threads >= sum(load) or workers == bounds.max


@pytest.mark.parametrize(
    ("count", "load", "workers", "bounds", "spare", "reason"),
    [
        (3, Load(8, 12), 8, Bounds(2, 40), 1, "+3: 12 waiting, all 8 busy"),
        (1, Load(0, 1), 0, Bounds(2, 40), 0, "+1: 1 waiting, no worker there"),
        (7, Load(1, 0, 7), 1, Bounds(1, 40), 0, "+7: 1 busy, 7 waiting inside copies that are out of CPU"),
        (9, Load(2, 3, 6), 2, Bounds(1, 40), 0, "+9: 3 waiting, all 2 busy, 6 waiting inside copies that are out of CPU"),
        (1, Load(2, 0), 2, Bounds(2, 40), 1, "+1: 2 busy, 1 spare wanted"),
        (2, Load(0, 0), 0, Bounds(2, 40), 1, "+2: min is 2"),
        (1, Load(0, 0), 0, Bounds(0, 40), 1, "+1: 0 busy, 1 spare wanted"),
        (3, Load(0, 0), 0, Bounds(1, 40), 3, "+3: 0 busy, 3 spare wanted"),
        (1, Load(0, 0), 6, Bounds(2, 40), 1, "+1: 7 were needed lately"),
    ],
)
def test_growth_says_why(count: int, load: Load, workers: int, bounds: Bounds, spare: int, reason: str) -> None:
    assert growth_reason(count, load, workers, bounds, wanted(load, bounds, 1, spare), spare) == reason
