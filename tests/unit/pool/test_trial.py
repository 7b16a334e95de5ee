"""The trial of a new generation: import, first worker, probe; and what comes after it."""

from __future__ import annotations

from typing import Any

import pytest

from fcgipm.pool import actions as do
from fcgipm.pool import happenings as event
from fcgipm.pool.states import TrialState
from tests.unit.pool.world import GO, World


def on_trial(**more: Any) -> World:
    world = World(**{"workers": 4, "on_trial": True, "generation": 7, **more})
    assert world.step() == [do.StartTemplate(7)]
    return world


def verdict(world: World) -> TrialState:
    assert world.pool.trial is not None
    return world.pool.trial.state


def why(world: World) -> str | None:
    assert world.pool.trial is not None
    return world.pool.trial.reason


def passed(**more: Any) -> World:
    world = on_trial(**more)
    world.template_ready(7)
    world.hello(1)
    world.ready(1)
    return world


def test_one_worker_begins_behind_closed_doors_and_all_others_after_the_admission() -> None:
    world = passed()
    assert verdict(world) is TrialState.PASSED and world.tried == [1] and world.told[1] == [] and len(world.pool.workers) == 1
    assert not world.pool.may_grow and world.pool.next_wakeup is None
    world.step(event.Admitted())
    world.grown()
    assert world.told[1] == [GO] and len(world.serving()) == 4 and world.pool.state == "ready"
    assert {worker.generation for worker in world.pool.workers.values()} == {7}


def test_a_pool_without_workers_at_rest_is_tried_with_one_all_the_same() -> None:
    world = passed(min=0, spare=0)
    assert verdict(world) is TrialState.PASSED and len(world.pool.workers) == 1
    assert not world.pool.complete, "it does not serve yet: nobody may leave in its favour"
    world.step(event.Admitted())
    assert world.pool.complete


def test_the_probe_decides() -> None:
    for fault, expected in ((None, TrialState.PASSED), ("probe GET /healthz: status 500, not 200", TrialState.FAILED)):
        world = passed(probe=True)
        assert verdict(world) is TrialState.PROBING and world.probed == [1]
        world.step(event.Probed(fault))
        assert (verdict(world), why(world)) == (expected, fault)
        world.step(event.Probed("too late"))
        assert why(world) == fault


@pytest.mark.parametrize("probe", [False, True])
def test_whatever_dies_or_hangs_fails_it_once_and_nothing_is_tried_again(probe: bool) -> None:
    def dies(number: int) -> event.Happening:
        return event.WorkerExited(number, False, "was killed by SIGSEGV")

    def at_import(world: World) -> None:
        world.step(event.TemplateFailed(7))
        world.template_gone(7, "SyntaxError: no")

    def at_start(world: World) -> None:
        world.template_ready(7)
        world.hello(1)
        world.step(dies(1))

    def unforkable(world: World) -> None:
        world.template_ready(7)
        world.step(event.ForkFailed("no room"), event.WorkerLost(1))

    def hanging_import(world: World) -> None:
        world.wait()

    def hanging_worker(world: World) -> None:
        world.template_ready(7)
        world.hello(1)
        world.wait()
        assert world.killed == {1: True}
        world.exit(1)

    cases = {
        at_import: "SyntaxError: no",
        at_start: "worker 10001 was killed by SIGSEGV",
        unforkable: "a worker could not be forked: no room",
        hanging_import: "the import did not end within 300 s",
        hanging_worker: "a worker did not accept within 30 s of its start",
    }
    for fail, reason in cases.items():
        world = on_trial(probe=probe)
        fail(world)
        assert (verdict(world), why(world)) == (TrialState.FAILED, reason)
        world.now += 1000
        assert [action for action in world.step() if isinstance(action, (do.StartTemplate, do.Fork))] == []


def test_a_worker_that_dies_while_it_is_probed_or_waits_for_the_others_fails_it_too() -> None:
    world = passed(probe=True)
    world.exit(1)
    assert why(world) == "worker 10001 was killed by SIGKILL"


def test_a_dismissed_candidate_ends_whatever_it_does() -> None:
    for world in (on_trial(), passed(probe=True), passed()):
        actions = world.step(event.StopNow())
        assert [(one.level, one.text) for one in actions if isinstance(one, do.Log)] == [("info", "the trial is over: terminating what was tried")]
        assert 7 in world.ended
        world.template_gone(7)
        while world.pool.workers:
            world.wait()
            for number in [number for number, force in world.killed.items() if force and number in world.pool.workers]:
                world.exit(number)
        assert world.pool.finished and world.pool.next_wakeup is None
