"""What a template or worker writes before it is ready, compared with what the last one of its pool wrote that failed: the same traceback at every try is
told as a count."""

from __future__ import annotations

from collections.abc import Callable

MOST = 64 * 1024
"""Characters that are remembered, line ends among them; who writes more is written in full each time."""


class LastFailure:
    """Of one pool: the lines, and how many in a row wrote just these."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.times = 0


class Echo:
    """Of one process. While its lines repeat the last failure's they are held back; the first that differs brings them all."""

    def __init__(self, last: LastFailure, deliver: Callable[[str], None]) -> None:
        """`deliver` takes its lines, and the one that stands for them."""
        self._last = last
        self._deliver = deliver
        self._heard: list[str] | None = []
        """All its lines so far; None: too many, or it is ready."""
        self._size = 0
        self._held = bool(last.lines)
        """Whether none of them has been delivered."""

    def hear(self, line: str) -> None:
        """One line, in order."""
        if self._heard is None:
            self._deliver(line)
            return
        self._heard.append(line)
        self._size += len(line) + 1
        if not self._held:
            self._deliver(line)
        elif self._last.lines[len(self._heard) - 1 : len(self._heard)] != [line]:
            self._release()
        if self._size > MOST:
            self.ready()

    def ready(self) -> None:
        """It did not fail: whatever it says is worth reading."""
        self._release()
        self._heard = None
        self._last.lines, self._last.times = [], 0

    def failed(self) -> None:
        """It is gone. Again, or of one that was ready, is harmless."""
        heard = self._heard
        if heard is None:
            return
        if self._held and heard == self._last.lines:
            self._last.times += 1
            count = f"{len(heard)} line{'' if len(heard) == 1 else 's'}"
            self._deliver(f"(the same {count} as the one before, {self._last.times} times in a row now)")
        else:
            self._release()
            self._last.lines, self._last.times = heard, 1
        self._heard = None

    def _release(self) -> None:
        if self._held:
            self._held = False
            for line in self._heard or ():
                self._deliver(line)
