"""What a run of hello says: a table for people, a document for programs."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Callable, Mapping, Sequence

from benchmarks import quiet
from benchmarks.backends import FCGIPM, FCGIPM_KEPT, FLUP_FORK, UWSGI, UWSGI_FASTCGI, Backend
from benchmarks.figures import Round, cpu_ratio, medians, rate_ratio, verdict
from fcgipm.bench import table

Measured = Mapping[Backend, Sequence[Round]]
Kind = Callable[[Sequence[Round], Sequence[Round]], float]
HEAD = ["hello world through nginx", "requests/s", "CPU µs/request", "nginx µs", "p50 ms", "p99 ms", "bad"]
HEAD += ["rate x", "CPU x", "rate x best"]


def text(rounds: Measured, others: float, stolen: float) -> str:
    """The table, what its ratios mean, the aims, how quiet the machine was. `others`, `stolen`: see quiet.text()."""
    best = best_of_uwsgi(rounds)
    notes = [f"rate x, CPU x: against {UWSGI_FASTCGI.label}; rate x best: against {best.label}"] if best else []
    rows = [row(one, rounds, best) for one in rounds]
    return "\n".join([table.render(HEAD, rows), *notes, *aims(rounds), quiet.text(others, stolen)])


def row(one: Backend, rounds: Measured, best: Backend | None) -> list[str]:
    figure = medians(rounds[one])
    return [
        one.label,
        f"{figure.rate:,.0f}",
        f"{figure.cpu_us:.1f}",
        f"{figure.front_us:.1f}",
        f"{figure.p50_ms:.2f}",
        f"{figure.p99_ms:.2f}",
        str(figure.bad),
        ratio(rate_ratio, one, UWSGI_FASTCGI, rounds),
        ratio(cpu_ratio, one, UWSGI_FASTCGI, rounds),
        ratio(rate_ratio, one, best, rounds),
    ]


def ratio(kind: Kind, one: Backend, other: Backend | None, rounds: Measured) -> str:
    """A ratio as text; a dash when the other did not run."""
    return f"{kind(rounds[one], rounds[other]):.2f}" if other is not None and other in rounds else "-"


def best_of_uwsgi(rounds: Measured) -> Backend | None:
    """The faster of uWSGI's protocols in this run."""
    ran = [one for one in (UWSGI, UWSGI_FASTCGI) if one in rounds]
    return max(ran, key=lambda one: medians(rounds[one]).rate, default=None)


def aims(rounds: Measured) -> list[str]:
    """Each aim beside what this run showed, as far as its two sides ran."""
    wanted = [(FCGIPM, UWSGI_FASTCGI, 1.0), (FCGIPM, FLUP_FORK, 2.5)]
    if best := best_of_uwsgi(rounds):
        wanted.append((FCGIPM_KEPT, best, 1.3))
    return [aim(one, other, least, rounds) for one, other, least in wanted if one in rounds and other in rounds]


def aim(one: Backend, other: Backend, least: float, rounds: Measured) -> str:
    value = rate_ratio(rounds[one], rounds[other])
    return f"{verdict(value >= least)}: {one.label} {value:.2f} x {other.label} (aim {least})"


def document(rounds: Measured, others: float, stolen: float, options: Mapping[str, object]) -> str:
    """Every round as JSON: rates per second, CPU in microseconds per request, times in milliseconds."""
    rows = [
        {
            "name": one.name,
            "kept": one.kept,
            "protocol": one.protocol,
            "median": medians(figures)._asdict(),
            "rounds": [each._asdict() for each in figures],
        }
        for one, figures in rounds.items()
    ]
    about = {
        "python": platform.python_version(),
        "kernel": platform.release(),
        "cpus": os.cpu_count(),
        "cpus_others": others,
        "cpus_stolen": stolen,
    }
    return json.dumps({"about": about, "options": dict(options), "rows": rows}, indent=1) + "\n"
