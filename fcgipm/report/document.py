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
        "uptime_seconds": round(snapshot.uptime, 3),
        "config": snapshot.config,
        "pools": {pool.name: _pool(pool) for pool in snapshot.pools},
        "http": [http._asdict() for http in snapshot.http],
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
        "requests": _requests(pool.requests),
        "connections": {"rejected": pool.rejected},
        "exits": dict(pool.exits),
        "template": {"pid": pool.template},
        "processes": [_process(process) for process in pool.processes],
    }


def _workers(workers: WorkersSnapshot) -> dict[str, int]:
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


def _process(process: ProcessSnapshot) -> dict[str, Any]:
    return {
        "pid": process.pid,
        "generation": process.generation,
        "state": process.state,
        "requests": process.requests,
        "uptime_seconds": round(process.uptime, 3),
        "kept": process.kept,
    }
