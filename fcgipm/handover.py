"""The handover: how a connection moves from one worker of a pool to another.

One SEQPACKET pair per pool, made by the master and shared by all its workers. Whoever must part with an idle connection sends it into the one end; all idle
workers wait at the other. What nobody takes yet waits in the kernel, so a connection is never without an owner.
"""

from __future__ import annotations

import array
import socket
from typing import NamedTuple, Optional

_NOW = socket.MSG_DONTWAIT
_KEPT, _FRESH = b"C", b"N"
"""A connection that has served a request, and one that has yet to say its first word."""

LOST = -1
"""The descriptor in the answer of `take` when this process had none left: the kernel has dropped the connection."""


class Taken(NamedTuple):
    """A descriptor from the handover, close-on-exec. `fresh`: nobody has asked anything on it yet, and nobody may close it for that."""

    number: int
    fresh: bool


def give(end: socket.socket, number: int, fresh: bool = False) -> bool:
    """Send descriptor `number` into the handover; the caller closes its own copy. False: it takes no more now, keep the connection."""
    try:
        end.sendmsg([_FRESH if fresh else _KEPT], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [number]))], _NOW)
    except OSError:  # Full (EAGAIN), or as many descriptors under way as the user may have (ETOOMANYREFS).
        return False
    return True


def take(end: socket.socket) -> Optional[Taken]:
    """The next connection; None: somebody was faster."""
    try:
        word, ancillary, flags, _ = end.recvmsg(1, socket.CMSG_SPACE(4), _NOW | socket.MSG_CMSG_CLOEXEC)
    except OSError:
        return None
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS and len(data) >= 4:
            return Taken(array.array("i", data[:4])[0], word == _FRESH)
    return Taken(LOST, False) if flags & socket.MSG_CTRUNC else None
