"""The outcome as a table, and as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fcgipm.bench import table
from fcgipm.bench.figures import Factor, Round, Rounds, client_limits, factors, medians
from fcgipm.bench.ways import NGINX, Way

HEAD = ("", "requests/s", "p50 ms", "p90 ms", "p99 ms", "CPU ms", "memory MiB", "processes started")
MIB = 1 << 20
SCHEMA = 1


def text(rounds: Rounds) -> str:
    """A line for each way, then what it comes to."""
    rows = [row(way, several) for way, several in rounds.items()]
    return "\n".join([table.render(HEAD, rows), "", *notes(rounds)])


def row(way: Way, rounds: Sequence[Round]) -> list[str]:
    """One way's cells."""
    middle = medians(rounds)
    rate = f"{'≥ ' if client_limits(rounds) else ''}{number(middle.rate)}"
    waits = [number(one) for one in (middle.p50_ms, middle.p90_ms, middle.p99_ms)]
    return [way.label, rate, *waits, number(middle.cpu_ms), number(middle.memory / MIB), f"{middle.started:,.0f}"]


def notes(rounds: Rounds) -> list[str]:
    """What the table means, in sentences."""
    lines = [sentence(one) for one in factors(rounds)]
    cost = max(medians(several).client_ms for several in rounds.values())
    lines.append(f"CPU: of the daemon and all below it, a request. The load itself took up to {number(cost)} ms a request of the same machine beside it.")
    if any(client_limits(several) for several in rounds.values()):
        lines.append("≥: the load had no CPU left, so that the application can do more than is shown.")
    failed = sum(medians(several).failed for several in rounds.values())
    if failed:
        lines.append(f"{failed:.0f} requests failed.")
    return lines


def sentence(factor: Factor) -> str:
    """What keeping processes and connections brings, through one door."""
    door = "through nginx" if factor.door == NGINX else "directly"
    return f"CGI → FastCGI with kept connections, {door}: requests {times(factor.rate)}, CPU ÷{times(factor.cpu)[1:]}, wait ÷{times(factor.wait)[1:]}."


def times(value: float) -> str:
    """``×140``, ``×1.3``: with as many digits as mean something."""
    return f"×{value:.0f}" if value >= 20 else f"×{value:.1f}"


def number(value: float) -> str:
    """Three digits that mean something: ``12,345``, ``12.3``, ``0.0123``."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}" if value >= 1 else f"{value:.3f}"


def document(rounds: Rounds, about: Mapping[str, Any]) -> dict[str, Any]:
    """Everything, for programs. `about`: application, machine and settings."""
    return {
        "schema": SCHEMA,
        **about,
        "rows": [_entry(way, several) for way, several in rounds.items()],
        "factors": {one.door: {"rate": one.rate, "cpu": one.cpu, "wait": one.wait} for one in factors(rounds)},
    }


def _entry(way: Way, rounds: Sequence[Round]) -> dict[str, Any]:
    return {
        "way": way.name,
        "interface": way.interface,
        "kept": way.kept,
        "door": way.door,
        **_figures(medians(rounds)),
        "client_limits": client_limits(rounds),
        "rounds": [_figures(one) for one in rounds],
    }


def _figures(one: Round) -> dict[str, float]:
    return {
        "requests": one.requests,
        "failed": one.failed,
        "requests_per_second": one.rate,
        "p50_ms": one.p50_ms,
        "p90_ms": one.p90_ms,
        "p99_ms": one.p99_ms,
        "cpu_ms_per_request": one.cpu_ms,
        "nginx_cpu_ms_per_request": one.front_ms,
        "load_cpu_ms_per_request": one.client_ms,
        "load_cpus": one.client_share,
        "memory_bytes": one.memory,
        "processes_started": one.started,
    }


