"""What every server process of ours has in common: it ends with the master, and what goes wrong in it goes into the log."""

from __future__ import annotations

import logging
import os
import signal
from typing import Any

import uvicorn

from fcgipm.worker.prctl import set_death_signal


def follow_master(master: int) -> None:
    """End with the master, also when it is killed: workers do the same."""
    set_death_signal(signal.SIGTERM)
    if os.getppid() != master:
        raise SystemExit("the master is gone")


OPTIONS: dict[str, Any] = {
    # Not uvloop: with 200 clients coming at once p99 was 1.3 s (asyncio: 0.1 s), for hardly more speed.
    "loop": "asyncio",
    "ws": "none",
    "lifespan": "off",
    "interface": "asgi3",
    "log_config": None,
    "access_log": False,
    "proxy_headers": False,
    "server_header": False,
}
"""Of uvicorn: what all our servers want of it."""


class Server(uvicorn.Server):
    """uvicorn's server, but a signal that was obeyed is not raised again: the process ends with 0."""

    def handle_exit(self, sig: int, frame: Any) -> None:
        super().handle_exit(sig, frame)
        self._captured_signals.clear()


KNOWN = (
    "ASGI callable returned without",  # how an answer is cut short; the reason has been told
    "Invalid HTTP request received",  # anybody's rubbish
)


class _Handler(logging.Handler):
    """uvicorn's warnings and errors, but for those that say what has been said."""

    def __init__(self, write: Any) -> None:
        super().__init__(logging.WARNING)
        self._write = write

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        if not text.startswith(KNOWN):
            self._write(self.format(record))


def log_to(write: Any) -> None:
    """Where uvicorn and asyncio say what is wrong."""
    root = logging.getLogger()
    root.handlers[:] = [_Handler(write)]
    logging.getLogger("uvicorn.access").propagate = False
