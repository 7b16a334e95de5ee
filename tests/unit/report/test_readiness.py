"""What `/readyz` answers."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from fcgipm.report.document import to_json
from fcgipm.report.readiness import unreadiness
from tests.unit.report.snapshots import SNAPSHOT

READY = to_json(SNAPSHOT._replace(state="running", pools=SNAPSHOT.pools[:1]))


def given(daemon: str = "running", **pool: Any) -> dict[str, Any]:
    document = copy.deepcopy(READY)
    document["state"] = daemon
    workers = pool.pop("workers", {})
    document["pools"]["web"].update(pool)
    document["pools"]["web"]["workers"].update(workers)
    return document


@pytest.mark.parametrize(
    ("document", "reasons"),
    [
        (given(), []),
        (given("degraded"), []),
        (given("reloading"), []),
        (given("starting"), ["the daemon is starting"]),
        (given("stopping"), ["the daemon is stopping"]),
        (given(draining=True), ["web: draining"]),
        (given(workers={"idle": 0, "busy": 0}), ["web: no worker accepts"]),
        (given(workers={"idle": 0, "busy": 0, "min": 0}), []),
        (given(workers={"idle": 0, "busy": 0, "min": 0}, state="degraded", reason="it broke"), ["web: no worker accepts: it broke"]),
        (given(workers={"idle": 0, "busy": 1}, state="degraded", reason="it broke"), ["web: degraded, 1 of at least 2 workers: it broke"]),
        (given(workers={"idle": 1, "busy": 1}, state="degraded", reason="it broke"), []),
        (given(workers={"idle": 0, "busy": 3}), []),
    ],
)
def test_why_not(document: dict[str, Any], reasons: list[str]) -> None:
    assert unreadiness(document) == reasons


def test_one_pool_that_cannot_serve_is_enough() -> None:
    document = to_json(SNAPSHOT)
    assert unreadiness(document) == ["api: no worker accepts: ModuleNotFoundError: No module named 'api'"]
