"""What a worker tells about its requests beside their number: which one runs, and how long those took that have ended.

Both run for every request, so they are as plain as they can be. The bucket costs a logarithm (160 ns): from the bits of the number it would be 60 ns less,
and the buckets uneven.
"""

from __future__ import annotations

from math import log
from typing import Dict

from fcgipm.gateways.wsgi import Response
from fcgipm.scoreboard import (
    ABORTED,
    BEGUN,
    BUCKETS,
    CLASS_1XX,
    CLASS_4XX,
    FAILED,
    LATENCY,
    RATIO,
    SERVED_NS,
    SHORTEST_NS,
    TEXT,
    TEXT_LIMIT,
    TIMED_OUT,
)

_CLIENT_LEFT = 499
"""Counts as the status of a request whose client left before it had one, as in nginx."""
_WORTH = 200_000
"""Nanoseconds."""
_PER_BUCKET = 1 / log(RATIO)
_OFFSET = 1 - log(SHORTEST_NS) * _PER_BUCKET


def store_running(slot: memoryview, text: memoryview, params: Dict[str, str]) -> None:
    """Write method and path, without the query string, into the slot: `text` are the bytes after its word TEXT."""
    path = params.get("REQUEST_URI") or params.get("SCRIPT_NAME", "") + params.get("PATH_INFO", "")
    told = (params.get("REQUEST_METHOD", "?") + " " + path.partition("?")[0]).encode("latin-1")[:TEXT_LIMIT]
    slot[TEXT] = 0
    text[: len(told)] = told
    slot[TEXT] = len(told)


def store_ended(slot: memoryview, response: Response, took: int) -> None:
    """Count a request that took so many nanoseconds."""
    slot[CLASS_1XX - 1 + min((response.status or _CLIENT_LEFT) // 100, 5)] += 1
    if response.failed or response.status >= 500:
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
    """The number of the bucket for so many nanoseconds."""
    if took < SHORTEST_NS:
        return 0
    return min(int(log(took) * _PER_BUCKET + _OFFSET), BUCKETS - 1)
