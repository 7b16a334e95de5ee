"""What was wanted lately is held; who leaves is chosen; what a pool does of it, step by step."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcgipm.pool import actions as do
from fcgipm.pool import happenings as event
from fcgipm.pool.growth import PACE
from fcgipm.pool.policy import Bounds, Load, PoolSettings
from fcgipm.pool.scaling import Scaling, surplus
from fcgipm.pool.states import WorkerState
from fcgipm.pool.worker import WorkerHandle
from tests.unit.pool.world import RETIRE, World

DYNAMIC: dict[str, Any] = {"min": 2, "max": 8, "spare": 1, "idle_timeout": 10.0}


def scaling(**more: Any) -> Scaling:
    return Scaling(PoolSettings(**{"name": "web", "threads": 1, "stop_timeout": 60.0, **DYNAMIC, **more}))


# Memory.


def test_growth_is_at_once_and_shrinking_after_idle_timeout() -> None:
    one = scaling()
    one.observe(Load(2, 3), 100.0)
    assert one.target(100.0) == 6
    one.observe(Load(0, 0), 101.0)
    assert one.wanted == 2 and one.target(110.9) == 6 and one.next_change == 111.0
    assert one.target(111.0) == 2 and one.next_change is None


def test_a_smaller_peak_is_held_when_the_larger_one_is_over() -> None:
    one = scaling()
    for busy, now in ((7, 100.0), (4, 102.0), (1, 105.0)):
        one.observe(Load(busy, 0), now)
    assert [one.target(now) for now in (105.0, 111.9, 112.0, 114.9, 115.0)] == [8, 8, 5, 5, 2]


def test_what_was_wanted_recently_is_what_was_within_a_second() -> None:
    one = scaling()
    for busy, now in ((6, 100.0), (3, 100.4), (0, 101.0)):
        one.observe(Load(busy, 0), now)
    assert [one.recently(now) for now in (101.0, 101.3, 101.5, 102.1)] == [7, 7, 4, 2]


def test_what_is_still_wanted_does_not_expire() -> None:
    one = scaling()
    one.observe(Load(5, 0), 100.0)
    assert one.target(9999.0) == 6


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30), st.floats(0.01, 15.0)), min_size=1, max_size=60))
def test_it_is_the_largest_that_was_wanted_within_idle_timeout(looks: list[tuple[int, int, float]]) -> None:
    one, now, history = scaling(), 100.0, [(100.0, 2)]
    for busy, waiting, later in looks:
        now += later
        one.observe(Load(busy, waiting), now)
        history.append((now, one.wanted))
        until = [*(when for when, _ in history[1:]), float("inf")]
        recent = [value for (_, value), end in zip(history, until, strict=True) if end + 10.0 > now]
        assert one.target(now) == max(recent)
        assert 2 <= one.target(now) <= 8
        assert len(one._earlier) <= 7
        assert one.reason


def test_a_square_wave_with_a_period_near_idle_timeout_does_not_flap() -> None:
    """Quiet for a moment less than idle_timeout, busy for as long, and so on: the pool grows once."""
    one, now, targets = scaling(), 100.0, []
    for _ in range(50):
        for busy in (7, 0):
            one.observe(Load(busy, 0), now)
            now += 9.95
            targets.append(one.target(now))
    assert set(targets) == {8}


def test_max_reached_counts_times_not_looks() -> None:
    """A load at the limit comes and goes with every request; only after idle_timeout without need it is another time."""
    one = scaling()
    for load, now in ((Load(8, 0), 100.0), (Load(8, 1), 101.0), (Load(3, 0), 102.0), (Load(8, 4), 110.0), (Load(8, 1), 119.9)):
        one.observe(load, now)
    assert one.max_reached == 1 and one.over(129.8) and not one.over(129.9)
    one.observe(Load(8, 2), 130.0)
    assert one.max_reached == 2


def test_a_share_that_only_follows_what_was_wanted_is_no_limit() -> None:
    one = scaling()
    one.allowance, one.attainable = 2, 98
    one.observe(Load(2, 3), 100.0)
    assert one.max_reached == 0 and one.limit == 8
    one.attainable = 4
    one.observe(Load(2, 3), 101.0)
    assert one.max_reached == 1


def test_who_leaves_says_why() -> None:
    one = scaling()
    assert one.shrunk(2) == "-2: not needed for 10 s"
    one.rebound(Bounds(1, 3))
    assert one.crowded_out(5) == "-5: max is 3"
    one.rebound(Bounds(1, 12))
    assert one.shrunk(1) == "-1: min is 1"
    one.allowance = 4
    assert one.crowded_out(2) == "-2: other pools need them"


def test_an_allowance_bounds_from_above_and_is_not_remembered() -> None:
    one = scaling()
    one.observe(Load(7, 0), 100.0)
    one.allowance = 3
    assert one.target(100.0) == 3
    one.allowance = 6
    assert one.target(100.0) == 6


def test_new_bounds_hold_at_once() -> None:
    one = scaling()
    one.observe(Load(7, 0), 100.0)
    one.observe(Load(0, 0), 100.0)
    one.rebound(Bounds(1, 3))
    assert one.target(100.0) == 1
    one.rebound(Bounds(2, 8))
    assert one.target(100.0) == 2


# Who leaves.


def handle(number: int, busy: bool, active_at: float, ready: bool = True) -> WorkerHandle:
    worker = WorkerHandle(number, number, 1)
    worker.enter(WorkerState.READY if ready else WorkerState.STARTING)
    worker.busy, worker.active_at = busy, active_at
    return worker


def leaving(workers: list[WorkerHandle], target: int, most: int) -> tuple[list[int], list[int]]:
    over, idle = surplus(workers, target, most)
    return [worker.number for worker in over], [worker.number for worker in idle]


def test_the_longest_idle_leave_first_and_never_a_busy_one() -> None:
    workers = [handle(1, False, 5.0), handle(2, True, 1.0), handle(3, False, 3.0), handle(4, False, 4.0)]
    assert leaving(workers, 2, 8) == ([], [3, 4])
    assert leaving(workers, 0, 8) == ([], [3, 4, 1])
    assert leaving(workers, 4, 8) == ([], [])


def test_beyond_the_most_busy_ones_leave_too() -> None:
    workers = [handle(1, True, 5.0), handle(2, True, 1.0), handle(3, False, 3.0)]
    assert leaving(workers, 1, 1) == ([3, 2], [])


def test_one_more_than_there_may_be_and_others_that_nobody_needs() -> None:
    workers = [handle(number, False, float(number)) for number in range(1, 9)]
    assert leaving(workers, 2, 7) == ([1], [2, 3, 4, 5, 6])


def test_who_does_not_accept_yet_stays() -> None:
    workers = [handle(1, False, 5.0), handle(2, False, 0.0, ready=False)]
    assert leaving(workers, 0, 8) == ([], [1])


# In a pool.


def pool(**more: Any) -> World:
    world = World(**{**DYNAMIC, **more})
    world.step()
    world.template_ready(1)
    world.all_up()
    return world


def infos(world: World) -> list[str]:
    return [text for level, text in world.log if level == "info"]


def test_a_crowd_gets_all_its_workers_in_one_order() -> None:
    world = pool()
    assert len(world.serving()) == 2 and world.pool.state == "ready" and world.pool.may_grow
    (fork, *_) = [action for action in world.look(busy=2, waiting=4) if isinstance(action, do.Fork)]
    assert len(fork.workers) == 5 and infos(world) == ["+5: 4 waiting, all 2 busy (of 2)"]
    assert not any(isinstance(action, do.Fork) for action in world.look(busy=2, waiting=4)), "those that start count"
    world.all_up()
    assert len(world.serving()) == 7 and world.pool.scaling.peak == 7
    world.look(busy=7, waiting=9)
    assert len(world.pool.workers) == 8 and not world.pool.may_grow
    assert ("warning", "8 workers are the most there may be: 9 waiting, all 7 busy") in world.log


def test_who_waits_inside_a_copy_for_cpu_gets_more_copies_at_once() -> None:
    world = pool(min=1, spare=0)
    (fork, *_) = [action for action in world.look(busy=1, inside=4) if isinstance(action, do.Fork)]
    assert len(fork.workers) == 4 and world.pool.scaling.reason == "+4: 1 busy, 4 waiting inside copies that are out of CPU"
    world.all_up()
    world.look(busy=5, inside=8)
    assert ("warning", "8 workers are the most there may be: 5 busy, 8 waiting inside copies that are out of CPU") in world.log


def test_copies_that_have_shared_the_load_stay_although_none_is_out_of_cpu_any_more() -> None:
    world = pool(min=1, spare=0)
    world.look(busy=1, inside=3)
    world.all_up()
    for _ in range(30):
        world.now += 1.0
        world.look(busy=4)
    assert len(world.serving()) == 4
    world.look(busy=1)
    world.wait()
    assert len(world.serving()) == 1


def test_afterwards_the_surplus_leaves_at_its_time_and_the_pool_knows_when() -> None:
    world = pool()
    world.look(busy=2, waiting=4)
    world.all_up()
    began = world.now
    world.look(busy=0)
    assert len(world.serving()) == 7
    world.wait()
    assert world.now == began + 10.0 and len(world.serving()) == 2
    assert world.pool.scaling.reason == "-5: not needed for 10 s"
    assert sum(words[-1] == RETIRE for words in world.told.values()) == 5
    for number in [number for number in world.pool.workers if number not in world.serving()]:
        world.exit(number, clean=True)
    assert world.pool.exits["idle"] == 5 and world.pool.exits["crash"] == 0 and world.pool.next_wakeup is None


def test_busy_workers_stay_until_they_are_idle() -> None:
    world = pool()
    world.look(busy=2, waiting=6)
    world.all_up()
    world.look(busy=0)
    world.now += 9.0
    world.look(busy=3)
    world.now += 1.0
    world.look(busy=3)
    assert len(world.serving()) == 4, "3 busy and 1 spare"


def test_ondemand_rests_without_a_worker_and_wakes_for_the_first_connection() -> None:
    world = pool(min=0, spare=0)
    assert world.pool.state == "ready" and world.pool.settled and not world.pool.workers and world.pool.may_grow
    world.look(busy=0, waiting=1)
    assert world.all_up() == [1] and infos(world) == ["+1: 1 waiting, no worker there (of 0)"]
    world.look(busy=1)
    world.look(busy=0)
    world.wait()
    assert world.serving() == []


def test_without_preload_even_the_template_goes() -> None:
    world = World(**{**DYNAMIC, "min": 0, "spare": 0, "preload": False})
    assert world.step() == [] and world.pool.state == "ready" and world.pool.settled
    world.look(busy=0, waiting=2)
    assert world.templates == {1}
    world.template_ready(1)
    assert world.all_up() == [1, 2]
    world.look(busy=0)
    world.wait()
    for number in (1, 2):
        world.exit(number, clean=True)
    assert world.ended == {1: False}
    world.template_gone(1, "the template exited with status 0")
    assert world.pool.state == "ready" and world.pool.next_wakeup is None
    world.look(busy=0, waiting=1)
    assert world.templates == {2}


def test_idle_workers_of_an_old_generation_go_also_when_the_new_one_rests() -> None:
    world = pool(min=0, spare=0)
    world.look(busy=0, waiting=1)
    world.all_up()
    world.look(busy=0)
    world.template_gone(1)
    world.step()
    if 2 not in world.templates:
        world.wait()
    world.template_ready(2)
    world.all_up()
    world.now += 30
    world.step()
    assert all(worker.generation == 2 or not worker.stays for worker in world.pool.workers.values())


def test_scaled_by_command() -> None:
    world = pool()
    world.step(event.ScaleRequested(Bounds(4, 6)))
    world.grown()
    assert len(world.serving()) == 4
    world.step(event.ScaleRequested(Bounds(1, 1)))
    assert len(world.serving()) == 1
    for number in [number for number in world.pool.workers if number not in world.serving()]:
        world.exit(number, clean=True)
    assert world.pool.exits["scale"] == 3
    world.step(event.ScaleRequested(Bounds(2, 8)))
    world.grown()
    assert len(world.serving()) == 2


def test_workers_that_nobody_waits_for_come_one_after_the_other() -> None:
    world = pool()
    world.step(event.ScaleRequested(Bounds(6, 8)))
    assert len(world.pool.workers) == 3
    world.look(busy=1)
    assert len(world.pool.workers) == 3, "not before its time"
    assert world.pool.next_wakeup == pytest.approx(world.now + PACE)
    world.wait()
    assert len(world.pool.workers) == 4
    world.look(busy=2, waiting=1)
    assert len(world.pool.workers) == 6, "all that are missing, as somebody waits"
    world.all_up()
    assert len(world.serving()) == 6 and world.pool.state == "ready"


def test_workers_come_at_once_where_nobody_serves_and_where_they_take_the_places_of_others() -> None:
    world = World(5)
    world.step()
    world.template_ready(1)
    assert len(world.pool.workers) == 5
    world.all_up()
    world.template_gone(1)
    if 2 not in world.templates:
        world.wait()
    world.template_ready(2)
    assert len(world.pool.workers) == 10


def test_a_share_of_max_workers_is_kept_to() -> None:
    world = pool()
    world.step(event.Allowed(3, 3))
    world.look(busy=2, waiting=4)
    world.all_up()
    assert len(world.serving()) == 3 and not world.pool.may_grow
    assert world.pool.claim(world.now) == (2, 7, 7, 7, 3, 0)
    world.step(event.Allowed(2, 2))
    assert len(world.serving()) == 2 and world.pool.scaling.reason == "-1: other pools need them"


@pytest.mark.parametrize("failures", [1, 5])
def test_forks_that_fail_are_backed_off_and_the_reason_is_told(failures: int) -> None:
    world = pool()
    for _ in range(failures):
        world.look(busy=2, waiting=4)
        new = [number for number, worker in world.pool.workers.items() if worker.pid is None]
        world.step(event.ForkFailed("Resource temporarily unavailable"))
        world.step(*(event.WorkerLost(number) for number in new))
        assert world.pool.reason == "a worker could not be forked: Resource temporarily unavailable"
        world.look(busy=2, waiting=4)
        assert len(world.pool.workers) == 2, "not before its time"
        world.wait()
    world.all_up()
    assert world.pool.state == "ready" and len(world.serving()) == 7


# What a review found.


def test_an_older_generation_shrinks_too_while_its_successor_cannot_start() -> None:
    world = pool()
    world.look(busy=6)
    world.all_up()
    world.template_gone(1)
    world.template_gone(2, "cannot import")
    world.look(busy=0)
    world.now += 10.0
    world.step()
    assert len(world.serving()) == 2
    world.step(event.ScaleRequested(Bounds(1, 1)))
    assert len(world.serving()) == 1


def test_nothing_is_forked_from_a_template_that_was_told_to_end() -> None:
    """An ondemand pool that keeps nothing at rest, and a request while its template still ends."""
    world = World(0, max=4, preload=False)
    world.look(busy=0, waiting=1)
    world.template_ready(1)
    world.all_up()
    world.look(busy=0)
    world.now += 10.0
    world.step()
    (leaving,) = world.pool.workers
    world.exit(leaving, clean=True)
    assert 1 in world.ended
    actions = world.look(busy=0, waiting=1)
    assert [type(action) for action in actions] == [do.StartTemplate]


def test_who_came_although_a_fork_failed_is_not_blamed_for_it() -> None:
    world = pool()
    world.look(busy=2, waiting=2)
    born = [number for number, worker in world.pool.workers.items() if worker.pid is None]
    world.step(event.ForkFailed("no room"))
    world.all_up()
    assert all(world.pool.workers[number].fault is None for number in born)


def test_peak_counts_who_accepted_not_who_was_ordered() -> None:
    world = pool()
    world.look(busy=2, waiting=4)
    assert world.pool.scaling.peak == 2
    world.all_up()
    assert world.pool.scaling.peak == 7


def test_two_pools_do_not_take_kept_workers_from_each_other() -> None:
    world = pool()
    world.look(busy=6)
    world.all_up()
    world.look(busy=0)
    world.step(event.Allowed(3, 8))
    assert world.pool.claim(world.now).held == 3, "seven are held, three are there: no more are asked for"


def test_after_scaling_up_a_whole_new_generation_fits_beside_the_old() -> None:
    world = pool()
    world.step(event.ScaleRequested(Bounds(20, 20)))
    assert world.pool.roster.handles == 40
