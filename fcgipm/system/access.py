"""What a user can reach, told from the modes and owners of the folders on the way.

Nothing is tried out as that user. Where an access control list (acl(5)) stands, modes do not tell the whole truth, and access is taken as given.
"""

from __future__ import annotations

import errno
import os
import pwd
import stat
from collections.abc import Iterator

from fcgipm.system.accounts import Identity

READ, WRITE, ENTER = 4, 2, 1
"""Wishes, as in a mode; ENTER is also: run a program."""

_LINKS = 40
"""Symbolic links that Linux follows in one path (path_resolution(7))."""


def obstacle(path: str, who: Identity, wish: int) -> str | None:
    """What keeps `who` from `path` (a sentence that names the folder or file), or None. Links are followed.

    `path` must be absolute. A missing path is an obstacle too.
    """
    try:
        return _obstacle(path, who, wish)
    except OSError as error:
        return f"{error.filename or path}: {error.strerror}"


def missing(path: str, *, folder: bool) -> str | None:
    """What is wrong with a path that must be a folder (or must be a file): a sentence, or None."""
    try:
        info = os.stat(path)
    except OSError as error:
        gone = error.errno in (errno.ENOENT, errno.ENOTDIR)
        return f"{path} does not exist" if gone else f"{path} cannot be looked at: {error.strerror}"
    if stat.S_ISDIR(info.st_mode) != folder:
        return f"{path} is {'no' if folder else 'a'} folder"
    return None


def _obstacle(path: str, who: Identity, wish: int) -> str | None:
    *folders, last = _steps(path, who)
    for here, info in folders:
        if not _allowed(here, info, who, ENTER):
            return _forbidden("folder", here, info, who, ENTER)
    here, info = last
    kind = "folder" if stat.S_ISDIR(info.st_mode) else "file"
    return None if _allowed(here, info, who, wish) else _forbidden(kind, here, info, who, wish)


def _steps(path: str, who: Identity) -> Iterator[tuple[str, os.stat_result]]:
    """Everything that the kernel looks at on the way to `path`, links followed; ends early at the first folder that `who` cannot enter."""
    at, links = "/", 0
    pending = path.split("/")[::-1]
    info = os.stat(at)
    yield at, info
    while pending:
        step = pending.pop()
        if step in ("", "."):
            continue
        if not _allowed(at, info, who, ENTER):
            yield at, info  # twice: the last one is judged by the wish, this by entering
            return
        here = os.path.dirname(at) if step == ".." else os.path.join(at, step)
        info = os.lstat(here)
        if stat.S_ISLNK(info.st_mode):
            links += 1
            at, info = _follow(here, at, pending, links)
        else:
            at = here
            yield at, info


def _follow(link: str, at: str, pending: list[str], links: int) -> tuple[str, os.stat_result]:
    if links > _LINKS:
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), link)
    target = os.readlink(link)
    pending.extend(target.split("/")[::-1])
    start = "/" if target.startswith("/") else at
    return start, os.stat(start)


def _allowed(path: str, info: os.stat_result, who: Identity, wish: int) -> bool:
    if who.uid == 0:
        return stat.S_ISDIR(info.st_mode) or not wish & ENTER or bool(info.st_mode & 0o111)
    if info.st_uid == who.uid:
        granted = info.st_mode >> 6
    elif info.st_gid == who.gid or info.st_gid in who.groups:
        granted = info.st_mode >> 3
    else:
        granted = info.st_mode
    return granted & wish == wish or _has_list(path)


def _has_list(path: str) -> bool:
    try:
        return bool(os.getxattr(path, "system.posix_acl_access"))
    except OSError:
        return False


def _forbidden(kind: str, path: str, info: os.stat_result, who: Identity, wish: int) -> str:
    letters = "".join(letter for letter, bit in (("r", READ), ("w", WRITE), ("x", ENTER)) if wish & bit)
    mode = f"mode {stat.S_IMODE(info.st_mode):04o}, owner {_name(info.st_uid)}"
    return f"the {kind} {path} ({mode}) forbids it to user {who.name}: allow it (chmod o+{letters} {path}) or choose another place"


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
