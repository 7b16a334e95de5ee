"""Hello world in a worker that leaves out the part named by WITHOUT: what that part costs is the difference to a whole worker.

Only here, in a benchmark, may an application reach into its worker.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from benchmarks.applications.hello import application
from fcgipm.gateways.watch import Watch
from fcgipm.worker import loop, process

__all__ = ["application"]


class Unwatched(Watch):
    """In the place of a RequestWatch."""

    slot: Any = None
    started = 0

    def attach(self) -> None: ...


def nothing(*_: Any) -> None: ...


def replace(module: Any, name: str, value: Callable[..., Any]) -> None:
    if not hasattr(module, name):
        raise SystemExit(f"{module.__name__} has no {name} any more: this benchmark has to follow")
    setattr(module, name, value)


part = os.environ.get("WITHOUT", "")
if "scoreboard" in part:
    replace(loop, "store_begun", nothing)
    replace(loop, "store_ended", nothing)
if "watch" in part:
    replace(process, "RequestWatch", Unwatched)
