"""A probe on its way: one request over a connection to one worker, in the master's loop."""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping
from typing import Any

from fcgipm.master.loop import READ, WRITE, Loop
from fcgipm.master.probe_request import ProbeRequest, Verdict

_BLOCK = 65536


class Probe:
    """Asks, and calls `told` once, from the loop. `connection` becomes the probe's own and is closed before `told` is called.

    `settings` is `probe` of a pool's effective configuration; it may take `seconds` from `now` (monotonic) in all.
    """

    def __init__(
        self,
        settings: Mapping[str, Any],
        connection: socket.socket,
        loop: Loop,
        seconds: float,
        now: float,
        told: Callable[[Verdict], None],
    ) -> None:
        self._asked = ProbeRequest(settings["path"], settings["status"], settings["host"])
        self._unsent = self._asked.request
        self._connection = connection
        self._connection.setblocking(False)
        self._loop = loop
        self._seconds = seconds
        self._deadline = now + seconds
        self._told = told
        self._finished = False
        loop.watch(connection, self._ready, READ | WRITE)

    @property
    def next_wakeup(self) -> float | None:
        """When it wants to be looked at although nothing came (monotonic); None once it is over."""
        return None if self._finished else self._deadline

    def see_to(self, now: float) -> None:
        """Give up if its time is over."""
        if not self._finished and now >= self._deadline:
            self._end(self._asked.failed(f"no answer within {self._seconds:g} s"))

    def close(self) -> None:
        """Leave it, without a verdict; harmless once it is over."""
        if not self._finished:
            self._finished = True
            self._loop.forget(self._connection)
            self._connection.close()

    def _ready(self, events: int) -> None:
        try:
            if events & WRITE and self._unsent:
                self._send()
            verdict = self._asked.receive(self._connection.recv(_BLOCK)) if events & READ else None
        except BlockingIOError:
            return
        except OSError as error:
            verdict = self._asked.failed(f"no answer: {error.strerror}")
        if verdict is not None:
            self._end(verdict)

    def _send(self) -> None:
        try:
            self._unsent = self._unsent[self._connection.send(self._unsent, socket.MSG_NOSIGNAL) :]
        except ConnectionError:
            self._unsent = b""  # It left without reading on. Its answer may be here all the same.
        if not self._unsent:
            self._loop.change(self._connection, READ)

    def _end(self, verdict: Verdict) -> None:
        self.close()
        self._told(verdict)
