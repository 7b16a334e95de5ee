"""pidfd_open(2) on every Python from 3.9: builds on the headers of a kernel before 5.3 lack `os.pidfd_open`, whatever kernel they run on."""

from __future__ import annotations

import ctypes
import os

_NUMBER = 434
"""Of the system call, on all architectures but Alpha."""


def open_pidfd(pid: int) -> int:
    """A descriptor that becomes readable when the process has ended; close-on-exec. Raises OSError."""
    if hasattr(os, "pidfd_open"):
        return os.pidfd_open(pid)
    return _call(pid)


def _call(pid: int) -> int:
    found: int = ctypes.CDLL(None, use_errno=True).syscall(ctypes.c_long(_NUMBER), ctypes.c_int(pid), ctypes.c_uint(0))
    if found < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return found
