"""What a worker tells about its requests beside their number: which one runs, and how long those took that have ended.

Both run for every request, so they are as plain as they can be.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import Dict

from fcgipm.gateways.wsgi import Response
from fcgipm.scoreboard import (
    ABORTED,
    BEGUN,
    CLASS_1XX,
    CLASS_2XX,
    CLASS_3XX,
    CLASS_4XX,
    CLASS_5XX,
    EDGES_NS,
    FAILED,
    LATENCY,
    SERVED_NS,
    TIMED_OUT,
    begin,
)

_CLASS = (CLASS_4XX, CLASS_1XX, CLASS_2XX, CLASS_3XX, CLASS_4XX, *(CLASS_5XX,) * 5)
"""By the first digit of a status. A request whose client left before it had one counts as nginx's 499 does."""
_WORTH = 200_000
"""Nanoseconds."""


def store_begun(slot: memoryview, kept: int, started: int, params: Dict[str, str]) -> None:
    """Write that a request runs, with its method and its path without the query string."""
    path = params.get("REQUEST_URI") or params.get("SCRIPT_NAME", "") + params.get("PATH_INFO", "")
    if "?" in path:
        path = path.partition("?")[0]
    begin(slot, kept, started, (params.get("REQUEST_METHOD", "?") + " " + path).encode("latin-1"))


def store_ended(slot: memoryview, response: Response, took: int) -> None:
    """Count a request that took so many nanoseconds."""
    status = response.status
    slot[_CLASS[status // 100]] += 1
    if status >= 500 or response.failed:
        slot[FAILED] += 1
        if response.expired:
            slot[TIMED_OUT] += 1
    if response.aborted:
        slot[ABORTED] += 1
    slot[SERVED_NS] += took
    slot[LATENCY + bucket(took)] += 1


def worth_asking(slot: memoryview) -> bool:
    """Whether to ask if a client is still there: where requests take so long on average that this is at most a hundredth of one.

    Asked for each request of a queue it was 2.4 of 23 µs; so it is 0.1. What takes less is done sooner than it waits for long.
    """
    return slot[SERVED_NS] >= slot[BEGUN] * _WORTH


def store_deserted(slot: memoryview) -> None:
    """Count a request whose client left before it was begun."""
    slot[CLASS_4XX] += 1
    slot[ABORTED] += 1


def bucket(took: int) -> int:
    """The number of the bucket for so many nanoseconds. (By bisection 0.1 µs, by a logarithm 0.25.)"""
    return bisect_right(EDGES_NS, took)
