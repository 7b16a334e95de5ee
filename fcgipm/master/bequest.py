"""What a master leaves to the program that takes its place in the same process: plain data, and the descriptors that it names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fcgipm import __version__
from fcgipm.master.processes import signal_group
from fcgipm.master.runner import PoolRunner
from fcgipm.master.web import HttpProcess
from fcgipm.pool import memoir

if TYPE_CHECKING:
    from fcgipm.master.master import Master

VERSION = 1
"""Of the data: a program that does not know it must not take over."""


class Bequest:
    """`state` is the data, `descriptors` are all that is named in it: they must stay open."""

    def __init__(self, master: Master) -> None:
        self.descriptors: list[int] = []
        self._parkings = list(dict.fromkeys(runner.parking for runner in _heirs_and_ancestors(master)))
        self._accounts = list(dict.fromkeys(runner.account for runner in _heirs_and_ancestors(master)))
        belongings = master.belongings
        path, listening, inode = belongings.control
        self.state: dict[str, Any] = {
            "version": VERSION,
            "program": __version__,
            "settings": master.settings,
            "started": master.started,
            "started_at": master.started_at,
            "lock": {"path": belongings.lock.path, "descriptor": self._keep(belongings.lock.descriptor)},
            "control": {"path": path, "descriptor": self._keep(listening.fileno()), "inode": list(inode)},
            "pid_file": belongings.pid_file,
            "manager": master.manager._asdict(),
            "listeners": [
                {**one.described, "descriptor": self._keep(one.socket.fileno())} for one in belongings.listeners.values()
            ],
            "parkings": [
                {
                    "patience": one.patience,
                    "give": self._keep(one.give.fileno()),
                    "take": self._keep(one.take.fileno()),
                    "parked": [self._keep(number) for number in one.descriptors],
                }
                for one in self._parkings
            ],
            "accounts": [{"counters": account.counters, "gone": account.gone, "draining": account.draining} for account in self._accounts],
            "pools": [self._pool(runner, master) for runner in _heirs_and_ancestors(master)],
            "webs": [self._web(web) for web in master.webs.serving if web.pid is not None],
        }

    def _keep(self, descriptor: int) -> int:
        self.descriptors.append(descriptor)
        return descriptor

    def _pool(self, runner: PoolRunner, master: Master) -> dict[str, Any]:
        return {
            "settings": runner.settings,
            "stop_timeout": runner.pool.settings.stop_timeout,
            "serves": master.fleet.serving.get(runner.name) is runner,
            "capacity": runner.capacity,
            "board": self._keep(runner.board.descriptor),
            "parking": self._parkings.index(runner.parking),
            "account": self._accounts.index(runner.account),
            "access": [self._keep(number) for number in runner.access.descriptors],
            "memoir": memoir.describe(runner.pool),
            "overseer": runner.overseer.describe(),
            "templates": [
                {"generation": one.generation, "pid": one.pid, "channel": self._open(one.channel), "output": self._open(one.output)}
                for one in runner.templates.values()
                if one.channel.fileno() >= 0 and one.generation in _ready(runner)
            ],
            "staying": [{"pid": one.pid, "output": self._open(one.output), "generation": one.generation} for one in runner.staying],
            "workers": [
                {"number": one.number, "channel": self._open(one.channel), "output": self._open(one.output), "stacks": self._open(one.stacks)}
                for one in runner.workers.values()
                if one.number in _lasting(runner)
            ],
        }

    def _open(self, holder: Any) -> int | None:
        """An application may have closed its output, and a process its channel."""
        number = -1 if holder is None else holder.fileno()
        return None if number < 0 else self._keep(number)

    def _web(self, web: HttpProcess) -> dict[str, Any]:
        outputs = [self._keep(number) for number in web.outputs]
        return {**web.described, "address": web.listener.address, "pid": web.pid, "outputs": outputs}


def end_the_unfinished(master: Master) -> None:
    """Whatever is not in a bequest must not outlive its master unknown: what is still starting, and what was on trial."""
    known = _heirs_and_ancestors(master)
    for runner in master.fleet:
        runner.overseer.finish()
        lasting, ready = (_lasting(runner), _ready(runner)) if runner in known else (set(), set())
        for template in runner.templates.values():
            if template.generation not in ready:
                signal_group(template.pid, force=True)
        for worker in runner.workers.values():
            if worker.number not in lasting and worker.pid is not None and not worker.reaped:
                signal_group(worker.pid, force=True)
            elif worker.pid is None:
                worker.kill_unknown()


def _heirs_and_ancestors(master: Master) -> list[PoolRunner]:
    """Those that serve, and those that have served."""
    served = [runner for runner in master.fleet.leaving if runner.has_served]
    return [*served, *master.fleet.serving.values()]


def _lasting(runner: PoolRunner) -> set[int]:
    return {worker.number for worker in runner.pool.workers.values() if memoir.lasting(worker)}


def _ready(runner: PoolRunner) -> set[int]:
    return {generation.number for generation in runner.pool.generations if generation.ready}
