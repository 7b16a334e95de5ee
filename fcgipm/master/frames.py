"""What a dump of stacks says of the application. The frames of fcgipm that lie below it are the same for every request, and are told as a count."""

from __future__ import annotations

import os
import re

from fcgipm.system.spawn import BOOTSTRAP

OURS = os.path.dirname(os.path.dirname(BOOTSTRAP))
"""The folder of this package, as the workers load it."""

_FRAME = re.compile(r'  File "(.*)", line [0-9]+ in (.*)')
_INNER = ("/worker/", "/gateways/")
"""What of the package runs in a worker; its demonstration is an application."""

_WAITING = {"_turn": "a request", "_obey_for_ever": "orders"}
"""Functions that do nothing but wait, when they are the innermost."""


def cut(lines: list[str], ours: str = OURS) -> list[str]:
    """The lines of faulthandler's dump (of each thread its frames, the innermost first) without what lies below the application's outermost frame."""
    told: list[str] = []
    frames: list[str] = []
    for line in (*lines, ""):
        if line.startswith("  "):
            frames.append(line)
        else:
            told += [*_without_ours(frames, ours), line]
            frames = []
    return told[:-1]


def _without_ours(frames: list[str], ours: str) -> list[str]:
    count = 0
    seen = False
    for frame in reversed(frames):
        found = _FRAME.fullmatch(frame)
        if found is None or not (_is_ours(found[1], ours) or found[1].endswith("/threading.py")):
            break
        seen = seen or _is_ours(found[1], ours)
        count += 1
    if not seen:  # A thread of the application's own begins in threading too.
        return frames
    kept = frames[: len(frames) - count]
    return [*kept, f"  (and {count} frames of fcgipm that led there)"] if kept else [_summary(frames[0], ours)]


def _is_ours(file: str, ours: str) -> bool:
    return file.startswith(tuple(ours + inner for inner in _INNER))


def _summary(innermost: str, ours: str) -> str:
    """A thread that is in no code of the application."""
    found = _FRAME.fullmatch(innermost)
    assert found is not None
    if found[2] in _WAITING:
        return f"  (fcgipm waits for {_WAITING[found[2]]})"
    return f"  (fcgipm itself: {found[2]}, {found[1].removeprefix(f'{ours}/')})"
