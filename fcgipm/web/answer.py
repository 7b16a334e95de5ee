"""A response head from the application as one that HTTP can carry."""

from __future__ import annotations

import re
from typing import NamedTuple

from fcgipm.web.params import SOFTWARE
from fcgipm.wire.cgi import Head

Pair = tuple[bytes, bytes]

HOP_BY_HOP = frozenset(
    {"connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"}
)
"""Headers about one connection alone (RFC 9110, section 7.6.1; RFC 2616, section 13.5.1): ours to the client is not the one to the application."""

FOR_US = "x-accel-"
"""Prefix of what applications tell nginx; no client needs to see it."""

EMPTY = frozenset({204, 304})
"""Statuses that have no body (RFC 9110, section 6.4.1)."""


class BadAnswer(Exception):
    """A head that cannot be passed on: the client gets 502."""


class Answer(NamedTuple):
    """`length` is the declared length of a body that is to be sent, None if there is no telling; `empty` when no body is to be sent at all."""

    status: int
    headers: list[Pair]
    length: int | None
    empty: bool


def answer(head: Head, method: str) -> Answer:
    """The response to `method` for the client. Raises BadAnswer."""
    if not 200 <= head.status <= 599:
        raise BadAnswer(f"status {head.status}")
    dropped = HOP_BY_HOP | _named_by_connection(head)
    headers: list[Pair] = []
    lengths = set()
    for name, value in head.headers:
        low = name.lower()
        if low == "content-length":
            lengths.add(value)
        elif low not in dropped and not low.startswith(FOR_US):
            headers.append((low.encode("ascii"), value.encode("latin-1")))
    length = _length(lengths)
    if length is not None and head.status not in EMPTY:
        headers.append((b"content-length", b"%d" % length))
    return Answer(head.status, headers, length, method == "HEAD" or head.status in EMPTY)


def _named_by_connection(head: Head) -> set[str]:
    values = [value for name, value in head.headers if name.lower() == "connection"]
    return {token.strip().lower() for value in values for token in value.split(",")}


def complete(headers: list[Pair], date: bytes) -> list[Pair]:
    """With Date (RFC 9110, section 6.6.1) and Server, where an application did not set its own. Names are in lower case."""
    names = {name for name, _ in headers}
    ours = ((b"date", date), (b"server", SOFTWARE))
    return [*(pair for pair in ours if pair[0] not in names), *headers]


def _length(lengths: set[str]) -> int | None:
    if not lengths:
        return None
    (value, *others) = lengths
    if others or not re.fullmatch("[0-9]{1,18}", value, re.ASCII):
        raise BadAnswer("its Content-Length is no length")
    return int(value)
