"""The model that all algorithms share: time, the queue, workers, and what is written down."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from simulation.clock import Clock
from simulation.php_fpm import Static
from simulation.record import Track
from simulation.series import binned, highest
from simulation.site import Costs, Request

from tests.unit.simulation.support import site

# Time.


def test_events_come_in_order_and_those_of_one_instant_as_they_were_asked_for() -> None:
    clock = Clock()
    seen: list[str] = []
    for when, name in ((2.0, "c"), (1.0, "a"), (1.0, "b"), (3.0, "d")):
        clock.at(when, seen.append, name)
    clock.run(2.0)
    assert seen == ["a", "b", "c"] and clock.now == 2.0


def test_what_should_have_been_happens_now() -> None:
    clock = Clock()
    seen: list[float] = []
    clock.run(5.0)
    clock.at(1.0, lambda: seen.append(clock.now))
    clock.run(9.0)
    assert seen == [5.0]


def test_time_stands_still_when_the_condition_does_not_hold() -> None:
    clock = Clock()
    seen: list[float] = []
    for when in (1.0, 2.0, 3.0):
        clock.at(when, seen.append, when)
    clock.run_while(lambda: len(seen) < 2)
    assert seen == [1.0, 2.0] and clock.now == 2.0


# The queue and its workers.


def test_two_workers_serve_three_requests_first_come_first_served() -> None:
    one = site(lambda site: Static(site, 2), [Request(1.0, 0.5), Request(1.1, 0.5), Request(1.2, 0.5)])
    one.clock.run(10.0)
    assert list(one.record.waits) == pytest.approx([0.0, 0.0, 0.3])
    assert one.record.busy.area() == pytest.approx(1.5) and one.record.idle == pytest.approx(2 * 100 - 1.5)
    assert one.record.queue.area() == pytest.approx(0.3)


def test_a_client_asks_again_as_soon_as_it_is_answered() -> None:
    one = site(lambda site: Static(site, 1), [Request(1.0, 0.3, again_until=2.0)])
    one.clock.run(10.0)
    assert list(one.record.began) == pytest.approx([1.0, 1.3, 1.6, 1.9]) and one.record.served == 4


def test_forked_workers_accept_one_after_the_other() -> None:
    one = site(lambda site: Static(site, 0), [Request(0.0, 9.0)] * 3, costs=Costs(ready=0.25, each=0.125))
    one.clock.run(1.0)
    one.fork(3)
    one.clock.run(2.0)
    assert list(one.record.waits) == [1.25, 1.375, 1.5] and one.record.forks == 3


def test_who_leaves_serves_its_request_first_and_takes_no_other() -> None:
    one = site(lambda site: Static(site, 1), [Request(1.0, 1.0), Request(1.5, 1.0)])
    one.clock.run(1.2)
    one.retire(one.workers[1])
    one.retire(one.workers[1])
    assert len(one.workers) == 1 and one.record.ready.value == 0
    one.clock.run(5.0)
    assert not one.workers and one.record.served == 1 and len(one.queue) == 1


def test_who_leaves_before_it_accepts_never_does() -> None:
    one = site(lambda site: Static(site, 0), [Request(0.0, 1.0)])
    (worker,) = one.fork(1)
    one.retire(worker)
    one.clock.run(5.0)
    assert not one.workers and not one.record.served and one.record.ready.peak == 0


@pytest.mark.parametrize(("fair", "number"), [(True, 2), (False, 1)])
def test_which_of_two_idle_workers_takes_a_connection(fair: bool, number: int) -> None:
    """The first served last: it is the first of all, and the other has waited longer."""
    one = site(lambda site: Static(site, 2), [Request(1.0, 0.1), Request(3.0, 1.0)], fair=fair)
    one.clock.run(3.5)
    assert [worker.number for worker in one.workers.values() if worker.busy] == [number]


# What is written down.


def test_a_track_knows_its_peak_its_area_and_its_turns_and_ignores_what_comes_late() -> None:
    track = Track(10.0)
    for by, now in ((2, 1.0), (3, 2.0), (-1, 4.0), (-1, 5.0), (4, 6.0), (9, 11.0)):
        track.add(by, now)
    assert (track.value, track.peak, track.turns) == (16, 7, 2)
    assert track.area() == 2 * 1 + 5 * 2 + 4 * 1 + 3 * 1 + 7 * 4


@pytest.mark.parametrize(("since", "value", "seconds"), [(0.0, 3, 2.0), (1.5, 3, 0.5), (2.5, 3, 0.0), (0.0, 4, None), (3.5, 3, None), (9.0, 1, 0.0)])
def test_when_a_track_reaches_a_value(since: float, value: int, seconds: float | None) -> None:
    track = Track(10.0)
    for by, now in ((1, 1.0), (2, 2.0), (-2, 3.0)):
        track.add(by, now)
    assert track.reached(value, since) == seconds


@given(st.lists(st.tuples(st.integers(-3, 3), st.floats(0.0, 2.0)), max_size=30), st.integers(1, 7))
def test_the_highest_of_each_span_is_that_of_a_close_look(changes: list[tuple[int, float]], bins: int) -> None:
    track, now, steps = Track(20.0), 0.0, [(0.0, 0)]
    for by, later in changes:
        now = min(now + later, 19.9)
        track.add(by, now)
        steps.append((now, steps[-1][1] + by))
    _, tops = highest(track, 20.0, bins)
    for index, top in enumerate(tops):
        inside = [value for when, value in steps if min(int(when / (20.0 / bins)), bins - 1) == index]
        before = [value for when, value in steps if min(int(when / (20.0 / bins)), bins - 1) < index][-1:]
        assert top == max([*inside, *before, *([0] if index == 0 else [])])


def test_a_span_without_values_is_a_gap() -> None:
    _, values = binned([0.5, 0.6, 2.5, 9.0], [1.0, 3.0, 2.0, 7.0], 3.0, 3)
    assert values[0] == 3.0 and values[1] != values[1] and values[2] == 2.0
