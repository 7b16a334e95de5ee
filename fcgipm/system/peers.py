"""Who is at the other end of a unix socket: the kernel's word, not the peer's (unix(7), SO_PEERCRED; SO_PEERGROUPS since Linux 4.13)."""

from __future__ import annotations

import socket
import struct
from typing import NamedTuple

_UCRED = struct.Struct("iII")
_SO_PEERGROUPS = 59
_GROUPS_BYTES = 1024
"""256 groups, the most that Python's getsockopt can fetch."""


class Peer(NamedTuple):
    """The process that connected, as it was when it did."""

    pid: int
    uid: int
    gid: int


def peer_of(connection: socket.socket) -> Peer:
    """Who connected."""
    return Peer(*_UCRED.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)))


def groups_of(connection: socket.socket) -> tuple[int, ...]:
    """The supplementary groups of the peer; none where the kernel does not tell."""
    try:
        raw = connection.getsockopt(socket.SOL_SOCKET, _SO_PEERGROUPS, _GROUPS_BYTES)
    except OSError:
        return ()
    return struct.unpack(f"{len(raw) // 4}I", raw)


def may_command(connection: socket.socket, own_uid: int, group: int | None) -> bool:
    """Whether the peer may command the daemon: root, the daemon's own user, or a member of the control group."""
    peer = peer_of(connection)
    if peer.uid in (0, own_uid):
        return True
    return group is not None and (peer.gid == group or group in groups_of(connection))
