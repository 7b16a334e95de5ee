"""A world for one pool: templates and workers that do what a test says, and a check of what must hold after every step."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from fcgipm import orders
from fcgipm.pool import actions as do
from fcgipm.pool import happenings as event
from fcgipm.pool.handover import SlotLook
from fcgipm.pool.policy import PoolSettings
from fcgipm.pool.pool import Pool
from fcgipm.report.events import KINDS


class World:
    """Carries out a pool's actions on imaginary processes. `templates`: generation → alive; `workers`: number → told words."""

    def __init__(self, workers: int = 2, threads: int = 1, stop_timeout: float = 60.0, on_trial: bool = False, **more: Any) -> None:
        settings = {"name": "web", "min": workers, "max": workers, "threads": threads, "stop_timeout": stop_timeout, **more}
        self.pool = Pool(PoolSettings(**settings), on_trial)
        self.now = 1000.0
        self.handles = 0
        self.templates: set[int] = set()
        self.greeted: set[int] = set()
        self.told: dict[int, list[bytes]] = {}
        self.slots: dict[int, int] = {}
        self.killed: dict[int, bool] = {}
        self.evicted: list[int] = []
        self.tried: list[int] = []
        self.probed: list[int] = []
        self.ended: dict[int, bool] = {}
        self.log: list[tuple[str, str]] = []

    def step(self, *happenings: event.Happening) -> list[do.Action]:
        actions = self.pool.step(happenings, self.now)
        for action in actions:
            self._carry_out(action)
        self.check()
        return actions

    def wait(self) -> None:
        """Time passes until the pool wants to be asked again."""
        due = self.pool.next_wakeup
        assert due is not None and due > self.now
        self.now = due
        self.step()

    def _carry_out(self, action: do.Action) -> None:
        if isinstance(action, do.StartTemplate):
            beside = len(self.templates - set(self.ended))
            assert beside <= 1, "a third template beside one that serves and one that is to replace it"
            self.templates.add(action.generation)
            self.ended.pop(action.generation, None)
        elif isinstance(action, do.EndTemplate):
            assert action.generation in self.templates
            self.ended[action.generation] = action.force
        elif isinstance(action, do.Fork):
            self._fork(action)
        elif isinstance(action, do.Order):
            self.told[action.worker].append(action.word)
        elif isinstance(action, do.Try):
            self.tried.append(action.worker)
        elif isinstance(action, do.Probe):
            self.probed.append(action.worker)
        elif isinstance(action, do.Kill):
            self.killed[action.worker] = action.force
        elif isinstance(action, do.Evict):
            self.evicted.append(action.worker)
        elif isinstance(action, do.Release):
            assert self.slots.pop(action.worker) == action.slot
            self.told.pop(action.worker)
        else:
            assert action.kind is None or action.kind in KINDS
            self.log.append((action.level, action.text))

    def _fork(self, action: do.Fork) -> None:
        assert action.generation in self.templates
        for number, slot in action.workers:
            assert slot not in self.slots.values(), "a slot given away twice"
            self.slots[number] = slot
            self.told[number] = []

    def check(self) -> None:
        """What holds at any time."""
        pool = self.pool
        assert set(pool.workers) == set(self.slots)
        self.handles = max(self.handles, pool.roster.handles)
        assert len(pool.workers) <= self.handles or pool.roster.staying <= 1
        assert all(0 <= slot < pool.settings.slots and slot % pool.settings.threads == 0 for slot in self.slots.values())
        assert pool.next_wakeup is None or pool.next_wakeup > self.now, repr(pool)

    # What processes do.

    def hello(self, *numbers: int) -> None:
        self.greeted.update(numbers)
        self.step(*(event.WorkerHello(number, 10000 + number) for number in numbers))

    def ready(self, *numbers: int) -> None:
        self.step(*(event.WorkerReady(number) for number in numbers))

    def exit(self, number: int, clean: bool = False) -> None:
        self.step(event.WorkerExited(number, clean, "was killed by SIGKILL"))

    def template_ready(self, generation: int) -> None:
        self.step(event.TemplateReady(generation, "3.11.7", ()))

    def template_gone(self, generation: int, reason: str = "the template was killed by SIGKILL") -> None:
        self.templates.discard(generation)
        self.step(event.TemplateGone(generation, reason))

    def look(self, busy: int, waiting: int = 0, inside: int = 0) -> list[do.Action]:
        """The first `busy` threads of those that serve are inside a request, and the first has `inside` waiting for CPU."""
        threads = self.pool.settings.threads
        slots = {
            number: tuple(SlotLook(index * threads + thread < busy, 1, 0, 0 if index or thread else inside) for thread in range(threads))
            for index, number in enumerate(self.serving())
        }
        return self.step(event.Observed(slots, waiting))

    def serving(self) -> list[int]:
        """Workers that accept."""
        return [number for number, worker in self.pool.workers.items() if worker.ready]

    def all_up(self) -> list[int]:
        """Everything ordered greets and gets ready."""
        waiting = [number for number, worker in self.pool.workers.items() if worker.stays and not worker.ready]
        self.hello(*waiting)
        self.ready(*waiting)
        return waiting

    def grown(self) -> None:
        """Time passes until everything missing has come."""
        while self.all_up() or self.pool.roster.forkable:
            if self.pool.roster.forkable:
                self.wait()


def running(workers: int = 2, threads: int = 1) -> World:
    """A pool that serves with all its workers."""
    world = World(workers, threads)
    world.step()
    world.template_ready(1)
    world.all_up()
    assert world.pool.state == "ready"
    return world


def words(world: World, numbers: Iterable[int]) -> list[bytes]:
    """The last word each was told."""
    return [world.told[number][-1] for number in numbers]


GO, RETIRE, STOP = orders.GO, orders.RETIRE, orders.STOP
