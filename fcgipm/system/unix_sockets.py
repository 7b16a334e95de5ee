"""Unix listening sockets whose path never refuses: made beside it under a temporary name, given away, made to listen, then renamed over the path.

So a client that finds the path finds a listener behind it with its final mode and owner, also while one daemon takes over from another.
"""

from __future__ import annotations

import itertools
import os
import socket
import stat
from contextlib import suppress
from typing import NamedTuple

from fcgipm.system.errors import SystemProblem

PATH_LIMIT = 107
"""Bytes of the longest path: sun_path holds 108 with its closing NUL (unix(7))."""


class Ownership(NamedTuple):
    """Who may connect: permission bits, owner and group; None leaves what the creator has."""

    mode: int
    uid: int | None = None
    gid: int | None = None


class Inode(NamedTuple):
    """What a path stood for when we made it."""

    device: int
    number: int


def listen_unix(path: str, ownership: Ownership, backlog: int, ours: bool = False) -> tuple[socket.socket, Inode]:
    """A non-blocking listening stream socket at `path`, and the inode it is known by. Raises SystemProblem as `bind_unix` and `publish_unix` do."""
    bound = bind_unix(path, ownership, ours)
    publish_unix(bound, path, backlog)
    return bound.socket, bound.inode


class Bound(NamedTuple):
    """A socket that exists under a temporary name beside its path, where nobody looks for it."""

    socket: socket.socket
    inode: Inode
    name: str


_names = itertools.count()


def bind_unix(path: str, ownership: Ownership, ours: bool = False) -> Bound:
    """A non-blocking stream socket with its final owner and mode, ready to be published at `path`.

    `ours` tells that the path was left behind by a dead daemon of ours: then whoever still holds it is a worker on its way out, and it is replaced unasked.

    Raises:
        SystemProblem: the path is too long, taken by another listener or by something that is no socket, or the folder does not allow it.
    """
    if len(os.fsencode(path)) > PATH_LIMIT:
        raise SystemProblem(
            f"the path {path} has {len(os.fsencode(path))} bytes, a unix socket's may have {PATH_LIMIT}: choose a shorter one"
        )
    refuse_taken(path, ours)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        inode, name = _install(listener, path, ownership)
    except OSError as error:
        listener.close()
        raise SystemProblem(f"cannot make the socket {path}: {_explain(error, path)}") from error
    listener.setblocking(False)
    return Bound(listener, inode, name)


def publish_unix(bound: Bound, path: str, backlog: int) -> None:
    """Let it listen and be found at `path`. Raises SystemProblem; then its temporary name and descriptor are gone."""
    try:
        bound.socket.listen(backlog)
        os.rename(_beside(path, bound.name), path)
    except OSError as error:
        withdraw_unix(bound, path)
        raise SystemProblem(f"cannot make the socket {path}: {_explain(error, path)}") from error


def withdraw_unix(bound: Bound, path: str) -> None:
    """It is not to be published after all."""
    bound.socket.close()
    with suppress(OSError):
        os.unlink(_beside(path, bound.name))


def leads_to(path: str, inode: Inode) -> bool:
    """Whether that inode is what clients find at `path`."""
    try:
        found = os.lstat(path)
    except OSError:
        return False
    return (found.st_dev, found.st_ino) == inode


def give_away(path: str, ownership: Ownership) -> None:
    """Owner first: chown(2) clears nothing on a socket, but the wider mode must not be seen with the wrong owner. Raises OSError."""
    if ownership.uid is not None or ownership.gid is not None:
        os.chown(path, -1 if ownership.uid is None else ownership.uid, -1 if ownership.gid is None else ownership.gid)
    os.chmod(path, ownership.mode)


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


def unlink_if_same(path: str, inode: Inode) -> bool:
    """Remove `path` if it still is what we made; whether it was."""
    if not leads_to(path, inode):
        return False
    try:
        os.unlink(path)
    except OSError:
        return False
    return True


def _beside(path: str, name: str) -> str:
    return os.path.join(os.path.dirname(path) or ".", name)


def _install(listener: socket.socket, path: str, ownership: Ownership) -> tuple[Inode, str]:
    folder = os.open(os.path.dirname(path) or ".", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    name = f".fcgipm-{os.getpid()}-{next(_names)}"
    try:
        _bind(listener, path, folder, name)
        try:
            give_away(f"/proc/self/fd/{folder}/{name}", ownership)
            found = os.stat(name, dir_fd=folder, follow_symlinks=False)
        except OSError:
            os.unlink(name, dir_fd=folder)
            raise
    finally:
        os.close(folder)
    return Inode(found.st_dev, found.st_ino), name


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
