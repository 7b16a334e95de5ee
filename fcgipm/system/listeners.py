"""Listening sockets from normalised addresses: ``unix:/path``, ``127.0.0.1:9000``, ``[::1]:9000``, ``fd:3``.

Opening has two steps, so that many can be made or none: `prepare` does what can fail and lets nobody in, `publish` lets clients come.
"""

from __future__ import annotations

import errno
import os
import socket
import stat
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import Any

from fcgipm.system.errors import SystemProblem
from fcgipm.system.tcp_sockets import bind_tcp, ignore_newcomers, listen_tcp
from fcgipm.system.unix_sockets import BoundUnix, Creator, Inode, Ownership, give_anew, leads_to, unlink_if_same

TAKEOVER_PATIENCE = 5.0
"""Seconds to wait for the workers of a killed daemon to let go of a TCP address: they do so as soon as they see that their master is gone."""

DRAIN_LIMIT = 65536
"""Connections taken out of one queue: more than the kernel lets wait in it (`backlog`, net.core.somaxconn)."""


class Listener:
    """One socket of a pool: non-blocking, close-on-exec. `path` is None but for unix sockets of our own making; `bound`: it is not public yet."""

    def __init__(
        self,
        address: str,
        listening: socket.socket,
        path: str | None = None,
        inode: Inode | None = None,
        *,
        backlog: int = 0,
        bound: BoundUnix | None = None,
        creator: Creator | None = None,
    ) -> None:
        self.address = address
        self.socket = listening
        self.path = path
        self.inode = inode
        self._backlog = backlog
        self._bound = bound
        self._creator = bound.creator if bound is not None else creator
        self.foreign = False
        """Foreign programs wait in accept(2) here, so it blocks: we must not accept."""

    @property
    def described(self) -> dict[str, Any]:
        """What it takes to know the socket again: for another program in this process."""
        return {"address": self.address, "path": self.path, "inode": self.inode, "backlog": self._backlog, "creator": self._creator}

    @property
    def inherited(self) -> bool:
        """Somebody else's, who may use it after us: it is neither unlinked, drained nor shut."""
        return self.address.startswith("fd:")

    @property
    def published(self) -> bool:
        """Whether clients may come. What is not yet public has no path to take away."""
        return self._bound is None

    @property
    def is_reachable(self) -> bool:
        """Whether its address leads here: not if a unix socket's path was removed or replaced. There is no way back then, but a new listener."""
        return self.path is None or (self.inode is not None and leads_to(self.path, self.inode))

    def publish(self) -> None:
        """Let clients come. Raises SystemProblem when the address has been taken since `prepare`; nothing has changed then."""
        if self._bound is not None:
            self._bound.publish(self._backlog)
            self._bound = None
        elif not self.inherited:
            listen_tcp(self.socket, self.address, self._backlog)

    def adopt(self, settings: Mapping[str, Any]) -> Callable[[], None]:
        """Have the backlog, mode and owner of other settings for the same address, while clients come; returned is what undoes it.

        A path that does not lead here any more is left alone.

        Raises:
            SystemProblem: owner or mode may not be changed; nothing has changed then.
        """
        with ExitStack() as undo:
            if self.path is not None and self.inode is not None and self._creator is not None:
                uid, gid = (mine if wanted is None else wanted for wanted, mine in zip((settings["uid"], settings["gid"]), self._creator, strict=True))
                before = give_anew(self.path, self.inode, Ownership(settings["mode"], uid, gid))
                undo.callback(give_anew, self.path, self.inode, before)
            undo.callback(self._listen_again, self._backlog)
            self._listen_again(settings["backlog"])
            return undo.pop_all().close

    def _listen_again(self, backlog: int) -> None:
        self._backlog = backlog
        self.socket.listen(backlog)

    def turn_away(self) -> None:
        """Let nobody new into the queue; those in it stay. There is no way back.

        Raises:
            SystemProblem: TCP alone: the kernel cannot; clients of the last instant before `close` may be reset.
        """
        if self.path is not None:
            self.unlink()
        elif not self.inherited:
            ignore_newcomers(self.socket)

    def drain(self, take: Callable[[socket.socket], None]) -> None:
        """The end of a listener: whoever is in its queue goes to `take`, whose the connection then is; whoever comes later is refused, and nobody is lost.
        What waits for a foreign program is left to that.

        All who hold the socket find it shut: over TCP accept(2) fails with EINVAL and epoll tells EPOLLHUP until it is unregistered.

        Raises:
            SystemProblem: as `turn_away` does, after everything was done.
            OSError: no descriptor left for a connection; what is queued stays, and drain may be called again.
        """
        if self.inherited:
            return
        if self.foreign:
            self.turn_away()
            return
        self._take_all(take)  # First, so that as few as possible are turned away for a second.
        try:
            self.turn_away()
        finally:
            self._take_all(take)
            if self.path is None and self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                self.socket.shutdown(socket.SHUT_RDWR)

    def _take_all(self, take: Callable[[socket.socket], None]) -> None:
        for _ in range(DRAIN_LIMIT):
            try:
                connection, _ = self.socket.accept()
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno == errno.ECONNABORTED:
                    continue
                if error.errno == errno.EINVAL:  # Shut already.
                    return
                raise
            take(connection)

    def unlink(self) -> None:
        """Take the path away, if it is still ours: no new client comes, those in the queue stay."""
        if self.path is not None and self.inode is not None:
            unlink_if_same(self.path, self.inode)
            self.inode = None  # Once closed, its number may be given to another file.

    def give_up(self) -> None:
        """As if it had never been prepared. What the starter left open stays so: it can be wanted again, and nobody could open it anew."""
        if self.inherited:
            self.socket.detach()
            return
        if self.published:
            self.unlink()
        self.close()

    def close(self) -> None:
        """Close our descriptor; what is still queued is refused once no worker holds the socket either."""
        if self._bound is not None:
            self._bound.discard()
        self.socket.close()


def prepare(settings: Mapping[str, Any], left_behind: frozenset[str] = frozenset()) -> Listener:
    """Make one listener as the configuration says, all but public. `left_behind` are addresses of a daemon of ours that was killed.

    Raises:
        SystemProblem: it cannot be made; the text does not repeat which listener it is.
    """
    address: str = settings["address"]
    ours = address in left_behind
    backlog: int = settings["backlog"]
    kind, _, rest = address.partition(":")
    if kind == "unix":
        bound = BoundUnix(rest, Ownership(settings["mode"], settings["uid"], settings["gid"]), ours)
        return Listener(address, bound.socket, rest, bound.inode, backlog=backlog, bound=bound)
    if kind == "fd":
        inherited = _inherited(int(rest), backlog, settings["allow"] is not None)
        return Listener(address, inherited, backlog=backlog)
    return Listener(address, bind_tcp(address, TAKEOVER_PATIENCE if ours else 0.0), backlog=backlog)


def open_listener(settings: Mapping[str, Any], left_behind: frozenset[str] = frozenset()) -> Listener:
    """Make one listener and let clients come. Raises SystemProblem, as `prepare` does."""
    listener = prepare(settings, left_behind)
    try:
        listener.publish()
    except SystemProblem:
        listener.close()
        raise
    return listener


def known_again(descriptor: int, described: Mapping[str, Any]) -> Listener:
    """A listener that another program has `described`; its socket has the same descriptor still."""
    inode, creator = described["inode"], described["creator"]
    return Listener(
        described["address"],
        socket.socket(fileno=descriptor),
        described["path"],
        None if inode is None else Inode(*inode),
        backlog=described["backlog"],
        creator=None if creator is None else Creator(*creator),
    )


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
