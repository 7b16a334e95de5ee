"""All pools of a daemon, each with its generations: one that serves, perhaps a candidate on trial, and those that leave."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from fcgipm.master.access import AccessFile
from fcgipm.master.log import Log
from fcgipm.master.loop import Loop
from fcgipm.master.parking import Parking
from fcgipm.master.runner import PoolRunner, Post
from fcgipm.pool.happenings import Admitted, StopNow, Superseded
from fcgipm.pool.states import PoolPhase
from fcgipm.system.board import Board
from fcgipm.system.errors import SystemProblem
from fcgipm.system.listeners import Listener


class Fleet:
    """`serving` by pool name; `candidates` are on trial; `leaving` are those that were superseded, removed, or failed their trial."""

    def __init__(self, loop: Loop, log: Log, post: Post) -> None:
        self.serving: dict[str, PoolRunner] = {}
        self.candidates: list[PoolRunner] = []
        self.leaving: list[PoolRunner] = []
        self._means = (loop, log, post)

    def __iter__(self) -> Iterator[PoolRunner]:
        return iter([*self.serving.values(), *self.candidates, *self.leaving])

    def found(self, settings: Mapping[str, Any], listeners: list[Listener], stop_timeout: float) -> PoolRunner:
        """A pool that serves from the start. Raises OSError, SystemProblem."""
        runner = self._make(settings, listeners, stop_timeout)
        self.serving[runner.name] = runner
        return runner

    def nominate(self, settings: Mapping[str, Any], listeners: list[Listener], stop_timeout: float) -> PoolRunner:
        """A pool on trial, which is to take the place of the one of its name, or to be the first. Raises OSError, SystemProblem: there are no means for it."""
        runner = self._make(settings, listeners, stop_timeout, older=self.serving.get(settings["name"]), on_trial=True)
        self.candidates.append(runner)
        return runner

    def inherit(
        self, settings: Mapping[str, Any], listeners: list[Listener], stop_timeout: float, board: Board, parking: Parking, access: int | None, serves: bool
    ) -> PoolRunner:
        """A pool that was there before this program."""
        runner = self._make(settings, listeners, stop_timeout, access, board=board, parking=parking)
        if serves:
            self.serving[runner.name] = runner
        else:
            self.leaving.append(runner)
        return runner

    def _make(
        self, settings: Mapping[str, Any], listeners: list[Listener], stop_timeout: float, descriptor: int | None = None, **more: Any
    ) -> PoolRunner:
        """With its access log, which `descriptor` is if it is open already."""
        loop, log, post = self._means
        access = AccessFile(settings["access_log"], settings["name"], log, descriptor)
        try:
            return PoolRunner(settings, listeners, access, stop_timeout, loop, log, post, **more)
        except (OSError, SystemProblem):
            access.close()
            raise

    def dismiss(self) -> None:
        """The candidates go, as if they had never been."""
        for runner in self.candidates:
            runner.end_trial()
            runner.happened(StopNow())
        self.leaving += self.candidates
        self.candidates = []

    def admit(self, now: float) -> None:
        """The candidates serve; those in whose places they come leave one by one, as `relieve` sees to."""
        for runner in self.candidates:
            older = self.serving.get(runner.name)
            if older is not None:
                runner.succeed(older, now)
                self.leaving.append(older)
                older.happened(Superseded(older.needed))  # Also when it has no worker: it must start nothing any more.
            self.serving[runner.name] = runner
            runner.end_trial()
            runner.happened(Admitted())
        self.candidates = []

    def remove(self, name: str) -> PoolRunner:
        """That pool is no more; its end is the caller's to order."""
        runner = self.serving.pop(name)
        self.leaving.append(runner)
        return runner

    def heir(self, runner: PoolRunner) -> PoolRunner | None:
        """Who serves in the place of one that leaves; None: nobody does, or it never served."""
        heir = self.serving.get(runner.name)
        return heir if heir is not None and heir is not runner and heir.account is runner.account else None

    def relieve(self) -> None:
        """A worker for a worker: at no time do fewer serve than before."""
        for runner in self.leaving:
            if runner.capacity is None:
                continue
            heir = self.heir(runner)
            complete = heir is None or heir.pool.complete or heir.pool.phase is not PoolPhase.RUNNING
            needed = 0 if complete or heir is None else max(0, runner.capacity - heir.pool.ready_count)
            if needed < runner.needed:
                runner.needed = needed
                runner.happened(Superseded(needed))

    def bury(self) -> list[PoolRunner]:
        """Let go of those that have ended, but for their listeners."""
        ended = [runner for runner in self.leaving if runner.finished]
        for runner in ended:
            self.leaving.remove(runner)
            runner.close(with_parking=all(other.parking is not runner.parking for other in self))
        return ended

    def close(self) -> None:
        """Let go of all."""
        self.leaving += [*self.serving.values(), *self.candidates]
        self.serving, self.candidates = {}, []
        while self.leaving:
            runner = self.leaving.pop()
            runner.close(with_parking=all(other.parking is not runner.parking for other in self))
