"""One look at the daemon. Built by the master from handles and scoreboards; names as in ``fcgipm status --json``.

What only the master knows may be None: then a command has looked at the scoreboards alone.

NamedTuples, not dataclasses: importing those would cost the master 1.3 MiB.
"""

from __future__ import annotations

from typing import NamedTuple

from fcgipm.report.events import ALL, Event
from fcgipm.report.latency import Recent, nothing
from fcgipm.scoreboard import SlotReading


class ListenerSnapshot(NamedTuple):
    """One address a pool listens on, normalised: connections that wait there, and how many may; None where the kernel does not tell."""

    address: str
    queue: int | None = None
    queue_max: int | None = None


class WorkersSnapshot(NamedTuple):
    """Workers by what they do. total is the sum of the four states; `peak` the most there were at once, those that leave not counted; `max_reached`
    how often more would have been needed than there may be."""

    idle: int
    busy: int
    starting: int
    stopping: int
    min: int | None
    max: int | None
    peak: int | None = 0
    max_reached: int | None = 0

    @property
    def total(self) -> int:
        """All workers that exist."""
        return self.idle + self.busy + self.starting + self.stopping


class RequestsSnapshot(NamedTuple):
    """`by_class` counts ended requests by the first digit of their status, 1 to 5; `active` are those being served."""

    active: int
    by_class: tuple[int, int, int, int, int]
    failed: int
    aborted: int
    slow: int = 0
    timed_out: int = 0

    @property
    def total(self) -> int:
        """Requests that have ended."""
        return sum(self.by_class)


class MemorySnapshot(NamedTuple):
    """Bytes, None where they may not be read: `pss` counts what n processes share as 1/n, `uss` what is one's own, `rss` everything."""

    pss: int | None
    uss: int | None
    rss: int | None


class RunningSnapshot(NamedTuple):
    """One request that is being served, and for how many seconds."""

    method: str
    uri: str
    seconds: float

    @classmethod
    def of(cls, slot: SlotReading, now: float) -> RunningSnapshot:
        """What a busy slot tells. `now` is monotonic, in seconds."""
        method, _, uri = slot.text.partition(" ")
        return cls(method, uri, max(0.0, now - slot.request_started / 1e9))


class ProcessSnapshot(NamedTuple):
    """One worker. state is ``starting``, ``idle``, ``busy`` or ``stopping``; `uptime` in seconds since it became ready; `stopped`: by a signal
    (SIGSTOP and its like), it does nothing at all until it is continued."""

    pid: int
    generation: int
    state: str
    requests: int
    uptime: float
    kept: int
    rss: int | None = None
    cpu_percent: float | None = None
    running: tuple[RunningSnapshot, ...] = ()
    stopped: bool = False


class ReloadSnapshot(NamedTuple):
    """How a reload ended, at a time in UTC as in RFC 3339; `reason` is None when all went well."""

    at: str
    ok: bool
    reason: str | None


class PoolSnapshot(NamedTuple):
    """One pool. `python` is its interpreter's version, None before a template told it; `template` the pid of the living template, if there is one.

    `rejected` counts connections closed for breaking the protocol, requests of nobody's. `latency` are all ended requests by bucket
    (``report.latency``), `served` the seconds that they took together; `recent` is about the last minute. `memory` is of the workers.
    """

    name: str
    interface: str | None
    python: str | None
    generation: int
    state: str
    reason: str | None
    listen: tuple[ListenerSnapshot, ...]
    workers: WorkersSnapshot
    mode: str
    target: int | None
    scaling_reason: str
    requests: RequestsSnapshot
    exits: dict[str, int] | None
    template: int | None
    processes: tuple[ProcessSnapshot, ...]
    rejected: int = 0
    last_reload: ReloadSnapshot | None = None
    recent: Recent = Recent(0.0, {"p50": None, "p90": None, "p99": None})
    memory: MemorySnapshot = MemorySnapshot(None, None, None)
    template_pss: int | None = None
    draining: bool = False
    latency: tuple[int, ...] = tuple(nothing())
    served: float = 0.0
    counted: bool = True
    """Whether requests are known at all: those of a foreign program are its own affair."""


class HttpSnapshot(NamedTuple):
    """One embedded web server: state is ``running``, ``failed`` (it waits for its next start, `pid` is None; `reason` tells why) or ``stopping``."""

    address: str
    pool: str
    pid: int | None
    state: str
    reason: str | None = None


class StatusServerSnapshot(NamedTuple):
    """The status server, in the same words."""

    address: str
    pid: int | None
    state: str
    reason: str | None = None


class Snapshot(NamedTuple):
    """The daemon. `started_at` in UTC, RFC 3339; `uptime` in seconds."""

    version: str
    state: str
    pid: int
    started_at: str | None
    uptime: float | None
    config: str
    pools: tuple[PoolSnapshot, ...]
    http: tuple[HttpSnapshot, ...] = ()
    events: tuple[Event, ...] = ()
    loop_lag: float = 0.0
    """Seconds from when the master wanted to wake up last to when it did."""
    status_server: StatusServerSnapshot | None = None

    def of(self, pool: object) -> Snapshot:
        """The same of one pool alone; without any when there is none of that name."""
        return self._replace(
            pools=tuple(one for one in self.pools if one.name == pool),
            http=tuple(one for one in self.http if one.pool == pool),
            events=tuple(one for one in self.events if one.pool in (pool, ALL)),
            status_server=None,
        )
