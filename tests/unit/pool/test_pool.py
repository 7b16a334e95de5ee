"""What a pool decides, case by case."""

from __future__ import annotations

import pytest

from fcgipm.pool import actions as do
from fcgipm.pool import happenings as event
from fcgipm.pool.states import PoolPhase
from tests.unit.pool.world import GO, RETIRE, STOP, World, running, words


def test_it_starts_a_template_then_all_workers() -> None:
    world = World(workers=3)
    assert world.step() == [do.StartTemplate(1)]
    assert world.pool.state == "starting" and world.pool.next_wakeup is None
    world.template_ready(1)
    assert list(world.slots.values()) == [0, 1, 2]
    world.hello(1, 2, 3)
    assert words(world, [1, 2, 3]) == [GO, GO, GO]
    world.ready(1, 2)
    assert world.pool.state == "starting" and not world.pool.settled
    world.ready(3)
    assert world.pool.state == "ready" and world.pool.settled and world.pool.next_wakeup is None


def test_each_worker_gets_as_many_slots_as_threads() -> None:
    world = running(workers=2, threads=4)
    assert sorted(world.slots.values()) == [0, 4]


def test_a_killed_worker_is_replaced_after_a_moment() -> None:
    world = running()
    world.exit(1)
    assert world.pool.state == "degraded" and world.pool.reason == "worker 10001 was killed by SIGKILL"
    assert world.pool.exits["crash"] == 1 and world.serving() == [2]
    world.wait()
    assert world.all_up() == [3]
    assert world.pool.state == "ready" and world.pool.reason is None


def test_a_worker_that_lived_long_is_replaced_at_once() -> None:
    world = running()
    world.now += 11
    world.exit(1)
    assert world.all_up() == [3] and world.pool.state == "ready"


def test_a_worker_that_keeps_dying_is_tried_ever_more_slowly() -> None:
    world = World(workers=1)
    world.step()
    world.template_ready(1)
    waits = []
    for number in range(1, 12):
        world.hello(number)
        world.exit(number)
        before = world.now
        world.wait()
        waits.append(round(world.now - before, 3))
    assert waits == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 30.0, 30.0]


def test_a_worker_told_by_a_term_is_replaced_at_once_while_it_finishes() -> None:
    world = running()
    world.step(event.WorkerRetiring(1))
    assert world.all_up() == [3] and sorted(world.serving()) == [2, 3] and len(world.pool.workers) == 3
    world.exit(1, clean=True)
    assert (world.pool.exits["crash"], world.pool.exits["retire"]) == (0, 1) and world.pool.state == "ready"


def test_all_workers_told_by_a_term_are_replaced_and_no_more() -> None:
    world = running()
    world.step(event.WorkerRetiring(1), event.WorkerRetiring(2))
    world.step(event.WorkerRetiring(1), *(event.WorkerRetiring(number) for number in world.all_up()))
    assert len(world.pool.workers) == 5, "as many as may be at once, and one that serves"
    world.exit(1, clean=True)
    assert len(world.all_up()) == 1


def test_a_worker_that_cannot_be_forked_is_tried_again_later() -> None:
    world = World(workers=1)
    world.step()
    world.template_ready(1)
    world.step(event.WorkerLost(1))
    assert world.pool.state == "degraded" and world.pool.settled and not world.pool.workers
    world.wait()
    assert world.all_up() == [2]


def test_a_worker_that_never_greets_is_given_up() -> None:
    world = World(workers=1)
    world.step()
    world.template_ready(1)
    world.now += 29.9
    assert world.step() == [] and not world.pool.settled
    world.wait()
    assert world.killed == {1: True} and not world.pool.workers and world.pool.settled
    assert world.pool.reason == "a worker did not accept within 30 s of its start"
    world.wait()
    assert world.all_up() == [2] and world.pool.state == "ready"


def test_a_worker_that_greets_and_never_accepts_is_given_up() -> None:
    world = World(workers=1)
    world.step()
    world.template_ready(1)
    world.hello(1)
    world.wait()
    assert world.killed == {1: True} and world.pool.next_wakeup is None, "its exit is waited for"
    world.exit(1)
    assert world.pool.settled and world.pool.reason == "a worker did not accept within 30 s of its start"


def test_a_worker_that_accepts_is_waited_for_no_more() -> None:
    world = running()
    assert world.pool.next_wakeup is None


def test_a_worker_that_ends_its_channel_is_killed_and_replaced_when_it_is_gone() -> None:
    world = running()
    world.step(event.WorkerLost(1))
    assert world.killed == {1: True} and len(world.pool.workers) == 2 and world.serving() == [2]
    world.exit(1)
    world.wait()
    assert world.all_up() == [3]


def test_a_template_that_fails_degrades_and_is_tried_again() -> None:
    world = World()
    world.step()
    world.step(event.TemplateFailed(1))
    assert world.ended == {1: True}, "it said all it has to say"
    world.template_gone(1, "ModuleNotFoundError: No module named 'shop'")
    assert world.pool.state == "degraded" and world.pool.settled
    assert world.pool.reason == "ModuleNotFoundError: No module named 'shop'"
    world.wait()
    assert world.templates == {1}, "a generation that never was leaves its number"
    assert world.pool.state == "degraded" and not world.pool.settled
    world.template_ready(1)
    world.all_up()
    assert world.pool.state == "ready" and world.pool.reason is None


def test_a_dead_templates_workers_serve_on_until_the_next_generation_is_whole() -> None:
    world = running()
    world.template_gone(1)
    assert world.serving() == [1, 2] and world.pool.state == "degraded"
    world.wait()
    assert world.templates == {2}
    world.template_ready(2)
    assert len(world.pool.workers) == 4
    world.hello(3, 4)
    world.ready(3)
    assert words(world, [1, 2]) == [GO, GO], "the old ones serve until all the new ones do"
    world.ready(4)
    assert words(world, [1, 2]) == [RETIRE, RETIRE]
    assert world.pool.state == "ready"
    world.exit(1, clean=True)
    world.exit(2, clean=True)
    assert world.pool.exits["reload"] == 2 and [g.number for g in world.pool.generations] == [2]


def test_a_template_that_ends_is_told_in_plain_words_and_by_what_it_was() -> None:
    def told(lived: bool, reason: str) -> tuple[str, str | None]:
        world = running() if lived else World()
        if not lived:
            world.step()
        (log,) = [action for action in world.step(event.TemplateGone(1, reason)) if isinstance(action, do.Log)]
        return log.text, log.kind

    assert told(True, "the template was killed by SIGKILL") == ("the template was killed by SIGKILL (next try in 0.1 s)", "crash")
    assert told(False, "the template was killed by SIGKILL") == ("the template was killed by SIGKILL (next try in 0.1 s)", "degraded")
    assert told(False, "ImportError: no") == ("template: ImportError: no (next try in 0.1 s)", "degraded")


def test_a_worker_that_dies_while_there_is_no_template_waits_for_the_next_generation() -> None:
    world = running()
    world.template_gone(1)
    world.exit(1)
    world.wait()
    assert world.serving() == [2] and world.templates == {2}
    world.template_ready(2)
    assert world.all_up() == [3, 4]


def test_a_new_generation_that_cannot_start_leaves_the_old_one_alone() -> None:
    world = running()
    world.template_gone(1)
    for _ in range(3):
        world.wait()
        assert world.templates == {2}
        world.template_gone(2, "SyntaxError: invalid syntax")
        assert world.serving() == [1, 2] and world.pool.reason == "SyntaxError: invalid syntax"


def test_a_new_generation_takes_over_even_when_retiring_workers_hold_all_other_slots() -> None:
    world = running(workers=2)
    world.step(event.WorkerRetiring(1))
    world.all_up()  # 3; 1 stays inside a request for ever
    world.template_gone(1)
    world.wait()
    world.template_ready(2)
    assert world.all_up() == [4], "only one slot was free"
    assert words(world, [2, 3]) == [RETIRE, RETIRE]
    world.exit(2, clean=True)
    assert world.all_up() == [5] and world.pool.state == "ready"


def test_threads_that_an_import_left_running_are_named() -> None:
    world = World()
    world.step()
    world.step(event.TemplateReady(1, "3.11.7", ("reporter", "Thread-2")))
    assert any(level == "warning" and "reporter, Thread-2" in text for level, text in world.log)


def test_late_and_lying_reports_change_nothing() -> None:
    world = running()
    before = repr(world.pool)
    world.step(
        event.WorkerReady(99), event.WorkerExited(99, True, ""), event.WorkerLost(99), event.WorkerHello(99, 5), event.WorkerHello(1, 7),
        event.TemplateReady(9, "3", ()), event.TemplateFailed(9), event.TemplateGone(9, ""), event.WorkerRetiring(99),
        event.TemplateReady(1, "9.9", ()), event.WorkerReady(1),
    )  # fmt: skip
    assert repr(world.pool) == before


class TestStop:
    def test_everybody_is_told_and_waited_for(self) -> None:
        world = running()
        world.step(event.StopRequested())
        assert world.ended == {1: False} and words(world, [1, 2]) == [STOP, STOP] and world.pool.state == "stopping"
        world.template_gone(1)
        world.exit(1, clean=True)
        assert not world.pool.finished
        world.exit(2, clean=True)
        assert world.pool.finished and world.pool.next_wakeup is None
        assert not any(world.pool.exits.values())

    def test_a_repeat_changes_nothing(self) -> None:
        world = running()
        world.step(event.StopRequested())
        world.now += 5
        due = world.pool.next_wakeup
        assert world.step(event.StopRequested()) == [] and world.pool.next_wakeup == due

    def test_who_does_not_leave_in_time_is_terminated_then_killed(self) -> None:
        world = running()
        world.step(event.StopRequested())
        for _ in range(2):
            world.wait()
            assert world.evicted == [1, 2], "unless they are inside a request, the time to leave is shorter"
            world.evicted.clear()
            world.step(event.StillBusy(1), event.StillBusy(2))
        assert world.killed == {1: False, 2: False} and world.pool.phase is PoolPhase.TERMINATING
        world.wait()
        assert world.killed == {1: True, 2: True} and world.ended == {1: True}

    def test_now_is_now(self) -> None:
        world = running()
        world.step(event.StopNow())
        assert world.killed == {1: False, 2: False}
        world.wait()
        assert world.killed == {1: True, 2: True}

    def test_now_hurries_a_graceful_one(self) -> None:
        world = running()
        world.step(event.StopRequested())
        world.step(event.StopNow())
        assert world.pool.phase is PoolPhase.TERMINATING

    def test_a_worker_on_its_way_is_told_to_stop_instead_of_to_go(self) -> None:
        world = World(workers=1)
        world.step()
        world.template_ready(1)
        world.step(event.StopRequested())
        world.hello(1)
        assert world.told[1] == [STOP]
        world.template_gone(1)
        world.exit(1, clean=True)
        assert world.pool.finished

    def test_a_worker_that_never_greets_is_forgotten_at_the_deadline(self) -> None:
        world = World(workers=1)
        world.step()
        world.template_ready(1)
        world.step(event.StopRequested())
        world.template_gone(1)
        world.wait()
        assert world.pool.finished

    def test_in_a_back_off_there_is_nothing_to_wait_for(self) -> None:
        world = World()
        world.step()
        world.template_gone(1)
        world.step(event.StopRequested())
        assert world.pool.finished

    def test_no_new_generation_or_worker_is_started(self) -> None:
        world = running()
        world.step(event.StopRequested())
        world.exit(1)
        world.template_gone(1)
        assert world.templates == set() and len(world.pool.workers) == 1


@pytest.mark.parametrize("workers", [1, 100])
def test_pools_of_any_size(workers: int) -> None:
    assert len(running(workers).serving()) == workers


# What an enemy found.


def test_who_was_told_to_leave_and_does_not_is_evicted_unless_it_is_busy() -> None:
    world = running()
    world.step(event.WorkerRetiring(1))
    world.all_up()
    world.now += 29.9
    world.step()
    assert world.evicted == []
    world.wait()
    assert world.evicted == [1]
    world.step(event.StillBusy(1))
    world.wait()
    assert world.evicted == [1, 1]
    world.exit(1)
    assert world.pool.state == "ready" and world.pool.next_wakeup is None


def test_however_many_are_stuck_on_their_way_out_somebody_serves() -> None:
    world = running()
    for _ in range(6):
        world.step(*(event.WorkerRetiring(number) for number in world.serving()))
        world.all_up()
        assert world.serving()


def test_who_dies_of_a_request_is_replaced_at_once_however_often() -> None:
    """Back-off is for what dies of being started: a crash now and then must not keep a whole pool from growing."""
    world = running()
    for _ in range(10):
        world.step(event.WorkerExited(world.serving()[0], False, "was killed by SIGSEGV", begun=1))
        assert len(world.all_up()) == 1 and world.pool.state == "ready"
    assert world.pool.exits["crash"] == 10


def test_workers_that_could_not_be_forked_for_one_reason_are_told_in_one_line() -> None:
    world = World(workers=5)
    world.step()
    world.template_ready(1)
    world.step(event.ForkFailed("no room"), *(event.WorkerLost(number) for number in range(1, 6)))
    assert [text for _, text in world.log if "no room" in text] == ["a worker could not be forked: no room (replaced in 0.1 s)"]


class TestStopWithAQueue:
    """Somebody is queued, and nobody is there yet who could serve: a stop loses nothing."""

    def test_a_worker_on_its_way_comes_first(self) -> None:
        world = World(workers=1)
        world.step()
        world.template_ready(1)
        world.step(event.StopRequested(waiting=True))
        assert world.ended == {}
        world.hello(1)
        world.ready(1)
        assert world.told[1] == [GO, STOP] and world.ended == {1: False}
        world.exit(1, clean=True)
        world.template_gone(1)
        assert world.pool.finished

    @pytest.mark.parametrize("imports", [False, True])
    def test_one_is_forked_when_there_is_none(self, imports: bool) -> None:
        world = World(0, max=4)
        world.step()
        if not imports:
            world.template_ready(1)
        world.step(event.StopRequested(waiting=True))
        if imports:
            assert not world.pool.workers and world.ended == {}
            world.template_ready(1)
        (number,) = world.pool.workers
        world.hello(number)
        world.ready(number)
        assert world.told[number] == [GO, STOP]

    def test_a_template_that_fails_is_the_end(self) -> None:
        world = World(0, max=4)
        world.step()
        world.step(event.StopRequested(waiting=True))
        world.template_gone(1)
        assert world.pool.finished

    def test_a_worker_that_dies_is_tried_again_until_the_deadline(self) -> None:
        world = World(workers=1)
        world.step()
        world.template_ready(1)
        world.step(event.StopRequested(waiting=True))
        world.step(event.WorkerLost(1))
        assert list(world.pool.workers) == [2]
        world.now += 60.0
        world.step()
        assert world.pool.phase is PoolPhase.TERMINATING

    def test_who_is_there_is_told_at_once(self) -> None:
        world = running()
        world.step(event.StopRequested(waiting=True))
        assert words(world, (1, 2)) == [STOP, STOP]


def test_who_retires_when_its_channel_has_ended_has_not_crashed() -> None:
    world = running(2)
    world.step(event.WorkerLost(1), event.WorkerRetiring(1, "requests"), event.WorkerExited(1, True, "exited with status 0"))
    assert world.pool.exits["requests"] == 1 and world.pool.exits["crash"] == 0
