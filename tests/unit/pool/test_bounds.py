"""Which bounds a running pool can be given."""

from __future__ import annotations

import pytest

from fcgipm.pool.bounds import BoundsRefused, changed, check_total, described, stepped
from fcgipm.pool.policy import Bounds


def test_one_bound_or_both() -> None:
    assert changed(Bounds(2, 8), "dynamic", None, 20) == Bounds(2, 20)
    assert changed(Bounds(2, 8), "dynamic", 4, None) == Bounds(4, 8)
    assert changed(Bounds(2, 8), "dynamic", 9, 9) == Bounds(9, 9)
    assert changed(Bounds(0, 8), "ondemand", None, 3) == Bounds(0, 3)


def test_a_static_pool_has_one_number() -> None:
    assert changed(Bounds(2, 2), "static", 5, None) == changed(Bounds(2, 2), "static", None, 5) == Bounds(5, 5)


@pytest.mark.parametrize(
    ("mode", "least", "most", "why"),
    [
        ("dynamic", 9, None, "min 9 is more than max 8"),
        ("dynamic", None, 1, "min 2 is more than max 1"),
        ("dynamic", None, 1001, "max is 1 to 1000, not 1001"),
        ("static", 0, None, "max is 1 to 1000, not 0"),
        ("static", 3, 4, "a static pool has always the same number of workers, not 3 to 4"),
        ("ondemand", 1, None, "a pool in mode ondemand has no workers at rest: min is 0"),
    ],
)
def test_what_cannot_be_says_why(mode: str, least: int | None, most: int | None, why: str) -> None:
    with pytest.raises(BoundsRefused) as refused:
        changed(Bounds(0 if mode == "ondemand" else 2, 8), mode, least, most)
    assert str(refused.value) == why


def test_signals_go_one_step() -> None:
    assert stepped(Bounds(4, 4), "static", 1) == Bounds(5, 5)
    assert stepped(Bounds(4, 4), "static", -1) == Bounds(3, 3)
    assert stepped(Bounds(2, 8), "dynamic", 1) == Bounds(3, 8)
    assert stepped(Bounds(8, 8), "dynamic", 1) == Bounds(9, 9)
    assert stepped(Bounds(2, 8), "dynamic", -1) == Bounds(1, 8)
    assert stepped(Bounds(0, 8), "ondemand", -1) == Bounds(0, 7)
    for bounds, mode in ((Bounds(1, 1), "static"), (Bounds(0, 8), "dynamic"), (Bounds(0, 1), "ondemand")):
        with pytest.raises(BoundsRefused):
            stepped(bounds, mode, -1)


def test_in_words() -> None:
    assert [described(Bounds(*bounds)) for bounds in ((4, 4), (2, 4), (1, 1), (0, 1))] == ["4 workers", "2 to 4 workers", "1 worker", "0 to 1 worker"]


def test_all_pools_together_need_a_worker_each() -> None:
    check_total(None, [1000, 1000])
    check_total(4, [3, 0])
    with pytest.raises(BoundsRefused, match="all pools would need 5 workers at least, and max_workers is 4"):
        check_total(4, [4, 0])
