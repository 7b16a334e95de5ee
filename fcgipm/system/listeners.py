"""Listening sockets from normalised addresses: ``unix:/path``, ``127.0.0.1:9000``, ``[::1]:9000``, ``fd:3``."""

from __future__ import annotations

import errno
import os
import socket
import stat
import time
from collections.abc import Mapping
from typing import Any

from fcgipm.system.errors import SystemProblem
from fcgipm.system.unix_sockets import Inode, Ownership, listen_unix, unlink_if_same

TAKEOVER_PATIENCE = 5.0
"""Seconds to wait for the workers of a killed daemon to let go of a TCP address: they do so as soon as they see that their master is gone."""


class Listener:
    """One listening socket of a pool: non-blocking, close-on-exec. `path` is None but for unix sockets of our own making."""

    def __init__(
        self, address: str, listening: socket.socket, path: str | None = None, inode: Inode | None = None
    ) -> None:
        self.address = address
        self.socket = listening
        self.path = path
        self.inode = inode

    def unlink(self) -> None:
        """Take the path away, if it is still ours: no new client comes, those in the queue stay."""
        if self.path is not None and self.inode is not None:
            unlink_if_same(self.path, self.inode)
            self.inode = None  # Once closed, its number may be given to another file.

    def close(self) -> None:
        """Close our descriptor; what is still queued is refused once no worker holds the socket either."""
        self.socket.close()


def open_listener(settings: Mapping[str, Any], left_behind: frozenset[str] = frozenset()) -> Listener:
    """Open one listener as the configuration says. `left_behind` are addresses of a daemon of ours that was killed.

    Raises:
        SystemProblem: it cannot be opened; the text does not repeat which listener it is.
    """
    address: str = settings["address"]
    ours = address in left_behind
    kind, _, rest = address.partition(":")
    if kind == "unix":
        ownership = Ownership(settings["mode"], settings["uid"], settings["gid"])
        listening, inode = listen_unix(rest, ownership, settings["backlog"], ours)
        return Listener(address, listening, rest, inode)
    if kind == "fd":
        return Listener(address, _inherited(int(rest), settings["backlog"], settings["allow"] is not None))
    return Listener(address, _listen_tcp(address, settings["backlog"], TAKEOVER_PATIENCE if ours else 0.0))


def split_tcp(address: str) -> tuple[socket.AddressFamily, str, int]:
    """Family, host and port of ``host:port`` or ``[host]:port``."""
    host, _, port = address.rpartition(":")
    if host.startswith("["):
        return socket.AF_INET6, host[1:-1], int(port)
    return socket.AF_INET, host, int(port)


def _listen_tcp(address: str, backlog: int, patience: float) -> socket.socket:
    family, host, port = split_tcp(address)
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        _bind_and_listen(listening, (host, port), backlog, patience)
    except OSError as error:
        listening.close()
        why = _explain(error, host, port, ours=patience > 0)
        raise SystemProblem(f"cannot listen on {address}: {why}") from error
    listening.setblocking(False)
    return listening


def _bind_and_listen(listening: socket.socket, where: tuple[str, int], backlog: int, patience: float) -> None:
    deadline = time.monotonic() + patience
    while True:
        try:
            listening.bind(where)
            listening.listen(backlog)
            return
        except OSError as error:
            if error.errno != errno.EADDRINUSE or time.monotonic() >= deadline:
                raise
        time.sleep(0.02)


def _inherited(descriptor: int, backlog: int, choosy: bool) -> socket.socket:
    """The socket that the starter left open for us. `backlog` is set anew by listen(2), which an already listening socket allows."""
    try:
        mode = os.fstat(descriptor).st_mode
    except OSError:
        raise SystemProblem(
            f"descriptor {descriptor} is not open: the program that starts fcgipm must pass it on"
        ) from None
    if not stat.S_ISSOCK(mode):
        raise SystemProblem(f"descriptor {descriptor} is no socket")
    listening = socket.socket(fileno=descriptor)
    if listening.type != socket.SOCK_STREAM or not listening.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        listening.detach()
        raise SystemProblem(f"descriptor {descriptor} is a socket, but no listening stream socket")
    if choosy and listening.family == socket.AF_UNIX:
        listening.detach()
        raise SystemProblem(
            f"descriptor {descriptor} is a unix socket, and `allow` is for TCP alone: take it away; who may connect is told by the socket's mode and owner"
        )
    listening.set_inheritable(False)
    listening.setblocking(False)
    listening.listen(backlog)
    return listening


def _explain(error: OSError, host: str, port: int, ours: bool) -> str:
    if error.errno == errno.EADDRINUSE and ours:
        return f"workers of an fcgipm that was killed still finish requests there: wait, or end them (`ss -ltnp sport = :{port}` names them)"
    if error.errno == errno.EADDRINUSE:
        return f"another program listens there (`ss -ltnp sport = :{port}` names it)"
    if error.errno == errno.EACCES:
        return "ports below 1024 need root or CAP_NET_BIND_SERVICE: choose a higher one"
    if error.errno == errno.EADDRNOTAVAIL:
        return f"this machine has no address {host}"
    if error.errno == errno.EAFNOSUPPORT:
        return "this machine has no IPv6"
    return error.strerror or str(error)
