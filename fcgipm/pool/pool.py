"""One pool: what happened to it goes in, what is to be done comes out.

``step`` changes the state and returns the actions; it does no I/O and reads no clock. The rules:

- The newest generation whose template is ready gets the workers; a template that dies is followed by a new generation, because the code on disk may have
  changed meanwhile and two versions are never mixed: when all the new workers accept, the old ones retire.
- A worker that says it leaves is replaced at once; one that dies young is replaced after a back-off.
- A pool that is to take the place of another is on trial until it is admitted: it has one worker, which serves nobody. What goes wrong then is its verdict.
- How many workers there should be is `scaling`'s to say, at every look; who is one too many leaves, those idle longest first.
- A pool is degraded, with a reason, from the first such death or failed template until all its workers accept again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from fcgipm import orders
from fcgipm.pool import actions as do
from fcgipm.pool import happenings as event
from fcgipm.pool.backoff import BackOff
from fcgipm.pool.bounds import counted
from fcgipm.pool.decisions import IMPORT_PATIENCE, START_PATIENCE, TEMPLATE_GRACE, Decisions
from fcgipm.pool.generation import Generation
from fcgipm.pool.growth import Growth
from fcgipm.pool.policy import Load, PoolSettings
from fcgipm.pool.recycling import Recycling
from fcgipm.pool.roster import Roster
from fcgipm.pool.scaling import Scaling
from fcgipm.pool.sharing import Claim
from fcgipm.pool.shrinking import Shrinking
from fcgipm.pool.states import EXIT_REASONS, PoolPhase, TemplateEvent, WorkerEvent, WorkerState
from fcgipm.pool.stopping import Stopping
from fcgipm.pool.trial import Trial
from fcgipm.pool.worker import WorkerHandle


class Pool:
    """The state of one pool. `reason` is why it is degraded, or None; `exits` counts the workers that left, by EXIT_REASONS; `trial` is None once admitted."""

    def __init__(self, settings: PoolSettings, on_trial: bool = False) -> None:
        self.settings = settings
        self.roster = Roster(settings)
        self.scaling = Scaling(settings)
        self.reason: str | None = None
        self.was_complete = False
        self.exits = dict.fromkeys(EXIT_REASONS, 0)
        self._template_backoff = BackOff()
        self._worker_backoff = BackOff()
        self._decisions = Decisions(self.roster, START_PATIENCE if settings.preload else IMPORT_PATIENCE)
        self._stopping = Stopping(self.roster, self._decisions)
        self._recycling = Recycling(settings.lifetime, self.roster, self._decisions)
        self._growth = Growth(self.roster, self.scaling, self._decisions)
        self._shrinking = Shrinking(self.roster, self.scaling, self._decisions)
        self.trial = Trial(self.roster, self._decisions, settings.probe) if on_trial else None

    def step(self, happenings: Iterable[event.Happening], now: float) -> list[do.Action]:
        """Take in what happened, in order, and decide. `now` is monotonic, in seconds."""
        self._decisions.begin(now)
        for happening in happenings:
            _RECEIVERS[type(happening)](self, happening)
        self._give_up_overdue()
        if self.phase is not PoolPhase.RUNNING:
            self._stopping.keep()
        elif self.trial is not None:
            self.trial.keep()
        else:
            self.roster.target = self.scaling.target(now)
            self._keep_running()
        self.scaling.peak = max(self.scaling.peak, self.ready_count)
        return self._decisions.actions

    # What others ask.

    @property
    def phase(self) -> PoolPhase:
        """RUNNING, or how far a stop has come."""
        return self._stopping.phase

    @property
    def workers(self) -> dict[int, WorkerHandle]:
        """All that exist, by number."""
        return self.roster.workers

    @property
    def generations(self) -> list[Generation]:
        """Those with a template or workers, oldest first."""
        return self.roster.generations

    @property
    def ready_count(self) -> int:
        """Workers that accept connections."""
        return len([worker for worker in self.workers.values() if worker.ready])

    @property
    def complete(self) -> bool:
        """Whether it serves with all the workers that it should have."""
        return self.trial is None and self.roster.complete

    @property
    def settled(self) -> bool:
        """Whether the start has come to an end, good or bad: it was complete once, or waits for its back-off with nothing under way."""
        return self.was_complete or (self.reason is not None and not self.roster.under_way)

    @property
    def state(self) -> str:
        """``starting``, ``ready``, ``degraded`` or ``stopping``."""
        if self.phase is not PoolPhase.RUNNING:
            return "stopping"
        if self.reason is not None:
            return "degraded"
        return "ready" if self.was_complete else "starting"

    @property
    def finished(self) -> bool:
        """Whether a stopping pool has nothing left to wait for."""
        return self._stopping.finished

    @property
    def may_grow(self) -> bool:
        """Whether more load would mean more workers."""
        return self.phase is PoolPhase.RUNNING and self.trial is None and self.roster.staying < self.scaling.limit

    def claim(self, now: float) -> Claim:
        """What it asks for of `max_workers`. Workers that are not needed may be kept, but none is started: two pools would take them from each other."""
        scaling, staying = self.scaling, self.roster.staying
        held = max(scaling.wanted, min(scaling.held(now), staying))
        return Claim(scaling.bounds.min, scaling.wanted, held, scaling.recently(now), staying, len(self.workers) - staying)

    @property
    def next_wakeup(self) -> float | None:
        """When to call ``step`` although nothing happened; None: not before something does."""
        running = self.phase is PoolPhase.RUNNING
        times = [worker.due for worker in self.workers.values() if worker.due is not None and (running or worker.pid is not None)]
        times += [generation.due for generation in self.generations if generation.due is not None and not generation.gone]
        if not running:
            times += [] if self.finished or self._stopping.deadline is None else [self._stopping.deadline]
            return min(times, default=None)
        if self.trial is not None:
            return min(times + ([] if self.trial.due is None else [self.trial.due]), default=None)
        if self.roster.needs_template:
            times.append(self._template_backoff.retry_at)
        elif self.roster.forkable:
            times.append(max(self._worker_backoff.retry_at, self._growth.due))
        times += [when for when in (self.scaling.next_change, self._recycling.next_age) if when is not None]
        return min(times, default=None)

    def __repr__(self) -> str:
        return f"<{self.settings.name} {self.phase.value} {self.generations} {list(self.workers.values())} reason={self.reason!r}>"

    # What templates say.

    def _template_ready(self, happening: event.TemplateReady) -> None:
        generation = self.roster.generation(happening.generation)
        if generation is None or not generation.take(TemplateEvent.READY):
            return
        generation.python = happening.python
        generation.ready_at = self._decisions.now
        self.roster.prove(generation)
        if happening.threads:
            names = ", ".join(happening.threads)
            self._decisions.log("warning", f"importing the application left threads running, which no worker will have: {names}")

    def _template_failed(self, happening: event.TemplateFailed) -> None:
        generation = self.roster.generation(happening.generation)
        if generation is not None and generation.take(TemplateEvent.FAILED):
            # Having said why, it may hang in threads that its import left running. Without a word, it is about to end in a way worth knowing.
            self._decisions.add(do.EndTemplate(generation.number, force=happening.said))

    def _template_gone(self, happening: event.TemplateGone) -> None:
        generation = self.roster.generation(happening.generation)
        if generation is None or not generation.take(TemplateEvent.GONE) or self.phase is not PoolPhase.RUNNING:
            return
        if self.trial is not None:
            self.trial.fail(happening.reason)
            return
        if generation.dismissed:
            return
        self._template_backoff.died(generation.lived(self._decisions.now), self._decisions.now)
        self.reason = happening.reason
        what = happening.reason if happening.reason.startswith("the template ") else f"template: {happening.reason}"
        kind = "degraded" if generation.ready_at is None else "crash"
        self._decisions.log("error", f"{what} (next try {self._decisions.when(self._template_backoff)})", kind)

    def _fork_failed(self, happening: event.ForkFailed) -> None:
        for worker in self.workers.values():
            if worker.pid is None:
                worker.fault = f"a worker could not be forked: {happening.reason}"

    # What workers say.

    def _worker_hello(self, happening: event.WorkerHello) -> None:
        worker = self.workers.get(happening.worker)
        if worker is None or not worker.take(WorkerEvent.HELLO):
            return
        worker.pid, worker.fault = happening.pid, None
        if worker.stays and self.trial is not None:
            self._decisions.add(do.Try(worker.number))
        else:
            self._decisions.order(worker, orders.GO if worker.stays else orders.STOP)

    def _worker_ready(self, happening: event.WorkerReady) -> None:
        worker = self.workers.get(happening.worker)
        if worker is not None and worker.take(WorkerEvent.READY):
            worker.ready_at = worker.active_at = self._decisions.now

    def _worker_retiring(self, happening: event.WorkerRetiring) -> None:
        worker = self.workers.get(happening.worker)
        if worker is None or worker.pid is None:
            return
        if worker.take(WorkerEvent.LEAVE):
            worker.leaving = happening.why
            self._decisions.expect_end(worker)
        elif worker.state is WorkerState.LOST and worker.leaving is None:  # The end of its channel was heard before.
            worker.leaving = happening.why

    def _worker_lost(self, happening: event.WorkerLost) -> None:
        worker = self.workers.get(happening.worker)
        if worker is None or not worker.take(WorkerEvent.LOST):
            return
        if worker.state is WorkerState.LOST:
            self._decisions.add(do.Kill(worker.number, force=True))
            return
        self._decisions.forget(worker)
        if worker.leaving is None:
            self._blame(worker, worker.fault or "a worker could not be forked, or died at once")

    def _retire_requested(self, happening: event.RetireRequested) -> None:
        if happening.worker in self.workers:
            self.workers[happening.worker].asked = True

    def _measured(self, happening: event.Measured) -> None:
        if happening.worker in self.workers:
            self.workers[happening.worker].memory = happening.memory

    def _unyielding(self, happening: event.Unyielding) -> None:
        worker = self.workers.get(happening.worker)
        if worker is not None:
            worker.killed = True
            self._decisions.add(do.Kill(worker.number, force=True))

    def _still_busy(self, happening: event.StillBusy) -> None:
        worker = self.workers.get(happening.worker)
        if worker is not None:
            self._decisions.expect_end(worker)

    def _worker_exited(self, happening: event.WorkerExited) -> None:
        worker = self.workers.get(happening.worker)
        if worker is None or not worker.take(WorkerEvent.EXITED):
            return
        worker.begun = max(worker.begun, happening.begun)
        self._decisions.forget(worker)
        if worker.killed:
            self._count_exit("timeout")
        elif worker.leaving is not None and (happening.clean or self.phase not in (PoolPhase.RUNNING, PoolPhase.LEAVING)):
            self._count_exit(worker.leaving)
        else:
            self._count_exit("crash")
            self._blame(worker, worker.fault or f"worker {worker.pid} {happening.how}")

    def _count_exit(self, reason: str) -> None:
        if reason in self.exits:
            self.exits[reason] += 1

    def _blame(self, worker: WorkerHandle, what: str) -> None:
        if self.phase is PoolPhase.LEAVING:
            self._decisions.log("warning", what, "crash")
        if self.phase is not PoolPhase.RUNNING:
            return
        if self.trial is not None:
            self.trial.fail(what)
            return
        told = worker.pid is None and not self._worker_backoff.permits(self._decisions.now)
        if not worker.begun:  # Else it died of a request, and its successor may live: back-off is for what dies of being started.
            self._worker_backoff.died(worker.lived(self._decisions.now), self._decisions.now)
        if not self._worker_backoff.permits(self._decisions.now):
            self.reason = what
        if not told:  # Workers of one order that could not be forked have one reason.
            self._decisions.log("warning", f"{what} (replaced {self._decisions.when(self._worker_backoff)})", "crash")

    def _give_up_overdue(self) -> None:
        """What hangs before it accepts would be waited for for ever, and the whole daemon's start with it; so would what does not leave."""
        for worker in list(self.workers.values()):
            if worker.due is None or worker.due > self._decisions.now:
                continue
            if worker.leaving is not None and worker.pid is not None:
                self._decisions.evict(worker)
            elif self.phase is PoolPhase.RUNNING:
                worker.fault = f"a worker did not accept within {self._decisions.start_patience:g} s of its start"
                if worker.pid is None:
                    self._decisions.add(do.Kill(worker.number, force=True))
                self._worker_lost(event.WorkerLost(worker.number))
        for generation in self.generations:
            if generation.due is not None and generation.due <= self._decisions.now and not generation.gone:
                generation.due = self._decisions.now + TEMPLATE_GRACE
                self._decisions.add(do.EndTemplate(generation.number, force=True))

    # Keeping the pool as it should be.

    def _keep_running(self) -> None:
        if self.roster.needs_template and self._template_backoff.permits(self._decisions.now):
            self._decisions.add(do.StartTemplate(self.roster.open_generation().number))
        self._recycling.keep()
        if self.roster.forkable and self._worker_backoff.permits(self._decisions.now):
            self._growth.grow()
        self._shrinking.shrink()
        self.roster.drop_empty_generations()
        if self.roster.complete:
            self.was_complete = True
            self.reason = None

    # Scaling.

    def _observed(self, happening: event.Observed) -> None:
        now, was_over = self._decisions.now, self.scaling.over(self._decisions.now)
        for number, slots in happening.look.items():
            worker = self.workers.get(number)
            if worker is not None:
                worker.seen(any(slot.busy for slot in slots), sum(slot.begun for slot in slots), now)
        all_slots = [slot for slots in happening.look.values() for slot in slots]
        load = Load(sum(slot.busy for slot in all_slots), happening.waiting, sum(slot.inside for slot in all_slots))
        self.scaling.observe(load, now)
        if self.phase is PoolPhase.RUNNING and self.scaling.over(now) and not was_over:
            most = f"{counted(self.scaling.limit)} {'is' if self.scaling.limit == 1 else 'are'} the most there may be"
            self._decisions.log("warning", f"{most}: {load}", "max_reached")

    def _scale_requested(self, happening: event.ScaleRequested) -> None:
        self.scaling.rebound(happening.bounds)
        self.roster.handles = 2 * self.scaling.bounds.max

    def _allowed(self, happening: event.Allowed) -> None:
        self.scaling.allowance, self.scaling.attainable = happening

    # Trial and succession.

    def succeed(self, older: Pool, now: float) -> None:
        """Go on where `older` is, which serves until this pool can: with its counts, and with as many workers, as long as they may be needed."""
        self.exits = older.exits
        self.scaling.succeed(older.scaling, older.roster.staying, now)

    def _probed(self, happening: event.Probed) -> None:
        if self.trial is not None:
            self.trial.probed(happening.fault)

    def _admitted(self, _happening: object) -> None:
        self.trial = None
        for worker in self.workers.values():
            if worker.ready:
                worker.active_at = self._decisions.now
                self._decisions.order(worker, orders.GO)

    def _superseded(self, happening: event.Superseded) -> None:
        self._stopping.step_aside(happening.needed)

    # Stopping.

    def _stop_requested(self, happening: event.StopRequested) -> None:
        self._stopping.begin(self.settings.stop_timeout if happening.within is None else happening.within, happening.waiting)

    def _stop_now(self, _happening: object) -> None:
        self._stopping.hurry(tried=self.trial is not None)


_RECEIVERS: dict[type, Callable[[Pool, Any], None]] = {
    event.TemplateReady: Pool._template_ready,
    event.TemplateFailed: Pool._template_failed,
    event.TemplateGone: Pool._template_gone,
    event.ForkFailed: Pool._fork_failed,
    event.WorkerHello: Pool._worker_hello,
    event.WorkerReady: Pool._worker_ready,
    event.WorkerRetiring: Pool._worker_retiring,
    event.WorkerLost: Pool._worker_lost,
    event.RetireRequested: Pool._retire_requested,
    event.Measured: Pool._measured,
    event.Unyielding: Pool._unyielding,
    event.StillBusy: Pool._still_busy,
    event.WorkerExited: Pool._worker_exited,
    event.Observed: Pool._observed,
    event.ScaleRequested: Pool._scale_requested,
    event.Allowed: Pool._allowed,
    event.Probed: Pool._probed,
    event.Admitted: Pool._admitted,
    event.Superseded: Pool._superseded,
    event.StopRequested: Pool._stop_requested,
    event.StopNow: Pool._stop_now,
}
