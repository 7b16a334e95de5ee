"""What can happen to a pool. The master turns words of channels, exits and commands into these; a pool learns of the world in no other way."""

from __future__ import annotations

from typing import NamedTuple

from fcgipm.pool.handover import Look
from fcgipm.pool.policy import Bounds


class TemplateReady(NamedTuple):
    """READY from a template: its Python's version, and the names of threads the import left running."""

    generation: int
    python: str
    threads: tuple[str, ...]


class TemplateFailed(NamedTuple):
    """FAILED from a template, or (`said` is false) its channel ended without a word; its exit follows."""

    generation: int
    said: bool = True


class TemplateGone(NamedTuple):
    """The template was reaped, or could not be started at all. `reason` is one line for people."""

    generation: int
    reason: str


class ForkFailed(NamedTuple):
    """UNFORKED from a template; the workers that did not come are lost. `reason` is the system's word for it."""

    reason: str


class WorkerHello(NamedTuple):
    """HELLO, with the pid the kernel vouches for."""

    worker: int
    pid: int


class WorkerReady(NamedTuple):
    """READY from a worker: it accepts."""

    worker: int


class WorkerRetiring(NamedTuple):
    """It leaves by itself, and why in the words of `exits`: RETIRING, somebody sent it a TERM; EXPIRED, it interrupted a request."""

    worker: int
    why: str = "retire"


class WorkerLost(NamedTuple):
    """The worker's channel ended: before its HELLO that is all we ever learn, later its exit follows."""

    worker: int


class WorkerExited(NamedTuple):
    """The worker was reaped. `clean` is exit status 0; `how` says it for people: ``was killed by SIGSEGV``; `begun` are the requests it had begun."""

    worker: int
    clean: bool
    how: str
    begun: int = 0


class RetireRequested(NamedTuple):
    """Somebody wants this worker replaced."""

    worker: int


class Measured(NamedTuple):
    """What the worker has in memory for itself alone (USS), in bytes."""

    worker: int
    memory: int


class Unyielding(NamedTuple):
    """A request of it did not yield to its time-out: nothing but its end helps."""

    worker: int


class StillBusy(NamedTuple):
    """The worker that was to be evicted is inside a request."""

    worker: int


class Observed(NamedTuple):
    """A look at the slots of the workers that accept, and how many connections wait because none of them is free."""

    look: Look
    waiting: int


class ScaleRequested(NamedTuple):
    """Other bounds from now on."""

    bounds: Bounds


class Allowed(NamedTuple):
    """The pool's share of `max_workers`, and what it would be if the pool asked for more."""

    workers: int
    attainable: int


class Probed(NamedTuple):
    """The probe has come to an end. `fault` says in one line what was wrong; None: nothing."""

    fault: str | None


class Admitted(NamedTuple):
    """The trial is over, and passed by everybody: serve."""


class Superseded(NamedTuple):
    """A successor serves: so many workers are still needed, the others retire. It never rises again."""

    needed: int


class StopRequested(NamedTuple):
    """Serve what is queued, finish, leave: within so many seconds, None: within the configured time. `waiting`: somebody is queued."""

    within: float | None = None
    waiting: bool = False


class StopNow(NamedTuple):
    """Do not wait for anything any more."""


Happening = (
    TemplateReady
    | TemplateFailed
    | TemplateGone
    | ForkFailed
    | WorkerHello
    | WorkerReady
    | WorkerRetiring
    | WorkerLost
    | WorkerExited
    | RetireRequested
    | Measured
    | Unyielding
    | StillBusy
    | Observed
    | ScaleRequested
    | Allowed
    | Probed
    | Admitted
    | Superseded
    | StopRequested
    | StopNow
)
