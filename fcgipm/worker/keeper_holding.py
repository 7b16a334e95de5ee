"""What a foreign program is at, as far as /proc tells (proc(5)): the processes that it consists of, and the connections of a listener that they hold.

The kernel lists a connection under the name of the listener that it came by, with its inode once somebody has accepted it. So a process is at work when one of
its sockets is in that list; other sockets, to a database say, are not.
"""

from __future__ import annotations

import os
import re
import socket
from contextlib import suppress
from typing import FrozenSet, Iterator, List, Set

_GONE = (FileNotFoundError, ProcessLookupError)
_RESTING = frozenset(b"TtZX")
"""States of a task that runs nothing until somebody continues it, or for ever."""


class Connections:
    """Those of one listener, in all processes."""

    def __init__(self, listener: socket.socket) -> None:
        self._own = os.fstat(listener.fileno()).st_ino
        name = listener.getsockname()
        if listener.family == socket.AF_UNIX:
            path = name if isinstance(name, bytes) else os.fsencode(name)
            self._table = "/proc/net/unix"
            self._pattern = re.compile(rb" ([1-9][0-9]*) " + re.escape(path.replace(b"\0", b"@")) + rb"\n")
        else:
            self._table = "/proc/net/tcp" if listener.family == socket.AF_INET else "/proc/net/tcp6"
            ends = rb"^ *[0-9]+: [0-9A-F]+:%04X [0-9A-F]+:[0-9A-F]+ " % name[1]
            self._pattern = re.compile(ends + rb"[0-9A-F]{2} \S+ \S+ \S+ +[0-9]+ +[0-9]+ ([1-9][0-9]*) ", re.MULTILINE)

    def accepted(self) -> FrozenSet[int]:
        """The inodes of those that somebody has accepted and not closed. Raises OSError."""
        with open(self._table, "rb", buffering=0) as table:
            return frozenset(map(int, self._pattern.findall(table.readall()))) - {self._own}


def members(leader: int) -> List[int]:
    """A process and all that come from it, as long as their parents live. Of one that is gone, or that may not be looked at, no children are known. Raises
    OSError, as when there is no descriptor left to look with."""
    found, unseen = [], [leader]
    while unseen:
        pid = unseen.pop()
        found.append(pid)
        for task in _tasks(pid):
            with suppress(*_GONE, PermissionError), open(f"{task}/children", "rb") as file:
                unseen += [child for child in map(int, file.read().split()) if child not in found]
    return found


def sockets(pid: int) -> Set[int]:
    """The inodes of all sockets of a process; of one that is gone, none. Raises PermissionError, and OSError as `members`."""
    found: Set[int] = set()
    try:
        descriptors = os.listdir(f"/proc/{pid}/fd")
    except _GONE:
        return found
    for descriptor in descriptors:
        with suppress(*_GONE):
            kind, _, inode = os.readlink(f"/proc/{pid}/fd/{descriptor}").partition(":[")
            if kind == "socket":
                found.add(int(inode[:-1]))
    return found


def rests(pid: int) -> bool:
    """Whether every thread of a process is stopped or has ended, or may not be looked at. Raises OSError as `members`."""
    for task in _tasks(pid):
        with suppress(*_GONE, PermissionError), open(f"{task}/stat", "rb") as file:
            content = file.read()
            if content[content.rindex(b")") + 2] not in _RESTING:  # The name, which may hold anything, ends at the last bracket.
                return False
    return True


def group_exists(leader: int) -> bool:
    """Whether anybody is left of a process group, be it only to be reaped."""
    try:
        os.killpg(leader, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # It has gained privileges.
        pass
    return True


def _tasks(pid: int) -> Iterator[str]:
    folder = f"/proc/{pid}/task"
    with suppress(*_GONE, PermissionError):
        for task in os.listdir(folder):
            yield f"{folder}/{task}"
