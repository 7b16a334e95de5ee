"""What the service manager is told: state, a line of status, and that the master's loop still turns. Only changes are sent."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import NamedTuple

from fcgipm.master.log import Log
from fcgipm.system.notify import Manager, Notifier

STATUS_PAUSE = 1.0
"""Seconds between two lines of status at least, when nothing but numbers has changed."""
RETRY = 0.1
"""Seconds until what the manager did not take is sent again."""
STATUS_LIMIT, REASON_LIMIT = 1000, 200
"""Characters."""


class PoolStatus(NamedTuple):
    """What the line of status tells of a pool."""

    name: str
    state: str
    reason: str | None
    workers: int
    busy: int


def status_line(pools: Iterable[PoolStatus]) -> str:
    """``2 pools: web 8 workers (3 busy), blog degraded: reason``."""
    parts = [_part(pool) for pool in pools]
    line = f"{len(parts)} pool{'' if len(parts) == 1 else 's'}: {', '.join(parts)}"
    return line if len(line) <= STATUS_LIMIT else f"{line[: STATUS_LIMIT - 1]}…"


def _part(pool: PoolStatus) -> str:
    if pool.state == "degraded":
        return f"{pool.name} degraded: {(pool.reason or '')[:REASON_LIMIT]}"
    if pool.state != "ready":
        return f"{pool.name} {pool.state}"
    return f"{pool.name} {pool.workers} worker{'' if pool.workers == 1 else 's'} ({pool.busy} busy)"


class Service:
    """The daemon as a unit of its service manager; without one, every call costs a comparison and does nothing."""

    def __init__(self, manager: Manager, log: Log, now: float) -> None:
        self._log = log
        self._notifier = self._open(manager)
        self._pause = manager.watchdog / 2 if manager.watchdog is not None and self._notifier is not None else None
        self._ping_at = now
        self._unsent = ""
        self._retry_at = 0.0
        self._state = "starting"
        self._status = ""
        self._status_at: float | None = None
        """When the line of status may change again; None: now."""
        self._stale = False

    def _open(self, manager: Manager) -> Notifier | None:
        try:
            return None if manager.address is None else Notifier(manager.address)
        except OSError as error:
            self._log.warning(f"the service manager cannot be told anything: {error.strerror or error}")
            return None

    @property
    def next_wakeup(self) -> float | None:
        """When it wants `see_to` although nothing happens (monotonic)."""
        if self._notifier is None:
            return None
        times = [self._ping_at] if self._pause is not None else []
        if self._unsent:
            times.append(self._retry_at)
        elif self._stale and self._status_at is not None:
            times.append(self._status_at)
        return min(times, default=None)

    def see_to(self, state: str, status: Callable[[], str], now: float) -> None:
        """Tell what has changed. `state` is the daemon's, as in its status; `status` makes the line and is called when there may be a new one."""
        if self._notifier is None:
            return
        if self._unsent and now >= self._retry_at:
            self._send("", now)
        if self._pause is not None and now >= self._ping_at:
            self._ping_at = now + self._pause
            self._send("WATCHDOG=1\n", now)
        text = self._changed_state(state, now)
        text += self._changed_status(status, now, at_once=bool(text))
        if text:
            self._send(text, now)

    def reloading(self, now: float) -> None:
        """A reload begins, be it in the middle of another: the manager waits for a word that is younger than its request."""
        if self._notifier is not None:
            self._state = "reloading"
            self._send(_reloading(now), now)

    def close(self) -> None:
        """Let go of the socket."""
        if self._notifier is not None:
            self._notifier.close()
            self._notifier = None

    def _changed_state(self, state: str, now: float) -> str:
        told = "running" if state == "degraded" else state
        if told == self._state:
            return ""
        self._state = told
        if told == "running":
            return f"READY=1\nMAINPID={os.getpid()}\n"
        if told == "reloading":
            return _reloading(now)
        return "STOPPING=1\n" if told == "stopping" else ""

    def _changed_status(self, status: Callable[[], str], now: float, at_once: bool) -> str:
        if self._unsent or (self._status_at is not None and now < self._status_at and not at_once):
            self._stale = True
            return ""
        self._stale = False
        line = status()
        if line == self._status:
            return ""
        self._status, self._status_at = line, now + STATUS_PAUSE
        return f"STATUS={line}\n"

    def _send(self, text: str, now: float) -> None:
        """In order, behind what could not be sent before. After an error nobody is told anything any more."""
        if self._notifier is None:
            return
        try:
            sent = self._notifier.send(self._unsent + text)
        except OSError as error:
            self._log.warning(f"the service manager cannot be told anything: {error.strerror or error}")
            self.close()
            return
        if sent:
            self._unsent = ""
        elif "WATCHDOG=" not in text:
            self._unsent += text
        self._retry_at = now + RETRY


def _reloading(now: float) -> str:
    return f"RELOADING=1\nMONOTONIC_USEC={round(now * 1e6)}\n"
