"""One pool at work: the descriptors and processes that its decisions are about, and the reports that come from them.

What its actions do is in ``master.actions``.
"""

from __future__ import annotations

import os
import select
import socket
import time
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

from fcgipm import orders, scoreboard
from fcgipm.master.access import AccessFile
from fcgipm.master.account import Account, Source
from fcgipm.master.alarm import Alarm
from fcgipm.master.beat import Beat, Eyes
from fcgipm.master.channel import Channel, Word
from fcgipm.master.children import ChildExit
from fcgipm.master.draining import shut
from fcgipm.master.foreign import exits, is_foreign
from fcgipm.master.happenings import Happening, PoolHappened, QueueGrew, WorkerBusy
from fcgipm.master.log import Log
from fcgipm.master.loop import Loop
from fcgipm.master.measuring import Measuring
from fcgipm.master.orphans import end_programs
from fcgipm.master.output import Output, Outputs
from fcgipm.master.overseer import Overseer, open_slow_log
from fcgipm.master.parking import Parking
from fcgipm.master.pool_settings import pool_settings
from fcgipm.master.probe import Probe
from fcgipm.master.processes import TemplateProcess, WorkerProcess
from fcgipm.master.staying import Staying, let_stay
from fcgipm.pool import happenings as event
from fcgipm.pool.pool import Pool
from fcgipm.system.board import Board
from fcgipm.system.errors import SystemProblem
from fcgipm.system.listeners import Listener
from fcgipm.system.queues import Queues
from fcgipm.system.spawn import Means

_BEGUN = scoreboard.COUNTERS.index(scoreboard.BEGUN)

Post = Callable[[Happening], None]


class PoolRunner:
    """A pool with its means: listeners, scoreboard, handover, templates by generation, workers by number.

    `older` is the one in whose place it is to come: they share the handover. `capacity` is None until a successor serves, then the workers that served at
    that time; so many of them are still `needed`. `door` and `probe` are there while a worker is tried.
    """

    def __init__(
        self,
        settings: Mapping[str, Any],
        listeners: list[Listener],
        access: AccessFile,
        stop_timeout: float,
        loop: Loop,
        log: Log,
        post: Post,
        older: PoolRunner | None = None,
        on_trial: bool = False,
        board: Board | None = None,
        parking: Parking | None = None,
    ) -> None:
        self.settings, self.name, self.foreign = settings, str(settings["name"]), is_foreign(settings)
        self.due: float | None = None
        for listener in listeners:
            listener.foreign = self.foreign
        generation = 1 if older is None else older.pool.roster.next_number
        self.pool: Pool = Pool(pool_settings(settings, stop_timeout, generation), on_trial)
        self.listeners = listeners
        self.access = access
        shared: Parking | None = parking if older is None else older.parking
        self.parking: Parking = Parking(0.0, loop) if shared is None else shared
        self.alarm = Alarm([self.parking.take.fileno(), *(listener.socket.fileno() for listener in listeners)])
        self.board = board or Board.create(self.name, self.pool.settings.slots)
        try:
            slow_log = open_slow_log(settings, log)  # The last that may be refused.
        except SystemProblem:
            self.board.close()
            raise
        self.has_served = False
        if not on_trial:
            self._take_charge()
        self.queues = Queues()
        eyes = Eyes(self._serving, self._waiting, lambda: self.pool.may_grow, self._give)
        self.beat = Beat(self.board.memory, self.pool.settings.threads, eyes)
        self.templates: dict[int, TemplateProcess] = {}
        self.staying = Staying(self.name, log)
        self.workers: dict[int, WorkerProcess] = {}
        self.account = Account(self.name, time.monotonic())
        self.account.join(self._source())
        self.door: socket.socket | None = None
        self.probe: Probe | None = None
        self.capacity: int | None = None
        self.needed = 0
        self.outputs = Outputs(loop)
        self.loop, self.log = loop, log
        self.overseer = Overseer(self, settings, log, slow_log)
        self._post = post
        self._told = self._alarm_heard = False
        self._measuring = Measuring()
        loop.watch(self.alarm, lambda _events: self._alarmed())

    def means(self) -> Means:
        """What a template gets."""
        return Means(
            self.board.descriptor,
            self.parking.give.fileno(),
            self.parking.take.fileno(),
            [listener.socket.fileno() for listener in self.listeners],
            self.access.descriptors,
        )

    def happened(self, what: event.Happening) -> None:
        """Put something for the pool to decide about into the queue."""
        self._post(PoolHappened(self, what))

    def plan(self) -> float | None:
        """When this pool wants to be looked at although nothing happens; `due` is when it wants to be stepped. (Both cost 0.2 ms with 200 workers.)"""
        self.due = self.pool.next_wakeup
        probing = self.probe.next_wakeup if self.probe is not None else None
        times = (self.due, self.beat.next_look, self.parking.next_look, self.overseer.next_look, self.staying.next_wakeup, probing)
        return min((when for when in times if when is not None), default=None)

    def owned_slots(self) -> list[int]:
        """Those that belong to a worker."""
        return [slot for worker in self.pool.workers.values() for slot in self.slots(worker.slot)]

    def _source(self) -> Source:
        return Source(self.board.memory, self.owned_slots, self.pids)

    def pids(self) -> list[int]:
        """Of workers, as far as they are known, and templates."""
        workers = [worker.pid for worker in self.pool.workers.values() if worker.pid is not None]
        return workers + [template.pid for template in self.templates.values()]

    # Adding and dropping what the loop watches.

    def add_template(self, generation: int, pid: int, ours: socket.socket, output: int) -> None:
        """A template was started."""
        self.adopt_template(TemplateProcess(generation, pid, Channel(ours), self.outputs.follow_start(output, partial(self._log_line, None, pid))))

    def adopt_template(self, template: TemplateProcess) -> None:
        """Hear it from now on."""
        self.templates[template.generation] = template
        self.loop.watch(template.channel, lambda _events: self._hear_template(template))

    def reopened(self, output: int | None, worker: WorkerProcess | None, pid: int | None) -> Output:
        """Read the output pipe of a worker, or of another process; None: it has been closed."""
        if output is None:
            output, write_end = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
            os.close(write_end)
        return self.outputs.follow(output, partial(self._log_line, worker, pid))

    def add_worker(self, number: int, slot: int, channel: Channel, output: int) -> None:
        """A worker was ordered."""
        worker = WorkerProcess(number, slot, channel)
        worker.output = self.outputs.follow_start(output, partial(self._log_line, worker, None))
        self.adopt_worker(worker)

    def adopt_worker(self, worker: WorkerProcess) -> None:
        """Hear it from now on."""
        self.workers[worker.number] = worker
        self.loop.watch(worker.channel, lambda _events: self._hear_worker(worker))

    def drop_channel(self, channel: Channel) -> None:
        """Watch a channel no more and close it; again is harmless."""
        if channel.fileno() >= 0:
            self.loop.forget(channel)
            channel.close()

    def shut(self) -> None:
        """No client comes any more; those that wait are the workers' to serve. Again is harmless."""
        self.alarm.disarm()
        for listener in self.listeners:
            shut(listener, self.take_in, self.log)
        self.parking.empty(time.monotonic())

    def take_in(self, connection: socket.socket) -> None:
        """A client that no worker accepts: it gets its place in the handover once it has said something."""
        connection.setblocking(False)
        self.parking.admit(connection, time.monotonic())

    @property
    def finished(self) -> bool:
        """Whether nothing of it is left to wait for."""
        return self.pool.finished and not self.staying

    @property
    def somebody_waits(self) -> bool:
        """At a listener or in the handover; as far as the kernel tells."""
        known = (self.queues.depth(listener.socket) for listener in self.listeners)
        return any(depth is None or depth.queued for depth in known) or bool(select.select([self.parking.take], [], [], 0)[0])

    def succeed(self, older: PoolRunner, now: float) -> None:
        """Serve in the place of another from now on."""
        older.capacity = older.needed = older.pool.roster.staying
        older.alarm.disarm()
        self.pool.succeed(older.pool, now)
        self.share(older.account)
        self._take_charge()

    def share(self, account: Account) -> None:
        """Keep the account of those in whose place we come."""
        self.account = account
        account.join(self._source())

    def _take_charge(self) -> None:
        """Connections without a worker are ours to see to."""
        self.has_served = True
        self.parking.patience = self.settings["timeouts"]["keepalive"]
        self.parking.woken = self._alarmed

    def end_trial(self) -> None:
        """The worker that was tried is one like the others, or none. Again is harmless."""
        for ours in (self.probe, self.door):
            if ours is not None:
                ours.close()
        self.probe = self.door = None

    def slots(self, first: int) -> range:
        """The slots of a worker, by its first."""
        return range(first, first + self.pool.settings.threads)

    def close(self, with_parking: bool = True) -> None:
        """Let go of everything but the listeners; what processes wrote at their end is read first."""
        self.end_trial()
        self.outputs.close()
        self.loop.forget(self.alarm)
        self.alarm.close()
        if with_parking:
            self.parking.close()
        self.account.leave(self.board.memory)
        self.queues.close()
        self.access.close()
        self.overseer.close()
        self.beat.close()
        self.board.close()

    # Reports from below.

    def child_exited(self, child: ChildExit) -> bool:
        """One process was reaped; whether it was ours. Whatever it said before it ended comes first."""
        if self.staying.exited(child.pid):
            return True
        for template in list(self.templates.values()):
            if template.pid == child.pid:
                self._template_exited(template, child)
                return True
        for worker in self.workers.values():
            if worker.pid == child.pid and not worker.reaped:
                self._worker_exited(worker, child)
                return True
        return False

    def hear_greetings(self) -> None:
        """Read the channels of workers whose pid is not known yet: one of them may have greeted and ended in the same instant."""
        for worker in self.workers.values():
            if worker.pid is None and worker.channel.fileno() >= 0:
                self._hear_worker(worker)

    def _template_exited(self, template: TemplateProcess, child: ChildExit) -> None:
        for word in template.channel.last_words():
            self._template_said(template, word)
        if self.staying.exited(child.pid):
            return
        self.drop_channel(template.channel)
        template.output.drain()
        del self.templates[template.generation]
        self.happened(event.TemplateGone(template.generation, template.reason(child.status)))

    def _worker_exited(self, worker: WorkerProcess, child: ChildExit) -> None:
        worker.reaped = True
        for word in worker.channel.last_words():
            self._worker_said(worker, word)
        if worker.output is not None:
            worker.output.drain()
        handle = self.pool.workers.get(worker.number)
        how = worker.reason(child.status, handle is None or handle.ready_at is not None)
        end_programs(self.board.memory, self.slots(worker.slot), self.settings["uid"])
        self.access.died(worker.pid, self.board.memory, self.slots(worker.slot), self.overseer.answered(worker))
        begun = sum(scoreboard.read(self.board.memory, slot).counters[_BEGUN] for slot in self.slots(worker.slot))
        for happening in exits(self.foreign, worker.number, handle, child.status, how, begun):
            self.happened(happening)

    def disown(self, worker: WorkerProcess) -> None:
        """Its pid is no child's of ours: another process greeted in its name, and its exit will never be told."""
        worker.reaped = True
        self.happened(event.WorkerExited(worker.number, False, "is no process of this daemon"))

    def _hear_template(self, template: TemplateProcess) -> None:
        if (word := template.channel.receive()) is not None:
            self._template_said(template, word)
        elif template.channel.ended:
            self.drop_channel(template.channel)
            self.happened(event.TemplateFailed(template.generation, said=False))

    def _template_said(self, template: TemplateProcess, word: Word) -> None:
        if word.word == orders.READY:
            python, threads = (*word.arguments, "", "")[:2]
            template.output.settled()
            self.happened(event.TemplateReady(template.generation, python, () if threads in ("", "-") else tuple(threads.split(","))))
        elif word.word == orders.FAILED:
            template.failed = True
            self.happened(event.TemplateFailed(template.generation))
        elif word.word == orders.RETIRING and self.foreign:
            let_stay(self, template, "was told to leave by a signal")
        elif word.word == orders.UNFORKED:
            self.happened(event.ForkFailed(os.strerror(word.number)))
        elif word.word == orders.LOGS_TAKEN:
            template.logs_taken = word.number

    def _hear_worker(self, worker: WorkerProcess) -> None:
        if (word := worker.channel.receive()) is not None:
            self._worker_said(worker, word)
        elif worker.channel.ended:
            if worker.pid is None:  # Its template may have said why, a moment ago.
                for template in list(self.templates.values()):
                    for said in template.channel.last_words():
                        self._template_said(template, said)
            self.drop_channel(worker.channel)
            self.happened(event.WorkerLost(worker.number))

    def _worker_said(self, worker: WorkerProcess, word: Word) -> None:
        if word.word == orders.HELLO:
            self._worker_greeted(worker, word.pid)
        elif word.word == orders.READY:
            worker.settled()
            self.happened(event.WorkerReady(worker.number))
        elif word.word == orders.RETIRING:
            self.happened(event.WorkerRetiring(worker.number))
        elif word.word == orders.BUSY:
            self._post(WorkerBusy(self))
        elif word.word == orders.LOGS_TAKEN:
            worker.logs_taken = word.number
        else:
            self.overseer.hear(worker, word)

    def _worker_greeted(self, worker: WorkerProcess, pid: int) -> None:
        if worker.pid is None and pid > 0:
            worker.pid = pid
            self.happened(event.WorkerHello(worker.number, pid))

    def _log_line(self, worker: WorkerProcess | None, pid: int | None, line: str) -> None:
        self.log.output(line, self.name, worker.pid if worker is not None else pid)

    # What the pool is told of its load.

    def look(self, now: float) -> event.Observed:
        """Look at the workers and, if none is free, at the queues."""
        self._alarm_heard = False
        self.parking.see_to(now)
        measured = self._measuring.measure(self.pool, self.workers) if self.settings["recycle"]["memory"] else None
        if measured is not None:
            self.happened(measured)
        self.overseer.look(now)
        observed = self.beat.look(now)
        self.account.look(now, resting=self.beat.next_look is None)
        return observed

    def set_alarm(self) -> None:
        """Hear of connections that nobody takes, as long as that would mean more workers; what was heard is looked at first."""
        if self.pool.may_grow and not self._alarm_heard:
            self.alarm.arm()
        else:
            self.alarm.disarm()

    def _alarmed(self) -> None:
        self.alarm.disarm()
        if not self._alarm_heard:
            self._alarm_heard = True
            self._post(QueueGrew(self))

    def _serving(self) -> Iterable[tuple[int, int]]:
        return [(worker.number, worker.slot) for worker in self.pool.workers.values() if worker.ready]

    def _waiting(self, now: float) -> int:
        """Connections that wait: at the listeners, and in the handover."""
        return self._queued() + (self.parking.sort(now) if self.pool.may_grow else 0)

    def _queued(self) -> int:
        """As far as the kernel tells; else as many as are busy, so that a pool in need doubles until it is enough."""
        depths = [self.queues.depth(listener.socket) for listener in self.listeners]
        known = [depth.queued for depth in depths if depth is not None]
        if len(known) == len(depths):
            return sum(known)
        if self.queues.refused is not None and not self._told:
            self._told = True
            self.log.warning(f"the kernel does not tell how many wait ({self.queues.refused}): scaling on busy workers", self.name)
        return max(1, self.pool.scaling.load.busy)

    def _give(self, number: int) -> None:
        self.workers[number].channel.send(orders.HANDOVER)
