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
from fcgipm.master.children import ChildExit, describe, reap
from fcgipm.master.commands import Commands, Sessions
from fcgipm.master.happenings import CommandCame, Happening, PoolHappened, QueueGrew, SignalCame, WorkerBusy
from fcgipm.master.log import Log, timestamp
from fcgipm.master.loop import Loop
from fcgipm.master.overseer import StackCollection
from fcgipm.master.runner import PoolRunner
from fcgipm.master.signals import Signals
from fcgipm.master.snapshot import pool_snapshot
from fcgipm.master.web import HttpProcess
from fcgipm.pool.bounds import BoundsRefused, changed, check_total, described, stepped
from fcgipm.pool.happenings import Allowed, ReplaceRequested, ScaleRequested, StopNow, StopRequested
from fcgipm.pool.policy import Bounds
from fcgipm.pool.pool import Pool
from fcgipm.pool.sharing import Claim, attainable, granted
from fcgipm.report.snapshot import Snapshot
from fcgipm.system import exit_codes
from fcgipm.system.listeners import Listener


class Master:
    """All pools of one daemon. `settings` is the effective configuration; `listeners` are the open ones of each pool, `http_listeners` those of `http:`."""

    def __init__(
        self,
        settings: Mapping[str, Any],
        listeners: Mapping[str, list[Listener]],
        server: ControlServer,
        log: Log,
        http_listeners: Iterable[Listener] = (),
    ) -> None:
        self.settings = settings
        self.pid = os.getpid()
        self._log = log
        self._queue: deque[Happening] = deque()
        self._loop = Loop()
        self._signals = Signals()
        self._started = time.monotonic()
        self._started_at = timestamp(time.time())
        self._announced = False
        self._stopping = False
        self._to_stop: list[PoolRunner] = []
        self._exit_code = 0
        self._loop.watch(self._signals, lambda _events: self._hear_signals())
        self._commands = Commands(self, Sessions(server, self._loop, self._queue.append), log)
        self._runners = [
            PoolRunner(pool, listeners[name], settings["stop_timeout"], self._loop, log, self._queue.append)
            for name, pool in settings["pools"].items()
        ]
        self._webs = [
            self._web(http, listener, listeners)
            for http, listener in zip(settings["http"], http_listeners, strict=True)
        ]
        self._stop_deadline = 0.0
        self._claims: list[Claim] = []

    def run(self) -> int:
        """Serve until told to stop; the exit code."""
        for web in self._webs:
            web.see_to(self._started)
        self._share()
        for runner in self._runners:
            self._step(runner, ())
        self._dispatch()
        while not self._finished:
            self._loop.turn(self._timeout())
            self._dispatch()
        self._close()
        return self._exit_code

    def tell_stopped(self) -> None:
        """Answer those who asked for the stop, when nothing of the daemon is left but its process."""
        self._commands.tell_stopped()

    def _web(
        self, http: Mapping[str, Any], listener: Listener, listeners: Mapping[str, list[Listener]]
    ) -> HttpProcess:
        pool = self.settings["pools"][http["pool"]]
        wanted = http["access_log"]
        if wanted is None:
            wanted = self.settings["log"]["file"] == "stderr" and os.isatty(2)
        backend = listeners[http["pool"]][0]
        return HttpProcess(
            http, pool, listener, backend, self.settings["stop_timeout"], wanted, self._loop, self._log
        )

    # What commands ask.

    @property
    def state(self) -> str:
        """``starting``, ``running``, ``degraded`` or ``stopping``."""
        if self._stopping:
            return "stopping"
        if not self._announced:
            return "starting"
        failed = [web for web in self._webs if web.state == "failed"]
        degraded = failed or any(runner.pool.state == "degraded" for runner in self._runners)
        return "degraded" if degraded else "running"

    def snapshot(self) -> Snapshot:
        """One look at everything."""
        now = time.monotonic()
        pools = tuple(pool_snapshot(runner, now) for runner in self._runners)
        uptime, file = now - self._started, self.settings["file"]
        http = tuple(web.snapshot() for web in self._webs)
        return Snapshot(__version__, self.state, self.pid, self._started_at, uptime, file, pools, http)

    def replace(self, name: object) -> Pool | None:
        """Have a pool import its application anew; the pool, None if there is none of that name."""
        runner = self._runner(name)
        if runner is None:
            return None
        self._step(runner, (ReplaceRequested(),))
        return runner.pool

    def scale(self, name: object, request: Mapping[str, Any]) -> str | None:
        """Give a pool other bounds, until `reset` or the next start; what holds now, None if there is no pool of that name.

        Raises BoundsRefused.
        """
        runner = self._runner(name)
        if runner is None:
            return None
        scaling, workers = runner.pool.scaling, runner.settings["workers"]
        file = Bounds(workers["min"], workers["max"])
        bounds = file if request.get("reset") else changed(scaling.bounds, workers["mode"], request.get("min"), request.get("max"))
        check_total(self.settings["max_workers"], [bounds.min, *(r.pool.scaling.bounds.min for r in self._runners if r is not runner)])
        self._step(runner, (ScaleRequested(bounds),))
        return f"{runner.name}: {described(scaling.bounds)} (the configuration says {described(file)})"

    def stacks(self, name: object, deliver: Callable[[list[dict[str, Any]]], None]) -> bool:
        """Hand the stacks of a pool's workers, of one by its pid, or of all (None) to `deliver`, within a second or so; False: there is none such."""
        chosen = [(r, w) for r in self._runners for w in r.overseer.answering() if name is None or name in (r.name, w.pid)]
        if chosen or name is None or self._runner(name):
            StackCollection(chosen, deliver)
            return True
        return False

    def _runner(self, name: object) -> PoolRunner | None:
        return next((runner for runner in self._runners if runner.name == name), None)

    def stop(self, now: bool) -> None:
        """Stop gracefully, or at once; asking again changes nothing but to make it quicker.

        A pool behind an embedded server serves on until that has finished: its last requests still need new connections.
        """
        clock = time.monotonic()
        if not self._stopping:
            self._log.info("stopping" + (" at once" if now else ""))
            self._stop_deadline = clock + self.settings["stop_timeout"]
        first, self._stopping = not self._stopping, True
        if first or now:
            for web in self._webs:
                web.stop(clock, now)
        if first:
            self._to_stop = list(self._runners)
        self._stop_pools(now)

    def _stop_pools(self, now: bool) -> None:
        """Those that no embedded server needs any more, and that have put all their parked connections into the handover; `now`: all."""
        needed = {web.pool for web in self._webs if not web.finished and not now}
        left = self._stop_deadline - time.monotonic()
        for runner in [runner for runner in self._to_stop if runner.name not in needed]:
            runner.shut()
            if now or left <= 0 or not runner.parking.overfull:
                self._to_stop.remove(runner)
                runner.happened(StopRequested(max(0.0, left), runner.somebody_waits))
        if now:
            for runner in self._runners:
                runner.happened(StopNow())

    def stop_progress(self) -> str:
        """What a stop still waits for."""
        webs = [web.listener.address for web in self._webs if not web.finished]
        if webs:
            return f"waiting for the requests of http {', '.join(webs)}"
        waiting = [f"{runner.name}: {len(runner.pool.workers)}" for runner in self._runners if runner.pool.workers]
        return f"waiting for workers of {', '.join(waiting)}" if waiting else "waiting for templates"

    # The queue.

    def _dispatch(self) -> None:
        """Take out what the turn put in, see to those whose time has come, and tell what has become of it."""
        self._empty_queue()
        now = time.monotonic()
        for runner in self._runners:
            self._see_to(runner, now)
        for web in self._webs:
            web.see_to(now)
        self._share()
        if self._stopping:
            self._stop_pools(now=False)
        if not self._announced and not self._stopping:
            self._announce()
        self._empty_queue()  # An action that failed at once, or the end of a start that failed.
        self._commands.tell_replaced()
        if self._stopping:
            self._commands.tell_progress()

    def _share(self) -> None:
        """Deal out `max_workers` anew when a pool asks for more or less than before."""
        total = self.settings["max_workers"]
        if total is None or self._stopping:
            return
        now = time.monotonic()
        claims = [runner.pool.claim(now) for runner in self._runners]
        if claims == self._claims:
            return
        self._claims = claims
        for index, (runner, workers) in enumerate(zip(self._runners, granted(total, claims), strict=True)):
            allowed, scaling = Allowed(workers, attainable(total, claims, index)), runner.pool.scaling
            if allowed != (scaling.allowance, scaling.attainable):
                self._step(runner, (allowed,))

    def _empty_queue(self) -> None:
        while self._queue:
            happening = self._queue.popleft()
            _DISPATCH[type(happening)](self, happening)

    def _see_to(self, runner: PoolRunner, now: float) -> None:
        due = runner.pool.next_wakeup
        if due is not None and due <= now:
            self._step(runner, ())
        look = runner.beat.next_look
        if look is not None and look <= now:
            self._look(runner, now)
            runner.set_alarm()
        elif runner.parking.next_look is not None:
            runner.parking.see_to(now)
        runner.overseer.see_to(now)

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
                for runner in self._runners:
                    runner.hear_greetings()
                if not self._belongs(child):
                    self._log.debug(f"process {child.pid}, adopted from below, {describe(child.status)}")

    def _belongs(self, child: ChildExit) -> bool:
        runners = any(runner.child_exited(child) for runner in self._runners)
        return runners or any(web.child_exited(child) for web in self._webs)

    def _on_terminate(self, _name: str) -> None:
        self.stop(now=False)

    def _on_interrupt(self, _name: str) -> None:
        self.stop(now=self._stopping)

    def _on_reopen(self, _name: str) -> None:
        self._log.reopen()
        for runner in self._runners:
            runner.overseer.reopen()
        self._log.info("log file reopened")

    def _on_more(self, name: str) -> None:
        self._scale_by(1, name)

    def _on_less(self, name: str) -> None:
        self._scale_by(-1, name)

    def _scale_by(self, step: int, name: str) -> None:
        if len(self._runners) > 1:
            self._log.warning(f"{name} ignored: there is more than one pool; use `fcgipm scale POOL`")
            return
        (runner,) = self._runners
        bounds, mode = runner.pool.scaling.bounds, runner.settings["workers"]["mode"]
        try:
            new = stepped(bounds, mode, step)
            self._log.info(f"{name}: {self.scale(runner.name, new._asdict())}")
        except BoundsRefused as refused:
            self._log.warning(f"{name} ignored: {refused}")

    def _on_later(self, name: str) -> None:
        self._log.warning(f"{name} received, ignored: what it is for is not available yet")

    # Start and end.

    def _announce(self) -> None:
        """Once every pool's start has come to an end: say so, or give up if none can serve."""
        if not all(runner.pool.settled for runner in self._runners):
            return
        self._announced = True
        if any(runner.pool.state == "ready" or runner.pool.ready_count for runner in self._runners):
            pools = ", ".join(f"{runner.name} ({runner.pool.ready_count} workers)" for runner in self._runners)
            http = "".join(f", http {web.listener.address}" for web in self._webs)
            self._log.info(f"fcgipm {__version__}, pid {self.pid}: ready to serve: {pools}{http}")
            return
        self._log.error("no pool can serve: giving up")
        self._exit_code = exit_codes.FAILED
        self.stop(now=False)

    @property
    def _finished(self) -> bool:
        pools = all(runner.pool.finished for runner in self._runners)
        return self._stopping and pools and all(web.finished for web in self._webs)

    def _timeout(self) -> float | None:
        wanted = [*(runner.next_wakeup for runner in self._runners), *(web.next_wakeup for web in self._webs)]
        times = [when for when in wanted if when is not None]
        return max(0.0, min(times) - time.monotonic()) if times else None

    def _close(self) -> None:
        for web in self._webs:
            web.close()
        for runner in self._runners:
            runner.close()
        self._signals.close()
        self._log.info("stopped")


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
    signal.SIGHUP: Master._on_later,
    signal.SIGUSR2: Master._on_later,
}
