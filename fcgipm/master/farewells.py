"""Pools that are to end, because the daemon stops or because they were removed; and addresses that are given up."""

from __future__ import annotations

from collections.abc import Iterable, Set

from fcgipm.master.draining import Take, drain
from fcgipm.master.fleet import Fleet
from fcgipm.master.log import Log
from fcgipm.master.loop import Loop
from fcgipm.master.runner import PoolRunner
from fcgipm.pool.happenings import StopNow, StopRequested, Superseded
from fcgipm.system.listeners import Listener


class Farewells:
    """Whoever is needed still, because an embedded server finishes requests that it has begun, is bidden farewell later.

    `withdrawn` are listeners where no worker accepts, and who gets what comes there meanwhile.
    """

    def __init__(self, loop: Loop, log: Log) -> None:
        self._loop = loop
        self._log = log
        self._pools: list[tuple[PoolRunner, float]] = []
        self.withdrawn: dict[Listener, Take] = {}

    @property
    def over(self) -> bool:
        """Whether nobody is left to bid farewell."""
        return not self._pools and not self.withdrawn

    @property
    def addresses(self) -> set[str]:
        """Where somebody is still listening who is to end."""
        pools = {listener.address for runner, _ in self._pools for listener in runner.listeners}
        return pools | {listener.address for listener in self.withdrawn}

    def add(self, runners: Iterable[PoolRunner], deadline: float) -> None:
        """These are to serve what is queued, finish and end; at `deadline` (monotonic) at the latest."""
        self._pools += [(runner, deadline) for runner in runners]

    def dismiss(self, runner: PoolRunner, kept: Set[Listener], deadline: float) -> None:
        """End a removed pool. One whose address another pool has now must not serve what is queued there: it only finishes what it has."""
        gone = [listener for listener in runner.listeners if listener not in kept]
        if len(gone) == len(runner.listeners):
            self.add([runner], deadline)
            return
        for listener in gone:
            self._withdraw(listener, runner.take_in)
        runner.happened(Superseded(0))

    def part(self, fleet: Fleet, kept: Set[Listener]) -> None:
        """Addresses of pools that have others now: what is queued there goes to those who serve."""
        for runner in fleet.leaving:
            heir = fleet.heir(runner)
            for listener in runner.listeners if heir is not None else ():
                if heir is not None and listener not in kept and listener not in self.withdrawn:
                    self._withdraw(listener, heir.take_in)

    def _withdraw(self, listener: Listener, take: Take) -> None:
        """No worker accepts there any more: until it can be closed, `take` gets what comes; but foreign programs serve their queue to its end."""
        if listener.foreign:
            drain(listener, take, self._log)
            return
        self.withdrawn[listener] = take
        self._loop.watch(listener.socket, lambda _events: _accept(listener, take))

    def see_to(self, now: float, pools: set[str], addresses: set[str]) -> None:
        """Go on with all but those `pools` and `addresses`, which are needed."""
        for listener in [listener for listener in self.withdrawn if listener.address not in addresses]:
            self._loop.forget(listener.socket)
            drain(listener, self.withdrawn.pop(listener), self._log)
            listener.close()
        for entry in [entry for entry in self._pools if entry[0].name not in pools]:
            runner, deadline = entry
            runner.shut()
            left = deadline - now
            if left <= 0 or not runner.parking.overfull:
                self._pools.remove(entry)
                runner.happened(StopRequested(max(0.0, left), runner.somebody_waits))

    def hurry(self, runners: Iterable[PoolRunner]) -> None:
        """Wait for nothing any more."""
        for runner, _ in self._pools:
            runner.shut()
        self._pools = []
        for runner in runners:
            runner.happened(StopNow())

    def close(self) -> None:
        """Let go of what is withdrawn and was needed to the end."""
        for listener in self.withdrawn:
            listener.unlink()
            listener.close()


def _accept(listener: Listener, take: Take) -> None:
    try:
        connection, _ = listener.socket.accept()
    except OSError:
        return
    take(connection)
