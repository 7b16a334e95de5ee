"""``fcgipm status --watch``: the status again and again, on a screen of its own that is gone afterwards."""

from __future__ import annotations

import os
import select
import signal
import socket
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
_QUIT = frozenset(b"qQ\x03")
EVENTS = 8
"""The last ones, below the workers."""


def watch_status(look: Callable[[], dict[str, Any]], only_events: bool) -> int:
    """Show what `look` returns every INTERVAL seconds, until q or ^C; 0. The terminal is as before also when `look` ends the program."""
    console = Console()
    with _keys(), _resizes() as resized, Live(console=console, screen=True, auto_refresh=False, vertical_overflow="crop") as live:
        try:
            while True:
                live.update(_screen(look(), only_events, console.width, console.height), refresh=True)
                if _quits(INTERVAL, resized):
                    return 0
        except KeyboardInterrupt:
            return 0


def _screen(status: dict[str, Any], only_events: bool, width: int, height: int) -> Text:
    events = status.get("events", [])[-(height - 1 if only_events else EVENTS) :]
    told = text.events_text([{**event, "stack": None} for event in events], text.ansi)
    shown = Text.from_ansi(told if only_events else text.to_text(status, text.ansi, width) + told)
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


@contextmanager
def _resizes() -> Iterator[socket.socket]:
    """Readable as soon as the terminal has another size."""
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    theirs.setblocking(False)
    handler = signal.signal(signal.SIGWINCH, lambda *_: None)
    descriptor = signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)
    try:
        yield ours
    finally:
        signal.set_wakeup_fd(descriptor)
        signal.signal(signal.SIGWINCH, handler)
        ours.close()
        theirs.close()


def _quits(seconds: float, resized: socket.socket) -> bool:
    """Wait so long, or until the size changes; whether somebody wants to leave. A terminal that is gone (an empty read) is a wish too."""
    end = time.monotonic() + seconds
    keys = [sys.stdin.fileno()] if sys.stdin.isatty() else []
    while (left := end - time.monotonic()) > 0:
        ready = select.select([*keys, resized], [], [], left)[0]
        if resized in ready:
            resized.recv(4096)
            return False
        if ready and (not (pressed := os.read(keys[0], 1024)) or _QUIT & set(pressed)):
            return True
    return False
