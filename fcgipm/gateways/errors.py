"""What a worker writes for the log: text on descriptor 2, which the master reads line by line."""

from __future__ import annotations

import os
import traceback
from types import TracebackType
from typing import Dict, Iterable, Optional


class ErrorStream:
    """``wsgi.errors``: never raises, whatever is written and whoever reads (PEP 3333, "Input and Error Streams"). Independent of `sys.stderr`, which
    applications replace."""

    def write(self, text: str) -> int:
        """Out at once: what an application says before it dies is what one wants to read."""
        data = text.encode("utf-8", "backslashreplace")
        try:
            while data:
                data = data[os.write(2, data) :]
        except OSError:
            pass  # Nobody reads the log; the request is not to suffer for it.
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        pass


def say(text: str) -> None:
    """One line for the log, in one write."""
    ErrorStream().write(text + "\n")


def say_failure(what: str, environ: Dict[str, object], error: BaseException) -> None:
    """The traceback of a request, from the application's first frame on, under a line that tells which request it was (without its query string)."""
    uri = str(environ.get("REQUEST_URI") or environ.get("PATH_INFO", "")).partition("?")[0]
    method, name = plain_word(environ.get("REQUEST_METHOD")), plain_word(environ.get("REQUEST_ID"))
    say(f"{what}: {method} {plain_word(uri)} request_id={name}\n" + format_failure(error, skip=1))


def plain_word(value: object) -> str:
    """A word from a request, so that it stays one word of one line."""
    return ascii(str(value)[:200])[1:-1].replace(" ", "%20")


def format_failure(error: BaseException, skip: int) -> str:
    """A traceback without its first `skip` frames, which are ours, and without those of the import system."""
    frames: Optional[TracebackType] = error.__traceback__
    for _ in range(skip):
        frames = frames and frames.tb_next
    lines = traceback.format_exception(type(error), error, frames or error.__traceback__)
    return "".join(line for line in lines if not line.startswith('  File "<frozen importlib')).rstrip()
