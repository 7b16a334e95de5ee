"""The one model of workers that all algorithms share: a first-come-first-served queue, and workers that take from it one request at a time.

What is left out, for all alike: CPUs (a request takes as long beside forty others as alone), kept connections (every request is a connection of its own),
the sizes of queues, time-outs, and the time a worker takes to leave.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from typing import NamedTuple, Protocol

from simulation.clock import Clock
from simulation.record import Record


class Request(NamedTuple):
    """Comes in at `at` and takes a worker `service` seconds. A client that is answered before `again_until` asks the same again at once."""

    at: float
    service: float
    again_until: float = 0.0


class Costs(NamedTuple):
    """Of a fork, in seconds. The first worker of an order accepts `ready` after it was ordered, each further one `each` later: one process forks them all.

    The defaults are what fcgipm takes for a small application: 2 to 10 ms for one, 40 ms for 38 of them.
    """

    ready: float = 0.005
    each: float = 0.001


class Worker:
    """`ready`: accepts, or leaves once it has served; `spent`: seconds in requests that have ended; `used`: when it last began or ended one."""

    __slots__ = ("busy", "forked", "leaving", "number", "ready", "spent", "used")

    def __init__(self, number: int, forked: float) -> None:
        self.number = number
        self.forked = forked
        self.ready = False
        self.busy = False
        self.leaving = False
        self.spent = 0.0
        self.used = forked

    @property
    def idle(self) -> bool:
        """Whether it waits for a connection."""
        return self.ready and not self.busy and not self.leaving


class Manager(Protocol):
    """What decides how many workers there are; it is told all that a real one could notice, and most look at little of it."""

    def start(self) -> None:
        """Time begins: the first workers."""

    def queued(self) -> None:
        """A connection came, and no worker waited for it."""

    def began(self, worker: Worker) -> None:
        """It is inside a request."""

    def ended(self, worker: Worker) -> None:
        """It has served one, and may be about to begin the next."""

    def accepts(self, worker: Worker) -> None:
        """A forked worker is ready; it has not taken anything yet."""

    def left(self, worker: Worker) -> None:
        """It is no more."""


class Site:
    """A pool's workers and its queue. `fair`: of several idle workers the one that has waited longest takes the next connection, as when all sleep in
    accept(2); else the first, as with EPOLLEXCLUSIVE, which asks in the order of registration."""

    def __init__(self, clock: Clock, record: Record, costs: Costs, fair: bool) -> None:
        self.clock = clock
        self.record = record
        self.workers: dict[int, Worker] = {}
        self.queue: deque[Request] = deque()
        self.manager: Manager = Idle()
        self._costs = costs
        self._fair = fair
        self._idle: dict[int, Worker] = {}
        """In the order in which they became idle."""
        self._last = 0
        self._coming: Iterator[Request] = iter(())

    # What comes in.

    def expect(self, requests: Iterable[Request]) -> None:
        """These will come, in the order of their times."""
        self._coming = iter(requests)
        self._await_next()

    @property
    def open(self) -> bool:
        """Whether somebody has not been served yet."""
        return self.record.served < self.record.arrived

    def _await_next(self) -> None:
        request = next(self._coming, None)
        if request is not None:
            self.clock.at(request.at, self._arrive_next, request)

    def _arrive_next(self, request: Request) -> None:
        self.arrive(request)
        self._await_next()

    def arrive(self, request: Request) -> None:
        """A connection: an idle worker takes it, else it waits."""
        self.record.arrived += 1
        if self._idle:
            self._begin(self._idle.pop(self._next_idle()), request)
        else:
            self.queue.append(request)
            self.record.queue.add(1, self.clock.now)
            self.manager.queued()

    def _next_idle(self) -> int:
        return next(iter(self._idle)) if self._fair else min(self._idle)

    # What a manager can do.

    def fork(self, count: int, at_once: bool = False) -> list[Worker]:
        """Order workers. `at_once`: they accept already, as those of the start do when time begins."""
        born = [self._bear() for _ in range(count)]
        for index, worker in enumerate(born):
            self.clock.after(0.0 if at_once else self._costs.ready + index * self._costs.each, self._accept, worker)
        self.record.forks += 0 if at_once else count
        return born

    def retire(self, worker: Worker) -> None:
        """Tell it to leave; it finishes its request first, and one that does not accept yet never will."""
        if worker.leaving:
            return
        worker.leaving = True
        if worker.ready:
            self.record.ready.add(-1, self.clock.now)
        if worker.ready and not worker.busy:
            self._idle.pop(worker.number, None)
            self._leave(worker)

    # What workers do.

    def _bear(self) -> Worker:
        self._last += 1
        worker = self.workers[self._last] = Worker(self._last, self.clock.now)
        self.record.workers.add(1, self.clock.now)
        return worker

    def _accept(self, worker: Worker) -> None:
        if worker.leaving:
            self._leave(worker)
            return
        worker.ready = True
        worker.used = self.clock.now
        self.record.ready.add(1, self.clock.now)
        self.manager.accepts(worker)
        if not worker.leaving:
            self._take(worker)

    def _take(self, worker: Worker) -> None:
        if self.queue:
            self.record.queue.add(-1, self.clock.now)
            self._begin(worker, self.queue.popleft())
        else:
            self._idle[worker.number] = worker

    def _begin(self, worker: Worker, request: Request) -> None:
        record, now = self.record, self.clock.now
        record.waits.append(now - request.at)
        record.began.append(request.at)
        record.busy.add(1, now)
        worker.busy, worker.used = True, now
        self.clock.at(now + request.service, self._end, worker, request)
        self.manager.began(worker)

    def _end(self, worker: Worker, request: Request) -> None:
        now = self.clock.now
        self.record.served += 1
        self.record.busy.add(-1, now)
        worker.busy, worker.used = False, now
        worker.spent += request.service
        self.manager.ended(worker)
        if worker.leaving:
            self._leave(worker)
        else:
            self._take(worker)
        if now < request.again_until:
            self.arrive(request._replace(at=now))

    def _leave(self, worker: Worker) -> None:
        del self.workers[worker.number]
        self.record.workers.add(-1, self.clock.now)
        # Its end is noticed a moment later, not in the middle of whatever told it to leave.
        self.clock.after(0.0, self.manager.left, worker)


class Idle:
    """A manager that does nothing: what the others are built on."""

    def start(self) -> None:
        pass

    def queued(self) -> None:
        pass

    def began(self, worker: Worker) -> None:
        pass

    def ended(self, worker: Worker) -> None:
        pass

    def accepts(self, worker: Worker) -> None:
        pass

    def left(self, worker: Worker) -> None:
        pass
