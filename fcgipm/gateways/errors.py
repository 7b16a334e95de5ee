"""What a worker writes for the log: text on descriptor 2, which the master reads line by line."""

from __future__ import annotations

import importlib
import os
import traceback
from typing import Any, Dict, Iterable, List

from fcgipm.orders import WARNING
from fcgipm.urls import request_path


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


def say_warning(text: str) -> None:
    """The same for lines that the log is to have as warnings."""
    say("\n".join(WARNING + line for line in text.split("\n")))


def say_failure(what: str, environ: Dict[str, Any], error: BaseException, warning: bool = False) -> None:
    """The traceback of a request, from the application's first frame on, under a line that tells which request it was (by its `request_path`)."""
    method, name = plain_word(environ.get("REQUEST_METHOD")), plain_word(environ.get("REQUEST_ID"))
    (say_warning if warning else say)(f"{what}: {method} {plain_word(_path(environ))} request_id={name}\n" + format_failure(error))


def _path(environ: Dict[str, Any]) -> str:
    """An application may have put anything there."""
    try:
        return request_path(environ)
    except (AttributeError, TypeError):
        return "?"


def plain_word(value: object) -> str:
    """A word from a request, so that it stays one word of one line."""
    return ascii(str(value)[:200])[1:-1].replace(" ", "%20")


_OURS = tuple(f'  File "{os.path.dirname(os.path.dirname(__file__))}/{inner}/' for inner in ("gateways", "worker"))
_NOBODYS = ('  File "<frozen importlib', f'  File "{importlib.__file__}"', f"{_OURS[1]}deadlines.py")
"""Frames that tell nothing wherever they stand: how a module is imported, and how a request is interrupted."""


def format_failure(error: BaseException) -> str:
    """A traceback from the first frame on that is not ours; the whole one, when all are."""
    lines = traceback.format_exception(type(error), error, error.__traceback__)
    kept: List[str] = []
    outermost, foreign = True, False
    for line in lines:
        if not line.startswith('  File "'):
            outermost = outermost or line.startswith("Traceback")  # Of another exception, which this one was raised in the place of or after.
        elif line.startswith(_NOBODYS) or (outermost and line.startswith(_OURS)):
            continue
        else:
            outermost, foreign = False, True
        kept.append(line)
    return "".join(kept if foreign else lines).rstrip()
