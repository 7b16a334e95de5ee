"""Who is there: the generations, the workers, the slots of the scoreboard. Counting and book-keeping, no decisions."""

from __future__ import annotations

from heapq import heapify, heappop, heappush

from fcgipm.pool.generation import Generation
from fcgipm.pool.policy import PoolSettings
from fcgipm.pool.worker import WorkerHandle


class Roster:
    """`generations` in order of their numbers, `workers` by theirs; numbers of workers are never used again.

    `target` is how many workers there should be, `extra` how many beside them, in whose favour others will leave; `handles` how many there
    may be at once, those that leave included: a replacement may start before its predecessor has left.
    """

    def __init__(self, settings: PoolSettings) -> None:
        self.generations: list[Generation] = []
        self.workers: dict[int, WorkerHandle] = {}
        self.target = settings.min
        self.extra = 0
        self.handles = 2 * settings.max
        self._preload = settings.preload
        self._free_slots = list(range(0, settings.slots, settings.threads))
        """A heap: the lowest are used first, so that few pages of the scoreboard are."""
        self._last_worker = 0
        self._last_proven = settings.generation - 1

    # Generations.

    @property
    def newest(self) -> Generation | None:
        """The generation that gets new workers, also while its template starts or after it died."""
        return self.generations[-1] if self.generations else None

    @property
    def current(self) -> Generation | None:
        """The newest generation whose application could be imported; before there is one, the one that is tried."""
        return next((g for g in reversed(self.generations) if g.python is not None), self.newest)

    @property
    def latest(self) -> Generation | None:
        """The newest generation that has workers which serve or are about to; the newest of all may be trying to start."""
        return next((g for g in reversed(self.generations) if self.staying_in(g)), None)

    @property
    def newest_is_ready(self) -> bool:
        """Whether there is a template to fork from."""
        return self.newest is not None and self.newest.ready

    @property
    def source(self) -> Generation | None:
        """The generation to fork from."""
        return self.newest if self.newest_is_ready else None

    @property
    def needs_template(self) -> bool:
        """Whether a template is to be started."""
        return (self.newest is None or self.newest.gone or self.newest.dismissed) and not self.rests_without_template

    @property
    def rests_without_template(self) -> bool:
        """Whether nothing at all has to be there: no worker is wanted, and a template would have imported nothing."""
        return self.target == 0 and not self._preload

    def generation(self, number: int) -> Generation | None:
        """The generation of that number, if it still counts."""
        return next((g for g in self.generations if g.number == number), None)

    def open_generation(self) -> Generation:
        """The next generation; in the place of the last one if that never got ready."""
        self.generations = [g for g in self.generations if g.number <= self._last_proven]
        self.generations.append(Generation(self.next_number))
        return self.generations[-1]

    @property
    def next_number(self) -> int:
        """Number of the next generation."""
        return self._last_proven + 1

    def prove(self, generation: Generation) -> None:
        """Its application could be imported: its number is taken."""
        self.proved(generation.number)

    def proved(self, number: int) -> None:
        """Numbers up to this one are taken."""
        self._last_proven = number

    def drop_empty_generations(self) -> None:
        """Forget generations whose template and workers are all gone; the newest stays, as what is to be replaced."""
        living = {worker.generation for worker in self.workers.values()}
        self.generations = [g for g in self.generations if not g.gone or g.number in living or g is self.newest]

    # Workers.

    def hire(self, generation: Generation) -> WorkerHandle:
        """A new worker, with slots of its own; only while there are any."""
        self._last_worker += 1
        worker = WorkerHandle(self._last_worker, heappop(self._free_slots), generation.number)
        self.workers[worker.number] = worker
        return worker

    def rehire(self, number: int, slot: int, generation: int) -> WorkerHandle:
        """A worker that was there before us."""
        self._last_worker = max(self._last_worker, number)
        self._free_slots.remove(slot)
        heapify(self._free_slots)
        worker = WorkerHandle(number, slot, generation)
        self.workers[number] = worker
        return worker

    def dismiss(self, worker: WorkerHandle) -> None:
        """It is no more; its slots are free."""
        del self.workers[worker.number]
        heappush(self._free_slots, worker.slot)

    def staying_in(self, generation: Generation) -> int:
        """Workers of a generation that serve or are about to."""
        return len([w for w in self.workers.values() if w.stays and w.generation == generation.number])

    def ready_in(self, generation: Generation) -> int:
        """Workers of a generation that accept connections."""
        return len([w for w in self.workers.values() if w.ready and w.generation == generation.number])

    def missing_in(self, generation: Generation) -> int:
        """Workers that a generation has too few; negative when too many."""
        return self.target + self.extra - self.staying_in(generation)

    @property
    def room(self) -> int:
        """Workers that may be added to those that exist, in whatever state; one at least where nobody serves, however many are on their way out."""
        return max(0, min(len(self._free_slots), max(self.handles - len(self.workers), 1 - self.staying)))

    @property
    def staying(self) -> int:
        """Workers that serve or are about to."""
        return len([w for w in self.workers.values() if w.stays])

    @property
    def empty(self) -> bool:
        """Whether no process is left."""
        return not self.workers and all(generation.gone for generation in self.generations)

    @property
    def forkable(self) -> int:
        """Workers that are missing and could be forked."""
        source = self.source
        return max(0, min(self.missing_in(source), self.room)) if source is not None else 0

    @property
    def complete(self) -> bool:
        """Whether every worker wanted accepts, and the newest generation's template is there to replace them."""
        newest = self.newest
        if self.rests_without_template:
            return newest is None or newest.ready or newest.gone
        return newest is not None and newest.ready and self.ready_in(newest) >= self.target

    @property
    def under_way(self) -> bool:
        """Whether something that was started has not yet come to an end, good or bad."""
        starting = any(not g.ready and not g.gone for g in self.generations)
        return starting or any(w.stays and not w.ready for w in self.workers.values())
