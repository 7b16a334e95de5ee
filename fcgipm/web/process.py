"""What every server process of ours has in common: it ends with the master, and what goes wrong in it goes into the log."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import Callable
from contextlib import suppress
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


DATE_INTERVAL = 1.0
"""Seconds between two looks at the clock, for the header Date."""


class Server(uvicorn.Server):
    """uvicorn's server, with two differences: a signal that was obeyed is not raised again, so the process ends with 0; and it does not look every 0.1 s
    whether it is to end, but is told. Only where it writes Date it wakes, once a second."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._told: Callable[[], object] = lambda: None

    async def main_loop(self) -> None:
        """Until a signal says that it is over."""
        loop, over = asyncio.get_running_loop(), asyncio.Event()
        self._told = lambda: loop.call_soon_threadsafe(over.set)
        while not await self.on_tick(0):
            with suppress(TimeoutError):
                await asyncio.wait_for(over.wait(), DATE_INTERVAL if self.config.date_header else None)

    def handle_exit(self, sig: int, frame: Any) -> None:
        super().handle_exit(sig, frame)
        self._captured_signals.clear()
        self._told()


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
