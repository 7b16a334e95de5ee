"""The status document: DESIGN's names, and no figure that does not exist yet."""

from __future__ import annotations

import json

from fcgipm.report.document import to_json
from tests.unit.report.snapshots import SNAPSHOT


def test_the_whole_document() -> None:
    document = to_json(SNAPSHOT)
    pools = document.pop("pools")
    assert document == {
        "schema": 1,
        "version": "0.1.0",
        "state": "degraded",
        "pid": 1,
        "started_at": "2026-11-22T12:00:00.123Z",
        "uptime_seconds": 90061.0,
        "config": "/etc/fcgipm/fcgipm.yaml",
        "http": [{"address": "127.0.0.1:8000", "pool": "web", "pid": 77, "state": "running", "reason": None}],
        "status_server": None,
        "loop_lag_seconds": 0.0,
        "events": [],
    }
    assert list(pools) == ["web", "api"]
    assert pools["web"] == {
        "interface": "wsgi",
        "python": "3.11.7",
        "generation": 1,
        "state": "ready",
        "reason": None,
        "listen": [
            {"address": "unix:/run/fcgipm/web.sock", "queue": 7, "queue_max": 1024},
            {"address": "[::1]:9000", "queue": None, "queue_max": None},
        ],
        "workers": {"total": 3, "idle": 2, "busy": 1, "starting": 0, "stopping": 0, "min": 2, "max": 3, "peak": 3, "max_reached": 5},
        "scaling": {"mode": "dynamic", "target": 3, "reason": "+1: 2 waiting, all 2 busy"},
        "requests": {"total": 12, "active": 1, "by_class": {"2xx": 9, "3xx": 0, "4xx": 2, "5xx": 1}, "failed": 1, "slow": 2, "timed_out": 3, "aborted": 4},
        "draining": False,
        "requests_per_second": 1.5,
        "latency_seconds": {"p50": 0.001, "p90": 0.002, "p99": None},
        "latency_histogram": {"buckets": [0] * 192, "sum_seconds": 0.0},
        "memory": {"pss_bytes": 5000, "uss_bytes": 4000, "rss_bytes": 9000},
        "connections": {"rejected": 3},
        "exits": {"crash": 2, "retire": 0, "reload": 0},
        "template": {"pid": 9, "pss_bytes": 8000},
        "last_reload": {"at": "2026-11-22T11:00:00.000Z", "ok": False, "reason": "SyntaxError: no"},
        "processes": [
            {
                "pid": 2, "generation": 1, "state": "busy", "requests": 13, "uptime_seconds": 3725.04, "kept": 5, "rss_bytes": 9000, "cpu_percent": 12.5,
                    "stopped": False,
                "running": [{"method": "GET", "uri": "/slow", "seconds": 4.25}],
            }
        ],
    }


def test_a_pool_that_cannot_serve() -> None:
    api = to_json(SNAPSHOT)["pools"]["api"]
    assert api["reason"] == "ModuleNotFoundError: No module named 'api'"
    assert api["python"] is None and api["template"] == {"pid": None, "pss_bytes": None} and api["processes"] == []
    assert api["workers"]["total"] == 0


def test_it_is_plain_json() -> None:
    document = to_json(SNAPSHOT)
    assert json.loads(json.dumps(document)) == document
