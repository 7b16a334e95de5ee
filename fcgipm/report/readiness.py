"""Whether visitors should be sent here, by the status document: what ``/readyz`` answers.

Not ready are: a daemon that starts or stops, a pool that drains, a pool none of whose workers accepts, and a degraded pool with fewer workers that accept
than its `min`. A pool that rests without workers (`min: 0`) is ready; so is a degraded one that has its `min`, and one that is fully busy: its queue is
what a burst is for.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

JSON = Mapping[str, Any]


def unreadiness(status: JSON) -> list[str]:
    """Why not, a line for each reason; empty: ready."""
    if status["state"] in ("starting", "stopping"):
        return [f"the daemon is {status['state']}"]
    return [f"{name}: {why}" for name, pool in status["pools"].items() if (why := _why(pool)) is not None]


def _why(pool: JSON) -> str | None:
    workers = pool["workers"]
    serving = workers["idle"] + workers["busy"]
    if pool["draining"]:
        return "draining"
    if not serving and (workers["min"] or pool["state"] == "degraded"):
        return "no worker accepts" + (f": {pool['reason']}" if pool["reason"] else "")
    if pool["state"] == "degraded" and serving < workers["min"]:
        return f"degraded, {serving} of at least {workers['min']} workers: {pool['reason']}"
    return None
