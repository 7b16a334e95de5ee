"""Stacks of workers: asked for by a signal that C code answers, read from a pipe that the application knows nothing of."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress

from fcgipm.master.frames import cut
from fcgipm.master.lines import clean
from fcgipm.master.loop import Loop
from fcgipm.master.processes import WorkerProcess, is_child
from fcgipm.orders import DUMP

QUIET = 0.05
"""Seconds without another byte after which a dump is complete: it is written in one go."""
PATIENCE = 1.0
"""Seconds that a worker has to write it."""
LONGEST = 262144
"""Bytes of one dump that are read."""
_PIECE = 65536

Deliver = Callable[[list[str]], None]
Known = Callable[[], bool]


class StackReader:
    """The read end of one worker's pipe, and who waits for what comes out of it."""

    def __init__(self, descriptor: int, loop: Loop) -> None:
        self._descriptor = descriptor
        self._loop = loop
        self._data = bytearray()
        self._waiting: list[tuple[Deliver, Known]] = []
        self._deadline = 0.0
        self.due: float | None = None
        """When the dump under way is complete."""

    def fileno(self) -> int:
        """For the selector."""
        return self._descriptor

    def ask(self, worker: WorkerProcess, deliver: Deliver, now: float, known: Known = lambda: True) -> None:
        """Have `worker` write its stacks; `deliver` gets the lines, later, or none when it does not answer. Who asks meanwhile gets the same.

        `known`: whether all is there that is to be told with them; as long as the patience lasts it is waited for.
        """
        self._waiting.append((deliver, known))
        if self.due is not None:
            return
        self._discard()
        self.due = self._deadline = now + PATIENCE
        self._loop.watch(self, lambda _events: self._read())
        if worker.pid is not None and not worker.reaped and is_child(worker.pid):
            os.kill(worker.pid, DUMP)

    def see_to(self, now: float) -> None:
        """Deliver what is complete."""
        if self.due is not None and self._fresh:
            self._fresh = False
            self.due = min(self._deadline, now + QUIET)
        elif self.due is not None and now >= self.due:
            if now < self._deadline and not all(known() for _, known in self._waiting):
                self.due = min(self._deadline, now + QUIET)
            else:
                self.finish()

    _fresh = False

    def finish(self) -> None:
        """Deliver what there is."""
        if self.due is None:
            return
        self.due = None
        self._loop.forget(self)
        lines = cut([clean(line) for line in bytes(self._data).split(b"\n") if line.strip()])
        self._data.clear()
        waiting, self._waiting = self._waiting, []
        for deliver, _ in waiting:
            deliver(lines)

    def close(self) -> None:
        """Deliver what there is, and close the pipe; again is harmless."""
        self.finish()
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _read(self) -> None:
        try:
            data = os.read(self._descriptor, _PIECE)
        except BlockingIOError:
            return
        if not data or len(self._data) > LONGEST:
            self.finish()
            return
        self._data += data
        self._fresh = True

    def _discard(self) -> None:
        """What nobody asked for, and no more of it than of a dump: who never falls silent must not keep us."""
        with suppress(BlockingIOError):
            for _ in range(LONGEST // _PIECE):
                if not os.read(self._descriptor, _PIECE):
                    return
