"""``fcgipm status --watch``: the status again and again, on a screen of its own that is gone afterwards."""

from __future__ import annotations

import select
import sys
import termios
import time
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.text import Text

from fcgipm.report import text

INTERVAL = 1.0
_QUIT = ("q", "Q", "\x03", "")
EVENTS = 8
"""The last ones, below the workers."""


def watch_status(look: Callable[[], dict[str, Any]], only_events: bool) -> int:
    """Show what `look` returns every INTERVAL seconds, until q or ^C; 0. The terminal is as before also when `look` ends the program."""
    console = Console()
    with _keys(), Live(console=console, screen=True, auto_refresh=False, vertical_overflow="crop") as live:
        try:
            while True:
                live.update(_screen(look(), only_events, console.height), refresh=True)
                if _quits(INTERVAL):
                    return 0
        except KeyboardInterrupt:
            return 0


def _screen(status: dict[str, Any], only_events: bool, height: int) -> Text:
    events = status["events"][-(height - 1 if only_events else EVENTS) :]
    told = text.events_text([{**event, "stack": None} for event in events], text.ansi)
    shown = Text.from_ansi(told if only_events else text.to_text(status, text.ansi) + told)
    shown.no_wrap, shown.overflow = True, "ellipsis"
    return shown


@contextmanager
def _keys() -> Iterator[None]:
    """Keys are heard at once and not echoed; where the keyboard is no terminal there are none. ^C is a key among them: an exception in the middle of
    whatever runs can be lost (in a destructor Python drops it)."""
    if not sys.stdin.isatty():
        yield
        return
    before = termios.tcgetattr(sys.stdin)
    tty.setcbreak(sys.stdin)
    listening = termios.tcgetattr(sys.stdin)
    listening[6][termios.VINTR] = b"\0"  # _POSIX_VDISABLE
    termios.tcsetattr(sys.stdin, termios.TCSADRAIN, listening)
    try:
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)


def _quits(seconds: float) -> bool:
    """Wait so long, or until q."""
    end = time.monotonic() + seconds
    while sys.stdin.isatty() and (left := end - time.monotonic()) > 0:
        if select.select([sys.stdin], [], [], left)[0] and sys.stdin.read(1) in _QUIT:
            return True
    time.sleep(max(0.0, end - time.monotonic()))
    return False
