"""What a worker tells about its requests beside their number: which one runs, and how long those took that have ended.

Both run for every request, so they are as plain as they can be.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import Dict

from fcgipm.gateways.wsgi import Response
from fcgipm.scoreboard import (
    ABORTED,
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
WORTH_ASKING = 200_000
"""Nanoseconds of a request for which one client that waited meanwhile is asked for: asking costs 2.4 µs, so that is a hundredth."""
_AT_LEAST = 16


class Doubts:
    """Whether clients that come out of a queue are still there: asked for after a long request, for as many of them as is worth it.

    Asked for each request of any queue it would be a tenth of the shortest ones, which are done sooner than anybody leaves.
    """

    def __init__(self) -> None:
        self._left = 0

    def arise(self, took: int) -> None:
        """A request took so many nanoseconds, WORTH_ASKING or more."""
        self._left = took // WORTH_ASKING + _AT_LEAST

    def ask(self) -> bool:
        """Whether to ask for the next one."""
        if self._left:
            self._left -= 1
            return True
        return False


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


def store_deserted(slot: memoryview) -> None:
    """Count a request whose client left before it was begun."""
    slot[CLASS_4XX] += 1
    slot[ABORTED] += 1


def bucket(took: int) -> int:
    """The number of the bucket for so many nanoseconds. (By bisection 0.1 µs, by a logarithm 0.25.)"""
    return bisect_right(EDGES_NS, took)
