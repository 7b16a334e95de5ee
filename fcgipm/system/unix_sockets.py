"""Unix listening sockets whose path never refuses: made beside it under a temporary name, given away, made to listen, then renamed over the path.

So a client that finds the path finds a listener behind it with its final mode and owner, also while one daemon takes over from another.
"""

from __future__ import annotations

import itertools
import os
import socket
import stat
from typing import NamedTuple

from fcgipm.system.errors import SystemProblem

PATH_LIMIT = 107
"""Bytes of the longest path: sun_path holds 108 with its closing NUL (unix(7))."""


_numbers = itertools.count()
"""Several sockets of one process may be on their way into one folder."""


class Ownership(NamedTuple):
    """Who may connect: permission bits, owner and group; None leaves what the creator has."""

    mode: int
    uid: int | None = None
    gid: int | None = None


class Creator(NamedTuple):
    """Owner and group of what nobody was given yet."""

    uid: int
    gid: int


class Inode(NamedTuple):
    """What a path stood for when we made it."""

    device: int
    number: int


class BoundUnix:
    """A socket bound beside its path under a temporary name, with its final mode and owner: nobody finds it yet, and it does not listen.

    `creator` are the owner and group that it had before it was given away. Its folder is held open until `publish` or `discard`, so that a folder
    that is replaced meanwhile gets nothing of ours.
    """

    def __init__(self, path: str, ownership: Ownership, ours: bool = False) -> None:
        """Bind it. `ours`, raises: see `listen_unix`."""
        if len(os.fsencode(path)) > PATH_LIMIT:
            raise SystemProblem(
                f"the path {path} has {len(os.fsencode(path))} bytes, a unix socket's may have {PATH_LIMIT}: choose a shorter one"
            )
        refuse_taken(path, ours)
        self.path = path
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._ours = ours
        self._name = f".fcgipm-{os.getpid()}-{next(_numbers)}"
        self._folder = -1
        try:
            self._folder = os.open(os.path.dirname(path) or ".", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
            _bind(self.socket, path, self._folder, self._name)
            made = os.stat(self._name, dir_fd=self._folder, follow_symlinks=False)
            self.inode = Inode(made.st_dev, made.st_ino)
            self.creator = Creator(made.st_uid, made.st_gid)
            give_away(f"/proc/self/fd/{self._folder}/{self._name}", ownership)
        except OSError as error:
            self.discard()
            self.socket.close()
            raise SystemProblem(f"cannot make the socket {path}: {_explain(error, path)}") from error
        self.socket.setblocking(False)

    def publish(self, backlog: int) -> None:
        """Listen, then take the path. Raises SystemProblem when it has been taken since, and leaves everything as it was."""
        refuse_taken(self.path, self._ours)
        try:
            self.socket.listen(backlog)
            os.rename(self._name, os.path.basename(self.path), src_dir_fd=self._folder, dst_dir_fd=self._folder)
        except OSError as error:
            raise SystemProblem(f"cannot make the socket {self.path}: {_explain(error, self.path)}") from error
        self._let_go()

    def discard(self) -> None:
        """Take the temporary name away, unless it was published; again is harmless. The socket is the caller's to close."""
        if self._folder >= 0:
            try:
                os.unlink(self._name, dir_fd=self._folder)
            except OSError:
                pass  # It was not bound yet, or somebody else has removed it.
            self._let_go()

    def _let_go(self) -> None:
        os.close(self._folder)
        self._folder = -1


def listen_unix(path: str, ownership: Ownership, backlog: int, ours: bool = False) -> tuple[socket.socket, Inode]:
    """A non-blocking listening stream socket at `path`, and the inode it is known by.

    `ours` tells that the path was left behind by a dead daemon of ours: then whoever still holds it is a worker on its way out, and it is replaced unasked.

    Raises:
        SystemProblem: the path is too long, taken by another listener or by something that is no socket, or the folder does not allow it.
    """
    bound = BoundUnix(path, ownership, ours)
    try:
        bound.publish(backlog)
    except SystemProblem:
        bound.discard()
        bound.socket.close()
        raise
    return bound.socket, bound.inode


def refuse_taken(path: str, ours: bool) -> None:
    """Raise SystemProblem unless nothing is at `path`, or a socket that nobody listens on."""
    try:
        mode = os.lstat(path).st_mode
    except FileNotFoundError:
        return
    except OSError as error:
        raise SystemProblem(f"cannot look at {path}: {_explain(error, path)}") from error
    if not stat.S_ISSOCK(mode):
        raise SystemProblem(f"{path} exists and is {_kind(mode)}, no socket: remove it or choose another path")
    if not ours and _is_live(path):
        raise SystemProblem(f"another program listens on {path}: stop it or choose another path")


def leads_to(path: str, inode: Inode) -> bool:
    """Whether `path` still is what we made."""
    try:
        found = os.lstat(path)
    except OSError:
        return False
    return (found.st_dev, found.st_ino) == inode


def unlink_if_same(path: str, inode: Inode) -> bool:
    """Remove `path` if it still is what we made; whether it was."""
    try:
        if not leads_to(path, inode):
            return False
        os.unlink(path)
    except OSError:
        return False
    return True


def give_anew(path: str, inode: Inode, ownership: Ownership) -> Ownership:
    """Change mode and owner of a socket that is in use; what they were. If the path is not what we made, nothing is changed.

    Between the two changes it has the bits that both modes have: nobody gets in who is let in by neither.

    Raises:
        SystemProblem: it may not be changed; it is as it was.
    """
    try:
        number = os.open(path, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return ownership
    try:
        found = os.fstat(number)
        if (found.st_dev, found.st_ino) != inode:
            return ownership
        before = Ownership(stat.S_IMODE(found.st_mode), found.st_uid, found.st_gid)
        try:
            os.chmod(f"/proc/self/fd/{number}", before.mode & ownership.mode)
            give_away(f"/proc/self/fd/{number}", ownership)
        except OSError as error:
            os.chmod(f"/proc/self/fd/{number}", before.mode)
            raise SystemProblem(f"cannot change the socket {path}: {_explain(error, path)}") from error
        return before
    finally:
        os.close(number)


def _bind(listener: socket.socket, path: str, folder: int, name: str) -> None:
    """Bind to the temporary name, for nobody but us. By way of the folder's descriptor only if the name is too long, as `ss` shows what was bound to."""
    temporary = os.path.join(os.path.dirname(path), name)
    if len(os.fsencode(temporary)) > PATH_LIMIT:
        temporary = f"/proc/self/fd/{folder}/{name}"
    try:
        os.unlink(name, dir_fd=folder)
    except FileNotFoundError:
        pass
    before = os.umask(0o177)
    try:
        listener.bind(temporary)
    finally:
        os.umask(before)


def give_away(temporary: str, ownership: Ownership) -> None:
    """Owner first: chown(2) clears nothing on a socket, but the wider mode must not be seen with the wrong owner."""
    if ownership.uid is not None or ownership.gid is not None:
        os.chown(
            temporary, -1 if ownership.uid is None else ownership.uid, -1 if ownership.gid is None else ownership.gid
        )
    os.chmod(temporary, ownership.mode)


def _is_live(path: str) -> bool:
    """Whether somebody listens. A full queue and a foreign kind of socket are signs of life too; only a refusal says that nobody does."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        try:
            probe.connect(path)
        except (ConnectionRefusedError, FileNotFoundError):
            return False
        except OSError:
            return True
    return True


def _kind(mode: int) -> str:
    if stat.S_ISDIR(mode):
        return "a folder"
    if stat.S_ISLNK(mode):
        return "a symbolic link"
    return "a regular file" if stat.S_ISREG(mode) else "a device or pipe"


def _explain(error: OSError, path: str) -> str:
    folder = os.path.dirname(path)
    if isinstance(error, FileNotFoundError):
        return f"the folder {folder} does not exist: create it (under systemd RuntimeDirectory= does)"
    if isinstance(error, NotADirectoryError):
        return f"{folder} is no folder"
    if isinstance(error, PermissionError) and error.filename is not None and str(error.filename).startswith("/proc/"):
        return "its owner or group may only be set by root, or to a group that you are a member of"
    if isinstance(error, PermissionError):
        return f"no permission to write to the folder {folder}"
    return error.strerror or str(error)
