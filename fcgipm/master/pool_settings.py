"""What a pool decides by, of its effective configuration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fcgipm.pool.lifetime import Lifetime
from fcgipm.pool.policy import PoolSettings


def pool_settings(settings: Mapping[str, Any], stop_timeout: float, generation: int) -> PoolSettings:
    """`settings` are those of one pool; `stop_timeout` in seconds, `generation` the number of its first."""
    workers = settings["workers"]
    return PoolSettings(
        settings["name"],
        workers["min"],
        workers["max"],
        workers["threads"],
        stop_timeout,
        workers["spare"],
        workers["idle_timeout"],
        settings["preload"],
        settings["probe"] is not None,
        Lifetime(**settings["recycle"]),
        generation,
    )
