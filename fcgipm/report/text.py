"""The status document as text for people: a line for the daemon, one for each pool, then its workers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

_POOL_HEADS = ("POOL", "STATE", "GEN", "WORKERS", "MAX", "IDLE", "BUSY", "QUEUE", "REQUESTS", "ACTIVE", "FAILED", "CRASHES", "LISTEN")
_PROCESS_HEADS = ("POOL", "PID", "GEN", "STATE", "REQUESTS", "KEPT", "UPTIME")
_RIGHT = frozenset(
    {"GEN", "WORKERS", "MAX", "QUEUE", "IDLE", "BUSY", "REQUESTS", "ACTIVE", "FAILED", "CRASHES", "PID", "KEPT", "UPTIME"}
)


def to_text(status: Mapping[str, Any]) -> str:
    """Render a document of schema 1, as ``report.document.to_json`` makes it; ends with a newline."""
    pools: Mapping[str, Mapping[str, Any]] = status["pools"]
    parts = [
        f"fcgipm {status['version']} {status['state']}, pid {status['pid']}, up {duration(status['uptime_seconds'])}, {status['config']}",
        table(_POOL_HEADS, [_pool_row(name, pool) for name, pool in pools.items()]),
        *(f"{name}: {pool['state']}: {pool['reason']}" for name, pool in pools.items() if pool["reason"]),
        *(_scaling_line(name, pool) for name, pool in pools.items()),
        *(_rejected_line(name, pool) for name, pool in pools.items()),
        *(_reload_line(name, pool["last_reload"]) for name, pool in pools.items() if pool["last_reload"] is not None),
        *map(_http_line, status.get("http", ())),
        table(
            _PROCESS_HEADS,
            [_process_row(name, process) for name, pool in pools.items() for process in pool["processes"]],
        ),
    ]
    return "\n".join(part for part in parts if part) + "\n"


def _scaling_line(name: str, pool: Mapping[str, Any]) -> str:
    scaling, workers = pool["scaling"], pool["workers"]
    count = workers["max_reached"]
    if scaling["mode"] == "static" and not count:
        return ""
    reached = f", max reached {count} time{'' if count == 1 else 's'}" if count else ""
    bounds = f"target {scaling['target']} of {workers['min']} to {workers['max']}"
    return f"{name}: {scaling['mode']}, {bounds}; {scaling['reason']}; peak {workers['peak']}{reached}"


def _rejected_line(name: str, pool: Mapping[str, Any]) -> str:
    rejected = pool["connections"]["rejected"]
    return f"{name}: connections rejected for breaking the protocol: {rejected}" if rejected else ""


def _reload_line(name: str, reload: Mapping[str, Any]) -> str:
    return f"{name}: last reload {reload['at']}: " + ("ok" if reload["ok"] else f"failed: {reload['reason']}")


def _http_line(http: Mapping[str, Any]) -> str:
    process = f", pid {http['pid']}" if http["pid"] is not None else ""
    return f"http {http['address']} for {http['pool']}: {http['state']}{process}"


def duration(seconds: float) -> str:
    """``4.2s``, ``3m07s``, ``5h02m``, ``2d03h``."""
    whole = int(seconds)
    if whole < 60:
        return f"{seconds:.1f}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02}s"
    if whole < 86400:
        return f"{whole // 3600}h{whole % 3600 // 60:02}m"
    return f"{whole // 86400}d{whole % 86400 // 3600:02}h"


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns as wide as their widest cell, numbers to the right; empty without rows."""
    if not rows:
        return ""
    widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
    return "\n".join(_line(heads, row, widths) for row in (heads, *rows))


def _line(heads: Sequence[str], cells: Sequence[str], widths: Sequence[int]) -> str:
    aligned = [
        cell.rjust(width) if head in _RIGHT else cell.ljust(width) for head, cell, width in zip(heads, cells, widths, strict=True)
    ]
    return "  ".join(aligned).rstrip()


def _pool_row(name: str, pool: Mapping[str, Any]) -> list[str]:
    workers, requests = pool["workers"], pool["requests"]
    addresses = " ".join(listener["address"] for listener in pool["listen"])
    counts = [
        workers["total"],
        workers["max"],
        workers["idle"],
        workers["busy"],
        _queue(pool["listen"]),
        requests["total"],
        requests["active"],
        requests["failed"],
        pool["exits"]["crash"],
    ]
    return [name, pool["state"], str(pool["generation"]), *map(str, counts), addresses]


def _queue(listeners: Sequence[Mapping[str, Any]]) -> str:
    known = [listener["queue"] for listener in listeners if listener["queue"] is not None]
    return str(sum(known)) if known else "?"


def _process_row(pool: str, process: Mapping[str, Any]) -> list[str]:
    uptime = duration(process["uptime_seconds"])
    return [
        pool,
        str(process["pid"]),
        str(process["generation"]),
        process["state"],
        str(process["requests"]),
        str(process["kept"]),
        uptime,
    ]
