"""Lines another process writes, read in a thread, so that a test can wait for one of them."""

from __future__ import annotations

import re
import threading
import time
from typing import BinaryIO


class Lines:
    """Every line of `stream` so far. The thread ends with the stream."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._lines: list[str] = []
        self._ended = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        for line in self._stream:
            with self._changed:
                self._lines.append(line.decode("utf-8", "backslashreplace").rstrip("\n"))
                self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def all(self) -> list[str]:
        with self._changed:
            return list(self._lines)

    def matching(self, pattern: str) -> list[str]:
        return [line for line in self.all() if re.search(pattern, line)]

    def wait_for(self, pattern: str, timeout: float = 15.0, after: int = 0, count: int = 1) -> str:
        """The `count`-th line from number `after` on that matches; AssertionError with everything read when it does not come."""
        deadline = time.monotonic() + timeout
        with self._changed:
            while True:
                found = self._nth(pattern, after, count)
                if found is not None:
                    return found
                left = deadline - time.monotonic()
                if self._ended or left <= 0:
                    why = "the stream ended" if self._ended else f"{timeout} s passed"
                    raise AssertionError(f"no line matches {pattern!r} ({why}); lines:\n" + "\n".join(self._lines))
                self._changed.wait(left)

    def _nth(self, pattern: str, after: int, count: int) -> str | None:
        found = [line for line in self._lines[after:] if re.search(pattern, line)]
        return found[count - 1] if len(found) >= count else None

    def join(self, timeout: float = 10.0) -> None:
        """Wait until the stream has ended: nobody holds its other end any more."""
        self._thread.join(timeout)
        assert not self._thread.is_alive(), "somebody still holds the other end of the stream"
        self._stream.close()
