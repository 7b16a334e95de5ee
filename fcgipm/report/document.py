"""A snapshot as the document that ``fcgipm status --json`` prints."""

from __future__ import annotations

from typing import Any

from fcgipm.report.snapshot import PoolSnapshot, ProcessSnapshot, RequestsSnapshot, Snapshot, WorkersSnapshot

SCHEMA = 1


def to_json(snapshot: Snapshot) -> dict[str, Any]:
    """The document: schema 1 of the status."""
    return {
        "schema": SCHEMA,
        "version": snapshot.version,
        "state": snapshot.state,
        "pid": snapshot.pid,
        "started_at": snapshot.started_at,
        "uptime_seconds": _figure(snapshot.uptime, 3),
        "config": snapshot.config,
        "pools": {pool.name: _pool(pool) for pool in snapshot.pools},
        "http": [http._asdict() for http in snapshot.http],
        "status_server": None if snapshot.status_server is None else snapshot.status_server._asdict(),
        "loop_lag_seconds": round(snapshot.loop_lag, 6),
        "events": [event._asdict() for event in snapshot.events],
    }


def _pool(pool: PoolSnapshot) -> dict[str, Any]:
    return {
        "interface": pool.interface,
        "python": pool.python,
        "generation": pool.generation,
        "state": pool.state,
        "reason": pool.reason,
        "listen": [listener._asdict() for listener in pool.listen],
        "workers": _workers(pool.workers),
        "scaling": {"mode": pool.mode, "target": pool.target, "reason": pool.scaling_reason},
        "draining": pool.draining,
        "requests": _requests(pool.requests) if pool.counted else _unknown(pool.requests),
        "requests_per_second": _figure(pool.recent.requests_per_second, 3) if pool.counted else None,
        "latency_seconds": {name: _figure(value, 6) for name, value in pool.recent.latency.items()},
        "latency_histogram": {"buckets": list(pool.latency), "sum_seconds": round(pool.served, 6)},
        "connections": {"rejected": pool.rejected},
        "exits": None if pool.exits is None else dict(pool.exits),
        "memory": {f"{name}_bytes": size for name, size in pool.memory._asdict().items()},
        "template": {"pid": pool.template, "pss_bytes": pool.template_pss},
        "last_reload": None if pool.last_reload is None else pool.last_reload._asdict(),
        "processes": [_process(process, pool.counted) for process in pool.processes],
    }


def _workers(workers: WorkersSnapshot) -> dict[str, int | None]:
    return {"total": workers.total, **workers._asdict()}


def _requests(requests: RequestsSnapshot) -> dict[str, Any]:
    classes = {f"{digit}xx": count for digit, count in enumerate(requests.by_class, 1) if count or digit > 1}
    return {
        "total": requests.total,
        "active": requests.active,
        "by_class": classes,
        "failed": requests.failed,
        "slow": requests.slow,
        "timed_out": requests.timed_out,
        "aborted": requests.aborted,
    }


def _unknown(requests: RequestsSnapshot) -> dict[str, Any]:
    """The same keys, of a foreign program: how many connections it has is all that can be seen."""
    return {**dict.fromkeys(_requests(requests)), "active": requests.active, "by_class": {}}


def _process(process: ProcessSnapshot, counted: bool) -> dict[str, Any]:
    return {
        "pid": process.pid,
        "generation": process.generation,
        "state": process.state,
        "requests": process.requests if counted else None,
        "uptime_seconds": round(process.uptime, 3),
        "kept": process.kept,
        "rss_bytes": process.rss,
        "cpu_percent": _figure(process.cpu_percent, 1),
        "stopped": process.stopped,
        "running": [{"method": one.method, "uri": one.uri, "seconds": round(one.seconds, 3)} for one in process.running],
    }


def _figure(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)
