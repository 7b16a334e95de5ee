"""One line on the terminal that says what is going on; nothing when nobody looks."""

from __future__ import annotations

import sys


class Progress:
    """Rewrites its line on standard error."""

    def __init__(self) -> None:
        self.on = sys.stderr.isatty()

    def show(self, text: str) -> None:
        if self.on:
            print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)

    def done(self) -> None:
        self.show("")
