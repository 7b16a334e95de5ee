"""fcgipm itself: its own `Pool` decides and its own `Beat` looks, on simulated time. Nothing of either is modelled.

What is imitated is what stands between them and the kernel: the turn of the master's loop (``master/master.py``: `_see_to`, `_on_queue`, `_on_busy`,
`_step`), the queue alarm (``master/alarm.py``; ``master/runner.py``: `set_alarm`, `_alarmed`), and the words that a worker writes to its slot
(``worker/loop.py``: `_answer`). The template is there from the start. A worker's HELLO and READY come together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from math import inf

from fcgipm import orders, scoreboard
from fcgipm.master.beat import Beat, Eyes, Sleep
from fcgipm.pool import actions as do
from fcgipm.pool import happenings as event
from fcgipm.pool.policy import PoolSettings
from fcgipm.pool.pool import Pool
from simulation.site import Idle, Site, Worker


class Breathing(Idle):
    """One pool. `turned` is called when the pool has decided something: who deals out `max_workers` listens there."""

    def __init__(self, site: Site, settings: PoolSettings, turned: Callable[[], None] = lambda: None) -> None:
        self.pool = Pool(settings)
        self.looks = 0
        self._site = site
        self._turned = turned
        self._board = memoryview(bytearray(scoreboard.size(2 * settings.max + 1)))
        self._words = self._board.cast("Q")
        self._beat = Beat(self._board, settings.threads, Eyes(self._serving, lambda _: len(site.queue), lambda: self.pool.may_grow, lambda _: None))
        self._armed = False
        self._heard = False
        """The alarm has gone off, and nobody has looked since."""
        self._due = inf
        """When the master is going to wake up for this pool."""
        self._ordered: dict[int, Worker] = {}
        """The pool's number of a worker → the worker."""
        self._known: dict[int, tuple[int, int]] = {}
        """And back, with the first word of its slot."""

    # What happens around the master.

    def start(self) -> None:
        self._step()
        self._step(event.TemplateReady(1, "3", ()))

    def queued(self) -> None:
        if self._armed:
            self._alarmed()

    def began(self, worker: Worker) -> None:
        _, slot = self._known[worker.number]
        words = self._words
        words[slot + scoreboard.BEGUN] += 1
        words[slot + scoreboard.STATE] = scoreboard.BUSY
        if words[scoreboard.ASLEEP]:
            words[scoreboard.ASLEEP] = 0
            self._beat.wake(self._now)
            self._set_timer()

    def ended(self, worker: Worker) -> None:
        _, slot = self._known[worker.number]
        self._words[slot + scoreboard.STATE] = scoreboard.IDLE

    def accepts(self, worker: Worker) -> None:
        number, _ = self._known[worker.number]
        self._step(event.WorkerHello(number, number), event.WorkerReady(number))

    def left(self, worker: Worker) -> None:
        number, slot = self._known.pop(worker.number)
        del self._ordered[number]
        self._words[slot + scoreboard.STATE] = self._words[slot + scoreboard.BEGUN] = 0
        self._step(event.WorkerExited(number, True, "left"))

    # What the master does.

    def _alarmed(self) -> None:
        """A look at once, before time goes on. The alarm is set again by the timed look after that one."""
        self._armed = False
        if not self._heard:
            self._heard = True
            self._site.clock.after(0.0, self._alarm)

    def _alarm(self) -> None:
        self._beat.wake(self._now)
        self._look()

    def _wake_up(self, due: float) -> None:
        if due != self._due:
            return  # The timer was set to another time since.
        self._due = inf
        woken = self.pool.next_wakeup
        if woken is not None and woken <= self._now:
            self._step()
        if self._beat.next_look is not None and self._beat.next_look <= self._now:
            self._look()
            self._set_alarm()
        self._set_timer()

    def _look(self) -> None:
        self.looks += 1
        self._heard = False
        self._step(self._beat.look(self._now))

    def _set_alarm(self) -> None:
        """Set, it goes off at once for a connection that stands there already."""
        self._armed = self.pool.may_grow and not self._heard
        if self._armed and self._site.queue:
            self._alarmed()

    def _step(self, *happenings: event.Happening) -> None:
        self.told(happenings)
        self._turned()

    def told(self, happenings: Iterable[event.Happening]) -> None:
        """The pool decides, and it is done."""
        for action in self.pool.step(happenings, self._now):
            if isinstance(action, do.Fork):
                self._fork(action)
            elif isinstance(action, do.Order) and action.word != orders.GO:
                self._site.retire(self._ordered[action.worker])
        if self._beat.sleep is Sleep.ASLEEP:  # Else its next look sees to the alarm.
            self._set_alarm()
        self._set_timer()

    def _fork(self, action: do.Fork) -> None:
        born = self._site.fork(len(action.workers), at_once=not self._now)
        for (number, slot), worker in zip(action.workers, born, strict=True):
            self._ordered[number] = worker
            self._known[worker.number] = number, scoreboard.SLOT_WORDS * (slot + 1)

    # Small things.

    @property
    def _now(self) -> float:
        return self._site.clock.now

    def _serving(self) -> Iterable[tuple[int, int]]:
        return [(worker.number, worker.slot) for worker in self.pool.workers.values() if worker.ready]

    def _set_timer(self) -> None:
        due = min((when for when in (self.pool.next_wakeup, self._beat.next_look) if when is not None), default=inf)
        if due != self._due:
            self._due = due
            if due < inf:
                self._site.clock.at(due, self._wake_up, due)
