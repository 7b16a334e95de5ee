"""The handover: how a connection moves from one worker of a pool to another.

One SEQPACKET pair per pool, made by the master and shared by all its workers. Whoever must part with an idle connection sends it into the one end; all idle
workers wait at the other. What nobody takes yet waits in the kernel, so a connection is never without an owner.
"""

from __future__ import annotations

import array
import socket
from typing import Optional

_NOW = socket.MSG_DONTWAIT
_WORD = b"C"

LOST = -1
"""Answer of `take` when this process had no descriptor left: the kernel has dropped the connection."""


def give(end: socket.socket, number: int) -> bool:
    """Send descriptor `number` into the handover; the caller closes its own copy. False: it takes no more now, keep the connection."""
    try:
        end.sendmsg([_WORD], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [number]))], _NOW)
    except OSError:  # Full (EAGAIN), or as many descriptors under way as the user may have (ETOOMANYREFS).
        return False
    return True


def take(end: socket.socket) -> Optional[int]:
    """A descriptor from the handover, close-on-exec; None: somebody was faster; LOST."""
    try:
        _, ancillary, flags, _ = end.recvmsg(1, socket.CMSG_SPACE(4), _NOW | socket.MSG_CMSG_CLOEXEC)
    except OSError:
        return None
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS and len(data) >= 4:
            return array.array("i", data[:4])[0]
    return LOST if flags & socket.MSG_CTRUNC else None
