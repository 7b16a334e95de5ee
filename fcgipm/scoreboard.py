"""The scoreboard: shared memory in which every worker thread keeps its own account.

One memory file per pool: a header slot, then one slot per worker thread. A slot has one writer, its thread, which stores whole aligned 8-byte words, so a
reader never sees half a word (it may see two words of different instants, which every use tolerates). The master reads without asking anybody, also while
every worker is stuck, and after a worker died.

Counters only grow while a slot is owned. When its process has been reaped the master folds them into the pool's ledger and clears the slot; so totals never
go back.
"""

from __future__ import annotations

import sys
from typing import Iterable, List, NamedTuple, Tuple

WORD = 8
SLOT_WORDS = 64
SLOT_BYTES = WORD * SLOT_WORDS
"""Eight cache lines: no two threads ever write to one line. Words beyond those named here are reserved."""

# Header words.
LAYOUT = 0
SLOTS = 1
ASLEEP = 2
"""1 while the master sleeps until somebody is busy; the worker that clears it sends BUSY."""

LAYOUT_VERSION = 1

# Slot words.
PID = 0
STATE = 1
GENERATION = 2
STARTED = 3
"""When the worker became ready, in whole milliseconds of the system's monotonic clock."""
KEPT = 4
"""Connections kept open between requests, those being read included, the one being served not."""
BEGUN = 5
"""Requests handed to the application."""
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

REQUEST_STARTED = 16
"""When the request began, in nanoseconds of the system's monotonic clock; means something while BUSY."""
TIMED_OUT = 17
"""Requests that ran into `timeouts.request`."""
SLOW = 18
"""Requests that reached the slow log. The master counts them, in its ledger alone."""
RUNNING_SINCE = 19
"""Since when the application runs without having handed over a block, like REQUEST_STARTED; 0 while it waits for its peer and between requests."""
RUNNING = 24
"""Length in bytes of the text in the words behind it: method and path of the request, that of the last one between requests."""
RUNNING_BYTES = 312

COUNTERS = (BEGUN, CLASS_1XX, CLASS_2XX, CLASS_3XX, CLASS_4XX, CLASS_5XX, FAILED, ABORTED, REJECTED, TIMED_OUT, SLOW)

# Values of STATE.
FREE, STARTING, IDLE, BUSY, STOPPING = range(5)


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


def size(slots: int) -> int:
    """Bytes of a scoreboard with that many slots."""
    return SLOT_BYTES * (slots + 1)


def lay_out(board: memoryview, slots: int) -> None:
    """Write the header of a new scoreboard; `board` is its whole memory, zeroed."""
    header = words(board, -1)
    header[LAYOUT] = LAYOUT_VERSION
    header[SLOTS] = slots


def words(board: memoryview, index: int) -> memoryview:
    """The 64 words of slot `index` (from 0), or of the header (-1), as a writable view of unsigned 8-byte integers."""
    start = SLOT_BYTES * (index + 1)
    return board[start : start + SLOT_BYTES].cast("Q")


def read(board: memoryview, index: int) -> SlotReading:
    """What slot `index` says now."""
    slot = words(board, index).tolist()
    return SlotReading(
        slot[PID], slot[STATE], slot[GENERATION], slot[STARTED], slot[KEPT], slot[BEGUN], tuple([slot[word] for word in COUNTERS])
    )


def running(board: memoryview, index: int) -> bytes:
    """Method and path of the request in slot `index`: whatever bytes its worker wrote."""
    start = SLOT_BYTES * (index + 1) + WORD * RUNNING
    length = min(int.from_bytes(board[start : start + WORD], sys.byteorder), RUNNING_BYTES)
    return bytes(board[start + WORD : start + WORD + length])


def clear(board: memoryview, index: int) -> None:
    """Free slot `index`: only after its owner has been reaped and its counters folded into the ledger."""
    start = SLOT_BYTES * (index + 1)
    board[start : start + SLOT_BYTES] = bytes(SLOT_BYTES)


def add(totals: Iterable[int], counters: Iterable[int]) -> List[int]:
    """Two accounts in the order of COUNTERS, summed."""
    return [total + count for total, count in zip(totals, counters)]
