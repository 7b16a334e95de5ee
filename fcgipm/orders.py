"""The words of the channel: what master, template and worker say to each other.

A channel is one SOCK_SEQPACKET pair per process, so every message is whole or absent and no framing is needed. A message is a word, or a word and
arguments separated by single spaces, in ASCII; START alone carries JSON. The master never parses anything from below but these fixed words: a worker runs
foreign code, and whatever it sends must not be able to hurt its master.

Down (orders)::

    template   START <json>            first message; descriptors: scoreboard, handover give end, handover take end, the listeners in order
               FORK <slot> [<slot> …]  descriptors: for each slot the worker's channel, and the write ends of the pipes for its output and its stacks
    worker     GO                      the master knows your pid: begin; after TRY: open the doors
               TRY                     the same, behind closed doors; descriptor: the take end of a handover of your own
               HANDOVER                give away the idle kept connections of every loop that is inside a request
               RETIRE                  take nothing new, hand kept connections over, finish, exit 0
               TIMEOUT <thread> <since>  interrupt the request of that thread, if it still runs since then (scoreboard, ``running since``)
               IDENTIFY <thread> <since>  tell the id of that thread's request by IDENTITY, if it still runs since then
               STOP                    serve what is queued, close what is idle, finish, exit 0
    both       LOGS <number>           descriptor: the access log's new file, in place of the old; answered by LOGS_TAKEN

Up (words)::

    template   READY <python version> <extra thread names joined by commas, or ->
               FAILED                  the reason is on its standard error
               UNFORKED <errno>        workers of the last FORK could not be forked; their channels end
               RETIRING                a keeper was told to leave by a signal: it stays for its copies alone
    worker     HELLO                   carries its credentials, which the kernel vouches for
               READY                   every loop waits for connections
               RETIRING                it was told to leave by a signal: a replacement is wanted
    both       LOGS_TAKEN <number>     nothing goes into the old file any more
    worker     EXPIRED <thread> <status> <since>
                                       it interrupted that thread's request, whose client has that status, and leaves: a replacement is wanted
               IDENTITY <thread> <since> <request id>
               BUSY                    first request since the master fell asleep (scoreboard, ``asleep``)
"""

from __future__ import annotations

from typing import List, Tuple

WARNING = "\x1f"
"""What a worker begins a line of its output with that is a warning. An application can do the same: that says no more than its own line."""

START = b"START"
FORK = b"FORK"
GO = b"GO"
TRY = b"TRY"
HANDOVER = b"HANDOVER"
RETIRE = b"RETIRE"
STOP = b"STOP"
LOGS = b"LOGS"
TIMEOUT = b"TIMEOUT"
IDENTIFY = b"IDENTIFY"

READY = b"READY"
FAILED = b"FAILED"
UNFORKED = b"UNFORKED"
HELLO = b"HELLO"
RETIRING = b"RETIRING"
BUSY = b"BUSY"
LOGS_TAKEN = b"LOGS_TAKEN"
EXPIRED = b"EXPIRED"
IDENTITY = b"IDENTITY"

UPWARD = frozenset({READY, FAILED, UNFORKED, HELLO, RETIRING, BUSY, LOGS_TAKEN, EXPIRED, IDENTITY})

DUMP = 61
"""Not a word but a signal, SIGRTMAX - 3 of Linux, so that also a worker obeys whose interpreter's lock is held for ever: write the stacks of all threads."""

MESSAGE_LIMIT = 65536
"""Bytes of the longest message; only START comes near."""

FORK_LIMIT = 60
"""Workers in one FORK order: three descriptors each, and SCM_RIGHTS carries 253 at most."""


def encode(word: bytes, *arguments: object) -> bytes:
    """One message: the word, then each argument as ASCII text without spaces."""
    return b" ".join([word, *(str(argument).encode("ascii", "replace") for argument in arguments)])


def decode(message: bytes) -> Tuple[bytes, List[str]]:
    """The word and the arguments of a message; any bytes are accepted, an unknown word is the caller's to refuse."""
    word, *arguments = message.split(b" ")
    return word, [argument.decode("ascii", "replace") for argument in arguments]
