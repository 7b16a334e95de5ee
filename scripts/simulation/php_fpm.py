"""php-fpm's three process managers, as published.

Sources: php-fpm's own ``sapi/fpm/fpm/fpm_process_ctl.c`` (idle server maintenance, the event of pm=ondemand) and its comments in ``www.conf``; and
PEERS.md, "What php-fpm does", for what was measured.

Simplified: the kernel's wake-ups of the master (see `OnDemand`); a worker that was forked and does not accept yet counts as active, as it does there.
"""

from __future__ import annotations

from math import floor

from simulation.site import Idle, Site
from simulation.ticking import Ticking, oldest

FASTEST_SPAWN_RATE = 32
"""Workers a second at which the doubling ends (``FPM_MAX_SPAWN_RATE``; pm.max_spawn_rate since 8.1)."""


class Static(Idle):
    """pm=static: `count` workers from the start on."""

    def __init__(self, site: Site, count: int) -> None:
        self.site = site
        self.count = count

    def start(self) -> None:
        self.site.fork(self.count, at_once=True)


class Dynamic(Ticking):
    """pm=dynamic: once a second, too many idle workers: the oldest idle one goes; too few: as many as are missing, but no more than the spawn rate.

    The rate begins at 1 and doubles with every second in which workers were forked, up to 32; any other second sets it back to 1 (fpm_process_ctl.c,
    ``fpm_pctl_perform_idle_server_maintenance``). What waits in the queue is not looked at.
    """

    def __init__(self, site: Site, start: int, min_spare: int, max_spare: int, most: int) -> None:
        super().__init__(site, start)
        self.rate = 1
        self._min_spare = min_spare
        self._max_spare = max_spare
        self._most = most

    def tick(self) -> None:
        idle = [worker for worker in self.site.workers.values() if worker.idle]
        first = oldest(idle)
        if len(idle) > self._max_spare and first is not None:
            self.site.retire(first)
            self.rate = 1
            return
        missing = min(self._min_spare - len(idle), self._most - len(self.site.workers))
        if missing <= 0:
            self.rate = 1
            return
        self.site.fork(min(self.rate, missing))
        self.rate = min(2 * self.rate, FASTEST_SPAWN_RATE)


class OnDemand(Ticking):
    """pm=ondemand: none at rest. A connection wakes the master, which forks one worker unless any is idle (fpm_process_ctl.c, ``fpm_pctl_on_socket_accept``;
    PEERS.md: one worker per wake-up, bug 69724). Once a second the oldest idle worker goes if it has been at rest for more than `idle_timeout` whole seconds.

    The listener is watched edge by edge, so connections that come while the master is forking are one wake-up: here that takes `forking` seconds. Of a
    connection that an idle worker takes the master hears too; here it always finds that worker idle still, and does nothing.
    """

    def __init__(self, site: Site, most: int, idle_timeout: float, forking: float) -> None:
        super().__init__(site, 0)
        self._most = most
        self._idle_timeout = idle_timeout
        self._forking = forking
        self._at_work = False
        self._called = False

    def queued(self) -> None:
        self._called = True
        if not self._at_work:
            self._wake()

    def tick(self) -> None:
        first = oldest(worker for worker in self.site.workers.values() if worker.idle)
        if first is not None and floor(first.used) < floor(self.site.clock.now) - self._idle_timeout:
            self.site.retire(first)

    def _wake(self) -> None:
        """Once for all connections since the last time."""
        self._at_work = False
        if not self._called:
            return
        self._called = False
        workers = self.site.workers
        if len(workers) < self._most and not any(worker.idle for worker in workers.values()):
            self.site.fork(1)
            self._at_work = True
            self.site.clock.after(self._forking, self._wake)
