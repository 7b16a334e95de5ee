"""The document of an older daemon, read by a newer command: what it does not tell yet is nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_PROCESS = {
    "pid": 0, "generation": 0, "state": "unknown", "requests": 0, "uptime_seconds": 0.0, "kept": 0, "rss_bytes": None, "cpu_percent": None, "running": [],
}  # fmt: skip
_POOL: dict[str, Any] = {
    "interface": "wsgi",
    "python": None,
    "generation": 0,
    "state": "unknown",
    "reason": None,
    "listen": [],
    "workers": dict.fromkeys(("total", "idle", "busy", "starting", "stopping", "min", "max", "peak", "max_reached"), 0),
    "scaling": {"mode": "static", "target": 0, "reason": ""},
    "draining": False,
    "requests": {"by_class": {}, **dict.fromkeys(("total", "active", "failed", "slow", "timed_out", "aborted"), 0)},
    "requests_per_second": 0.0,
    "latency_seconds": {},
    "latency_histogram": {"buckets": [], "sum_seconds": 0.0},
    "connections": {"rejected": 0},
    "exits": {},
    "memory": {"pss_bytes": None, "uss_bytes": None, "rss_bytes": None},
    "template": {"pid": None, "pss_bytes": None},
    "last_reload": None,
    "processes": [],
}
_DAEMON: dict[str, Any] = {
    "schema": 1, "version": "unknown", "state": "unknown", "pid": 0, "started_at": "", "uptime_seconds": 0.0, "config": "", "pools": {}, "http": [],
    "status_server": None, "loop_lag_seconds": 0.0, "events": [],
}  # fmt: skip
_SERVER = {"address": "", "pool": "", "pid": None, "state": "unknown", "reason": None}


def completed(status: Mapping[str, Any]) -> dict[str, Any]:
    """The same with every key of schema 1."""
    whole = _filled(status, _DAEMON)
    whole["pools"] = {name: _pool(pool) for name, pool in whole["pools"].items()}
    whole["http"] = [_filled(server, _SERVER) for server in whole["http"]]
    if whole["status_server"] is not None:
        whole["status_server"] = _filled(whole["status_server"], _SERVER)
    return whole


def _pool(pool: Mapping[str, Any]) -> dict[str, Any]:
    whole = _filled(pool, _POOL)
    whole["processes"] = [_filled(process, _PROCESS) for process in whole["processes"]]
    return whole


def _filled(given: Mapping[str, Any], default: Mapping[str, Any]) -> dict[str, Any]:
    deeper = {key: _filled(given[key], value) for key, value in default.items() if isinstance(value, dict) and isinstance(given.get(key), dict)}
    return {**default, **given, **deeper}
