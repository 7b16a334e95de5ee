"""The servers beside the pools: embedded web servers and the status server, those in effect and those that finish what they have begun."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from typing import Any

from fcgipm.master.belongings import Belongings
from fcgipm.master.children import ChildExit
from fcgipm.master.log import Log
from fcgipm.master.loop import Loop
from fcgipm.master.status import StatusProcess
from fcgipm.master.web import HttpProcess, ServerProcess
from fcgipm.report.snapshot import Snapshot
from fcgipm.system.listeners import Listener
from fcgipm.system.spawn_web import specification


class Webs:
    """`serving` in the order of `http:`; `status` is the status server, if there is one."""

    def __init__(self, snapshot: Callable[[], Snapshot], loop: Loop, log: Log) -> None:
        self.serving: list[HttpProcess] = []
        self.status: StatusProcess | None = None
        self.leaving: list[ServerProcess] = []
        self._snapshot = snapshot
        self._loop = loop
        self._log = log

    def __iter__(self) -> Iterator[ServerProcess]:
        return iter([*self.serving, *self.leaving, *([] if self.status is None else [self.status])])

    def become(self, settings: Mapping[str, Any], belongings: Belongings, now: float) -> None:
        """Those of an effective configuration. One that is told just the same goes on; another starts before the one leaves whose place it takes."""
        before, self.serving = list(self.serving), []
        for http in settings["http"]:
            wanted = self._process(http, settings, belongings)
            kept = next((one for one in before if one.same(wanted)), None)
            if kept is not None:
                before.remove(kept)
            self.serving.append(kept or wanted)
            self.serving[-1].see_to(now)
        left: list[ServerProcess] = [*before, *self._change_status(settings["status"], belongings)]
        if self.status is not None:
            self.status.see_to(now)
        for one in left:
            one.stop(now, at_once=False)
        self.leaving += left

    def _change_status(self, settings: Mapping[str, Any] | None, belongings: Belongings) -> list[StatusProcess]:
        """The one that was there, if it is not to go on."""
        before, wanted = self.status, None
        if settings is not None:
            wanted = StatusProcess(settings, belongings.listeners[settings["listen"]["address"]], self._snapshot, self._loop, self._log)
        if before is not None and wanted is not None and before.same(wanted):
            return []
        self.status = wanted
        return [] if before is None else [before]

    def stop(self, now: float, at_once: bool, pools: Set[Listener]) -> None:
        """All embedded servers finish what they do, and take in nothing new. `pools` are listeners of pools: an address may have moved to one."""
        kept = pools if self.status is None else {*pools, self.status.listener}
        for web in [one for one in self if one is not self.status]:
            web.stop(now, at_once)
            if web.listener not in kept:
                web.listener.unlink()
                web.listener.close()

    @property
    def finished(self) -> bool:
        """Whether all embedded servers have ended."""
        return all(web.finished for web in self if web is not self.status)

    def stop_status(self, now: float) -> bool:
        """Nothing is left to tell of; whether the status server has ended too."""
        if self.status is not None:
            self.status.stop(now, at_once=False)
        return self.status is None or self.status.finished

    def inherit(
        self, settings: Mapping[str, Any], told: Mapping[str, Any], listener: Listener, backend: str, pid: int, outputs: Iterable[int]
    ) -> None:
        """One that is running already."""
        web = HttpProcess(settings, told, listener, backend, self._loop, self._log)
        web.inherit(pid, outputs, time.monotonic())
        self.serving.append(web)

    def needed(self) -> tuple[set[str], set[str]]:
        """Names of pools that answer requests of these servers, and the addresses where they are asked."""
        living = [web for web in self if not web.finished]
        pools = {web.pool for web in living if web.pool is not None}
        return pools, {address for web in living for address in (web.backend, web.listener.address) if address is not None}

    def bury(self) -> None:
        """Let go of those that have ended."""
        for web in [web for web in self.leaving if web.finished]:
            self.leaving.remove(web)
            web.close()

    def child_exited(self, child: ChildExit) -> bool:
        """One process was reaped; whether it was one of these."""
        return any(web.child_exited(child) for web in self)

    def close(self) -> None:
        """Let go of all."""
        for web in self:
            web.close()

    def _process(self, http: Mapping[str, Any], settings: Mapping[str, Any], belongings: Belongings) -> HttpProcess:
        pool = settings["pools"][http["pool"]]
        listener, backend = belongings.listeners[http["listen"]["address"]], belongings.of(pool)[0]
        wanted = http["access_log"]
        if wanted is None:
            wanted = settings["log"]["file"] == "stderr" and os.isatty(2)
        told = specification(http, pool, backend, listener, wanted, settings["stop_timeout"])
        return HttpProcess(http, told, listener, backend.address, self._loop, self._log)
