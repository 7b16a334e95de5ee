"""The scoreboard: shared memory in which every worker thread keeps its own account.

One memory file per pool: a header slot, then one slot per worker thread. A slot has one writer, its thread, which stores whole aligned 8-byte words, so a
reader never sees half a word (it may see two words of different instants, which every use tolerates). The master reads without asking anybody, also while
every worker is stuck, and after a worker died.

Counters only grow while a slot is owned. When its process has been reaped the master folds them into the pool's ledger and clears the slot; so totals never
go back.
"""

from __future__ import annotations

from math import ceil
from operator import itemgetter
from struct import Struct
from typing import Any, Callable, Iterable, List, NamedTuple, Tuple

WORD = 8
SLOT_WORDS = 256
SLOT_BYTES = WORD * SLOT_WORDS
"""Whole cache lines: no two threads ever write to one line. Words not named here are reserved."""

# Header words.
LAYOUT = 0
SLOTS = 1
ASLEEP = 2
"""1 while the master sleeps until somebody is busy; the worker that clears it sends BUSY."""

LAYOUT_VERSION = 2

# Slot words.
PID = 0
GENERATION = 2
STARTED = 3
"""When the worker became ready, in whole milliseconds of the system's monotonic clock."""
INSIDE = 4
"""Connections that a foreign program has accepted and that wait inside of it, because it is out of CPU; its keeper's word."""
SERVED_NS = 6
"""Nanoseconds that ended requests took, together."""
CLASS_1XX = 8
CLASS_2XX = 9
CLASS_3XX = 10
CLASS_4XX = 11
CLASS_5XX = 12
"""Requests ended, by the first digit of their status: word ``CLASS_1XX - 1 + digit``."""
FAILED = 13
"""Requests that ended in a 5xx, an exception, or were cut short."""
ABORTED = 14
"""Requests whose client left."""
REJECTED = 15
"""Connections closed for breaking the protocol; no request of anybody's."""
PROGRAM = 16
"""The process that a CGI request runs in, which leads a group of its own; 0: none."""
TIMED_OUT = 17
"""Requests that reached their time-out."""
SLOW = 18
"""Requests that took longer than the slow log wants. The master counts them, in the pool's account alone."""
RUNNING_SINCE = 19
"""Since when the application runs without having handed over a block, like REQUEST_STARTED; 0 while it waits for its peer and between requests."""
STATE = 20
KEPT = 21
"""Connections kept open between requests, those being read included, the one being served not."""
BEGUN = 22
"""Requests handed to the application."""
REQUEST_STARTED = 23
"""When the running request began, or the last one did, in nanoseconds of the system's monotonic clock."""
TEXT = 24
"""Method and path of the running request, or of the last one: TEXT_LIMIT bytes, zeros behind it."""
TEXT_LIMIT = 320
LATENCY = 64
"""From here to the slot's end: ended requests by how long they took, in BUCKETS buckets (see ``report.latency``)."""
BUCKETS = SLOT_WORDS - LATENCY
SHORTEST_NS = 10_000
"""The first bucket counts all requests that were shorter, the last all from LONGEST_NS on; between them each edge is RATIO times the one before."""
LONGEST_NS = 600_000_000_000
RATIO = (LONGEST_NS / SHORTEST_NS) ** (1 / (BUCKETS - 2))

EDGES_NS = tuple(ceil(SHORTEST_NS * RATIO**index) for index in range(BUCKETS - 1))
"""Where the bucket after each begins."""

COUNTERS = (
    BEGUN, CLASS_1XX, CLASS_2XX, CLASS_3XX, CLASS_4XX, CLASS_5XX, FAILED, ABORTED, REJECTED, TIMED_OUT, SLOW, SERVED_NS,
)  # fmt: skip

# Values of STATE, which is 0 until the worker serves.
IDLE, BUSY, STOPPING = 2, 3, 4


BEGIN, BEGIN_AT = Struct(f"4Q{TEXT_LIMIT}s"), WORD * STATE
"""The words from STATE to the text, which change together when a request begins, and where they are: native, so that each is stored whole. (In one step
0.13 µs; word by word it were 0.35.)"""
_ALL_BUCKETS = (1 << 8 * WORD * BUCKETS) - 1
_READ = Struct(f"{TEXT}Q{TEXT_LIMIT}s")
"""A slot without its latencies, in one step: 200 slots in 0.28 ms, where word by word took 0.42."""
_FACTS: Callable[[Tuple[Any, ...]], Tuple[int, int, int, int, int, int]] = itemgetter(PID, STATE, GENERATION, STARTED, KEPT, BEGUN)
_COUNTED = itemgetter(*COUNTERS)


class SlotReading(NamedTuple):
    """One look at a slot. Times in milliseconds, monotonic."""

    pid: int
    state: int
    generation: int
    started: int
    kept: int
    begun: int
    counters: Tuple[int, ...]
    """In the order of COUNTERS."""
    request_started: int
    """In nanoseconds."""
    text: str
    """Of the running request, `METHOD /path`; may be torn while it is written."""


def size(slots: int) -> int:
    """Bytes of a scoreboard with that many slots."""
    return SLOT_BYTES * (slots + 1)


def lay_out(board: memoryview, slots: int) -> None:
    """Write the header of a new scoreboard; `board` is its whole memory, zeroed."""
    header = words(board, -1)
    header[LAYOUT] = LAYOUT_VERSION
    header[SLOTS] = slots


def words(board: memoryview, index: int) -> memoryview:
    """The words of slot `index` (from 0), or of the header (-1), as a writable view of unsigned 8-byte integers."""
    start = SLOT_BYTES * (index + 1)
    return board[start : start + SLOT_BYTES].cast("Q")


def read(board: memoryview, index: int) -> SlotReading:
    """What slot `index` says now."""
    slot = _READ.unpack_from(board, SLOT_BYTES * (index + 1))
    return SlotReading(*_FACTS(slot), _COUNTED(slot), slot[REQUEST_STARTED], str(slot[TEXT].rstrip(b"\0"), "latin-1"))


def read_latency(board: memoryview, indices: Iterable[int]) -> List[int]:
    """The buckets of these slots together. (Summed as one long number each: 200 slots in 0.2 ms, where lists would take 2.)"""
    total = 0
    for index in indices:
        end = SLOT_BYTES * (index + 2)
        total += int.from_bytes(board[end - WORD * BUCKETS : end], "little")
    whole = (total & _ALL_BUCKETS).to_bytes(WORD * BUCKETS, "little")
    return memoryview(whole).cast("Q").tolist()


def clear(board: memoryview, index: int) -> None:
    """Free slot `index`: only after its owner has been reaped and its counters folded into the ledger."""
    start = SLOT_BYTES * (index + 1)
    board[start : start + SLOT_BYTES] = bytes(SLOT_BYTES)


def add(totals: Iterable[int], counters: Iterable[int]) -> List[int]:
    """Two accounts in the order of COUNTERS, summed."""
    return [total + count for total, count in zip(totals, counters)]
