"""What a worker tells about its requests beside their number: which one runs, and how long those took that have ended.

Both run for every request, so they are as plain as they can be.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import Dict, List

from fcgipm.gateways.wsgi import Response
from fcgipm.scoreboard import (
    ABORTED,
    BEGIN,
    BEGIN_AT,
    BEGUN,
    BUSY,
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
)
from fcgipm.urls import request_path

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


class Tally:
    """What one thread counts, in its slot of the scoreboard, which nobody else writes.

    The numbers are kept in a list too: adding to one there and storing it takes half of the time of adding in shared memory.
    """

    __slots__ = ("_counts", "_slot")

    def __init__(self, slot: memoryview) -> None:
        self._slot = slot
        self._counts: List[int] = slot.tolist()

    def begin(self, kept: int, started: int, params: Dict[str, str]) -> str:
        """One more request runs: write so; its `request_path`."""
        path = params.get("REQUEST_URI", "")
        if "?" in path:  # The usual case is done here: 0.1 µs less than in a function of its own.
            path = path.partition("?")[0]
        if "//" in path or "#" in path or not path:
            path = request_path(params)
        counts = self._counts
        counts[BEGUN] = begun = counts[BEGUN] + 1
        BEGIN.pack_into(self._slot, BEGIN_AT, BUSY, kept, begun, started, f"{params.get('REQUEST_METHOD', '?')} {path}".encode("latin-1"))
        return path

    def end(self, response: Response, took: int) -> None:
        """It is over, and took so many nanoseconds."""
        slot, counts, status = self._slot, self._counts, response.status
        if status >= 500 or response.failed:
            self.count(FAILED)
            if response.expired:
                self.count(TIMED_OUT)
        if response.aborted:
            self.count(ABORTED)
        counts[SERVED_NS] = slot[SERVED_NS] = counts[SERVED_NS] + took
        word = LATENCY + bucket(took)
        counts[word] = slot[word] = counts[word] + 1
        word = _CLASS[status // 100]  # Last: who sees the request counted finds its latency too.
        counts[word] = slot[word] = counts[word] + 1

    def deserted(self) -> None:
        """A client left before its request was begun."""
        self.count(CLASS_4XX)
        self.count(ABORTED)

    def count(self, word: int) -> None:
        """One more of what this word counts."""
        self._counts[word] = self._slot[word] = self._counts[word] + 1


def bucket(took: int) -> int:
    """The number of the bucket for so many nanoseconds. (By bisection 0.1 µs, by a logarithm 0.25; a table for the shortest ones costs as much.)"""
    return bisect_right(EDGES_NS, took)
