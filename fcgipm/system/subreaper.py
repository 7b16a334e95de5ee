"""Make a process the parent of its orphaned descendants (prctl(2), PR_SET_CHILD_SUBREAPER).

Set by `fcgipm run` before it becomes the master: the attribute survives exec, and so the master need not load ctypes, 0.4 MiB, for one call.
"""

from __future__ import annotations

import ctypes
import os
import signal

from fcgipm.worker.prctl import set_death_signal

PR_SET_CHILD_SUBREAPER = 36


def become_subreaper() -> None:
    """From now on, also after exec, orphans below this process become its children. Raises OSError."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def as_daemon() -> None:
    """In a child that is to become a command's own daemon: what `fcgipm run` does too; and if the command is killed, the daemon ends all the same."""
    become_subreaper()
    set_death_signal(signal.SIGTERM)
