"""Other bounds for a running pool, by command (`fcgipm scale`) or by signal (TTIN, TTOU)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fcgipm.master.fleet import Fleet
from fcgipm.master.log import Log
from fcgipm.pool.bounds import BoundsRefused, changed, check_total, described, stepped
from fcgipm.pool.happenings import ScaleRequested
from fcgipm.pool.policy import Bounds


def scale(fleet: Fleet, max_workers: int | None, name: object, request: Mapping[str, Any]) -> str | None:
    """Give a pool other bounds, until `reset` or the next start; what will hold, None if there is no pool of that name. Raises BoundsRefused."""
    runner = fleet.serving.get(str(name))
    if runner is None:
        return None
    scaling, workers = runner.pool.scaling, runner.settings["workers"]
    file = Bounds(workers["min"], workers["max"])
    bounds = file if request.get("reset") else changed(scaling.bounds, workers["mode"], request.get("min"), request.get("max"))
    check_total(max_workers, [bounds.min, *(other.pool.scaling.bounds.min for other in fleet.serving.values() if other is not runner)])
    runner.happened(ScaleRequested(bounds))
    return f"{runner.name}: {described(bounds)} (the configuration says {described(file)})"


def scale_by(fleet: Fleet, max_workers: int | None, step: int, name: str, log: Log) -> None:
    """One worker more or less for the only pool there is; `name` is the signal's."""
    if len(fleet.serving) > 1:
        log.warning(f"{name} ignored: there is more than one pool; use `fcgipm scale POOL`")
        return
    (runner,) = fleet.serving.values()
    try:
        new = stepped(runner.pool.scaling.bounds, runner.settings["workers"]["mode"], step)
        log.info(f"{name}: {scale(fleet, max_workers, runner.name, new._asdict())}")
    except BoundsRefused as refused:
        log.warning(f"{name} ignored: {refused}")
