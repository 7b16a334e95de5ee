"""The access log of a pool as the master holds it: opened here, because the pool's user need not be able to, and written for requests that died."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from fcgipm import scoreboard
from fcgipm.accesslog import clf, compile_format
from fcgipm.master.log import Log, timestamp
from fcgipm.system.logfiles import open_log
from fcgipm.urls import path_only

_BAD_GATEWAY = 502
"""What the web server makes of a worker that is gone."""


class Answered(NamedTuple):
    """What the client has of a request that was given up, which had run since then without handing over a block (as `scoreboard.RUNNING_SINCE`)."""

    status: int
    since: int


class AccessFile:
    """`settings` is the pool's `access_log`; `descriptor` is the file where another program has opened it. Raises SystemProblem when it cannot be opened."""

    def __init__(self, settings: Mapping[str, str], pool: str, log: Log, descriptor: int | None = None) -> None:
        self._path, self._format = settings["file"], settings["format"]
        self._pool = pool
        self._log = log
        self._descriptor = -1
        if self._is_file:
            self._descriptor = open_log(self._path, "access log") if descriptor is None else descriptor

    @property
    def _is_file(self) -> bool:
        return self._path not in ("off", "stderr")

    @property
    def descriptors(self) -> list[int]:
        """What templates and workers get: one, or none."""
        return [self._descriptor] if self._is_file else []

    def reopen(self) -> None:
        """Open the path anew. Raises SystemProblem, and keeps the old file."""
        if self._is_file:
            fresh = open_log(self._path, "access log")
            os.close(self._descriptor)
            self._descriptor = fresh

    def died(self, pid: int | None, board: memoryview, slots: Iterable[int], answered: Mapping[int, Answered]) -> None:
        """Write the lines of the requests that a reaped worker was inside of; `answered` are, by thread, those that were given up before."""
        if self._path == "off":
            return
        for thread, slot in enumerate(slots):
            seen = scoreboard.read(board, slot)
            if seen.state == scoreboard.BUSY:
                before = answered.get(thread)
                status = before.status if before is not None and before.since >= seen.request_started else 0  # Else it was another request.
                entry = _entry(seen, status or _BAD_GATEWAY)
                self._put(compile_format(self._format, self._pool, pid or 0)(*entry), pid)

    def close(self) -> None:
        """Let go of the file."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _put(self, line: bytes, pid: int | None) -> None:
        if not self._is_file:
            self._log.output(line.decode("ascii").rstrip("\n"), self._pool, pid)
            return
        try:
            lost = "" if os.write(self._descriptor, line) == len(line) else "no room"
        except OSError as error:
            lost = error.strerror or "error"
        if lost:
            self._log.warning(f"cannot write the access log: {lost}", self._pool)


def _entry(seen: scoreboard.SlotReading, status: int) -> tuple[object, ...]:
    """What the scoreboard knows of the request that runs in a slot; a worker is foreign code, and its words may say anything."""
    method, _, uri = seen.text.partition(" ")
    now = time.time()
    since = (time.monotonic_ns() - seen.request_started) // 1000
    duration = since if since >= 0 else None
    return (timestamp(now), clf(time.gmtime(now)), ("", method, path_only(uri), "", "", "", ""), status, None, None, duration, None, None)
