"""The models of the peers, against cases worked out by hand from their published rules, and against what was measured (PEERS.md)."""

from __future__ import annotations

from functools import partial
from itertools import pairwise

import pytest
from simulation.php_fpm import Dynamic, OnDemand, Static
from simulation.site import Request
from simulation.uwsgi import Busyness, Cheaper, Spare

from tests.unit.simulation.support import CROWD, site, sizes

SECONDS = range(1, 13)

# php-fpm.


def test_static_has_all_from_the_start() -> None:
    one = site(lambda site: Static(site, 7), CROWD)
    assert sizes(one, [0.0, 50.0]) == [7, 7]


def test_dynamic_doubles_its_rate_but_forks_no_more_than_are_missing() -> None:
    """From 2 workers, all busy: 1, 2, 4 and then the 5 that min_spare asks for, every second."""
    one = site(lambda site: Dynamic(site, 2, 5, 10, 40), CROWD)
    assert sizes(one, [second + 0.5 for second in range(9)]) == [2, 3, 5, 9, 14, 19, 24, 29, 34]
    assert one.manager.rate == 32  # type: ignore[attr-defined]


def test_dynamic_needs_more_than_five_seconds_from_2_to_40() -> None:
    """PEERS.md: over 6 s with a min_spare of 2. With the limit of doubling alone, min_spare 40, it would be 6."""
    full = [site(partial(Dynamic, start=2, min_spare=spare, max_spare=40, most=40), CROWD) for spare in (2, 40)]
    for one in full:
        one.clock.run(29.0)
    assert [one.record.ready.reached(40, 0.5) for one in full] == pytest.approx([19.5 + 0.006, 5.5 + 0.005 + 0.006], abs=0.002)


def test_dynamic_lets_one_idle_worker_go_a_second_the_oldest_first() -> None:
    one = site(lambda site: Dynamic(site, 6, 1, 3, 40))
    assert sizes(one, [second + 0.5 for second in range(5)]) == [6, 5, 4, 3, 3]
    assert sorted(one.workers) == [4, 5, 6]


def test_dynamic_begins_again_with_one_at_a_time_after_a_second_in_which_nothing_was_missing() -> None:
    requests = [Request(0.5, 2.0)] * 4 + [Request(6.2, 9.0)] * 40
    one = site(lambda site: Dynamic(site, 2, 4, 40, 40), requests)
    assert sizes(one, [second + 0.5 for second in range(10)]) == [2, 3, 5, 6, 6, 6, 6, 7, 9, 13]


def test_ondemand_forks_one_for_each_time_that_it_is_woken() -> None:
    """Of a crowd that comes at once it is woken twice, because the rest comes while it is forking; then by those who ask again, so that it doubles at
    the most. PEERS.md: full capacity after 1.0 s."""
    one = site(lambda site: OnDemand(site, 40, 10.0, 0.001), CROWD)
    seen = sizes(one, [0.4, 0.55, 0.65, 0.75, 0.85, 0.95, 1.05, 1.5])
    assert seen[:4] == [0, 2, 4, 8] and seen[-1] == 40
    assert all(after <= 2 * before for before, after in pairwise(seen[1:]))


def test_ondemand_forks_nothing_while_a_worker_is_idle() -> None:
    one = site(lambda site: OnDemand(site, 40, 10.0, 0.001), [Request(0.2 * number, 0.1) for number in range(1, 20)])
    assert sizes(one, [4.0]) == [1]


def test_ondemand_lets_one_go_a_second_after_more_than_the_idle_timeout_in_whole_seconds() -> None:
    one = site(lambda site: OnDemand(site, 40, 2.0, 0.001), [Request(0.5, 0.3), Request(0.6, 0.3)])
    assert sizes(one, [0.7, 2.5, 3.5, 4.5]) == [2, 2, 1, 0]


# uWSGI.


def spare(**more: int) -> partial[Spare]:
    return partial(Spare, cheaper=Cheaper(2, 40, **more))


def test_spare_adds_a_step_in_the_fourth_cycle_without_an_idle_worker() -> None:
    assert sizes(site(spare(), CROWD), SECONDS) == [2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5]
    assert sizes(site(spare(step=16), CROWD), SECONDS)[3::4] == [18, 34, 40]


def test_spare_stops_the_oldest_every_third_cycle_while_more_than_one_is_idle() -> None:
    one = site(spare())
    one.fork(3)
    assert sizes(one, SECONDS) == [5, 5, 4, 4, 4, 3, 3, 3, 2, 2, 2, 2]
    assert sorted(one.workers) == [4, 5]


def test_spare_leaves_a_single_idle_worker_alone() -> None:
    one = site(spare(), [Request(0.5, 7.0)] * 2)
    one.fork(1)
    assert sizes(one, SECONDS) == [3, 3, 3, 3, 3, 3, 3, 3, 3, 2, 2, 2]


def busyness(**more: int) -> partial[Busyness]:
    return partial(Busyness, cheaper=Cheaper(2, 40, **more))


def test_busyness_adds_a_step_in_every_window_that_was_busy() -> None:
    """Four clients leave no room for more than four workers at 100%, and for eight at 50%."""
    one = site(busyness(), [Request(0.1, 0.1, again_until=60.0)] * 4)
    assert sizes(one, SECONDS) == [2, 2, 3, 3, 3, 4, 4, 4, 5, 5, 5, 6]
    one.clock.run(60.0)
    assert len(one.workers) == 8


def test_busyness_takes_a_worker_that_ends_no_request_for_busy() -> None:
    one = site(busyness(), [Request(0.1, 60.0)] * 2)
    assert sizes(one, [2.5, 3.5]) == [2, 3]


def test_busyness_stops_one_after_ten_quiet_windows() -> None:
    one = site(busyness())
    one.fork(2)
    assert sizes(one, [29.5, 30.5, 59.5, 60.5, 99.5]) == [4, 3, 3, 2, 2]


def test_busyness_forks_one_a_second_while_more_than_33_wait() -> None:
    one = site(busyness(), [Request(0.1, 30.0)] * 40)
    assert sizes(one, [0.5, 1.5, 2.5, 3.5, 4.5]) == [2, 3, 4, 5, 6]


def test_busyness_waits_longer_when_it_had_stopped_one_too_soon() -> None:
    one = site(busyness(), [Request(31.0, 0.1, again_until=36.5)] * 8)
    one.fork(1)
    one.clock.run(40.0)
    assert one.record.forks > 1 and one.manager.multiplier == 12 + 2  # type: ignore[attr-defined]
