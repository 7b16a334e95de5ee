"""A place inside an application where it waits for the test: the test sees it arrive, looks around, and lets it go on.

The application gets the gate's path as a param (``GATE``) and calls `cases.pass_gate`; everything it sent before it arrived has been sent, nothing after.
"""

from __future__ import annotations

import shutil
import socket
import tempfile
from pathlib import Path
from types import TracebackType


class Gate:
    """A context manager; leaving it lets everybody through."""

    def __init__(self, patience: float = 10.0) -> None:
        self._folder = tempfile.mkdtemp(prefix="gate-")
        self.path = str(Path(self._folder, "gate"))
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(self.path)
        self._listener.listen(64)
        self._listener.settimeout(patience)
        self._waiting: list[socket.socket] = []

    def arrival(self) -> None:
        """Wait until somebody has come to the gate and waits there."""
        self._waiting.append(self._listener.accept()[0])

    def open(self) -> None:
        """Let the one go that has waited longest."""
        self._waiting.pop(0).close()

    def __enter__(self) -> Gate:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.close()
        while self._waiting:
            self.open()
        shutil.rmtree(self._folder)
