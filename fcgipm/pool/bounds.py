"""Other bounds for a running pool: what `fcgipm scale`, TTIN and TTOU ask for, and whether it can be had."""

from __future__ import annotations

from collections.abc import Iterable

from fcgipm.pool.policy import WORKERS_LIMIT, Bounds


class BoundsRefused(ValueError):
    """Such bounds cannot be; the text says why, for people."""


def changed(bounds: Bounds, mode: str, least: int | None, most: int | None) -> Bounds:
    """`bounds` of a pool of that mode with another `least` or `most` (None: as it is). A static pool has one number, so either means both.

    Raises BoundsRefused.
    """
    if mode == "static":
        least, most = (most if least is None else least), (least if most is None else most)
    new = Bounds(bounds.min if least is None else least, bounds.max if most is None else most)
    if mode == "static" and new.min != new.max:
        raise BoundsRefused(f"a static pool has always the same number of workers, not {new.min} to {new.max}")
    if mode == "ondemand" and new.min:
        raise BoundsRefused("a pool in mode ondemand has no workers at rest: min is 0")
    if not 1 <= new.max <= WORKERS_LIMIT:
        raise BoundsRefused(f"max is 1 to {WORKERS_LIMIT}, not {new.max}")
    if new.min < 0:
        raise BoundsRefused(f"min is at least 0, not {new.min}")
    if new.min > new.max:
        raise BoundsRefused(f"min {new.min} is more than max {new.max}")
    return new


def stepped(bounds: Bounds, mode: str, step: int) -> Bounds:
    """One worker more (`step` 1) or less (-1) at any time: for a static pool their number, for a dynamic one the least, for ondemand the most.

    Raises BoundsRefused.
    """
    if mode == "ondemand":
        return changed(bounds, mode, None, bounds.max + step)
    least = bounds.min + step
    return changed(bounds, mode, least, least if mode == "static" else max(bounds.max, least))


def check_total(total: int | None, least: Iterable[int]) -> None:
    """Raise BoundsRefused unless pools with these bounds below can all have a worker within `max_workers`, if there is such a limit."""
    needed = sum(max(one, 1) for one in least)
    if total is not None and needed > total:
        raise BoundsRefused(f"all pools would need {needed} workers at least, and max_workers is {total}")


def described(bounds: Bounds) -> str:
    """``1 worker``, ``4 workers`` or ``2 to 16 workers``."""
    return counted(bounds.max) if bounds.min == bounds.max else f"{bounds.min} to {counted(bounds.max)}"


def counted(workers: int) -> str:
    """``1 worker``, or ``4 workers``."""
    return f"{workers} worker{'' if workers == 1 else 's'}"
