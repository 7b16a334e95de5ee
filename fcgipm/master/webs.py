"""The embedded web servers of a daemon: those of the configuration in effect, and those that finish what they have begun."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from fcgipm.master.belongings import Belongings
from fcgipm.master.children import ChildExit
from fcgipm.master.log import Log
from fcgipm.master.loop import Loop
from fcgipm.master.web import HttpProcess
from fcgipm.system.listeners import Listener
from fcgipm.system.spawn_web import specification


class Webs:
    """`serving` in the order of `http:`."""

    def __init__(self, loop: Loop, log: Log) -> None:
        self.serving: list[HttpProcess] = []
        self.leaving: list[HttpProcess] = []
        self._loop = loop
        self._log = log

    def __iter__(self) -> Iterator[HttpProcess]:
        return iter([*self.serving, *self.leaving])

    def become(self, settings: Mapping[str, Any], belongings: Belongings, now: float) -> None:
        """Those of an effective configuration. One that is told just the same goes on; another starts before the one leaves whose place it takes."""
        before, self.serving = self.serving, []
        for http in settings["http"]:
            wanted = self._process(http, settings, belongings)
            kept = next((one for one in before if one.same(wanted)), None)
            if kept is not None:
                before.remove(kept)
            self.serving.append(kept or wanted)
            self.serving[-1].see_to(now)
        for one in before:
            one.stop(now, at_once=False)
        self.leaving += before

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
        return {web.pool for web in living}, {address for web in living for address in (web.backend, web.listener.address)}

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
