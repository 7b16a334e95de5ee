"""Exits of child processes. The master is a subreaper: it also inherits processes nobody told it of, and reaps them silently."""

from __future__ import annotations

import os
from typing import NamedTuple

from fcgipm.ending import in_words


class ChildExit(NamedTuple):
    """One reaped process; `status` as of waitpid(2)."""

    pid: int
    status: int


def reap() -> list[ChildExit]:
    """All children that have exited. SIGCHLD coalesces: one signal may stand for many."""
    exits: list[ChildExit] = []
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return exits
        if pid == 0:
            return exits
        exits.append(ChildExit(pid, status))


def is_clean(status: int) -> bool:
    """Whether the process exited with 0."""
    return status == 0


def describe(status: int) -> str:
    """``exited with status 3`` or ``was killed by SIGSEGV``."""
    return in_words(os.waitstatus_to_exitcode(status))
