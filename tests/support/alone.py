"""Turns among the processes of one `pytest -n`: tests that measure time run alone, all others side by side."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def turn(folder: str | None, alone: bool) -> Iterator[None]:
    """Hold the machine, `alone` or shared, among the processes that use the lock files in `folder` (None: there is one process, nothing to do).

    Two locks: who wants to be alone takes the gate, then waits for the others to finish; they come by the gate first, so that nobody new gets in
    meanwhile and the wait is one test long.
    """
    if folder is None:
        yield
        return
    kind = fcntl.LOCK_EX if alone else fcntl.LOCK_SH
    with _open(folder, "machine") as machine:
        with _open(folder, "gate") as gate:
            fcntl.flock(gate, kind)
            fcntl.flock(machine, kind)
        yield


@contextmanager
def _open(folder: str, name: str) -> Iterator[int]:
    """A lock file; closing it gives the lock back."""
    number = os.open(os.path.join(folder, name), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        yield number
    finally:
        os.close(number)
