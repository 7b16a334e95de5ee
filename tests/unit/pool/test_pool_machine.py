"""A pool in a world where anything may happen at any time: its invariants hold, and left in peace it comes to rest with all its workers."""

from __future__ import annotations

from typing import Any

from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from fcgipm.pool import happenings as event
from fcgipm.pool.lifetime import Lifetime
from fcgipm.pool.policy import Bounds
from fcgipm.pool.states import WorkerState
from tests.unit.pool.world import World

PICK = st.integers(0, 1000)


class PoolMachine(RuleBasedStateMachine):
    """Random deaths, late reports, waiting, and then peace."""

    world: World

    @initialize(least=st.integers(0, 4), more=st.integers(0, 4), threads=st.integers(1, 3), spare=st.integers(0, 2), preload=st.booleans())
    def begin(self, least: int, more: int, threads: int, spare: int, preload: bool) -> None:
        most = max(least + more, 1)
        self.world = World(threads=threads, min=least, max=most, spare=spare if least < most else 0, preload=preload, lifetime=Lifetime(memory=100 << 20))
        self.most = most
        self.world.step()

    @rule(busy=st.integers(0, 12), waiting=st.integers(0, 12))
    def load_is_seen(self, busy: int, waiting: int) -> None:
        self.world.look(busy, waiting)
        scaling = self.world.pool.scaling
        assert min(scaling.bounds.min, scaling.most) <= scaling.target(self.world.now) <= scaling.most <= scaling.bounds.max and scaling.reason

    @rule(seconds=st.sampled_from([0.01, 1.0, 9.9, 10.1]))
    def a_moment_passes(self, seconds: float) -> None:
        self.time_passes(seconds)

    def _pick(self, number: int) -> int | None:
        workers = list(self.world.pool.workers)
        return workers[number % len(workers)] if workers else None

    @rule()
    def template_gets_ready(self) -> None:
        for generation in list(self.world.templates - set(self.world.ended)):
            self.world.template_ready(generation)

    @rule(words=st.booleans())
    def template_fails(self, words: bool) -> None:
        for generation in list(self.world.templates):
            if words:
                self.world.step(event.TemplateFailed(generation))
            self.world.template_gone(generation)

    @rule(number=PICK)
    def worker_greets(self, number: int) -> None:
        picked = self._pick(number)
        if picked is not None:
            self.world.hello(picked)

    @rule()
    def all_up(self) -> None:
        self.world.all_up()

    @rule(number=PICK, kind=st.sampled_from(["ready", "retiring", "lost", "exited", "clean"]))
    def worker_does(self, number: int, kind: str) -> None:
        picked = self._pick(number)
        if picked is None:
            return
        happenings: dict[str, Any] = {
            "ready": event.WorkerReady(picked),
            "retiring": event.WorkerRetiring(picked),
            "lost": event.WorkerLost(picked),
            "exited": event.WorkerExited(picked, False, "died"),
            "clean": event.WorkerExited(picked, True, "exited with status 0"),
        }
        exits_unseen = kind in ("exited", "clean") and self.world.pool.workers[picked].pid is None
        if not exits_unseen:  # The master cannot know whose exit it was before the HELLO.
            self.world.step(happenings[kind])

    @rule(number=PICK, kind=st.sampled_from([event.WorkerReady, event.WorkerRetiring, event.WorkerLost]))
    def late_report(self, number: int, kind: Any) -> None:
        if number not in self.world.pool.workers:
            before = repr(self.world.pool)
            backing_off = self.world.pool.next_wakeup
            self.world.step(kind(number))
            assert repr(self.world.pool) == before and self.world.pool.next_wakeup == backing_off

    @rule(seconds=st.floats(0.01, 40.0))
    def time_passes(self, seconds: float) -> None:
        self.world.now += seconds
        self.world.step()

    @rule(number=PICK, memory=st.sampled_from([0, 1, 250 << 20]))
    def worker_is_to_be_replaced(self, number: int, memory: int) -> None:
        picked = self._pick(number)
        if picked is not None:
            self.world.step(event.Measured(picked, memory) if memory else event.RetireRequested(picked))

    @rule(least=st.integers(0, 6), more=st.integers(0, 6))
    def bounds_change(self, least: int, more: int) -> None:
        self.most = max(self.most, least + more, 1)
        self.world.step(event.ScaleRequested(Bounds(least, max(1, least + more))))

    @rule(workers=st.integers(1, 8), more=st.integers(0, 8))
    def share_changes(self, workers: int, more: int) -> None:
        self.world.step(event.Allowed(workers, workers + more))

    @rule()
    def forks_fail(self) -> None:
        unborn = [number for number, worker in self.world.pool.workers.items() if worker.pid is None]
        self.world.step(event.ForkFailed("no room"), *map(event.WorkerLost, unborn))

    @precondition(lambda self: len(self.world.pool.workers) > 0)
    @rule()
    def workers_outnumber_nothing(self) -> None:
        staying = [worker for worker in self.world.pool.workers.values() if worker.stays]
        newest = self.world.pool.roster.newest
        of_newest = [worker for worker in staying if newest is not None and worker.generation == newest.number]
        assert len(of_newest) <= self.most + self.world.pool.roster.extra

    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return
        rest(self.world)
        stop(self.world)


def rest(world: World) -> None:
    """Everything works from now on, and nobody asks for anything: the pool comes to rest with exactly its workers, all of one generation."""
    settings = world.pool.settings
    world.step(event.ScaleRequested(Bounds(settings.min, settings.max)), event.Allowed(settings.max, settings.max))
    for _ in range(40):
        world.look(0, 0)
        for generation in list(world.templates & set(world.ended)):
            world.ended.pop(generation)
            world.template_gone(generation)
        for generation in list(world.templates):
            world.template_ready(generation)
        world.all_up()
        for number, worker in list(world.pool.workers.items()):
            if worker.state in (WorkerState.LEAVING, WorkerState.LOST):
                world.exit(number, clean=True)
            elif worker.state is WorkerState.UNWANTED:  # Ordered from a template that has ended meanwhile.
                world.step(event.WorkerLost(number))
        if world.pool.next_wakeup is not None:
            world.wait()
    pool = world.pool
    assert pool.state == "ready" and pool.next_wakeup is None, repr(pool)
    at_rest = min(max(settings.min, settings.spare), settings.max)
    assert len(world.serving()) == len(pool.workers) == at_rest, repr(pool)
    assert {worker.generation for worker in pool.workers.values()} <= {g.number for g in pool.generations}
    assert len(pool.generations) <= 1


def stop(world: World) -> None:
    """Told to stop, it ends, however slow everybody is."""
    world.step(event.StopRequested())
    for generation in list(world.templates):
        world.template_gone(generation)
    while world.pool.workers:
        world.wait()
        for number in [number for number, force in world.killed.items() if force and number in world.pool.workers]:
            world.exit(number)
    assert world.pool.finished


TestPoolMachine = PoolMachine.TestCase
# Without the phase that explains a failure: it traces every line, and so lasted longer than a test may when there was one.
PHASES = (Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink)
TestPoolMachine.settings = settings(max_examples=150, stateful_step_count=40, deadline=None, phases=PHASES)
