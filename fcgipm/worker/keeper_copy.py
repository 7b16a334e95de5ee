"""One copy of a foreign program, as its keeper holds it: how it begins, what it is at, and how it is ended without losing a request.

A program that is told to leave by a signal may take one more connection on its way out, and lose it. So nothing is told: it is frozen, looked at while
nothing can happen, and ended where it stands if it holds no connection; else it goes on, and is looked at again later.
"""

from __future__ import annotations

import os
import signal
import socket
import time
from contextlib import suppress
from typing import Dict, FrozenSet, List, NoReturn, Optional, Sequence

from fcgipm import orders, scoreboard
from fcgipm.worker.keeper_computing import Computing, filled, waiting
from fcgipm.worker.keeper_holding import members, rests, sockets
from fcgipm.worker.keeper_visits import forget as forget_visits

NOT_STARTED = 127
"""Exit status of a copy whose program cannot be started, as a shell's."""
TRIED = b"T"
"""Down the pipe of a copy on trial, behind its pid."""
_FREEZING = 0.02
"""Seconds that all threads of a copy have to stop; one deep in the kernel goes on, and is tried later."""


def become(command: Sequence[str], listener: int, channel: socket.socket, output: int, started: int) -> NoReturn:
    """Be a copy: greet the master, wait for its word, and start the program. `started` is closed by that; before, it says who we are."""
    try:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGPIPE, signal.SIGXFSZ):
            signal.signal(number, signal.SIG_DFL)
        signal.set_wakeup_fd(-1)
        forget_visits()
        os.setsid()
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.write(started, b"%d " % os.getpid())
        channel.send(orders.HELLO)
        order = channel.recv(orders.MESSAGE_LIMIT)
        if order not in (orders.GO, orders.TRY):
            os._exit(0)
        if order == orders.TRY:
            os.write(started, TRIED)
        os.dup2(listener, 0)
        os.execvp(command[0], list(command))
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        os.write(2, os.fsencode(f"cannot start {command[0]}: {why}\n"))
    finally:
        os._exit(NOT_STARTED)


class Copy:
    """`pid` and `pidfd` are None until it has told; `ready_at` is when it counts as serving (monotonic), None until its program runs.

    `order` is RETIRE or STOP once it is to leave, `term_at` when it was told to end by itself. `held` are the inodes of its connections at the last look;
    `readable` tells whether they can be seen. `busy` is whether it was at work then; so is one that computes while clients come who are too quick to be seen.
    """

    def __init__(self, slot: int, words: memoryview, channel: socket.socket, started: int, computing: Optional[Computing] = None) -> None:
        self.slot = slot
        self.words = words
        self.channel = channel
        self.started = started
        self.pid: Optional[int] = None
        self.pidfd: Optional[int] = None
        self.tried = False
        self.ready_at: Optional[float] = None
        self.ready = False
        self.order: Optional[bytes] = None
        self.term_at: Optional[float] = None
        self.held: FrozenSet[int] = frozenset()
        self.readable = True
        self.busy = False
        self._stopped: Dict[int, bool] = {}
        """Processes that `freeze` has stopped, in that order."""
        self._computing = computing or Computing()

    def begin(self, generation: int) -> None:
        """It serves."""
        self.ready = True
        for word, value in (
            (scoreboard.PID, self.pid or 0),
            (scoreboard.GENERATION, generation),
            (scoreboard.STARTED, time.monotonic_ns() // 1000000),
            (scoreboard.STATE, scoreboard.IDLE),
        ):
            self.words[word] = value

    def look(self, accepted: FrozenSet[int], visited: bool = False) -> bool:
        """See what it holds of the connections that somebody has accepted; whether it has begun with one since the last look. `visited`: clients come.
        Raises OSError when that cannot be seen for the moment."""
        processes = self._members()
        cpus = self._computing.measure(processes)
        holders = self._holders(processes, accepted)
        held: FrozenSet[int] = frozenset().union(*holders.values())
        new = held - self.held
        self.held = held
        self.busy = bool(held) or (visited and self.order is None and filled(sum(cpus.values())) > 0)
        self.words[scoreboard.BEGUN] += len(new)
        if new:
            self.words[scoreboard.REQUEST_STARTED] = time.monotonic_ns()
        self.words[scoreboard.INSIDE] = waiting({pid: len(found) for pid, found in holders.items()}, cpus)
        resting = scoreboard.IDLE if self.order is None else scoreboard.STOPPING
        self.words[scoreboard.STATE] = scoreboard.BUSY if self.busy else resting
        return bool(new)

    def _holders(self, processes: List[int], accepted: FrozenSet[int]) -> Dict[int, FrozenSet[int]]:
        """By process; what a child has inherited is its parent's, which comes first."""
        found: Dict[int, FrozenSet[int]] = {}
        try:
            for pid in processes:
                found[pid] = accepted & sockets(pid)
                accepted -= found[pid]
        except PermissionError:  # It has gained privileges, or forbids to be looked at (PR_SET_DUMPABLE).
            self.readable = False
        return found

    def freeze(self) -> bool:
        """Stop all its threads, and wait until they have; else `thaw` is the caller's to do all the same. Raises OSError as `look`: also then."""
        if self.pid is None:
            return False
        deadline = time.monotonic() + _FREEZING
        while True:
            for pid in self._members():
                if pid not in self._stopped:
                    self._stopped[pid] = True
                    self._signal(pid, signal.SIGSTOP)
            if all(map(rests, self._stopped)) and set(self._members()) <= self._stopped.keys():
                return True
            if time.monotonic() >= deadline:
                return False
            time.sleep(0.0002)

    def thaw(self) -> None:
        """Let go on who was stopped. (Nothing is looked up for that: it must not fail.)"""
        for pid in self._stopped:
            self._signal(pid, signal.SIGCONT)
        self._stopped.clear()

    def holds_nothing(self, accepted: FrozenSet[int]) -> bool:
        """Of the connections that somebody has accepted; to be asked while it is frozen. Raises OSError when that cannot be seen for the moment."""
        return self.pid is not None and not any(self._holders(self._members(), accepted).values()) and self.readable

    def signal_all(self, number: int) -> None:
        """To the group that it leads."""
        if self.pid is not None:
            with suppress(OSError):
                os.killpg(self.pid, number)

    def kill(self) -> None:
        """End its group, and let those of its tree go on that have left the group: `freeze` has stopped them too."""
        self.signal_all(signal.SIGKILL)
        self.thaw()

    def _members(self) -> List[int]:
        """None before it has told who it is: 0 would be ourselves."""
        return [] if self.pid is None else members(self.pid)

    def _signal(self, pid: int, number: int) -> None:
        with suppress(OSError):
            os.kill(pid, number)

    def close(self) -> None:
        """Let go of it; whatever it left running in its group ends."""
        self.signal_all(signal.SIGKILL)
        self.channel.close()
        for descriptor in (self.started, self.pidfd):
            if descriptor is not None and descriptor >= 0:
                os.close(descriptor)
