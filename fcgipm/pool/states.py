"""The states of templates and workers as the master knows them, each named for what it waits for, and every transition in one table.

Reports may come late, twice or from a process that lies: so the tables are total, and a report that fits no state changes nothing.
"""

from __future__ import annotations

from enum import Enum


class TemplateState(Enum):
    """STARTING waits for READY; READY takes FORK orders; FAILED waits for its exit; GONE is reaped."""

    STARTING = "starting"
    READY = "ready"
    FAILED = "failed"
    GONE = "gone"


class TemplateEvent(Enum):
    """READY and FAILED are words of the channel; GONE is the reaped process, or one that could not be started."""

    READY = "ready"
    FAILED = "failed"
    GONE = "gone"


class WorkerState(Enum):
    """ORDERED waits for HELLO, STARTING for READY, LEAVING for its exit.

    UNWANTED was told to leave before its HELLO. LOST ended its channel unasked: dead or beyond our orders, it is killed and waits for its exit too.
    """

    ORDERED = "ordered"
    STARTING = "starting"
    READY = "ready"
    UNWANTED = "unwanted"
    LEAVING = "leaving"
    LOST = "lost"
    GONE = "gone"


class WorkerEvent(Enum):
    """HELLO and READY are words of the channel; LEAVE is our order or its word RETIRING; LOST is the channel's end; EXITED is reaped."""

    HELLO = "hello"
    READY = "ready"
    LEAVE = "leave"
    LOST = "lost"
    EXITED = "exited"


_T = TemplateState
TEMPLATE_TABLE: dict[TemplateState, dict[TemplateEvent, TemplateState]] = {
    _T.STARTING: {TemplateEvent.READY: _T.READY, TemplateEvent.FAILED: _T.FAILED, TemplateEvent.GONE: _T.GONE},
    _T.READY: {TemplateEvent.READY: _T.READY, TemplateEvent.FAILED: _T.FAILED, TemplateEvent.GONE: _T.GONE},
    _T.FAILED: {TemplateEvent.READY: _T.FAILED, TemplateEvent.FAILED: _T.FAILED, TemplateEvent.GONE: _T.GONE},
    _T.GONE: {TemplateEvent.READY: _T.GONE, TemplateEvent.FAILED: _T.GONE, TemplateEvent.GONE: _T.GONE},
}

_W = WorkerState
_E = WorkerEvent
WORKER_TABLE: dict[WorkerState, dict[WorkerEvent, WorkerState]] = {
    _W.ORDERED: {
        _E.HELLO: _W.STARTING,
        _E.READY: _W.ORDERED,
        _E.LEAVE: _W.UNWANTED,
        _E.LOST: _W.GONE,
        _E.EXITED: _W.GONE,
    },
    _W.STARTING: {
        _E.HELLO: _W.STARTING,
        _E.READY: _W.READY,
        _E.LEAVE: _W.LEAVING,
        _E.LOST: _W.LOST,
        _E.EXITED: _W.GONE,
    },
    _W.READY: {_E.HELLO: _W.READY, _E.READY: _W.READY, _E.LEAVE: _W.LEAVING, _E.LOST: _W.LOST, _E.EXITED: _W.GONE},
    _W.UNWANTED: {
        _E.HELLO: _W.LEAVING,
        _E.READY: _W.UNWANTED,
        _E.LEAVE: _W.UNWANTED,
        _E.LOST: _W.GONE,
        _E.EXITED: _W.GONE,
    },
    _W.LEAVING: {
        _E.HELLO: _W.LEAVING,
        _E.READY: _W.LEAVING,
        _E.LEAVE: _W.LEAVING,
        _E.LOST: _W.LEAVING,
        _E.EXITED: _W.GONE,
    },
    _W.LOST: {_E.HELLO: _W.LOST, _E.READY: _W.LOST, _E.LEAVE: _W.LEAVING, _E.LOST: _W.LOST, _E.EXITED: _W.GONE},
    _W.GONE: {_E.HELLO: _W.GONE, _E.READY: _W.GONE, _E.LEAVE: _W.GONE, _E.LOST: _W.GONE, _E.EXITED: _W.GONE},
}

STAYING = (WorkerState.ORDERED, WorkerState.STARTING, WorkerState.READY, WorkerState.LOST)
"""Workers that count towards the target: they serve, or are about to. A lost one counts until its exit tells how long its replacement must wait.

A tuple: `in` compares by identity, while a set would ask each member for its hash, which is a function in Python."""

AWAITED = (WorkerState.ORDERED, WorkerState.STARTING, WorkerState.UNWANTED)
"""Workers that owe a word, and must be given up when it does not come."""


class TrialState(Enum):
    """What the trial of a generation waits for, or how it ended."""

    IMPORTING = "importing"
    STARTING = "starting its first worker"
    PROBING = "probing"
    PASSED = "passed"
    FAILED = "failed"


class PoolPhase(Enum):
    """RUNNING keeps its workers; LEAVING lets them retire as those of its successor come; DRAINING waits for them to serve the queue and finish;
    TERMINATING and KILLING wait for what the signals of that name leave."""

    RUNNING = "running"
    LEAVING = "leaving"
    DRAINING = "draining"
    TERMINATING = "terminating"
    KILLING = "killing"


EXIT_REASONS = ("crash", "requests", "memory", "age", "retire", "reload", "idle", "scale", "timeout")
"""Why workers left: died, reached a limit of `recycle`, was asked to, belonged to an old generation, was not needed any more, was one too many, had a
request that ran too long."""
