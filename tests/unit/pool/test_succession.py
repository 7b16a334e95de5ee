"""A pool whose successor serves: its workers retire as they are relieved; and what the successor takes over."""

from __future__ import annotations

from fcgipm.pool import actions as do
from fcgipm.pool import happenings as event
from fcgipm.pool.policy import Bounds
from fcgipm.pool.states import PoolPhase
from tests.unit.pool.world import RETIRE, STOP, World, running, words


def test_workers_retire_as_they_are_relieved_busy_ones_last() -> None:
    world = running(4)
    world.look(busy=2)
    world.step(event.Superseded(3))
    assert world.pool.phase is PoolPhase.LEAVING and len(world.serving()) == 3 and world.ended == {}
    world.step(event.Superseded(2))
    assert world.serving() == [1, 2], "those inside a request"
    world.step(event.Superseded(4))
    assert world.serving() == [1, 2], "it never rises again"
    world.step(event.Superseded(0))
    assert words(world, (1, 2, 3, 4)) == [RETIRE] * 4 and world.ended == {1: False}
    world.template_gone(1)
    for number in (1, 2, 3, 4):
        world.exit(number, clean=True)
    assert world.pool.finished and world.pool.exits["reload"] == 4 and world.pool.next_wakeup is None


def test_who_dies_meanwhile_is_told_of_and_not_replaced() -> None:
    world = running(2)
    world.step(event.Superseded(2))
    world.exit(1)
    assert world.pool.exits["crash"] == 1 and world.log[-1] == ("warning", "worker 10001 was killed by SIGKILL") and len(world.pool.workers) == 1


def test_what_has_not_started_yet_goes_first() -> None:
    world = running(2)
    world.step(event.WorkerRetiring(1))
    assert len(world.pool.workers) == 3
    world.step(event.Superseded(1))
    assert world.serving() == [2]


def test_a_template_that_does_not_end_is_killed() -> None:
    world = running(1)
    world.step(event.Superseded(0))
    world.exit(1, clean=True)
    world.wait()
    assert world.ended == {1: True}
    world.template_gone(1)
    assert world.pool.finished


def test_a_stop_meanwhile_gives_everybody_their_time_and_no_more() -> None:
    world = running(2)
    world.look(busy=2)
    world.step(event.Superseded(1))
    world.step(event.StopRequested())
    assert sorted(words(world, (1, 2))) == sorted([RETIRE, STOP])
    world.now += 60
    actions = world.step()
    assert {action.worker for action in actions if isinstance(action, do.Kill)} == {1, 2}


def test_the_successor_goes_on_with_counts_size_and_bounds() -> None:
    old = World(min=2, max=8, spare=0)
    old.step()
    old.template_ready(1)
    old.all_up()
    old.step(event.ScaleRequested(Bounds(3, 9)))
    old.grown()
    old.look(busy=3, waiting=3)
    old.all_up()
    old.exit(1)
    old.grown()
    old.look(busy=0)
    new = World(min=2, max=8, spare=0, on_trial=True, generation=2)
    new.now = old.now
    new.pool.succeed(old.pool, new.now)
    scaling = new.pool.scaling
    assert scaling.bounds == Bounds(3, 9) and scaling.target(new.now) == old.pool.roster.staying == 6
    assert scaling.target(new.now + 10.0) == 3, "unless they are needed, they go"
    assert new.pool.exits == old.pool.exits and scaling.peak == 6
    assert new.pool.exits is old.pool.exits, "who still leaves counts too"


def test_bounds_given_by_command_end_with_those_they_stood_for() -> None:
    old = running(2)
    old.step(event.ScaleRequested(Bounds(5, 5)))
    new = World(3, on_trial=True)
    new.pool.succeed(old.pool, new.now)
    assert new.pool.scaling.bounds == Bounds(3, 3)
