"""How every command and the daemon end: their exit codes, those of sysexits.h where there is one."""

from __future__ import annotations

FAILED = 1
"""Asked for in vain: refused, degraded, no pool can serve, nothing to choose."""

NOT_RUNNING = 2
"""No daemon answers."""

USAGE = 64
INTERNAL = 70
"""An error of ours."""

CANNOT_OPEN = 71
"""A socket, a file or a lock."""

CONFIGURATION = 78
INTERRUPTED = 130
"""By Ctrl-C, as shells say it: 128 and the signal's number."""
