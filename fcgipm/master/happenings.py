"""What the master's queue holds. Callbacks only put these in; one dispatch takes them out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from fcgipm.pool.happenings import Happening as PoolHappening

if TYPE_CHECKING:
    from fcgipm.control.server import Session
    from fcgipm.master.runner import PoolRunner


class PoolHappened(NamedTuple):
    """Something for a pool to decide about."""

    runner: PoolRunner
    what: PoolHappening


class WorkerBusy(NamedTuple):
    """A worker of the pool went busy while the master slept."""

    runner: PoolRunner


class QueueGrew(NamedTuple):
    """A connection came in and no worker of the pool waited for it."""

    runner: PoolRunner


class SignalCame(NamedTuple):
    """A signal to the master."""

    number: int


class CommandCame(NamedTuple):
    """A request from the control socket."""

    session: Session
    request: dict[str, Any]


Happening = PoolHappened | WorkerBusy | QueueGrew | SignalCame | CommandCame
