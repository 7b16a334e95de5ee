"""What a pool wants done. The master carries these out in their order; none of them reports back but by a later happening."""

from __future__ import annotations

from typing import NamedTuple


class StartTemplate(NamedTuple):
    """Start the template of a new generation."""

    generation: int


class EndTemplate(NamedTuple):
    """TERM to a template, or KILL if `force`."""

    generation: int
    force: bool


class Fork(NamedTuple):
    """Order these workers, each with the index of its first slot, from the template of `generation`."""

    generation: int
    workers: tuple[tuple[int, int], ...]


class Try(NamedTuple):
    """Tell a worker to begin, but behind closed doors: it gets a handover of its own instead of the pool's."""

    worker: int


class Probe(NamedTuple):
    """Send the worker that is tried the configured request, and report how it went."""

    worker: int


class Order(NamedTuple):
    """Send one word down the worker's channel."""

    worker: int
    word: bytes


class Kill(NamedTuple):
    """TERM to the worker's process group, or KILL if `force`; KILL to whatever was forked as a worker and never greeted."""

    worker: int
    force: bool


class Evict(NamedTuple):
    """KILL to the process group of a worker that should have left, unless it is inside a request."""

    worker: int


class Release(NamedTuple):
    """The worker is no more: add its counters to the ledger, then free its slots; they may be given away by the next Fork."""

    worker: int
    slot: int


class Log(NamedTuple):
    """One line for the log: ``info``, ``warning`` or ``error``; also an event of that kind (``report.events``) unless `kind` is None."""

    level: str
    text: str
    kind: str | None = None


Action = StartTemplate | EndTemplate | Fork | Try | Probe | Order | Kill | Evict | Release | Log
