"""The load generator: wrk (https://github.com/wg/wrk), one thread."""

from __future__ import annotations

import re
import subprocess
from typing import NamedTuple

from benchmarks.processes import BenchError, program

WAY_OUT = "on Debian and Ubuntu: apt-get install wrk"
MILLISECONDS = {"us": 0.001, "ms": 1.0, "s": 1000.0, "m": 60000.0}


class Load(NamedTuple):
    """What one run of wrk saw."""

    requests: int
    rate: float
    p50_ms: float
    p99_ms: float
    bad: int
    """Replies other than 2xx or 3xx, and socket errors of all kinds."""


def path() -> str:
    """Where wrk is; BenchError with the way to get it when it is nowhere."""
    return program("wrk", WAY_OUT)


def run(url: str, clients: int, seconds: int) -> Load:
    """Load `url` with `clients` kept connections for whole seconds."""
    argv = [path(), "-t1", f"-c{clients}", f"-d{seconds}s", "--latency", url]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=seconds + 30)
    if done.returncode:
        raise BenchError(f"{' '.join(argv)} failed:\n{done.stdout}{done.stderr}")
    return parse(done.stdout)


def parse(text: str) -> Load:
    """The figures in what `wrk --latency` prints; BenchError if one is missing."""
    return Load(
        requests=int(find(r"(\d+) requests in", text)),
        rate=float(find(r"Requests/sec:\s*([\d.]+)", text)),
        p50_ms=milliseconds(find(r"^ +50%\s+(\S+)", text)),
        p99_ms=milliseconds(find(r"^ +99%\s+(\S+)", text)),
        bad=sum(map(int, re.findall(r"Non-2xx or 3xx responses: (\d+)", text))) + socket_errors(text),
    )


def find(pattern: str, text: str) -> str:
    match = re.search(pattern, text, re.MULTILINE)
    if match is None:
        raise BenchError(f"wrk printed nothing like {pattern!r}:\n{text}")
    return match[1]


def milliseconds(text: str) -> float:
    """A time as wrk writes it (813.00us, 1.27ms, 2.10s, 1.05m)."""
    match = re.fullmatch(r"([\d.]+)(us|ms|s|m)", text)
    if match is None:
        raise BenchError(f"no time of wrk: {text!r}")
    return float(match[1]) * MILLISECONDS[match[2]]


def socket_errors(text: str) -> int:
    line = re.search(r"Socket errors: (.*)", text)
    return sum(map(int, re.findall(r"\d+", line[1]))) if line else 0
