"""Opening log files: nobody may be made to wait for a pipe or terminal, at opening or at writing."""

from __future__ import annotations

import errno
import os

from fcgipm.system.errors import SystemProblem

_FLAGS = os.O_APPEND | os.O_CREAT | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


def open_log(path: str, what: str = "log file") -> int:
    """A descriptor that appends and does not block. Raises SystemProblem."""
    try:
        try:
            return os.open(path, os.O_WRONLY | _FLAGS, 0o640)
        except OSError as error:
            if error.errno != errno.ENXIO:
                raise
            return os.open(path, os.O_RDWR | _FLAGS)  # A named pipe that nobody reads yet: fifo(7).
    except OSError as error:
        raise SystemProblem(f"cannot open the {what} {path}: {error.strerror}") from error
