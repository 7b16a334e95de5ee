"""How many connections wait in a listening socket's accept queue: the kernel's own word, which needs no privilege and wakes nobody.

Unix sockets tell by netlink (sock_diag(7), UDIAG_SHOW_RQLEN: `udiag_rqueue` and `udiag_wqueue` of a listener are the queue and its limit), TCP sockets by
TCP_INFO (tcp(7): `tcpi_unacked` and `tcpi_sacked` of a listener are the same).
"""

from __future__ import annotations

import errno
import os
import socket
import struct
from collections.abc import Callable
from typing import NamedTuple

_NETLINK_SOCK_DIAG = 4
_SOCK_DIAG_BY_FAMILY = 20
_NLM_F_REQUEST = 1
_UDIAG_SHOW_RQLEN = 0x10
_UNIX_DIAG_RQLEN = 4
_ANY = 0xFFFFFFFF
_REQUEST = struct.Struct("=IHHII BBHIIIII")
"""nlmsghdr, then unix_diag_req: family, protocol, padding, states, inode, what to show, the cookie's halves."""
_HEADER = struct.Struct("=IHHII")
_DIAG_MESSAGE_SIZE = 16
_ATTRIBUTE = struct.Struct("=HH")
_PAIR = struct.Struct("=II")
_TCP_INFO_SIZE = 32
_TCP_UNACKED_OFFSET = 24
_REPLY_LIMIT = 8192
_PASSING = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
"""What may go right the next time; whatever else goes wrong is a kernel without such a thing, or a sandbox around us."""
_PATIENCE = struct.pack("=qq", 1, 0)
"""Seconds: netlink answers within the call; the master must not hang if a kernel should not."""


class Depth(NamedTuple):
    """Connections that wait to be accepted, and how many may."""

    queued: int
    limit: int


class Queues:
    """Reads depths. `refused` says why the kernel does not tell those of unix sockets, None as long as it does."""

    def __init__(self, open_netlink: Callable[[], socket.socket] | None = None) -> None:
        self.refused: str | None = None
        self._open = open_netlink or _netlink
        self._netlink: socket.socket | None = None
        self._sequence = 0

    def depth(self, listening: socket.socket) -> Depth | None:
        """What waits at a listener; None when the kernel does not tell, or it is closed."""
        try:
            if listening.family != socket.AF_UNIX:
                return _tcp(listening)
            inode = os.fstat(listening.fileno()).st_ino
        except OSError:
            return None
        return self._unix(inode) if self.refused is None else None

    def close(self) -> None:
        """Let go of the netlink socket."""
        if self._netlink is not None:
            self._netlink.close()
            self._netlink = None

    def _unix(self, inode: int) -> Depth | None:
        try:
            if self._netlink is None:
                self._netlink = self._open()
            return self._ask(self._netlink, inode)
        except OSError as error:
            self.close()
            if error.errno not in _PASSING:
                self.refused = error.strerror or str(error)
            return None

    def _ask(self, netlink: socket.socket, inode: int) -> Depth | None:
        self._sequence = (self._sequence + 1) & _ANY
        netlink.send(
            _REQUEST.pack(
                _REQUEST.size, _SOCK_DIAG_BY_FAMILY, _NLM_F_REQUEST, self._sequence, 0,
                socket.AF_UNIX, 0, 0, _ANY, inode, _UDIAG_SHOW_RQLEN, _ANY, _ANY,
            )
        )  # fmt: skip
        while True:
            reply = netlink.recv(_REPLY_LIMIT)
            size, kind, _, sequence, _ = _HEADER.unpack_from(reply)
            if sequence == self._sequence:  # Else the answer to a question that was given up.
                break
        if kind != _SOCK_DIAG_BY_FAMILY:
            number = -struct.unpack_from("=i", reply, _HEADER.size)[0]
            raise OSError(number, os.strerror(number))
        return _depth(reply[:size])


def _depth(reply: bytes) -> Depth | None:
    at = _HEADER.size + _DIAG_MESSAGE_SIZE
    while at + _ATTRIBUTE.size <= len(reply):
        size, kind = _ATTRIBUTE.unpack_from(reply, at)
        if kind == _UNIX_DIAG_RQLEN:
            return Depth(*_PAIR.unpack_from(reply, at + _ATTRIBUTE.size))
        at += max(size + 3 & ~3, _ATTRIBUTE.size)
    return None


def _tcp(listening: socket.socket) -> Depth:
    information = listening.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO_SIZE)
    return Depth(*_PAIR.unpack_from(information, _TCP_UNACKED_OFFSET))


def _netlink() -> socket.socket:
    netlink = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_SOCK_DIAG)
    netlink.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, _PATIENCE)
    netlink.connect((0, 0))
    return netlink
