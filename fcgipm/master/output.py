"""A process's standard output and error, read into the log."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable

from fcgipm.master.echo import Echo, LastFailure
from fcgipm.master.lines import LineSplitter
from fcgipm.master.loop import Loop

CHUNK = 65536
"""Bytes read in one turn: a flooding process waits for its next turn like everybody else."""

DRAIN_CHUNKS = 32
"""Turns' worth that is read at once when the process has ended: a pipe holds 64 KiB, or 1 MiB if its owner enlarged it."""

REMEMBERED = 8
"""Last lines kept, to tell why the process failed."""


class Output:
    """The read end of one output pipe; ``ended`` once nobody holds its other end. `echo` holds back what only repeats a failure."""

    def __init__(self, descriptor: int, deliver: Callable[[str], None], echo: Echo | None = None) -> None:
        self._descriptor = descriptor
        self._echo = echo
        self._deliver = deliver
        self._splitter = LineSplitter()
        self.last_lines: deque[str] = deque(maxlen=REMEMBERED)
        self.ended = False

    def fileno(self) -> int:
        """For the selector; -1 once closed."""
        return self._descriptor

    def read(self) -> bool:
        """Read once and deliver the lines; whether there was anything."""
        try:
            data = os.read(self._descriptor, CHUNK)
        except BlockingIOError:
            return False
        if not data:
            self.ended = True
            self._end()
            return False
        self._hand_on(self._splitter.feed(data))
        return True

    def drain(self) -> None:
        """Read what a process that has ended left behind, its unfinished last line too."""
        for _ in range(DRAIN_CHUNKS):
            if self.ended or not self.read():
                break
        self._end()

    def settled(self) -> None:
        """The process is ready: from now on nothing is held back."""
        if self._echo is not None:
            self._echo.ready()

    def last_words(self) -> str | None:
        """The last line that says anything."""
        return next((line.strip() for line in reversed(self.last_lines) if line.strip()), None)

    def close(self) -> None:
        """Close the pipe."""
        os.close(self._descriptor)
        self._descriptor = -1

    def _end(self) -> None:
        self._hand_on(self._splitter.end())
        if self._echo is not None:
            self._echo.failed()

    def _hand_on(self, lines: list[str]) -> None:
        for line in lines:
            self.last_lines.append(line)
            self._deliver(line)


class Outputs:
    """The output pipes of some processes, each read in `loop` until nobody holds its other end."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._open: set[Output] = set()
        self._last_failure = LastFailure()

    def follow(self, descriptor: int, deliver: Callable[[str], None]) -> Output:
        """Read a pipe from now on."""
        return self._add(Output(descriptor, deliver))

    def follow_start(self, descriptor: int, deliver: Callable[[str], None]) -> Output:
        """The same of a process that may fail again as the last one did: what only repeats that is told as a count."""
        echo = Echo(self._last_failure, deliver)
        return self._add(Output(descriptor, echo.hear, echo))

    @property
    def descriptors(self) -> list[int]:
        """Of the pipes that are followed."""
        return [output.fileno() for output in self._open]

    def drain(self) -> None:
        """Read what there is now."""
        for output in self._open:
            output.drain()

    def close(self) -> None:
        """Read what there is, and follow none any more."""
        for output in list(self._open):
            output.drain()
            self._drop(output)

    def _add(self, output: Output) -> Output:
        self._open.add(output)
        self._loop.watch(output, lambda _events: self._read(output))
        return output

    def _read(self, output: Output) -> None:
        output.read()
        if output.ended:
            self._drop(output)

    def _drop(self, output: Output) -> None:
        self._open.discard(output)
        self._loop.forget(output)
        output.close()
