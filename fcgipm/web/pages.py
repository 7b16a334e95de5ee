"""What the embedded server says for itself: a status and one line of text."""

from __future__ import annotations

from http import HTTPStatus
from typing import NamedTuple

Pair = tuple[bytes, bytes]


class Page(NamedTuple):
    """A whole response; `reason` ends its one line."""

    status: int
    reason: str
    headers: tuple[Pair, ...] = ()

    @property
    def text(self) -> str:
        """``502 Bad Gateway: the pool web closed the connection before it answered``."""
        title = f"{self.status} {HTTPStatus(self.status).phrase}"
        return f"{title}: {self.reason}\n" if self.reason else f"{title}\n"

    def head(self) -> list[Pair]:
        """Its headers."""
        length = str(len(self.text.encode())).encode("ascii")
        kind = (b"content-type", b"text/plain; charset=utf-8")
        return [kind, (b"content-length", length), *self.headers]


class Refusal(Exception):
    """Instead of the application's answer, this page."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(f"{status}: {reason}")
        self.page = Page(status, reason)
