"""How a process ended, in words."""

from __future__ import annotations

import signal


def in_words(code: int) -> str:
    """``exited with status 3``, or ``was killed by SIGSEGV`` for -11; `code` as of os.waitstatus_to_exitcode."""
    return f"was killed by {signal_name(-code)}" if code < 0 else f"exited with status {code}"


def signal_name(number: int) -> str:
    """``SIGSEGV`` for 11, ``signal 40`` for one that has no name."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
