"""Users and groups of this machine."""

from __future__ import annotations

import grp
import os
import pwd
from dataclasses import dataclass


class AccountError(Exception):
    """A user or group that does not exist or cannot be used; the text says what would be right."""


@dataclass(frozen=True, slots=True)
class Identity:
    """What a process runs as."""

    name: str
    uid: int
    gid: int
    groups: tuple[int, ...]
    home: str
    switched: bool
    """Whether it differs from what runs fcgipm, so that a change of user is needed (only root can)."""


def starter() -> Identity:
    """What this process itself runs as."""
    uid, gid = os.geteuid(), os.getegid()
    try:
        entry = pwd.getpwuid(uid)
        name, home = entry.pw_name, entry.pw_dir
    except KeyError:
        name, home = str(uid), "/"
    return Identity(name, uid, gid, tuple(os.getgroups()), home, switched=False)


def user_named(text: str) -> Identity:
    """The user called `text`, or with that number, with every group it is in. Raises AccountError."""
    entry = _entry(text)
    own = starter()
    if own.uid == entry.pw_uid and own.uid != 0:
        return own
    if own.uid != 0:
        raise AccountError(
            f"only root can run a pool as another user: start fcgipm as root, or as {entry.pw_name}, or take the key away"
        )
    groups = tuple(os.getgrouplist(entry.pw_name, entry.pw_gid))
    return Identity(entry.pw_name, entry.pw_uid, entry.pw_gid, groups, entry.pw_dir, switched=True)


def in_group(who: Identity, gid: int) -> Identity:
    """`who` with `gid` as its group. Raises AccountError when only root could do that."""
    if not who.switched:
        if gid == who.gid:
            return who
        raise AccountError("only root can run a pool in another group: start fcgipm as root, or take the key away")
    groups = (gid, *(group for group in who.groups if group not in (gid, who.gid)))
    return Identity(who.name, who.uid, gid, groups, who.home, switched=True)


def uid_of(text: str) -> int:
    """The number of a user. Raises AccountError."""
    return _entry(text).pw_uid


def gid_of(text: str) -> int:
    """The number of a group. Raises AccountError."""
    try:
        return grp.getgrgid(int(text)).gr_gid if text.isdecimal() else grp.getgrnam(text).gr_gid
    except (KeyError, ValueError, OverflowError):
        raise AccountError(
            f"no such group: create it (groupadd --system {text}), or name one that `getent group` lists"
        ) from None


def _entry(text: str) -> pwd.struct_passwd:
    try:
        return pwd.getpwuid(int(text)) if text.isdecimal() else pwd.getpwnam(text)
    except (KeyError, ValueError, OverflowError):
        raise AccountError(
            f"no such user: create it (useradd --system {text}), or name one that `getent passwd` lists"
        ) from None
