"""The server processes beside the pools: each is started, followed by another when it dies, and stopped when the time has come.

An embedded web server is stopped before the pool behind it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

from fcgipm.master.children import ChildExit, describe, is_clean
from fcgipm.master.log import Log
from fcgipm.master.loop import Loop
from fcgipm.master.output import Outputs
from fcgipm.master.processes import signal_group
from fcgipm.pool.backoff import BackOff
from fcgipm.report.snapshot import HttpSnapshot
from fcgipm.system.errors import SystemProblem
from fcgipm.system.listeners import Listener
from fcgipm.system.spawn import output_pipe
from fcgipm.system.spawn_web import start_web

GRACE = 2.0
"""Seconds that it may take beyond the time for running requests, before it is killed."""


class ServerProcess:
    """One server. `settings` names its user; `told` is its specification. `title` begins its lines in the log, which are of `pool` if there is one.

    The listening socket outlives the process. `backend` is the address of the pool that it asks, if it asks one.
    """

    pool: str | None = None
    backend: str | None = None

    def __init__(
        self, title: str, settings: Mapping[str, Any], told: Mapping[str, Any], listener: Listener, loop: Loop, log: Log
    ) -> None:
        self.settings = settings
        self.listener = listener
        self.pid: int | None = None
        self._title = title
        self._told = told
        self._log = log
        self._outputs = Outputs(loop)
        self._backoff = BackOff()
        self._started = 0.0
        self._fault: str | None = None
        self._stopping = False
        self._deadline: float | None = None

    @property
    def state(self) -> str:
        """``running``, ``failed`` (it waits for its next start) or ``stopping``."""
        if self._stopping:
            return "stopping"
        return "failed" if self.pid is None else "running"

    @property
    def reason(self) -> str | None:
        """Why it is ``failed``."""
        return self._fault if self.state == "failed" else None

    @property
    def finished(self) -> bool:
        """Whether it was told to stop, and has."""
        return self._stopping and self.pid is None

    @property
    def next_wakeup(self) -> float | None:
        """When to call `see_to` although nothing happened."""
        if self._stopping:
            return self._deadline if self.pid is not None else None
        return self._backoff.retry_at if self.pid is None else None

    @property
    def described(self) -> dict[str, Any]:
        """What it takes to know it again."""
        return {"settings": self.settings, "told": self._told, "backend": self.backend}

    @property
    def outputs(self) -> list[int]:
        """Descriptors of its output."""
        return self._outputs.descriptors

    def inherit(self, pid: int, outputs: Iterable[int], now: float) -> None:
        """It is running already."""
        self.pid, self._started = pid, now
        for descriptor in outputs:
            self._outputs.follow(descriptor, partial(self._log_line, pid))

    def same(self, other: ServerProcess) -> bool:
        """Whether the other would be the same process."""
        who = ("uid", "gid", "groups")
        return self._told == other._told and all(self.settings[key] == other.settings[key] for key in who)

    def see_to(self, now: float) -> None:
        """Start it if it is time to, or kill it if it did not stop in time."""
        if self._stopping:
            self._press(now)
        elif self.pid is None and self._backoff.permits(now):
            self._start(now)

    def stop(self, now: float, at_once: bool) -> None:
        """Let it finish what it does, but take in nothing new; `at_once`: end it."""
        if not self._stopping:
            self._stopping = True
            self._deadline = now + float(self._told["stop_timeout"]) + GRACE
            self._signal(force=False)
        if at_once:
            self._deadline = now
            self._press(now)

    def child_exited(self, child: ChildExit) -> bool:
        """One process was reaped; whether it was this."""
        if self.pid is None or child.pid != self.pid:
            return False
        self._outputs.drain()
        self.pid = None
        if not self._stopping:
            self._died(child)
        return True

    def close(self) -> None:
        """Let go of everything."""
        self._outputs.close()

    def _launch(self, output: int) -> int:
        return start_web(self.settings, self._told, output)

    def _start(self, now: float) -> None:
        try:
            read_end, self.pid = self._launched()
        except (SystemProblem, OSError) as problem:
            self._backoff.died(0.0, now)
            self._fault = str(problem)
            self._say("error", f"{problem} (next try in {self._backoff.delay:.1f} s)")
            return
        self._started = now
        self._outputs.follow(read_end, partial(self._log_line, self.pid))
        self._say("info", f"{self._title}: {self.listener.address} starts, process {self.pid}")

    def _launched(self) -> tuple[int, int]:
        """The read end of its output, and its pid. Raises SystemProblem, OSError."""
        read_end, write_end = output_pipe(self.settings["uid"], self.settings["gid"])
        try:
            return read_end, self._launch(write_end)
        except (SystemProblem, OSError):
            os.close(read_end)
            raise
        finally:
            os.close(write_end)

    def _log_line(self, pid: int, line: str) -> None:
        self._log.output(f"{self._title}: {line}", self.pool, pid)

    def _died(self, child: ChildExit) -> None:
        now = time.monotonic()
        self._backoff.died(now - self._started, now)
        wait = max(0.0, self._backoff.retry_at - now)
        self._fault = f"process {child.pid} {describe(child.status)}"
        level = "info" if is_clean(child.status) else "warning"
        self._say(level, f"{self._title}: {self._fault} (started again in {wait:.1f} s)")

    def _press(self, now: float) -> None:
        if self.pid is not None and self._deadline is not None and now >= self._deadline:
            self._deadline = now + GRACE
            self._signal(force=True)

    def _signal(self, force: bool) -> None:
        if self.pid is not None:
            signal_group(self.pid, force)

    def _say(self, level: str, text: str) -> None:
        self._log.write(level, text, self.pool)


class HttpProcess(ServerProcess):
    """One entry of `http:`. `settings` is that part of the effective configuration, `backend` the address where it asks its pool."""

    def __init__(
        self, settings: Mapping[str, Any], told: Mapping[str, Any], listener: Listener, backend: str, loop: Loop, log: Log
    ) -> None:
        super().__init__("http", settings, told, listener, loop, log)
        self.pool: str = settings["pool"]
        self.backend = backend

    def snapshot(self) -> HttpSnapshot:
        """For the status."""
        return HttpSnapshot(self.listener.address, self.pool, self.pid, self.state, self.reason)
