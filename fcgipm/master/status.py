"""The status server in the master: its process, and the feed, over which it can ask for the snapshot and for nothing else."""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Callable, Mapping
from typing import Any

from fcgipm.master.log import Log
from fcgipm.master.loop import READ, WRITE, Loop
from fcgipm.master.web import ServerProcess
from fcgipm.report.document import to_json
from fcgipm.report.snapshot import Snapshot, StatusServerSnapshot
from fcgipm.system.listeners import Listener
from fcgipm.system.spawn_web import start_web

STOP_TIMEOUT = 1.0
"""Seconds that its running answers have when it is to stop."""

FRESH = 0.25
"""Seconds for which a snapshot is sent again: however often it asks, the master makes no more of them."""


class Feed:
    """Our end of the feed: any bytes are a question, a line of JSON is the answer; who asks before it has taken the last one gets nothing more."""

    def __init__(self, snapshot: Callable[[], Snapshot], loop: Loop) -> None:
        self._ours, self.theirs = socket.socketpair()
        self._ours.setblocking(False)
        self._snapshot = snapshot
        self._loop = loop
        self._unsent = memoryview(b"")
        self._line = b""
        self._made = float("-inf")
        loop.watch(self._ours, self._ready)

    def close(self) -> None:
        """Let go of both ends; again is harmless."""
        if self._ours.fileno() >= 0:
            self._loop.forget(self._ours)
            self._ours.close()
        self.theirs.close()

    def _ready(self, events: int) -> None:
        try:
            if events & READ and not self._unsent:
                if not self._ours.recv(4096):
                    self.close()
                    return
                self._unsent = memoryview(self._fresh())
            self._send()
        except BlockingIOError:
            pass
        except OSError:
            self.close()

    def _fresh(self) -> bytes:
        now = time.monotonic()
        if now >= self._made + FRESH:
            self._line = json.dumps(to_json(self._snapshot())).encode("ascii") + b"\n"
            self._made = now
        return self._line

    def _send(self) -> None:
        try:
            while self._unsent:
                self._unsent = self._unsent[self._ours.send(self._unsent) :]
        finally:
            self._loop.change(self._ours, WRITE if self._unsent else READ)


class StatusProcess(ServerProcess):
    """The server of `status:`; `settings` is that part of the effective configuration."""

    def __init__(
        self, settings: Mapping[str, Any], listener: Listener, snapshot: Callable[[], Snapshot], loop: Loop, log: Log
    ) -> None:
        told = {
            "status": True,
            "listener": listener.socket.fileno(),
            "address": listener.address,
            "allow": settings["listen"]["allow"],
            "backlog": settings["listen"]["backlog"],
            "stop_timeout": STOP_TIMEOUT,
            "master": os.getpid(),
        }
        super().__init__("status", settings, told, listener, loop, log)
        self._snapshot = snapshot
        self._loop = loop
        self._feed: Feed | None = None

    def snapshot(self) -> StatusServerSnapshot:
        """For the status."""
        return StatusServerSnapshot(self.listener.address, self.pid, self.state, self.reason)

    def close(self) -> None:
        """Let go of everything."""
        self._drop_feed()
        super().close()

    def _launch(self, output: int) -> int:
        self._drop_feed()
        self._feed = feed = Feed(self._snapshot, self._loop)
        try:
            told = {**self._told, "feed": feed.theirs.fileno()}
            return start_web(self.settings, told, output, [feed.theirs.fileno()])
        finally:
            feed.theirs.close()

    def _drop_feed(self) -> None:
        if self._feed is not None:
            self._feed.close()
            self._feed = None
