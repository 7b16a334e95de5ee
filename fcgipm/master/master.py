"""The master at work: one queue of happenings, one dispatch, and what concerns the whole daemon: start, signals, stop."""

from __future__ import annotations

import os
import signal
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from fcgipm import __version__
from fcgipm.control.server import ControlServer
from fcgipm.master.actions import carry_out
from fcgipm.master.beat import Sleep
from fcgipm.master.belongings import Belongings
from fcgipm.master.children import ChildExit, describe, reap
from fcgipm.master.commands import Commands, Sessions
from fcgipm.master.farewells import Farewells
from fcgipm.master.fleet import Fleet
from fcgipm.master.happenings import CommandCame, Happening, PoolHappened, QueueGrew, SignalCame, WorkerBusy
from fcgipm.master.log import Log, timestamp
from fcgipm.master.loop import Loop
from fcgipm.master.openings import Openings
from fcgipm.master.reloads import Reloads
from fcgipm.master.reopening import Reopening
from fcgipm.master.runner import PoolRunner
from fcgipm.master.scale import scale_by
from fcgipm.master.service import PoolStatus, Service, status_line
from fcgipm.master.signals import Signals
from fcgipm.master.snapshot import pool_snapshot
from fcgipm.master.succession import Succession
from fcgipm.master.webs import Webs
from fcgipm.pool.bounds import counted
from fcgipm.pool.happenings import Allowed
from fcgipm.pool.sharing import Claim, attainable, granted
from fcgipm.report.events import latest
from fcgipm.report.snapshot import Snapshot
from fcgipm.system import exit_codes
from fcgipm.system.listeners import Listener
from fcgipm.system.notify import Manager


class Master:
    """All pools of one daemon. `settings` is the effective configuration, which a reload changes."""

    def __init__(self, settings: Mapping[str, Any], belongings: Belongings, server: ControlServer, log: Log, manager: Manager) -> None:
        self.settings = settings
        self.belongings = belongings
        self.pid = os.getpid()
        self.log = log
        self._queue: deque[Happening] = deque()
        self.loop = Loop()
        self._signals = Signals()
        self.started = time.monotonic()
        self.started_at = timestamp(time.time())
        self._announced = False
        self._stopping = False
        self._exit_code = 0
        self.loop.watch(self._signals, lambda _events: self._hear_signals())
        self._commands = Commands(self, Sessions(server, self.loop, self._queue.append), log)
        self.fleet = Fleet(self.loop, log, self._queue.append)
        self.reopening = Reopening(log)
        self.reloads = Reloads(self)
        self._succession = Succession(self)
        self.webs = Webs(self.snapshot, self.loop, log)
        self.farewells = Farewells(self.loop, log)
        self._claims: list[Claim] = []
        self.manager = manager
        self._service = Service(manager, log, self.started)

    def begin(self) -> None:
        """Start everything."""
        for pool in self.settings["pools"].values():
            self.fleet.found(pool, self.belongings.of(pool), self.settings["stop_timeout"])
        self.webs.become(self.settings, self.belongings, self.started)
        self._share()
        for runner in self.fleet:
            self.enter(runner)

    def go_on(self) -> None:
        """All is there already, as another program has left it; its code and its configuration are read anew."""
        self._announced = True
        self.log.info(f"fcgipm {__version__}, pid {self.pid}: has taken over")
        self.webs.become(self.settings, self.belongings, time.monotonic())
        self.reloads.ask(None)

    def run(self) -> int:
        """Serve until told to stop; the exit code."""
        self._dispatch()
        while not self._finished:
            self.loop.turn(self._timeout())
            self._dispatch()
        self._close()
        return self._exit_code

    def tell_stopped(self) -> None:
        """Answer those who asked for the stop, when nothing of the daemon is left but its process."""
        self._commands.tell_stopped()

    # What a reload asks.

    def tell_reloading(self, now: float) -> None:
        """One begins, be it right after another: the service manager must hear of it."""
        self._service.reloading(now)

    def enter(self, runner: PoolRunner) -> None:
        """A pool begins."""
        self._step(runner, ())

    def switch(self, settings: Mapping[str, Any], openings: Openings, removed: Iterable[str], now: float) -> None:
        """The candidates serve, other pools end, other addresses are given up, embedded servers follow. Nothing in here can fail."""
        before, self.settings = self.belongings.listeners, settings
        self.belongings.listeners = openings.listeners
        self.belongings.record()
        self.fleet.admit(now)
        kept = set(openings.listeners.values())
        for name in removed:
            self.farewells.dismiss(self.fleet.remove(name), kept, now + settings["stop_timeout"])
        self.farewells.part(self.fleet, kept)
        self.webs.become(settings, self.belongings, now)
        self._let_go(before.values())
        self._claims = []

    def _let_go(self, listeners: Iterable[Listener]) -> None:
        """Close those that nobody has to do with any more."""
        held = {*self.belongings.listeners.values(), *self.farewells.withdrawn, *(one for runner in self.fleet for one in runner.listeners)}
        for listener in listeners:
            if listener not in held:
                listener.unlink()
                listener.close()

    # What commands ask.

    @property
    def state(self) -> str:
        """``starting``, ``running``, ``degraded``, ``reloading`` or ``stopping``."""
        if self._stopping:
            return "stopping"
        if not self._announced:
            return "starting"
        if self.reloads.under_way is not None:
            return "reloading"
        failed = any(web.state == "failed" for web in self.webs)
        degraded = failed or any(runner.pool.state == "degraded" for runner in self.fleet.serving.values())
        return "degraded" if degraded else "running"

    def snapshot(self) -> Snapshot:
        """One look at everything."""
        now = time.monotonic()
        pools = tuple(pool_snapshot(runner, self.fleet, self.reloads, now) for runner in self.fleet.serving.values())
        uptime, file = now - self.started, self.settings["file"]
        http = tuple(web.snapshot() for web in self.webs.serving)
        events = latest([self.reloads.events.kept, *(runner.account.events.kept for runner in self.fleet.serving.values())])
        status = None if self.webs.status is None else self.webs.status.snapshot()
        return Snapshot(__version__, self.state, self.pid, self.started_at, uptime, file, pools, http, events, self.loop.lag, status)

    def reopen_logs(self, told: Callable[[str, bool], None] | None = None) -> None:
        """Open all log files anew; `told` hears how it went, and whether all went well, once no old one is written any more."""
        self.reopening.begin(self.fleet, time.monotonic(), told)

    def stop(self, now: bool) -> None:
        """Stop gracefully, or at once; asking again changes nothing but to make it quicker.

        A pool behind an embedded server serves on until that has finished: its last requests still need new connections.
        """
        clock = time.monotonic()
        first, self._stopping = not self._stopping, True
        if first:
            self.log.info("stopping" + (" at once" if now else ""))
            self.reloads.abandon()
            self._succession.abandon()
            self.farewells.add(self.fleet, clock + self.settings["stop_timeout"])
        if first or now:
            self.webs.stop(clock, now, {listener for runner in self.fleet for listener in runner.listeners})
        if now:
            self.farewells.hurry(self.fleet)
        elif first:  # A turn later, a pool whose back-off ends would have started a template first.
            self.farewells.see_to(clock, *self.webs.needed())

    def stop_progress(self) -> str:
        """What a stop still waits for."""
        webs = [web.listener.address for web in self.webs if not web.finished]
        if webs:
            return f"waiting for the requests of http {', '.join(webs)}"
        waiting = [f"{runner.name}: {len(runner.pool.workers)}" for runner in self.fleet if runner.pool.workers]
        return f"waiting for workers of {', '.join(waiting)}" if waiting else "waiting for templates"

    # The queue.

    def _dispatch(self) -> None:
        """Take out what the turn put in, see to those whose time has come, and tell what has become of it."""
        self._empty_queue()
        now = time.monotonic()
        for runner in self.fleet:
            self._see_to(runner, now)
        for web in self.webs:
            web.see_to(now)
        self._share()
        if self._announced and not self._stopping:
            if self._may_reload:
                self.reloads.see_to(now)
            self._succession.see_to(now, self.reloads.under_way is None and not self.webs.leaving and self.farewells.over)
        self.fleet.relieve()
        self.farewells.see_to(now, *self.webs.needed())
        if not self._announced and not self._stopping:
            self._announce()
        self._empty_queue()  # An action that failed at once, or the end of a start that failed.
        self._commands.tell_reloaded()
        self.reopening.see_to(now)
        if self._stopping:
            self._commands.tell_progress()
        self._service.see_to(self.state, self._status_line, now)
        self.webs.bury()
        for runner in self.fleet.bury():
            self._let_go(runner.listeners)
        self._hand_over()

    @property
    def _may_reload(self) -> bool:
        return self._announced and not self._stopping and not self._succession.rehearsing

    def _hand_over(self) -> None:
        """To the program that has rehearsed; but what was heard already is ours to obey. Signals that come from here on wait for it."""
        while self._succession.rehearsed and not self._stopping:
            self._signals.hold()
            self._hear_signals()
            if not self._queue:
                self._commands.tell_taken_over()
                self._succession.take_over()
            self._signals.release()
            self._empty_queue()

    def _status_line(self) -> str:
        pools = [(name, runner.pool) for name, runner in self.fleet.serving.items()]
        return status_line(PoolStatus(name, pool.state, pool.reason, pool.ready_count, pool.scaling.load.busy) for name, pool in pools)

    def _share(self) -> None:
        """Deal out `max_workers` anew when a pool asks for more or less than before."""
        total = self.settings["max_workers"]
        if total is None or self._stopping:
            return
        now = time.monotonic()
        runners = list(self.fleet.serving.values())
        claims = [runner.pool.claim(now) for runner in runners]
        if claims == self._claims:
            return
        self._claims = claims
        for index, (runner, workers) in enumerate(zip(runners, granted(total, claims), strict=True)):
            allowed, scaling = Allowed(workers, attainable(total, claims, index)), runner.pool.scaling
            if allowed != (scaling.allowance, scaling.attainable):
                self._step(runner, (allowed,))

    def _empty_queue(self) -> None:
        while self._queue:
            happening = self._queue.popleft()
            _DISPATCH[type(happening)](self, happening)

    def _see_to(self, runner: PoolRunner, now: float) -> None:
        if runner.probe is not None:
            runner.probe.see_to(now)
        if runner.due is not None and runner.due <= now:
            self._step(runner, ())
        look = runner.beat.next_look
        if look is not None and look <= now:
            self._look(runner, now)
            runner.set_alarm()
        elif runner.parking.next_look is not None:
            runner.parking.see_to(now)
        runner.overseer.see_to(now)
        runner.staying.see_to(now, not runner.pool.finished)

    def _look(self, runner: PoolRunner, now: float) -> None:
        self._step(runner, (runner.look(now),))

    def _on_pool(self, happening: PoolHappened) -> None:
        self._step(happening.runner, (happening.what,))

    def _on_queue(self, happening: QueueGrew) -> None:
        """Look at once. The alarm is set by the look after this one, lest it go off for every connection of a crowd."""
        now = time.monotonic()
        happening.runner.beat.wake(now)
        self._look(happening.runner, now)

    def _on_busy(self, happening: WorkerBusy) -> None:
        happening.runner.beat.wake(time.monotonic())

    def _on_command(self, happening: CommandCame) -> None:
        self._commands.carry_out(happening.session, happening.request)

    def _on_signal(self, happening: SignalCame) -> None:
        action = _ON_SIGNAL.get(happening.number)
        if action is not None:
            action(self, signal.Signals(happening.number).name)

    def _step(self, runner: PoolRunner, happenings: Iterable[Any]) -> None:
        carry_out(runner, runner.pool.step(happenings, time.monotonic()))
        if runner.beat.sleep is Sleep.ASLEEP:  # Else its next look sees to the alarm.
            runner.set_alarm()

    # Signals.

    def _hear_signals(self) -> None:
        for number in self._signals.collect():
            self._queue.append(SignalCame(number))

    def _on_child(self, _name: str) -> None:
        for child in reap():
            if not self._belongs(child):
                for runner in self.fleet:
                    runner.hear_greetings()
                if not self._belongs(child):
                    self.log.debug(f"process {child.pid}, adopted from below, {describe(child.status)}")

    def _belongs(self, child: ChildExit) -> bool:
        pools = any(runner.child_exited(child) for runner in self.fleet)
        return pools or self.webs.child_exited(child) or self.reloads.child_exited(child) or self._succession.child_exited(child)

    def _on_terminate(self, _name: str) -> None:
        self.stop(now=False)

    def _on_interrupt(self, _name: str) -> None:
        self.stop(now=self._stopping)

    def _on_reopen(self, _name: str) -> None:
        self.reopen_logs()

    def _on_more(self, name: str) -> None:
        scale_by(self.fleet, self.settings["max_workers"], 1, name, self.log)

    def _on_less(self, name: str) -> None:
        scale_by(self.fleet, self.settings["max_workers"], -1, name, self.log)

    def _on_hangup(self, _name: str) -> None:
        if not self._stopping:
            self.reloads.ask(None)

    def _on_upgrade(self, _name: str) -> None:
        if not self._stopping:
            self._succession.ask()

    # Start and end.

    def _announce(self) -> None:
        """Once every pool's start has come to an end: say so, or give up if none can serve."""
        runners = self.fleet.serving.values()
        if not all(runner.pool.settled for runner in runners):
            return
        self._announced = True
        if any(runner.pool.state == "ready" or runner.pool.ready_count for runner in runners):
            pools = ", ".join(f"{runner.name} ({counted(runner.pool.ready_count)})" for runner in runners)
            http = "".join(f", http {web.listener.address}" for web in self.webs.serving)
            self.log.info(f"fcgipm {__version__}, pid {self.pid}: ready to serve: {pools}{http}")
            return
        self.log.error("no pool can serve: giving up")
        self._exit_code = exit_codes.FAILED
        self.stop(now=False)

    @property
    def _served(self) -> bool:
        return all(runner.finished for runner in self.fleet) and self.webs.finished

    @property
    def _finished(self) -> bool:
        return self._stopping and self._served and self.webs.stop_status(time.monotonic())

    def _timeout(self) -> float | None:
        wanted = [*(runner.plan() for runner in self.fleet), *(web.next_wakeup for web in self.webs)]
        wanted += [self.reloads.next_wakeup if self._may_reload else None, self.reopening.next_wakeup, self._succession.next_wakeup, self._service.next_wakeup]
        times = [when for when in wanted if when is not None]
        return max(0.0, min(times) - time.monotonic()) if times else None

    def _close(self) -> None:
        self.webs.close()
        self.fleet.close()
        self.farewells.close()
        self._signals.close()
        self._service.close()
        self.log.info("stopped")


_DISPATCH: dict[type, Callable[[Master, Any], None]] = {
    PoolHappened: Master._on_pool,
    WorkerBusy: Master._on_busy,
    QueueGrew: Master._on_queue,
    SignalCame: Master._on_signal,
    CommandCame: Master._on_command,
}

_ON_SIGNAL: dict[int, Callable[[Master, str], None]] = {
    signal.SIGCHLD: Master._on_child,
    signal.SIGTERM: Master._on_terminate,
    signal.SIGINT: Master._on_interrupt,
    signal.SIGQUIT: Master._on_interrupt,
    signal.SIGUSR1: Master._on_reopen,
    signal.SIGTTIN: Master._on_more,
    signal.SIGTTOU: Master._on_less,
    signal.SIGHUP: Master._on_hangup,
    signal.SIGUSR2: Master._on_upgrade,
}
