"""Reopening all log files: the daemon's at once, a pool's access log when its template and workers have put the new file in the old one's place."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from fcgipm import orders
from fcgipm.master.log import Log
from fcgipm.master.processes import TemplateProcess, WorkerProcess
from fcgipm.master.runner import PoolRunner
from fcgipm.system.errors import SystemProblem

PATIENCE = 5.0
"""Seconds that a process may take; one that is stopped, or deep inside a library, would keep an operator for ever."""

Told = Callable[[str, bool], None]


class Reopening:
    """One at a time; who asks while one runs starts a new one and hears of that."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._number = 0
        self._waiting: list[TemplateProcess | WorkerProcess] = []
        self._problems: list[str] = []
        self._told: list[Told] = []
        self._deadline: float | None = None

    @property
    def next_wakeup(self) -> float | None:
        """When those who have not answered are given up."""
        return self._deadline

    def begin(self, runners: Iterable[PoolRunner], now: float, told: Told | None = None) -> None:
        """Open everything anew and send it down."""
        self._number += 1
        self._waiting, self._problems = [], []
        self._told += [told] if told else []
        self._deadline = now + PATIENCE
        self._note(self._log.reopen())
        for runner in runners:
            self._note(runner.overseer.reopen(), runner.name)
            try:
                runner.access.reopen()
            except SystemProblem as refused:
                self._note(str(refused), runner.name)
                continue
            self._send(runner)

    def see_to(self, now: float) -> None:
        """Tell how it went once nobody is waited for any more."""
        if self._deadline is None:
            return
        left = [process for process in self._waiting if process.logs_taken != self._number and process.channel.fileno() >= 0]
        if left and now < self._deadline:
            return
        self._deadline = None
        self._problems += [f"process {process.pid} still writes into the old file" for process in left]
        text = "; ".join(self._problems) or "log files reopened"
        self._log.write("warning" if self._problems else "info", text)
        told, self._told = self._told, []
        for tell in told:
            tell(text, not self._problems)

    def _note(self, problem: str | None, pool: str | None = None) -> None:
        if problem is not None:
            self._log.error(problem, pool)
            self._problems.append(problem)

    def _send(self, runner: PoolRunner) -> None:
        descriptors = runner.access.descriptors
        if not descriptors:
            return
        message = orders.encode(orders.LOGS, self._number)
        processes: list[TemplateProcess | WorkerProcess] = [*runner.templates.values(), *runner.workers.values()]
        for process in processes:
            if process.channel.fileno() >= 0:
                process.channel.send(message, descriptors)
                self._waiting.append(process)
