"""The end of a listener: who is queued is taken over by the master, and nobody new gets in."""

from __future__ import annotations

import socket
from collections.abc import Callable

from fcgipm.master.log import Log
from fcgipm.system.errors import SystemProblem
from fcgipm.system.listeners import Listener

Take = Callable[[socket.socket], None]


def shut(listener: Listener, take: Take, log: Log) -> None:
    """No client comes any more; those that wait are the workers' to serve. Again is harmless."""
    if listener.socket.family == socket.AF_UNIX:
        listener.unlink()  # Nobody comes any more, and the workers serve the queue to its end.
    else:
        drain(listener, take, log)  # Else they would serve for as long as clients come.


def drain(listener: Listener, take: Take, log: Log) -> None:
    """`take` gets every connection that waits. Again is harmless."""
    try:
        listener.drain(take)
    except SystemProblem as problem:
        log.warning(f"{listener.address}: {problem}")
    except OSError as error:
        log.warning(f"{listener.address}: connections that waited there are lost: {error.strerror}")
