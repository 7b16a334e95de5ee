"""Listening sockets from normalised addresses: ``unix:/path``, ``127.0.0.1:9000``, ``[::1]:9000``, ``fd:3``."""

from __future__ import annotations

import errno
import os
import socket
import stat
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from fcgipm.system.errors import SystemProblem
from fcgipm.system.unix_sockets import (
    Bound,
    Inode,
    Ownership,
    bind_unix,
    give_away,
    leads_to,
    publish_unix,
    unlink_if_same,
    withdraw_unix,
)

TAKEOVER_PATIENCE = 5.0
"""Seconds to wait for the workers of a killed daemon to let go of a TCP address: they do so as soon as they see that their master is gone."""


DRAIN_LIMIT = 65536
"""Connections taken from one queue at its end: more than any backlog holds."""

Take = Callable[[socket.socket], None]


class Listener:
    """One listening socket: non-blocking, close-on-exec. `path` is None but for unix sockets of our own making; `bound` tells of one not yet published."""

    def __init__(
        self, address: str, listening: socket.socket, path: str | None = None, inode: Inode | None = None, settings: Mapping[str, Any] | None = None
    ) -> None:
        self.address = address
        self.socket = listening
        self.path = path
        self.inode = inode
        self.bound: Bound | None = None
        self.settings = settings

    @property
    def is_ours(self) -> bool:
        """Whether its queue ends with us: a descriptor that we inherited may be served by others after us."""
        return not self.address.startswith("fd:")

    @property
    def reachable(self) -> bool:
        """Whether clients find it at its address: somebody may have taken its path away."""
        return self.path is None or (self.inode is not None and leads_to(self.path, self.inode))

    def publish(self) -> None:
        """Let clients come. Raises SystemProblem."""
        assert self.settings is not None
        if self.bound is not None:
            assert self.path is not None
            bound, self.bound = self.bound, None
            publish_unix(bound, self.path, self.settings["backlog"])
        elif self.is_ours:
            _listen(self.socket, self.address, self.settings["backlog"])

    def adopt(self, settings: Mapping[str, Any]) -> Callable[[], None]:
        """Have the backlog, mode and owner of other settings from now on; what is returned takes that back. Raises SystemProblem, and has changed nothing."""
        before, was = self.settings, None if self.path is None else os.lstat(self.path)
        self._apply(settings)
        self.settings = settings

        def restore() -> None:
            with suppress(OSError):
                if self.path is not None and was is not None:
                    give_away(self.path, Ownership(stat.S_IMODE(was.st_mode), was.st_uid, was.st_gid))
                if before is not None:
                    self.socket.listen(before["backlog"])
            self.settings = before

        return restore

    def unlink(self) -> None:
        """Take the path away, if it is still ours: no new client comes, those in the queue stay."""
        if self.path is not None and self.inode is not None and self.bound is None:
            unlink_if_same(self.path, self.inode)
            self.inode = None  # Once closed, its number may be given to another file.

    def drain(self, take: Take) -> None:
        """Nobody accepts here any more: what is queued goes to `take`, and no more comes. What we inherited is left to whoever comes after us."""
        self.unlink()
        if not self.is_ours:
            return
        for _ in range(DRAIN_LIMIT):
            try:
                connection, _ = self.socket.accept()
            except OSError:  # Empty; or nothing can be had of it (EMFILE), then closing resets what waits.
                break
            take(connection)
        if self.socket.family != socket.AF_UNIX:
            with suppress(OSError):
                self.socket.shutdown(socket.SHUT_RDWR)  # The port is closed at once, whoever else holds the socket.

    def close(self) -> None:
        """Close our descriptor; what is still queued is refused once no worker holds the socket either."""
        if self.bound is not None:
            assert self.path is not None
            withdraw_unix(self.bound, self.path)
        self.socket.close()

    def _apply(self, settings: Mapping[str, Any]) -> None:
        if self.is_ours and self.settings is not None and all(self.settings[key] == settings[key] for key in _APPLIED):
            return
        try:
            if self.path is not None:
                uid, gid = settings["uid"], settings["gid"]
                owner = os.geteuid() if uid is None else uid, os.getegid() if gid is None else gid
                give_away(self.path, Ownership(settings["mode"], *owner))
            self.socket.listen(settings["backlog"])
        except OSError as error:
            raise SystemProblem(f"cannot change {self.address}: {error.strerror}") from error


_APPLIED = ("mode", "uid", "gid", "backlog")


def open_listener(settings: Mapping[str, Any], left_behind: frozenset[str] = frozenset()) -> Listener:
    """Open one listener as the configuration says. `left_behind` are addresses of a daemon of ours that was killed.

    Raises:
        SystemProblem: it cannot be opened; the text does not repeat which listener it is.
    """
    listener = prepare(settings, left_behind)
    listener.publish()
    return listener


def prepare(settings: Mapping[str, Any], left_behind: frozenset[str] = frozenset()) -> Listener:
    """The same, but for nobody to see: it is bound, and clients are refused until it is published. Raises SystemProblem."""
    address: str = settings["address"]
    ours = address in left_behind
    kind, _, rest = address.partition(":")
    if kind == "unix":
        bound = bind_unix(rest, Ownership(settings["mode"], settings["uid"], settings["gid"]), ours)
        listener = Listener(address, bound.socket, rest, bound.inode, settings)
        listener.bound = bound
        return listener
    if kind == "fd":
        return Listener(address, _inherited(int(rest), settings["backlog"], settings["allow"] is not None), settings=settings)
    return Listener(address, _bind_tcp(address, TAKEOVER_PATIENCE if ours else 0.0), settings=settings)


def split_tcp(address: str) -> tuple[socket.AddressFamily, str, int]:
    """Family, host and port of ``host:port`` or ``[host]:port``."""
    host, _, port = address.rpartition(":")
    if host.startswith("["):
        return socket.AF_INET6, host[1:-1], int(port)
    return socket.AF_INET, host, int(port)


def _bind_tcp(address: str, patience: float) -> socket.socket:
    """A bound socket, which does not listen yet."""
    family, host, port = split_tcp(address)
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        _bind(listening, (host, port), patience)
    except OSError as error:
        listening.close()
        why = _explain(error, host, port, ours=patience > 0)
        raise SystemProblem(f"cannot listen on {address}: {why}") from error
    listening.setblocking(False)
    return listening


def _bind(listening: socket.socket, where: tuple[str, int], patience: float) -> None:
    deadline = time.monotonic() + patience
    while True:
        try:
            listening.bind(where)
            return
        except OSError as error:
            if error.errno != errno.EADDRINUSE or time.monotonic() >= deadline:
                raise
        time.sleep(0.02)


def _listen(listening: socket.socket, address: str, backlog: int) -> None:
    """Two may be bound to one address, but only one may listen there."""
    try:
        listening.listen(backlog)
    except OSError as error:
        _, host, port = split_tcp(address)
        listening.close()
        raise SystemProblem(f"cannot listen on {address}: {_explain(error, host, port, ours=False)}") from error


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
