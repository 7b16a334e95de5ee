"""The few process attributes of Linux that Python has no name for (prctl(2))."""

from __future__ import annotations

import ctypes

_PR_SET_PDEATHSIG = 1
_PR_SET_NAME = 15
_PR_SET_NO_NEW_PRIVS = 38

_prctl = ctypes.CDLL(None, use_errno=True).prctl


def set_no_new_privs() -> None:
    """From here on no program started by this process gains rights, by setuid bits or file capabilities. Raises OSError."""
    _set(_PR_SET_NO_NEW_PRIVS, ctypes.c_ulong(1))


def set_death_signal(number: int) -> None:
    """The kernel sends this process that signal when its parent ends. Raises OSError."""
    _set(_PR_SET_PDEATHSIG, ctypes.c_ulong(number))


def set_name(name: str) -> None:
    """The name in ps and top, 15 bytes at most."""
    _set(_PR_SET_NAME, ctypes.c_char_p(name.encode()[:15]))


def _set(option: int, argument: object) -> None:
    if _prctl(option, argument, ctypes.c_ulong(0), ctypes.c_ulong(0), ctypes.c_ulong(0)) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"prctl({option}) failed")
