"""What the master must know of pools whose program is not ours: its keeper hides most of the difference (`worker.keeper`)."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from fcgipm.master.children import is_clean
from fcgipm.pool import happenings as event
from fcgipm.pool.states import WorkerState
from fcgipm.system.errors import SystemProblem
from fcgipm.system.listeners import Listener

if TYPE_CHECKING:
    from fcgipm.pool.worker import WorkerHandle

_TOLD = (signal.SIGTERM, signal.SIGKILL)
_WORTH_IT = 1.0
"""Seconds of service that are worth a start, whatever was done in them."""


def is_foreign(settings: Mapping[str, Any]) -> bool:
    """Whether the pool of these settings has a program of its own."""
    return settings.get("command") is not None


def exits(foreign: bool, number: int, handle: WorkerHandle | None, status: int, how: str, begun: int) -> Iterator[event.Happening]:
    """What a pool is told when a worker has ended; `status` as of waitpid(2), `how` it ended for people, `begun` the requests seen of it.

    A copy of a foreign program that is to leave is ended by its keeper's signal: no crash. One that ends well by itself, after it was seen to serve or has
    lived for a while, recycles itself, as php-cgi does after PHP_FCGI_MAX_REQUESTS. (Requests shorter than a look at a TCP port takes are never seen.)
    """
    clean = is_clean(status)
    if foreign and handle is not None:
        served = handle.ready or (handle.state is WorkerState.LOST and handle.ready_at is not None)
        if served and clean and (begun or handle.lived(time.monotonic()) >= _WORTH_IT):
            yield event.WorkerRetiring(number, "requests")
        told = handle.leaving is not None and os.WIFSIGNALED(status) and os.WTERMSIG(status) in _TOLD
        clean = clean or told
    yield event.WorkerExited(number, clean, how, begun)


def fresh(settings: Mapping[str, Any], names: Iterable[str], opened: Mapping[str, Listener]) -> set[str]:
    """Addresses where the editions to come of the pools `names` get listeners of their own, which take the paths of those before at the switch.

    So nobody reaches a program that is on trial, and a program of before serves what it has and nobody new. TCP ports have no such way: they are shared.

    Raises:
        SystemProblem: a program and an application cannot share a listener, not even for the time of a reload: programs wait in accept(2), applications never.
    """
    found = set()
    for name in names:
        pool = settings["pools"][name]
        for one in pool["listen"]:
            before = opened.get(one["address"])
            if before is not None and before.foreign != is_foreign(pool):
                text = "cannot change between an application and a foreign program: restart, or use another address"
                raise SystemProblem(f"pool {name}: {one['address']} {text}")
            if is_foreign(pool) and one["address"].startswith("unix:"):
                found.add(one["address"])
    return found


def door_of(listener: Listener) -> socket.socket:
    """A connection to a program on trial, which nobody else can reach yet. Raises OSError."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.setblocking(False)
        connection.connect(listener.socket.getsockname())
    except OSError:
        connection.close()
        raise
    return connection
