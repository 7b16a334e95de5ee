"""How many workers a pool has: the mode that its keys mean, the values in effect, and the rules between them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fcgipm.config.model import DYNAMIC_MIN, IDLE_TIMEOUT, MOST, SPARE, STATIC_WORKERS, Workers


def mode_of(workers: Workers) -> str:
    """The mode said, or else `dynamic` as soon as a key says that the number may change. `ondemand` makes a visitor wait, so it is never guessed."""
    if workers.mode is not None:
        return workers.mode
    differ = None not in (workers.min, workers.max) and workers.min != workers.max
    changing = differ or workers.min == 0 or workers.spare is not None or workers.idle_timeout is not None
    return "dynamic" if changing else "static"


def values(workers: Workers) -> dict[str, Any]:
    """The values in effect, the same keys in every mode."""
    mode = mode_of(workers)
    least, most, spare = {"static": _static, "dynamic": _dynamic, "ondemand": _ondemand}[mode](workers)
    idle_timeout = IDLE_TIMEOUT if workers.idle_timeout is None else workers.idle_timeout
    return {
        "mode": mode,
        "min": least,
        "max": most,
        "spare": spare,
        "idle_timeout": idle_timeout,
        "threads": workers.threads,
    }


def mistakes(workers: Workers) -> Iterator[tuple[str, str]]:
    """Every broken rule, as the key and what is wrong with it."""
    rules = {"static": _static_mistakes, "dynamic": _dynamic_mistakes, "ondemand": _ondemand_mistakes}
    yield from rules[mode_of(workers)](workers)


def _static(workers: Workers) -> tuple[int, int, int]:
    count = workers.min or workers.max or STATIC_WORKERS
    return count, count, 0


def _dynamic(workers: Workers) -> tuple[int, int, int]:
    """A bound that is not said gives way to the one that is."""
    least = min(DYNAMIC_MIN, workers.max or DYNAMIC_MIN) if workers.min is None else workers.min
    most = max(MOST, least) if workers.max is None else workers.max
    return least, most, SPARE if workers.spare is None else workers.spare


def _ondemand(workers: Workers) -> tuple[int, int, int]:
    return 0, workers.max or MOST, 0


def _static_mistakes(workers: Workers) -> Iterator[tuple[str, str]]:
    if workers.min == 0:
        yield "min", "must be at least 1 in mode static: for no workers at rest, use mode dynamic or ondemand"
    elif None not in (workers.min, workers.max) and workers.min != workers.max:
        text = "a pool in mode static has always the same number"
        yield "max", f"must equal min, {workers.min}: {text}, not up to {workers.max}"
    if workers.spare is not None:
        yield "spare", "is for mode dynamic, and this pool is static: take it away, or use mode dynamic"
    if workers.idle_timeout is not None:
        text = "is for modes dynamic and ondemand, and this pool is static"
        yield "idle_timeout", f"{text}: take it away, or use one of these modes"


def _dynamic_mistakes(workers: Workers) -> Iterator[tuple[str, str]]:
    least, most, spare = _dynamic(workers)
    if least > most:
        yield "max", f"must be at least min, {least}, not {most}"
    if spare > most:
        yield "spare", f"must be at most max, {most}, not {spare}: spare workers count towards max"


def _ondemand_mistakes(workers: Workers) -> Iterator[tuple[str, str]]:
    for key in ("min", "spare"):
        if value := getattr(workers, key):
            text = "a pool in mode ondemand has no workers at rest"
            yield key, f"must be 0, not {value}: {text}; use mode dynamic to have some"
