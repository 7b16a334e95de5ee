"""Exits of child processes. The master is a subreaper: it also inherits processes nobody told it of, and reaps them silently."""

from __future__ import annotations

import os
import signal
from typing import NamedTuple


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
    if os.WIFSIGNALED(status):
        return f"was killed by {_signal_name(os.WTERMSIG(status))}"
    return f"exited with status {os.waitstatus_to_exitcode(status)}"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
