"""Access lines: one for each request, for the person at the terminal. No query, no cookie, no body."""

from __future__ import annotations

from fcgipm.urls import path_only

LONGEST = 200
"""Characters of a path that are shown."""


def line(method: str, target: bytes, status: int | None, seconds: float, whole: bool) -> str:
    """``GET /search 200 1.2 ms``; `status` is None when there was no answer to send, `whole` is false when it ended before its end."""
    end = "" if whole else ", cut short" if status else ", the client left"
    return f"{method} {path(target)} {status or '-'} {seconds * 1000:.1f} ms{end}"


def path(target: bytes) -> str:
    """The path of a request target, printable and not too long."""
    text = path_only(target.decode("latin-1"))
    shown = text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
    return shown if shown.isprintable() else shown.encode("unicode_escape").decode("ascii")
