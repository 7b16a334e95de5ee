"""One reload: read the file, try what is new, and only then let it serve. Whatever fails, everything serves on as before.

    READING ─▶ TRYING ─▶ FILLING ─▶ LEAVING ─▶ ENDED
       └─────────┴── a failure: nothing has happened ──▶ ENDED
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from enum import Enum
from typing import TYPE_CHECKING, Any, NamedTuple

from fcgipm.master.children import ChildExit
from fcgipm.master.foreign import fresh
from fcgipm.master.openings import Openings, wanted
from fcgipm.master.reading import ConfigurationRefused, Reading
from fcgipm.pool.bounds import counted
from fcgipm.pool.states import PoolPhase, TrialState
from fcgipm.system.errors import SystemProblem

if TYPE_CHECKING:
    from fcgipm.master.master import Master
    from fcgipm.master.runner import PoolRunner

LEAVE_TIME = 0.5
"""Seconds that relieved workers get before the reload counts as done all the same: idle ones need a millisecond, an open stream for ever."""

AS_BEFORE = "nothing has changed: everything serves on as before"


class Phase(Enum):
    """How far a reload has come."""

    READING = "reading"
    TRYING = "trying"
    FILLING = "filling"
    LEAVING = "leaving"
    ENDED = "ended"


class Outcome(NamedTuple):
    """How it ended. `text` says it to people; it may have several lines."""

    ok: bool
    text: str


class Reload:
    """`pool` is the one to reload, None for all. `outcome` is None until it has ENDED, `names` the pools it is about, as far as they are known."""

    def __init__(self, master: Master, pool: str | None, now: float) -> None:
        self.pool = pool
        self.phase = Phase.READING
        self.outcome: Outcome | None = None
        self.names: list[str] = list(master.fleet.serving) if pool is None else [pool]
        self._master = master
        self._settings: Mapping[str, Any] = {}
        self._openings: Openings | None = None
        self._removed: list[str] = []
        self._leave_by: float | None = None
        self._reading: Reading | None = None
        try:
            self._reading = Reading(master.settings["file"], now)
        except OSError as error:
            self._fail(f"the file cannot be read: {error.strerror}")

    @property
    def next_wakeup(self) -> float | None:
        """When to call `see_to` although nothing happened."""
        if self.phase is Phase.READING and self._reading is not None:
            return self._reading.due
        return self._leave_by if self.phase is Phase.LEAVING else None

    @property
    def progress(self) -> list[str]:
        """What it is about at the moment, a line for each pool."""
        if self.phase is Phase.READING:
            return [f"reading {self._master.settings['file']}"]
        if self.phase is Phase.TRYING:
            return [_trial(runner) for runner in self._master.fleet.candidates]
        serving = [self._master.fleet.serving[name] for name in self.names if name in self._master.fleet.serving]
        if self.phase is Phase.FILLING:
            return [f"{one.name}: {one.pool.ready_count} of {one.pool.roster.target} new workers serve" for one in serving]
        return [f"waiting for {counted(self._left())} of before"]

    def see_to(self, now: float) -> None:
        """Go as far as can be gone now."""
        if self.phase is Phase.READING:
            self._read(now)
        if self.phase is Phase.TRYING:
            self._try(now)
        if self.phase is Phase.FILLING:
            self._fill(now)
        if self.phase is Phase.LEAVING and (not self._left() or self._leave_by is None or now >= self._leave_by):
            self._end()

    def child_exited(self, child: ChildExit) -> bool:
        """One process was reaped; whether it was this reload's."""
        return self._reading is not None and self._reading.child_exited(child)

    def abandon(self, why: str) -> None:
        """It is not to go on. What serves already, serves."""
        if self.phase in (Phase.READING, Phase.TRYING):
            self._fail(why)
        elif self.phase is not Phase.ENDED:
            self._conclude(False, why)

    # The steps.

    def _read(self, now: float) -> None:
        assert self._reading is not None
        if not self._reading.over and now >= self._reading.due:
            self._reading.give_up()
        if not self._reading.over:
            return
        try:
            self._settings = self._scoped(self._reading.result())
            self._prepare()
        except ConfigurationRefused as refused:
            self._fail("\n".join(refused.lines))
        except (SystemProblem, OSError) as problem:
            self._fail(str(problem))
        else:
            self.phase = Phase.TRYING

    def _scoped(self, read: dict[str, Any]) -> Mapping[str, Any]:
        """The configuration to come: that of the file, or that in effect with one pool changed. Raises SystemProblem."""
        before = self._master.settings
        if read["control"] != before["control"]:
            raise SystemProblem("control: cannot be changed by a reload, only by a restart")
        if self.pool is None:
            self.names = list(read["pools"])
            return read
        pools = dict(before["pools"])
        if self.pool in read["pools"]:
            pools[self.pool] = read["pools"][self.pool]
        elif pools.pop(self.pool, None) is None:
            raise SystemProblem(f"there is no pool {self.pool[:80]!r} in {before['file']}")
        merged = {**before, "pools": pools}
        _check_addresses(merged)
        return merged

    def _prepare(self) -> None:
        master, settings, opened = self._master, self._settings, self._master.belongings.listeners
        names = settings["pools"] if self.pool is None else [name for name in (self.pool,) if name in settings["pools"]]
        self._removed = [name for name in master.fleet.serving if name not in settings["pools"]]
        for whose, one in wanted(settings):
            if one["address"] in master.farewells.addresses and one["address"] not in master.belongings.listeners:
                raise SystemProblem(f"{whose}: {one['address']} is still being given up: try again when the requests of before have ended")
        self._openings = Openings(opened, wanted(settings), anew=fresh(settings, names, opened))
        for name in names:
            pool = settings["pools"][name]
            listeners = [self._openings.listeners[one["address"]] for one in pool["listen"]]
            master.enter(master.fleet.nominate(pool, listeners, settings["stop_timeout"]))

    def _try(self, now: float) -> None:
        trials = [(runner.name, runner.pool.trial) for runner in self._master.fleet.candidates]
        failed = [f"{name}: {trial.reason}" for name, trial in trials if trial is not None and trial.state is TrialState.FAILED]
        if failed:
            self._fail("\n".join(failed))
        elif all(trial is not None and trial.state is TrialState.PASSED for _, trial in trials):
            try:
                self._switch(now)
            except SystemProblem as problem:
                self._fail(str(problem))

    def _switch(self, now: float) -> None:
        """All of it or nothing: first what may fail and can be taken back, then what cannot fail. Raises SystemProblem."""
        assert self._openings is not None
        master, belongings, before = self._master, self._master.belongings, self._master.settings
        self._master.log.become(self._settings["log"])
        try:
            belongings.write_pid_file(self._settings["pid_file"])
            self._openings.publish()
        except SystemProblem:  # The first fault is the one to tell.
            with suppress(SystemProblem):
                belongings.write_pid_file(before["pid_file"])
            with suppress(SystemProblem):
                master.log.become(before["log"])
            raise
        self.phase = Phase.FILLING
        master.switch(self._settings, self._openings, self._removed, now)

    def _fill(self, now: float) -> None:
        serving = [runner for runner in (self._master.fleet.serving.get(name) for name in self.names) if runner is not None]
        stuck = [runner for runner in serving if runner.pool.reason is not None and not runner.pool.roster.under_way]
        if stuck:
            reasons = "\n".join(f"{runner.name}: {runner.pool.reason}" for runner in stuck)
            self._conclude(False, f"{reasons}\nnew code serves, but not yet with all workers")
        elif all(runner.pool.complete for runner in serving):
            self.phase = Phase.LEAVING
            self._leave_by = now + LEAVE_TIME

    def _left(self) -> int:
        """Workers of before that still finish something."""
        return sum(len(runner.pool.workers) for runner in self._master.fleet.leaving if runner.pool.phase is PoolPhase.LEAVING)

    # The end.

    def _fail(self, reason: str) -> None:
        if self._openings is not None:
            self._openings.give_up()
        self._master.fleet.dismiss()
        self._conclude(False, f"{reason}\n{AS_BEFORE}")

    def _end(self) -> None:
        left = self._left()
        serving = self._master.fleet.serving
        parts = [f"{name}: generation {_generation(serving[name])} serves" for name in self.names if name in serving]
        parts += [f"{name}: removed" for name in self._removed]
        tail = f"; {counted(left)} of before still finish{'es' if left == 1 else ''}" if left else ""
        self._conclude(True, ", ".join(parts) + tail)

    def _conclude(self, ok: bool, text: str) -> None:
        self.phase = Phase.ENDED
        self.outcome = Outcome(ok, text)
        if self._reading is not None:
            self._reading.close()
            self._reading = None


def _check_addresses(settings: Mapping[str, Any]) -> None:
    """A pool's new addresses may still be those of another, whose new ones are not asked for. Raises SystemProblem."""
    taken: dict[str, str] = {}
    for whose, one in wanted(settings):
        holder = taken.setdefault(one["address"], whose)
        if holder != whose:
            raise SystemProblem(f"{whose}: {holder} listens on {one['address']}: reload all pools")
    missing = [http["pool"] for http in settings["http"] if http["pool"] not in settings["pools"]]
    if missing:
        raise SystemProblem(f"an embedded server asks pool {missing[0]}: reload all pools")


def _generation(runner: PoolRunner) -> int:
    current = runner.pool.roster.current
    return current.number if current is not None else 0


def _trial(runner: PoolRunner) -> str:
    trial = runner.pool.trial
    state = trial.state.value if trial is not None else "passed"
    return f"{runner.name}: generation {_generation(runner)} {state}"
