"""Who serves after a switch, and what those in whose place they come are told."""

from __future__ import annotations

from collections import deque
from pathlib import Path
from typing import Any

from fcgipm.master.fleet import Fleet
from fcgipm.master.happenings import Happening, PoolHappened
from fcgipm.master.log import Log
from fcgipm.master.loop import Loop
from fcgipm.pool.happenings import Superseded

SETTINGS: dict[str, Any] = {
    "name": "web", "workers": {"min": 1, "max": 1, "threads": 1, "spare": 0, "idle_timeout": 10.0}, "preload": True, "probe": None, "recycle": {"memory": 0},
    "timeouts": {"keepalive": 75.0, "request": 50.0, "kill_after": 5.0}, "slow_log": None, "uid": None, "gid": None,
    "access_log": {"file": "off", "format": "json"},
}  # fmt: skip


def test_a_pool_without_a_worker_is_told_too_that_another_serves(tmp_path: Path) -> None:
    """In its back-off, or at rest: it would start a template of its own again, or keep the one it has."""
    queue: deque[Happening] = deque()
    loop = Loop()
    fleet = Fleet(loop, Log(str(tmp_path / "log")), queue.append)
    older = fleet.found(SETTINGS, [], 1.0)
    fleet.nominate(SETTINGS, [], 1.0)
    fleet.admit(0.0)
    assert PoolHappened(older, Superseded(0)) in queue
    fleet.close()
    loop.close()
