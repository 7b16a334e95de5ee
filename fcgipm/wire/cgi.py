"""CGI response heads (RFC 3875, section 6): what an application of any gateway answers, as bytes, and back."""

from __future__ import annotations

import re
from typing import Iterable, List, NamedTuple, Optional, Tuple

from fcgipm.memo import Memo
from fcgipm.wire.fastcgi.records import RemoteProtocolError

Header = Tuple[str, str]

MAX_HEAD = 65536
"""Bytes of a response head that `HeadParser` reads before it gives up."""

STATUS = re.compile(r"[2-9][0-9]{2} [^\x00-\x1f\x7f]*", re.ASCII)
"""A status as PEP 3333 writes it. 1xx is no final status: an interim reply would leave the client waiting."""
TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+", re.ASCII)
"""A header's name (RFC 9110, section 5.6.2)."""
CONTROL = re.compile(r"[\x00-\x1f\x7f]")
"""What no header's value may contain: one of these ends the line, or the head."""


class Head(NamedTuple):
    """A parsed head. `status` and `reason` of 200 and 302 are implied as RFC 3875, sections 6.2 and 6.3.3 tell; names keep their case."""

    status: int
    reason: str
    headers: Tuple[Header, ...]


def encode_head(status: str, headers: Iterable[Header]) -> bytes:
    """``Status:`` line, headers and the blank line. Nothing is validated here: the gateways do that."""
    lines = [f"Status: {status}\r\n", *(f"{name}: {value}\r\n" for name, value in headers), "\r\n"]
    return "".join(lines).encode("latin-1")


class HeadParser:
    """Finds and reads the head at the start of a response that comes in pieces."""

    def __init__(self) -> None:
        self._received = b""
        self._searched = 0

    def receive(self, data: bytes) -> Optional[Tuple[Head, bytes]]:
        """One piece more → the head and the first bytes of the body, or None while it is incomplete.

        Raises RemoteProtocolError when the head is no head, or longer than MAX_HEAD.
        """
        self._received += data
        blank = _BLANK.search(self._received, max(0, self._searched - 3))
        self._searched = len(self._received)
        if blank is not None and blank.end() <= MAX_HEAD:
            lines = self._received[: blank.start()]
            return _HEADS.get(lines) or _HEADS.learn(lines), self._received[blank.end() :]
        if len(self._received) > MAX_HEAD:
            raise RemoteProtocolError(f"a response head of more than {MAX_HEAD} bytes")
        return None


_BLANK = re.compile(rb"\r?\n\r?\n|\A\r?\n")


def parse_head(lines: bytes) -> Head:
    """A head without its blank line. Raises RemoteProtocolError."""
    headers: List[Header] = []
    status: Optional[str] = None
    for line in lines.decode("latin-1").replace("\r\n", "\n").split("\n"):
        name, colon, value = line.partition(":")
        value = value.strip(" \t")
        if not colon or not TOKEN.fullmatch(name) or CONTROL.search(value.replace("\t", " ")):
            raise RemoteProtocolError(f"not a response header: {line[:80]!r}")
        if name.lower() == "status":
            status = value
        else:
            headers.append((name, value))
    return _with_status(status, headers)


def _with_status(status: Optional[str], headers: List[Header]) -> Head:
    if not headers and status is None:
        raise RemoteProtocolError("a response without a header")
    if status is None:
        redirect = any(name.lower() == "location" for name, _ in headers)
        return Head(302, "Found", tuple(headers)) if redirect else Head(200, "OK", tuple(headers))
    digits, _, reason = status.partition(" ")
    if not re.fullmatch("[1-9][0-9]{2}", digits, re.ASCII):
        raise RemoteProtocolError(f"not a status: {status[:80]!r}")
    return Head(int(digits), reason.lstrip(" "), tuple(headers))


_HEADS = Memo(parse_head, lambda lines: len(lines) <= 500)
"""Programs say the same again and again."""
