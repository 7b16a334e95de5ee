"""Workers replaced although nothing is wrong with them: another accepts first, one at a time."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fcgipm.pool import happenings as event
from fcgipm.pool.handover import SlotLook
from fcgipm.pool.lifetime import Lifetime
from fcgipm.pool.policy import Bounds
from tests.unit.pool.world import RETIRE, World

MIB = 1 << 20


def pool(workers: int = 3, **limits: float) -> World:
    world = World(workers, lifetime=Lifetime(**limits))  # type: ignore[arg-type]
    world.step()
    world.template_ready(1)
    world.all_up()
    return world


def begun(world: World, *counts: int) -> None:
    """A look at the workers that accept: how many requests each has begun."""
    look = {number: (SlotLook(False, count, 0),) for number, count in zip(world.serving(), counts, strict=False)}
    world.step(event.Observed(look, 0))


def leaving(world: World) -> dict[int, str | None]:
    return {number: worker.leaving for number, worker in world.pool.workers.items() if worker.leaving}


def test_the_replacement_accepts_before_the_worker_leaves() -> None:
    world = pool(requests=50)
    begun(world, 50, 10, 10)
    assert len(world.pool.workers) == 4 and leaving(world) == {}
    world.all_up()
    assert leaving(world) == {1: "requests"} and world.told[1][-1] == RETIRE and len(world.serving()) == 3
    world.exit(1, clean=True)
    assert world.pool.exits["requests"] == 1 and world.pool.next_wakeup is None and world.pool.state == "ready"


def test_one_at_a_time() -> None:
    world = pool(requests=50)
    begun(world, 50, 50, 50)
    assert len(world.pool.workers) == 4
    world.all_up()
    assert len(leaving(world)) == 1 and len(world.pool.workers) == 5, "the next one's replacement is on its way"
    world.all_up()
    world.all_up()
    assert len(leaving(world)) == 3 and len(world.serving()) == 3


def test_those_with_twice_their_memory_do_not_wait() -> None:
    world = pool(memory=100 * MIB)
    world.step(*(event.Measured(number, 250 * MIB) for number in world.serving()))
    world.grown()
    assert list(leaving(world).values()) == ["memory"] * 3


def test_age_wakes_a_pool_at_rest() -> None:
    world = pool(workers=1, age=3600.0)
    assert world.pool.next_wakeup == world.now + 3600.0
    world.wait()
    world.all_up()
    assert leaving(world) == {1: "age"}


def test_by_command() -> None:
    world = pool()
    world.step(event.RetireRequested(2))
    world.all_up()
    assert leaving(world) == {2: "retire"}
    world.step(event.RetireRequested(77))


def test_a_worker_above_the_target_leaves_at_once() -> None:
    """Nothing else would happen that makes the pool look again."""
    world = World(1, preload=False)
    world.step()
    world.template_ready(1)
    world.step(event.ScaleRequested(Bounds(0, 1)))
    world.step(event.RetireRequested(1))
    world.all_up()
    assert leaving(world) == {1: "retire"} and world.pool.next_wakeup is not None


def test_one_whose_template_dies_meanwhile_goes_with_its_generation() -> None:
    """Its replacement would have to be of that generation."""
    world = World(min=0, max=1, spare=1, preload=False)
    world.step()
    world.template_ready(1)
    world.all_up()
    world.step(event.RetireRequested(1))
    world.template_gone(1)
    world.wait()
    world.template_ready(2)
    world.grown()
    for _ in range(3):
        for number in leaving(world):
            world.exit(number, clean=True)
        world.all_up()
    assert world.pool.state == "ready" and len(world.serving()) == 1 and world.pool.roster.extra == 0


def test_one_that_dies_meanwhile_needs_no_extra_replacement() -> None:
    world = pool(requests=50)
    begun(world, 50, 10, 10)
    world.step(event.WorkerExited(1, False, "was killed by SIGSEGV", begun=50))
    world.all_up()
    assert len(world.serving()) == 3 and leaving(world) == {} and world.pool.roster.extra == 0


def test_without_a_template_nobody_leaves() -> None:
    world = pool(requests=50)
    world.template_gone(1)
    begun(world, 50, 50, 50)
    assert leaving(world) == {} and len(world.serving()) == 3


@given(st.integers(1, 10**6), st.floats(0, 1))
def test_each_workers_own_limit_is_within_the_jitter(number: int, jitter: float) -> None:
    assert 1 <= Lifetime(100, jitter).factor(number) <= 1 + jitter


def test_neighbours_are_not_due_together() -> None:
    limits = [round(1000 * Lifetime(1000, 0.5).factor(number)) for number in range(1, 9)]
    assert min(abs(one - other) for one in limits for other in limits if one != other) >= 20 and len(set(limits)) == 8
