"""Replacing a generation because somebody asked for it."""

from __future__ import annotations

from fcgipm.pool import actions as do
from fcgipm.pool import happenings as event
from tests.unit.pool.world import RETIRE, World, running, words


def asked(world: World) -> list[do.Action]:
    return world.step(event.ReplaceRequested())


def test_the_old_workers_retire_when_the_new_ones_are_ready() -> None:
    world = running()
    old = world.serving()
    assert asked(world) == [do.StartTemplate(2)]
    world.template_ready(2)
    new = [number for number in world.pool.workers if number not in old]
    world.hello(*new)
    world.ready(new[0])
    assert RETIRE not in words(world, old) and world.pool.replacements.finished == 0
    world.ready(new[1])
    assert words(world, old) == [RETIRE, RETIRE] and world.serving() == new
    assert world.ended == {1: False}, "the old template ends"
    assert world.pool.replacements.finished == 0, "an old worker may still take a request"
    for number in old:
        world.exit(number, clean=True)
    assert world.pool.replacements.finished == 1
    assert world.pool.replacements.last == (True, "generation 2 serves")


def test_old_workers_that_do_not_leave_keep_nobody_waiting() -> None:
    world = running()
    asked(world)
    world.template_ready(2)
    world.all_up()
    assert world.pool.replacements.finished == 0
    world.wait()
    assert world.pool.replacements.last == (True, "generation 2 serves") and world.pool.next_wakeup == world.now + 29.5


def test_the_old_template_going_is_no_failure() -> None:
    world = running()
    asked(world)
    world.template_ready(2)
    world.all_up()
    before = list(world.log)
    world.template_gone(1)
    assert (world.pool.state, world.pool.reason, world.log) == ("ready", None, before)
    for number in list(world.pool.workers):
        if not world.pool.workers[number].stays:
            world.exit(number, clean=True)
    assert [generation.number for generation in world.pool.generations] == [2]
    assert world.pool.next_wakeup is None


def test_a_failing_import_changes_nothing_and_says_why() -> None:
    world = running()
    old = world.serving()
    asked(world)
    world.step(event.TemplateFailed(2))
    world.template_gone(2, "SyntaxError: no")
    assert (world.pool.state, world.pool.reason, world.serving()) == ("ready", None, old)
    assert world.pool.replacements.last == (False, "SyntaxError: no; generation 1 serves on")
    assert world.log[-1] == ("error", "template: SyntaxError: no (not replaced: generation 1 serves on)")
    assert world.pool.next_wakeup is None, "nothing is tried again unasked"
    assert asked(world) == [do.StartTemplate(2)], "and no back-off for the next one"


def test_one_that_gets_no_workers_leaves_no_template_behind() -> None:
    world = running(workers=1)
    asked(world)
    world.template_ready(2)
    asked(world)
    world.step(event.WorkerLost(2))
    assert world.templates == {1, 2, 3} and world.ended == {1: False}, "the third has one beside it, not two"
    assert world.serving() == [1]


def test_a_worker_that_dies_meanwhile_comes_from_the_old_template() -> None:
    world = running()
    asked(world)
    world.now += 60
    world.exit(world.serving()[0])
    world.hello(3)
    assert world.pool.workers[3].generation == 1


def test_one_more_waits_and_later_ones_share_it() -> None:
    world = running()
    asked(world)
    assert world.pool.replacements.ticket == 1
    assert asked(world) == asked(world) == []
    assert world.pool.replacements.ticket == 2
    world.template_ready(2)
    world.all_up()
    world.wait()
    assert world.pool.replacements.finished == 1 and 3 in world.templates
    world.template_ready(3)
    for number in world.serving():
        if world.pool.workers[number].generation == 1:
            world.exit(number, clean=True)
    finish(world)
    assert world.pool.replacements.last == (True, "generation 3 serves")
    assert {world.pool.workers[number].generation for number in world.serving()} == {3}


def finish(world: World) -> None:
    """Everybody does what it was told."""
    for _ in range(4):
        world.all_up()
        for number, worker in list(world.pool.workers.items()):
            if not worker.stays:
                world.exit(number, clean=True)


def test_a_pool_that_could_not_start_is_tried_at_once() -> None:
    world = World()
    world.step()
    world.template_gone(1, "NameError: x")
    assert world.pool.state == "degraded" and world.pool.next_wakeup is not None
    assert asked(world) == [do.StartTemplate(1)]
    world.template_gone(1, "NameError: y")
    assert world.pool.replacements.last == (False, "NameError: y")
    asked(world)
    world.template_ready(1)
    world.all_up()
    assert (world.pool.state, world.pool.replacements.last) == ("ready", (True, "generation 1 serves"))


def test_while_the_first_import_runs_it_waits() -> None:
    world = World()
    world.step()
    assert asked(world) == []
    world.template_ready(1)
    assert 2 in world.templates


def test_new_workers_that_die_are_told() -> None:
    world = running()
    old = world.serving()
    asked(world)
    world.template_ready(2)
    new = [number for number in world.pool.workers if number not in old]
    world.hello(*new)
    world.exit(new[0])
    ok, text = world.pool.replacements.last
    assert not ok and "was killed by SIGKILL" in text and world.serving() == old


def test_a_stopping_pool_replaces_nothing() -> None:
    world = running()
    world.step(event.StopRequested())
    assert asked(world) == [] and world.templates == {1}


def test_a_stop_may_have_less_time_than_is_configured() -> None:
    world = running()
    world.step(event.StopRequested(within=5.0))
    assert world.pool.next_wakeup == world.now + 5.0
